"""``make cluster``: the whole cluster on this one machine, every part on a loopback port.

Three etcd, three PostgreSQL by Patroni, HAProxy, a PgBouncer beside each host of the site, Redis with
three Sentinels, and the hosts. The programs are Debian's, the configuration is that of this folder.

``TRACETRACK_CLUSTER`` is the folder it owns, ``HOSTS`` how many hosts of the site it starts (2, at most 3),
``PORT`` where the site answers (8000).
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import string
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import psutil

from tracetrack.platform.embedded.processes import Remembered, StartError, spawn, write_private
from tracetrack.settings import ROOT

HERE = Path(__file__).parent
LOOPBACK = "127.0.0.1"
NODES = (1, 2, 3)
PACKAGES = {
    "patroni": "patroni",
    "etcd": "etcd-server",
    "haproxy": "haproxy",
    "pgbouncer": "pgbouncer",
    "redis-server": "redis-server",
    "postgres": "postgresql",
}
"""Debian's package of each program."""
START_SECONDS = 90.0


def find(program: str) -> Path | None:
    """A program, also where only root usually looks."""
    if program == "postgres":
        places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: float(place.parent.name))
        return places[-1] if places else None
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return Path(found) if found else None


def install() -> None:
    """Install what is missing, or say what is.

    Raises:
        StartError: it is missing, and we are not root or this is no Debian.
    """
    missing = sorted(package for program, package in PACKAGES.items() if find(program) is None)
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StartError(f"The cluster needs more programs. As root: {' '.join(command)}")
    print(f"Installing {', '.join(missing)}", flush=True)
    # RUNLEVEL=1: the packages' own services are not started.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for step in (["apt-get", "update", "-qq"], [*command, "-qq"]):
        if subprocess.run(step, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            raise StartError(f"Failed: {' '.join(step)}")


def answer(url: str, seconds: float) -> bytes:
    """The body of an answer with status 2xx.

    Raises:
        OSError: nothing answers in time, or it answers something else (``urllib.error.HTTPError``).
        HTTPException: what answers does not speak HTTP.
    """
    with urlopen(url, timeout=seconds) as response:  # noqa: S310 - addresses of this cluster alone
        return bytes(response.read())


class Cluster:
    """The processes by name: ``etcd1``, ``patroni2``, ``redis3``, ``sentinel1``, ``pgbouncer1``, ``haproxy``.

    ``host1`` is a host of the site.

    Args:
        folder: it owns; PostgreSQL's user must be able to reach it.
        hosts: of the site, at most 3.
        base: the first of the hundred ports it uses, beside the site's.
        site_port: where HAProxy serves the site.
        workers: web workers of each host.
        etcd: other addresses of etcd for a node, so that a test can cut it off.
        etcd_api: ``etcd`` (version 2, right for Debian 12's Patroni) or ``etcd3``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        hosts: int = 2,
        base: int = 17000,
        site_port: int = 17080,
        workers: int = 1,
        etcd: Callable[[int], str] | None = None,
        etcd_api: str = "etcd",
    ) -> None:
        self.folder = folder
        self.hosts = hosts
        self.base = base
        self.site_port = site_port
        self.workers = workers
        self.etcd_api = etcd_api
        self._etcd_of = etcd or (lambda _: ",".join(self.address("etcd", n) for n in NODES))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.secrets = Remembered(folder / "secrets.json")
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._user = (user.pw_uid, user.pw_gid) if user else None

    def port(self, kind: str, number: int = 0) -> int:
        """The port of a part."""
        kinds = ("write", "etcd", "peer", "pg", "rest", "redis", "sentinel", "pgbouncer", "host", "read")
        return self.base + 10 * kinds.index(kind) + number

    def address(self, kind: str, number: int = 0) -> str:
        """``127.0.0.1:port`` of a part."""
        return f"{LOOPBACK}:{self.port(kind, number)}"

    @property
    def url(self) -> str:
        """The site, through HAProxy."""
        return f"http://{LOOPBACK}:{self.site_port}"

    def dsn(self, role: str = "tracetrack_owner", port: int | None = None) -> str:
        """The database as a role; at the leader unless a port is given."""
        name = role if role == "postgres" else role.removeprefix("tracetrack_")
        place = f"{LOOPBACK}:{port or self.port('write')}"
        return f"postgresql://{role}:{self.secrets.secret(name)}@{place}/tracetrack"

    # --- starting and stopping ---

    def start(self) -> None:
        """Start everything and wait until the site answers."""
        for number in NODES:
            self.start_one(f"etcd{number}")
        self._until("etcd", lambda: self._etcd_healthy())
        for number in NODES:
            self.start_one(f"patroni{number}")
            self.start_one(f"redis{number}")
        for number in NODES:
            self.start_one(f"sentinel{number}")
        self.start_one("haproxy")
        self._until("PostgreSQL", lambda: self.leader() is not None and len(self.replicas()) == 2)
        for number in range(1, self.hosts + 1):
            self.start_one(f"pgbouncer{number}")
            self.start_one(f"host{number}")
        if self.hosts:
            self._until("the site", self.ready)

    def start_one(self, name: str) -> None:
        """Start one part, by its name."""
        kind, number = name.rstrip("0123456789"), int(name.lstrip("abcdefghijklmnopqrstuvwxyz") or 0)
        command, environment = getattr(self, f"_{kind}")(number)
        user, group = self._user if self._user and kind != "host" else (None, None)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = spawn(
                command,
                log=log,
                # Of a postmaster that Patroni started, Patroni's next start takes hold.
                death_signal=signal.SIGKILL,
                env={**os.environ, **environment},
                user=user,
                group=group,
                cwd=ROOT if kind == "host" else "/",
            )

    def stop_one(self, name: str, number: signal.Signals = signal.SIGTERM, seconds: float = 30) -> None:
        """Stop one part."""
        process = self.processes.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop(self) -> None:
        """Stop everything, the hosts first and etcd last."""
        for kind in ("host", "pgbouncer", "haproxy", "sentinel", "redis", "patroni", "etcd"):
            for name in [name for name in self.processes if name.startswith(kind)]:
                self.stop_one(name)
        for number in NODES:
            postmaster = self.postmaster(number)
            if postmaster is not None:
                postmaster.send_signal(signal.SIGINT)
                psutil.wait_procs([postmaster], timeout=10)

    def _until(self, what: str, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while not ready():
            for name, process in self.processes.items():
                if process.poll() is not None:
                    last = (self.folder / f"{name}.log").read_text("utf-8", "replace").strip().splitlines()
                    raise StartError(f"{name} ended: {last[-1] if last else 'no words'}")
            if time.monotonic() > until:
                raise StartError(
                    f"{what} was not ready within {START_SECONDS:.0f} s; see {self.folder}/*.log"
                )
            time.sleep(0.1)

    # --- looking ---

    def _etcd_healthy(self) -> bool:
        try:
            return json.loads(answer(f"http://{self.address('etcd', 1)}/health", 1))["health"] == "true"
        except (OSError, HTTPException, ValueError, KeyError):
            return False

    def ready(self, host: int | None = None) -> bool:
        """Whether the site can serve, or one host of it."""
        url = f"http://{self.address('host', host)}" if host else self.url
        try:
            answer(f"{url}/readyz", 5)
        except (OSError, HTTPException):
            return False
        return True

    def is_role(self, number: int, role: str) -> bool:
        """Whether Patroni says that a node is ``primary``, ``replica`` or ``sync``."""
        try:
            answer(f"http://{self.address('rest', number)}/{role}", 1)
        except (OSError, HTTPException):
            return False
        return True

    def leader(self) -> int | None:
        """The node that Patroni says is the leader."""
        return next((number for number in NODES if self.is_role(number, "primary")), None)

    def replicas(self) -> list[int]:
        """The nodes that stream."""
        return [number for number in NODES if self.is_role(number, "replica")]

    def streaming(self) -> int:
        """How many replicas get the leader's log at this moment."""
        leader = self.leader()
        if leader is None:
            return 0
        try:
            told = json.loads(answer(f"http://{self.address('rest', leader)}/patroni", 1))
        except (OSError, HTTPException, ValueError):
            return 0
        return sum(one["state"] == "streaming" for one in told.get("replication", []))

    def synchronous(self) -> int | None:
        """The node that has every acknowledged write."""
        return next((number for number in NODES if self.is_role(number, "sync")), None)

    def postmaster(self, number: int) -> psutil.Process | None:
        """The PostgreSQL server of a node, if it runs."""
        try:
            pid = int((self.folder / f"patroni{number}" / "data" / "postmaster.pid").read_text().split()[0])
            process = psutil.Process(pid)
            return process if "postgres" in process.name() else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    # --- the parts: command and environment ---

    def _own(self, name: str, text: str | None = None) -> Path:
        """A folder, or a file with this text, that is PostgreSQL's user's where we are root."""
        path = self.folder / name
        if text is None:
            path.mkdir(mode=0o700, exist_ok=True)
        else:
            write_private(path, text)
        if self._user:
            os.chown(path, *self._user)
        return path

    def _made(self, template: str, name: str, **values: object) -> Path:
        """A configuration file of this folder, filled in."""
        return self._own(name, string.Template((HERE / template).read_text("utf-8")).substitute(values))

    def _etcd(self, number: int) -> tuple[list[str], dict[str, str]]:
        members = ",".join(f"etcd{n}=http://{self.address('peer', n)}" for n in NODES)
        client, peer = f"http://{self.address('etcd', number)}", f"http://{self.address('peer', number)}"
        return (
            [
                str(find("etcd")),
                *("--name", f"etcd{number}", "--data-dir", str(self._own(f"etcd{number}"))),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", members, "--initial-cluster-token", "tracetrack"),
                *("--initial-cluster-state", "new", "--enable-v2", "--logger", "zap", "--log-level", "warn"),
            ],
            {},
        )

    def _patroni(self, number: int) -> tuple[list[str], dict[str, str]]:
        own = self._own(f"patroni{number}")
        init = self._own(
            f"{own.name}/postgres-init.sh", (ROOT / "deploy" / "postgres-init.sh").read_text("utf-8")
        )
        init.chmod(0o700)
        made = self._made(
            "patroni.yml",
            f"{own.name}/patroni.yml",
            NAME=f"pg{number}",
            HOST=LOOPBACK,
            NETWORK="127.0.0.1/32",
            REST_PORT=self.port("rest", number),
            PG_PORT=self.port("pg", number),
            ETCD=self._etcd_of(number),
            ETCD_API=self.etcd_api,
            PG_BIN=find("postgres"),
            DATA=own / "data",
            PGPASS=own / "pgpass",
            SHARED_BUFFERS="512MB",
            POST_INIT=init,
            POSTGRES_PASSWORD=self.secrets.secret("postgres"),
            REPLICATION_PASSWORD=self.secrets.secret("replication"),
            REWIND_PASSWORD=self.secrets.secret("rewind"),
        )
        return (
            [str(find("patroni")), str(made)],
            {
                "TRACETRACK_OWNER_PASSWORD": self.secrets.secret("owner"),
                "TRACETRACK_APP_PASSWORD": self.secrets.secret("app"),
                "PATH": f"{find('postgres')}:{os.environ['PATH']}",
                "LC_ALL": "C.UTF-8",
            },
        )

    def _redis(self, number: int) -> tuple[list[str], dict[str, str]]:
        own = self._own(f"redis{number}")
        made = self._made(
            "redis.conf",
            f"{own.name}/redis.conf",
            HOST=LOOPBACK,
            PORT=self.port("redis", number),
            DIR=own,
            REDIS_PASSWORD=self.secrets.secret("redis"),
            # Sentinel tells a node that comes back whom to follow.
            REPLICAOF="" if number == 1 else f"replicaof {LOOPBACK} {self.port('redis', 1)}",
        )
        return [str(find("redis-server")), str(made)], {}

    def _sentinel(self, number: int) -> tuple[list[str], dict[str, str]]:
        own = self._own(f"sentinel{number}")
        made = own / "sentinel.conf"
        # Sentinel keeps in this file what it learns.
        if not made.exists():
            self._made(
                "sentinel.conf",
                f"{own.name}/sentinel.conf",
                HOST=LOOPBACK,
                PORT=self.port("sentinel", number),
                DIR=own,
                MASTER=f"{LOOPBACK} {self.port('redis', 1)}",
                REDIS_PASSWORD=self.secrets.secret("redis"),
            )
        return [str(find("redis-server")), str(made), "--sentinel"], {}

    def _haproxy(self, number: int) -> tuple[list[str], dict[str, str]]:
        parts = {}
        for node in NODES:
            parts[f"PG{node}"] = self.address("pg", node)
            parts[f"REST{node}"] = str(self.port("rest", node))
            parts[f"HOST{node}"] = self.address("host", node)
        binds = {
            "WRITE_BIND": self.address("write"),
            "READ_BIND": self.address("read"),
            "SITE_BIND": f"{LOOPBACK}:{self.site_port}",
        }
        own = self._own("haproxy")
        made = self._own(f"{own.name}/haproxy.cfg", (HERE / "haproxy.cfg").read_text("utf-8"))
        return [str(find("haproxy")), "-db", "-f", str(made)], {**parts, **binds}

    def _pgbouncer(self, number: int) -> tuple[list[str], dict[str, str]]:
        own = self._own(f"pgbouncer{number}")
        made = self._made(
            "pgbouncer.ini",
            f"{own.name}/pgbouncer.ini",
            BIND=LOOPBACK,
            BOUNCER_PORT=self.port("pgbouncer", number),
            WRITE_HOST=LOOPBACK,
            WRITE_PORT=self.port("write"),
            USERS=self._own(f"{own.name}/users.txt", f'"tracetrack_app" "{self.secrets.secret("app")}"\n'),
            POOL=16,
        )
        return [str(find("pgbouncer")), str(made)], {}

    def _host(self, number: int) -> tuple[list[str], dict[str, str]]:
        sentinels = ",".join(self.address("sentinel", n) for n in NODES)
        return (
            [sys.executable, "-c", "from tracetrack.cli import app; app()", "serve"],
            {
                "TRACETRACK_HOST": LOOPBACK,
                "PORT": str(self.port("host", number)),
                "TRACETRACK_WORKERS": str(self.workers),
                "TRACETRACK_DATA": str(self.folder / f"host{number}"),
                "TRACETRACK_UPLOADS": str(self.folder / "uploads"),
                "TRACETRACK_DATABASE_URL": self.dsn("tracetrack_app", self.port("pgbouncer", number)),
                "TRACETRACK_POOLER": "true",
                "TRACETRACK_DIRECT_URL": self.dsn("tracetrack_app"),
                "TRACETRACK_MIGRATE_URL": self.dsn("tracetrack_owner"),
                "TRACETRACK_REPLICA_URL": self.dsn("tracetrack_app", self.port("read")),
                "TRACETRACK_REDIS_URL": f"redis+sentinel://:{self.secrets.secret('redis')}@{sentinels}/tracetrack",
                "TRACETRACK_SECRET_KEY": self.secrets.secret("secret_key"),
                "TRACETRACK_ADMIN_PASSWORD": self.secrets.secret("admin"),
                "TRACETRACK_FORWARDED_ALLOW_IPS": LOOPBACK,
                "TRACETRACK_LOG_LEVEL": "WARNING",
            },
        )


def main() -> None:
    """Run until somebody stops it."""
    try:
        install()
        cluster = Cluster(
            Path(os.environ.get("TRACETRACK_CLUSTER", "/var/tmp/tracetrack-cluster")),  # noqa: S108
            hosts=int(os.environ.get("HOSTS", "2")),
            site_port=int(os.environ.get("PORT", "8000")),
        )
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        began = time.monotonic()
        try:
            cluster.start()
            password = cluster.secrets.secret("admin")
            print(f"Ready: {cluster.url} ({time.monotonic() - began:.1f} s), user admin, password {password}")
            ports = f"write {cluster.port('write')}, read {cluster.port('read')}"
            print(f"Leader pg{cluster.leader()}; ports: {ports}; stop with Ctrl-C. To look:")
            print(f"  patronictl -c {cluster.folder}/patroni1/patroni.yml list", flush=True)
            signal.pause()
        except KeyboardInterrupt:
            pass
        finally:
            cluster.stop()
    except StartError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
