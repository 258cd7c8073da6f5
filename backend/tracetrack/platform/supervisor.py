"""Keeps a site's processes: starts them in order, brings back what dies, stops them in order.

``serve`` runs in the main thread of the process that it is called in and knows nothing of what
the application does; the caller gives it the steps between the database and the web workers.
SIGUSR1 renews the web workers one after the other, so that some always serve.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol
from urllib.parse import urlsplit

import psutil

from tracetrack.platform import slow
from tracetrack.platform.embedded import backup, postgres, valkey
from tracetrack.platform.embedded.binaries import find_binaries, version
from tracetrack.platform.embedded.processes import Remembered, StartError, spawn, stop
from tracetrack.platform.folder import DataFolder, hold
from tracetrack.platform.progress import say, step
from tracetrack.platform.sockets import listen
from tracetrack.platform.workers import Workers, wait_ready
from tracetrack.settings import Settings

_SPARE_CONNECTIONS = 30
"""Database sessions beside the workers' pools: migrations, backups, a person with psql."""


_ARCHIVE_PAUSE = 1.0
_LONGEST_ARCHIVE_PAUSE = 60.0
"""Seconds from one start of the archive's program to the next, when it fails again and again."""
_OF_ANOTHER_HISTORY = (
    "is not in this server's history",
    "is not present in the server",
    "is ahead of the WAL flush position",
)
"""What PostgreSQL says to whoever asks for a log that it never wrote."""


_LOST_SLOTS = (
    "select count(*) from pg_replication_slots"  # noqa: S608 - our own name
    f" where slot_name = '{backup.SLOT}' and wal_status = 'lost'"
)


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
        self.log = server.log.with_name("archive.log")
        self.pause = _ARCHIVE_PAUSE
        self.process = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        self._make_slot()
        self.began = time.monotonic()
        with self.log.open("wb") as log:
            return spawn(
                backup.receive_command(self.server.binaries, self.server.port, self.folder),
                log=log,
                death_signal=signal.SIGTERM,
                env=backup.environment(self.server.passwords[backup.KEEPER], backup.ARCHIVIST),
            )

    def _make_slot(self) -> None:
        if self.server.sql(_LOST_SLOTS).strip() != "0":
            # Away for so long that the database had to give its log up.
            self.server.sql(f"select pg_drop_replication_slot('{backup.SLOT}')")
            self._begin_anew("was away for too long, and misses a part")
        backup.make_slot(self.server.binaries, self.server.port, self.server.passwords[backup.KEEPER])

    def _begin_anew(self, why: str) -> None:
        place = backup.set_aside(self.folder)
        say(f"The log archive {why}: its files are in {place} now. Take a backup, with which it goes on.")

    def alive(self) -> bool:
        """Whether it copies, or rests after it failed; after each end of the database it begins again."""
        return self.process.poll() is None or time.monotonic() - self.began < self.pause

    def restart(self) -> None:
        """Go on where it ended: the database has kept the log since."""
        words = self.log.read_text("utf-8", "replace").strip()
        if words:
            say(words.splitlines()[-1])
        quick = time.monotonic() - self.began < 2 * self.pause
        self.pause = min(2 * self.pause, _LONGEST_ARCHIVE_PAUSE) if quick else _ARCHIVE_PAUSE
        if any(sign in words for sign in _OF_ANOTHER_HISTORY):
            self._begin_anew("is of another history, as after a restore")
        self.process = self._launch()

    def stop(self) -> None:
        """Stop it; the database, which stops after it, keeps what it has not copied."""
        stop(self.process, signal.SIGINT, 10)


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
            path = settings.data
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
    folder = settings.data
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
        settings.data,
        find_binaries(settings.pg_bin),
        archive.expanduser().absolute() if archive else None,
        until,
    )


@contextlib.contextmanager
def restored(settings: Settings) -> Iterator[Addresses]:
    """The database of a data folder that was just brought back, its log replayed."""
    with database(settings.model_copy(update={"database_url": None})) as addresses:
        major = version(find_binaries(settings.pg_bin))
        backup.forget_recovery(settings.data / f"postgresql-{major}")
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
            sockets = listen(stack, settings.host, settings.port, settings.workers)
            folder = stack.enter_context(hold(settings.data))
            servers, addresses = _start_servers(stack, folder, settings)
            prepare(addresses)
            workers = Workers(factory, sockets, _environment(addresses, folder, settings), settings)
            stack.callback(workers.stop)
            with step(f"Web workers: {settings.workers}"):
                workers.start(settings.workers)
                wait_ready(sockets[0], workers)
            _say_where(sockets[0], time.monotonic() - began)
            signal.signal(signal.SIGUSR1, lambda *_: workers.renew())
            while True:
                time.sleep(0.25)
                for server in servers:
                    _mend(server)
                _look_after(workers)
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
    except (StartError, OSError) as error:
        # The site answers that it cannot serve meanwhile, and the next round tries again.
        say(str(error))
        time.sleep(1)


def _look_after(workers: Workers) -> None:
    """Bring back web workers that died, and renew those that are to be."""
    try:
        workers.mend()
        workers.go_on_renewing()
    except OSError as error:
        # No memory, no process or no file is left for a new one: those that serve go on.
        say(f"No web worker can be started: {error}")
        time.sleep(1)


def _stop(number: int, frame: FrameType | None) -> None:
    # Once is enough, and the stopping itself must not be interrupted.
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Stop


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
        wal_kept_mb=settings.wal_kept_mb,
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
                archive = LogArchive(server, settings.wal_archive)
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
        "TRACETRACK_DATA": str(folder.path),
        "TRACETRACK_WORKERS": str(settings.workers),
        "PROMETHEUS_MULTIPROC_DIR": str(folder.metrics()),
    }


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
