"""Keeps a site's processes: starts them in order, brings back what dies, stops them in order.

``serve`` runs in the main thread of the process that it is called in and knows nothing of what
the application does; the caller gives it the steps between the database and the web workers.
SIGUSR1 renews the web workers one after the other, so that some always serve.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol
from urllib.parse import urlsplit

import psutil
from prometheus_client import multiprocess

from tracetrack.platform import slow
from tracetrack.platform.embedded import backup, postgres, valkey
from tracetrack.platform.embedded.binaries import find_binaries, version
from tracetrack.platform.embedded.processes import Remembered, StartError, spawn, stop
from tracetrack.platform.folder import DataFolder, hold
from tracetrack.settings import Settings

_READY_SECONDS = 120.0
_SPARE_CONNECTIONS = 30
"""Database sessions beside the workers' pools: migrations, backups, a person with psql."""


class Stop(BaseException):
    """Somebody asked us to stop (SIGTERM, SIGINT, SIGHUP)."""


class Server(Protocol):
    """An embedded server."""

    def alive(self) -> bool:
        """Whether it still runs."""

    def restart(self) -> None:
        """Bring it back on the same port."""

    def stop(self) -> None:
        """Stop it."""


@dataclass(frozen=True)
class Addresses:
    """Where the database and the cache are."""

    owner: str
    """``postgresql://`` as the role that migrates."""
    app: str
    """``postgresql://`` as the role that the workers use."""
    redis: str | None


class LogArchive:
    """Copies the embedded database's log to the archive as it is written, by PostgreSQL's own program."""

    def __init__(self, server: postgres.Postgres, folder: Path) -> None:
        self.server = server
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(f"TRACETRACK_WAL_ARCHIVE {folder} cannot be used: {error.strerror}.") from None
        backup.make_slot(server.binaries, server.port, server.passwords[backup.KEEPER])
        self.process = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        return spawn(
            backup.receive_command(self.server.binaries, self.server.port, self.folder),
            log=subprocess.DEVNULL,
            death_signal=signal.SIGTERM,
            env=backup.environment(self.server.passwords[backup.KEEPER], backup.ARCHIVIST),
        )

    def alive(self) -> bool:
        """Whether it copies; after each end of the database it begins again."""
        return self.process.poll() is None

    def restart(self) -> None:
        """Go on where it ended: the database has kept the log since."""
        self.process = self._launch()

    def stop(self) -> None:
        """Stop it; the database, which stops after it, keeps what it has not copied."""
        stop(self.process, signal.SIGINT, 10)


def say(text: str, *, end: str = "\n") -> None:
    """Tell the person at the terminal; a closed terminal is no reason to stop serving."""
    with contextlib.suppress(OSError):
        print(text, end=end, flush=True)  # noqa: T201


@contextlib.contextmanager
def step(name: str) -> Iterator[list[str]]:
    """One line of progress with the seconds it took; append to the list what came of it."""
    began = time.monotonic()
    outcome: list[str] = []
    say(f"  {name} ... ", end="")
    try:
        yield outcome
    except BaseException:
        say("")
        raise
    say(f"{', '.join(outcome) or 'done'} ({time.monotonic() - began:.1f} s)")


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[Addresses]:
    """The site's database for one command: the one configured, the one running, or one started.

    Raises:
        StartError: it cannot be had.
    """
    if settings.database_url is not None:
        app = settings.database_url.get_secret_value()
        owner = settings.migrate_url.get_secret_value() if settings.migrate_url else app
        yield Addresses(owner, app, None)
        return
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(hold(settings.data))
        except StartError:
            path = settings.data.expanduser().absolute()
            urls = postgres.attach(path, Remembered(path / "secrets.json"), binaries=settings.pg_bin)
            if urls is None:
                raise
        else:
            server = _start_postgres(folder, settings)
            stack.callback(server.stop)
            urls = {role: server.url(role) for role in (postgres.OWNER, postgres.APP)}
        yield Addresses(urls[postgres.OWNER], urls[postgres.APP], None)


def back_up(addresses: Addresses, settings: Settings, target: Path) -> Path:
    """Back up the data folder whose embedded database is at these addresses; the new backup's folder.

    Raises:
        StartError: with one sentence.
    """
    folder = settings.data.expanduser().absolute()
    return backup.take(
        folder,
        find_binaries(settings.pg_bin),
        int(urlsplit(addresses.owner).port or 5432),
        Remembered(folder / "secrets.json").secret(f"postgres_{backup.KEEPER}"),
        target,
    )


def bring_back(settings: Settings, source: Path, archive: Path | None, until: dt.datetime | None) -> None:
    """Make the data folder of a backup; it must be empty.

    Raises:
        StartError: with one sentence.
    """
    backup.bring_back(
        source.expanduser().absolute(),
        settings.data.expanduser().absolute(),
        find_binaries(settings.pg_bin),
        archive.expanduser().absolute() if archive else None,
        until,
    )


@contextlib.contextmanager
def restored(settings: Settings) -> Iterator[Addresses]:
    """The database of a data folder that was just brought back, its log replayed."""
    with database(settings.model_copy(update={"database_url": None})) as addresses:
        major = version(find_binaries(settings.pg_bin))
        backup.forget_recovery(settings.data.expanduser().absolute() / f"postgresql-{major}")
        yield addresses


def serve(factory: str, settings: Settings, prepare: Callable[[Addresses], None]) -> None:
    """Run the site until somebody stops it.

    Args:
        factory: ``module:function`` that makes the application.
        settings: of the installation.
        prepare: what is to be done between the database's start and the workers'; it may use
            :func:`step`.

    Raises:
        StartError: it cannot start; everything that was started has been stopped again.
    """
    began = time.monotonic()
    folder: DataFolder | None = None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    with contextlib.ExitStack() as stack:
        try:
            say("TraceTrack is starting")
            sockets = _listen(stack, settings.host, settings.port, settings.workers)
            folder = stack.enter_context(hold(settings.data))
            servers, addresses = _start_servers(stack, folder, settings)
            prepare(addresses)
            workers = Workers(factory, sockets, _environment(addresses, folder, settings), settings)
            stack.callback(workers.stop)
            with step(f"Web workers: {settings.workers}"):
                workers.start(settings.workers)
                _wait_ready(sockets[0], workers)
            _say_where(sockets[0], time.monotonic() - began)
            signal.signal(signal.SIGUSR1, lambda *_: workers.renew())
            while True:
                time.sleep(0.25)
                for server in servers:
                    _mend(server)
                workers.mend()
                workers.go_on_renewing()
        except Stop:
            say("TraceTrack is stopping")
            began = time.monotonic()
        finally:
            if folder is not None:
                folder.stopping()
    say(f"Stopped ({time.monotonic() - began:.1f} s)")


def _mend(server: Server) -> None:
    """Bring back an embedded server that died."""
    if server.alive():
        return
    say(f"{type(server).__name__} died; starting it again")
    try:
        server.restart()
    except StartError as error:
        # The site answers that it cannot serve meanwhile, and the next round tries again.
        say(str(error))
        time.sleep(1)


@dataclass
class Worker:
    """One web worker."""

    process: subprocess.Popen[bytes]
    place: int
    """Among the workers: the number of the socket that is its own."""
    born: float
    ready: int
    """A pipe on which it says that it serves; -1 when closed."""

    def serves(self) -> bool:
        """Whether it has said so."""
        if self.ready < 0 or not select.select([self.ready], [], [], 0)[0]:
            return False
        return os.read(self.ready, 1) == b"."

    def close(self) -> None:
        """Listen no more."""
        if self.ready >= 0:
            os.close(self.ready)
        self.ready = -1


class Workers:
    """The web workers: processes that each accept from a socket of their own, if there are several.

    The sockets stay open here, so what was let in while a worker is away is not lost: its neighbours take it.
    """

    def __init__(
        self, factory: str, sockets: list[socket.socket], environment: dict[str, str], settings: Settings
    ) -> None:
        self.factory = factory
        self.sockets = sockets
        self.environment = environment
        self.grace = settings.shutdown_seconds
        self.serving: list[Worker] = []
        self._old: list[Worker] = []
        """Those still to be renewed, the next one first."""
        self._coming: Worker | None = None
        """Will take the place of the first of the old ones when it serves."""
        self._leaving: list[tuple[Worker, float]] = []
        """Asked to stop, and by when they must have."""

    def start(self, count: int) -> None:
        """Start that many."""
        self.serving += [self._one(place) for place in range(count)]

    def _one(self, place: int) -> Worker:
        # Killed with us: a worker that outlived its supervisor would hold the port.
        ready, say_ready = os.pipe()
        first = place % len(self.sockets)
        listening = [sock.fileno() for sock in self.sockets[first:] + self.sockets[:first]]
        command = (
            *(sys.executable, "-m", "tracetrack.platform.worker", self.factory),
            *(",".join(map(str, listening)), str(say_ready)),
        )
        process = spawn(
            command,
            # Progress is for the person, on standard output; logs are for machines.
            log=sys.stderr.fileno(),
            death_signal=signal.SIGKILL,
            env=self.environment,
            cwd=Path.cwd(),
            pass_fds=(*listening, say_ready),
        )
        os.close(say_ready)
        return Worker(process, place, time.monotonic(), ready)

    def ended(self) -> int | None:
        """The exit code of a worker that has ended, if one has."""
        return next((code for one in self.serving if (code := one.process.poll()) is not None), None)

    def mend(self) -> None:
        """Start anew each worker that has ended, at most one a second each."""
        for place, worker in enumerate(self.serving):
            if worker.process.poll() is None or time.monotonic() - worker.born < 1:
                continue
            say(f"A web worker ended (exit code {worker.process.returncode}); starting another")
            self._forget(worker)
            self.serving[place] = self._one(place)
            if worker in self._old:
                # The one in its place is new already.
                self._old.remove(worker)

    def renew(self) -> None:
        """Have each worker replaced, one after the other; more is done by :meth:`go_on_renewing`."""
        say(f"Renewing {len(self.serving)} web workers")
        self._old = list(self.serving)

    def go_on_renewing(self) -> None:
        """The next step of a renewal, if one is under way; never waits.

        The new worker serves before the old one is asked to stop. Should it fail to, the old ones go on.
        """
        for leaver, deadline in self._leaving[:]:
            if leaver.process.poll() is None and time.monotonic() > deadline:
                leaver.process.kill()
            elif leaver.process.poll() is not None:
                self._forget(leaver)
                self._leaving.remove((leaver, deadline))
        if self._coming is not None:
            self._see_whether_it_serves(self._coming)
        elif self._old and not self._leaving:
            self._coming = self._one(self._old[0].place)

    def _see_whether_it_serves(self, coming: Worker) -> None:
        late = time.monotonic() - coming.born > _READY_SECONDS
        if coming.process.poll() is not None or late:
            why = "does not serve" if late else f"ended (exit code {coming.process.returncode})"
            say(f"A new web worker {why}; the old ones go on")
            coming.process.kill()
            coming.process.wait()
            self._forget(coming)
            self._coming, self._old = None, []
        elif coming.serves():
            self._coming = None
            old = self.serving[coming.place]
            if old not in self._old:
                # What it was to replace died meanwhile, and has been replaced.
                self._let_go(coming)
                return
            self._old.remove(old)
            self.serving[coming.place] = coming
            self._let_go(old)
            if not self._old:
                say("Web workers are renewed")

    def _let_go(self, worker: Worker) -> None:
        """Ask a worker to finish what it has and end."""
        worker.process.terminate()
        self._leaving.append((worker, time.monotonic() + self.grace + 3))

    def _forget(self, worker: Worker) -> None:
        """Drop a dead worker's gauges from the shared metrics."""
        worker.close()
        multiprocess.mark_process_dead(  # type: ignore[no-untyped-call]
            worker.process.pid, self.environment["PROMETHEUS_MULTIPROC_DIR"]
        )

    def stop(self) -> None:
        """Ask all at once to finish what they have, then end those that do not."""
        leaving = [worker for worker, _ in self._leaving]
        all_ = [*self.serving, *leaving, *([self._coming] if self._coming else [])]
        for worker in all_:
            if worker.process.poll() is None:
                worker.process.terminate()
        deadline = time.monotonic() + self.grace + 3
        for worker in all_:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.close()


def _stop(number: int, frame: FrameType | None) -> None:
    # Once is enough, and the stopping itself must not be interrupted.
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Stop


def _listen(stack: contextlib.ExitStack, host: str, port: int, workers: int) -> list[socket.socket]:
    """Bind the site's port. Nobody is let in before the workers listen on it.

    Where the system spreads connections evenly over the sockets of a port, there is one for each worker.
    """
    # Workers of a supervisor that was just killed need a moment to go.
    deadline = time.monotonic() + 1
    while True:
        try:
            first = stack.enter_context(_bind(host, port))
            if sys.platform != "linux" or workers == 1:
                return [first]
            number = first.getsockname()[1]
            # Sites of one user could share a port now; no two programs can have this name.
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(f"\0tracetrack port {number}")
        except OSError as error:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise StartError(
                f"Port {port} cannot be used ({error.strerror}): stop the program that has it,"
                f" or choose another with PORT={port + 1 if port < 65535 else 8000}."
            ) from None
        # Only now: bound before, it would have shared the port with whoever has it.
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return [first, *(stack.enter_context(_bind(host, number, shared=True)) for _ in range(workers - 1))]


def _bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _connections(settings: Settings) -> int:
    """Database connections of one worker: its pools, long work, and the one that watches."""
    return settings.pool_size + settings.desk_pool_size + slow.MOST + slow.MOST_DOWNLOADS + 1


def _start_postgres(folder: DataFolder, settings: Settings) -> postgres.Postgres:
    return postgres.start(
        folder.path,
        folder.remembered,
        binaries=settings.pg_bin,
        # One more worker than there are, while they are renewed.
        connections=(settings.workers + 1) * _connections(settings) + _SPARE_CONNECTIONS,
    )


def _start_servers(
    stack: contextlib.ExitStack, folder: DataFolder, settings: Settings
) -> tuple[list[Server], Addresses]:
    """Start what is not configured elsewhere."""
    servers: list[Server] = []
    if settings.database_url is not None:
        app = settings.database_url.get_secret_value()
        owner = settings.migrate_url.get_secret_value() if settings.migrate_url else app
    else:
        with step("Database") as outcome:
            server = _start_postgres(folder, settings)
            stack.callback(server.stop)
            servers.append(server)
            outcome.append(f"PostgreSQL {version(server.binaries)} on port {server.port}")
        if settings.wal_archive is not None:
            with step("Log archive"):
                archive = LogArchive(server, settings.wal_archive.expanduser().absolute())
                stack.callback(archive.stop)
                servers.append(archive)
        app, owner = server.url(), server.url(postgres.OWNER)
    redis: str | None = None
    if settings.redis_url is not None:
        redis = settings.redis_url.get_secret_value()
    else:
        with step("Cache") as outcome:
            try:
                cache = valkey.start(folder.path, folder.remembered, binary=settings.redis_bin)
            except StartError as error:
                outcome.append(f"none, each worker keeps its own: {error}")
            else:
                stack.callback(cache.stop)
                servers.append(cache)
                redis = cache.url
                outcome.append(f"Valkey on port {cache.port}")
    return servers, Addresses(owner, app, redis)


def _environment(addresses: Addresses, folder: DataFolder, settings: Settings) -> dict[str, str]:
    """What the workers get to know: never the owner's password, nor the admin's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("TRACETRACK_MIGRATE_URL", "TRACETRACK_ADMIN_PASSWORD", "TRACETRACK_DEMO_PASSWORD")
    }
    return {
        **kept,
        "TRACETRACK_DATABASE_URL": addresses.app,
        **({"TRACETRACK_REDIS_URL": addresses.redis} if addresses.redis else {}),
        **({"TRACETRACK_SECRET_KEY": settings.secret_key.get_secret_value()} if settings.secret_key else {}),
        "TRACETRACK_DATA": str(folder.path),
        "TRACETRACK_WORKERS": str(settings.workers),
        "PROMETHEUS_MULTIPROC_DIR": str(folder.metrics()),
    }


def _wait_ready(sock: socket.socket, workers: Workers) -> None:
    """Wait until the site answers that it can serve."""
    deadline = time.monotonic() + _READY_SECONDS
    said = "no answer"
    while time.monotonic() < deadline:
        code = workers.ended()
        if code is not None:
            raise StartError(f"A web worker ended while starting (exit code {code}); its words are above.")
        host = "::1" if sock.family == socket.AF_INET6 else "127.0.0.1"
        bound = str(sock.getsockname()[0])
        if bound not in ("0.0.0.0", "::"):  # noqa: S104
            host = bound
        line = http.client.HTTPConnection(host, sock.getsockname()[1], timeout=5)
        try:
            line.request("GET", "/readyz")
            answer = line.getresponse()
            if answer.status == 200:
                return
            said = f"{answer.status} {answer.read(500).decode('utf-8', 'replace')}"
        except (OSError, http.client.HTTPException):
            pass
        finally:
            line.close()
        time.sleep(0.1)
    raise StartError(f"The site was not ready within {_READY_SECONDS:.0f} seconds: {said}")


def _say_where(sock: socket.socket, seconds: float) -> None:
    """The addresses to type into a browser."""
    host, port = sock.getsockname()[:2]
    here = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "::1") else host  # noqa: S104
    say(f"Ready: http://{here}:{port} ({seconds:.1f} s). Stop with Ctrl-C.")
    if host in ("0.0.0.0", "::"):  # noqa: S104
        others = [
            address.address
            for addresses in psutil.net_if_addrs().values()
            for address in addresses
            if address.family == socket.AF_INET and not address.address.startswith("127.")
        ]
        if others:
            say("From other devices: " + ", ".join(f"http://{address}:{port}" for address in others))
