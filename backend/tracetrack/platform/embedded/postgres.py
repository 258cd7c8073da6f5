"""The embedded PostgreSQL: found, created, started, recovered and stopped.

Its roles: ``postgres`` (superuser, for this launcher alone), ``tracetrack_owner`` (owns the
database and migrates it), ``tracetrack_app`` (what the application connects as; it owns
nothing, so that the append-only rules bind it), ``tracetrack_backup`` (copies the server, and
reads no table) and ``tracetrack_report`` (for people's own reports: reads, and no secret).
Connections are TCP on 127.0.0.1 with SCRAM passwords; there is no socket file and no trust.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tracetrack.platform.embedded.backup import KEEPER, UNFINISHED
from tracetrack.platform.embedded.binaries import (
    RunAs,
    clean_environment,
    find_binaries,
    reachable,
    run_as_for,
    version,
)
from tracetrack.platform.embedded.cluster import SUPERUSER, create, options_for
from tracetrack.platform.embedded.processes import (
    Remembered,
    StartError,
    running,
    spawn,
    stop,
)
from tracetrack.platform.logs import get_logger
from tracetrack.platform.progress import say

log = get_logger("postgres")

OWNER = "tracetrack_owner"
APP = "tracetrack_app"
REPORT = "tracetrack_report"
DATABASE = "tracetrack"

EXTENSIONS = ("pg_trgm", "pg_stat_statements")
"""Made in every database of ours by the superuser; absent ones are left out."""

WAL_SEGMENT_MB = 16
ROOM_FOR_WAL_BYTES = 8 * 2**30
"""With less free space than this no WAL files are made in advance."""

_RESTARTS_WITHIN = 15.0
"""Seconds in which a start is tried again while the remains of a killed server go away."""
_SHUTDOWN_SECONDS = 60.0
_START_SECONDS = 300.0
"""A server that says nothing for so long does not start."""
_TOLD_SECONDS = 30.0
"""How often one that replays its log is spoken of: that may take long."""


@dataclass
class Postgres:
    """A running server, a child of this process."""

    folder: Path
    """Where its database cluster lies."""
    binaries: Path
    port: int
    passwords: dict[str, str]
    """Of each role."""
    run_as: RunAs
    options: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def url(self, role: str = APP, database: str = DATABASE) -> str:
        """``postgresql://`` address for one of the roles."""
        return f"postgresql://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"

    def sql(self, script: str, database: str = "postgres") -> str:
        """Run SQL as the superuser and return what it prints, unaligned and without headers.

        Raises:
            StartError: with the server's message.
        """
        result = subprocess.run(  # noqa: S603
            [self.binaries / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            input=script,
            text=True,
            capture_output=True,
            check=False,
            cwd="/",
            env={
                **clean_environment(),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.port),
                "PGUSER": SUPERUSER,
                "PGPASSWORD": self.passwords[SUPERUSER],
                "PGDATABASE": database,
                # Passwords pass through here: keep them out of the log and the statistics.
                "PGOPTIONS": "-c log_min_error_statement=panic -c pg_stat_statements.track=none"
                " -c client_min_messages=warning",
            },
        )
        if result.returncode != 0:
            raise StartError(f"The embedded database refused its set-up: {result.stderr.strip()}")
        return result.stdout

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a database of the owner's, empty with our extensions, or a copy of ``template``."""
        if template:
            # A copy of files is the quicker way for a small template.
            self.sql(
                f'create database "{name}" owner {OWNER} template "{template}" strategy file_copy;'
                f' revoke all on database "{name}" from public;'
                f' grant connect, temporary on database "{name}" to {APP};'
                f' grant connect on database "{name}" to {REPORT};'
            )
            return
        self.sql(
            f'create database "{name}" owner {OWNER};'
            f' revoke all on database "{name}" from public;'
            f' grant connect, temporary on database "{name}" to {APP};'
            f' grant connect on database "{name}" to {REPORT};'
        )
        wanted = ", ".join(f"'{extension}'" for extension in EXTENSIONS)
        self.sql(
            "select format('create extension if not exists %I', name)"  # noqa: S608 - our own names
            f" from pg_available_extensions where name in ({wanted}) \\gexec",
            name,
        )

    def drop_database(self, name: str) -> None:
        """Remove a database, ending the sessions in it."""
        self.sql(f'drop database if exists "{name}" with (force)')

    def alive(self) -> bool:
        """Whether the server process still runs."""
        return self.process.poll() is None

    def restart(self) -> None:
        """Start it again after it died, on the same port; its log is replayed."""
        if self.alive():
            stop(self.process, signal.SIGINT, _SHUTDOWN_SECONDS)
        self.process = _launch(self)

    def stop(self) -> None:
        """Stop: sessions are ended, everything is written down, then the process ends."""
        if not stop(self.process, signal.SIGINT, _SHUTDOWN_SECONDS):
            # Its children notice within moments; the next start replays the log.
            time.sleep(0.2)


def start(
    folder: Path,
    remembered: Remembered,
    *,
    binaries: Path | None = None,
    connections: int = 60,
    throwaway: bool = False,
    wal_kept_mb: int = 0,
) -> Postgres:
    """Start the server of a data folder; make its cluster, roles and database when absent.

    A server that was left running there is stopped first and started again, and one that was
    killed replays its log: nothing that was committed is lost.

    Args:
        folder: the site's data folder, which must exist.
        remembered: where passwords and the port are kept.
        binaries: ``TRACETRACK_PG_BIN``.
        connections: how many sessions it must be able to hold.
        throwaway: for tests alone: nothing is forced to disk.
        wal_kept_mb: megabytes of WAL files to make in advance and to keep for reuse; 0: none.

    Raises:
        StartError: with one sentence.
    """
    binaries = find_binaries(binaries)
    major = version(binaries)
    cluster = folder / f"postgresql-{major}"
    run_as = run_as_for(cluster, folder, binaries)
    if run_as.uid is not None:
        binaries = reachable(binaries, folder, run_as)
    passwords = {
        role: remembered.secret(f"postgres_{role}") for role in (SUPERUSER, OWNER, APP, KEEPER, REPORT)
    }
    if not (cluster / "PG_VERSION").exists():
        _refuse_another(folder, major)
        create(cluster, binaries, major, passwords[SUPERUSER], run_as, sync=not throwaway)
    _end_leftover(cluster)
    server = Postgres(
        folder=cluster,
        binaries=binaries,
        port=remembered.port("postgres_port"),
        passwords=passwords,
        run_as=run_as,
        options=options_for(connections, throwaway=throwaway, wal_kept_mb=wal_kept_mb),
        log=folder / f"postgresql-{major}.log",
        process=None,  # type: ignore[arg-type]
    )
    server.process = _launch(server)
    try:
        _ensure_roles(server)
    except BaseException:
        server.stop()
        raise
    if wal_kept_mb:
        threading.Thread(
            target=prepare_wal, args=(server, wal_kept_mb), name="prepare WAL", daemon=True
        ).start()
    return server


def prepare_wal(server: Postgres, kept_mb: int) -> None:
    """Create the WAL files of a young server before they are needed.

    An import writes some 50 MB of WAL a second. Where no old WAL file is left to reuse, a committing
    scan creates the next one, 16 MB of zeros, while all other commits wait behind it. A checkpoint
    keeps ``min_wal_size`` of used files for reuse, so it is enough to use that many once. Writes twice
    ``kept_mb`` at the first start and nothing later; skipped where the disk has little room.
    """
    segments = kept_mb // WAL_SEGMENT_MB
    try:
        missing = segments - sum(len(file.name) == 24 for file in (server.folder / "pg_wal").iterdir())
        room = shutil.disk_usage(server.folder).free
        if missing <= segments // 8 or room < ROOM_FOR_WAL_BYTES:
            return
        # A switch closes a file that holds at least one record.
        server.sql(
            f"do $$ begin for at in 1..{missing} loop"
            " perform pg_logical_emit_message(false, 'tracetrack', ''); perform pg_switch_wal();"
            " end loop; end $$; checkpoint;"
        )
    except (StartError, OSError) as error:
        # It is stopping already, or the disk is full: the next start tries again.
        log.warning("WAL files were not prepared", error=str(error)[:200])


def _refuse_another(folder: Path, major: int) -> None:
    """Make no empty database beside one that this PostgreSQL cannot read, or that is not whole."""
    for place in sorted(folder.glob("postgresql-*")):
        if place.name.endswith(UNFINISHED):
            raise StartError(
                f"A restore of a backup to {folder} broke off: remove the folder and restore again."
            )
        if (place / "PG_VERSION").exists() and place.suffix != ".new":
            theirs = (place / "PG_VERSION").read_text().strip()
            raise StartError(
                f"The database in {folder} is of PostgreSQL {theirs}, and this one is {major}: set"
                " TRACETRACK_PG_BIN to one of that version, or carry the data over with pg_upgrade."
            )


def attach(folder: Path, remembered: Remembered, *, binaries: Path | None = None) -> dict[str, str] | None:
    """Addresses (by role) of the server that another process of ours runs on this folder.

    None when no server runs there.
    """
    cluster = folder / f"postgresql-{version(find_binaries(binaries))}"
    lines = _postmaster_file(cluster)
    if len(lines) < 8 or lines[7].strip() != "ready" or _leftover(cluster) is None:
        return None
    return {
        role: f"postgresql://{role}:{remembered.secret(f'postgres_{role}')}@127.0.0.1:{lines[3].strip()}/{DATABASE}"
        for role in (OWNER, APP, KEEPER, REPORT)
    }


@contextlib.contextmanager
def throwaway(*, connections: int = 200, binaries: Path | None = None) -> Iterator[Postgres]:
    """A server in a temporary folder, for tests: quick, and careless about power cuts."""
    folder = Path(tempfile.mkdtemp(prefix="tracetrack-pg-"))
    # Where PostgreSQL has to be another user than root, that user must get in.
    folder.chmod(0o711)
    try:
        server = start(
            folder,
            Remembered(folder / "secrets.json"),
            binaries=binaries,
            connections=connections,
            throwaway=True,
        )
        try:
            yield server
        finally:
            # Nothing in it is wanted, so it need not write anything down.
            stop(server.process, signal.SIGQUIT, 10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _launch(server: Postgres) -> subprocess.Popen[bytes]:
    """Start the server process and wait until it takes connections.

    What a killed server leaves (its id in the pid file while it is a zombie, backends that are
    about to notice) goes away by itself, so the start is tried again for a while.
    """
    deadline = time.monotonic() + _RESTARTS_WITHIN
    while True:
        with server.log.open("wb") as log:
            process = spawn(
                [
                    server.binaries / "postgres",
                    *("-D", server.folder, "-p", str(server.port)),
                    *(part for name, value in server.options.items() for part in ("-c", f"{name}={value}")),
                ],
                log=log,
                death_signal=signal.SIGINT,
                new_user=server.run_as.new_user,
                user=server.run_as.uid,
                group=server.run_as.gid,
                env=clean_environment(),
            )
        try:
            if _wait_ready(server.folder, process):
                return process
        except BaseException:
            stop(process, signal.SIGINT, _SHUTDOWN_SECONDS)
            raise
        words = server.log.read_text("utf-8", "replace")
        passing = "postmaster.pid" in words or "pre-existing shared memory block" in words
        if not passing or time.monotonic() > deadline:
            words = words if "FATAL" in words else _last_words(server.folder / "log")
            lines = [line for line in words.splitlines() if "FATAL" in line or "HINT" in line]
            why = "; ".join(line.split(":  ")[-1] for line in lines[:2]) or f"see {server.log}"
            raise StartError(f"The embedded database did not start: {why}")
        time.sleep(0.2)


def _last_words(folder: Path) -> str:
    """The end of the newest log file, where a server that had begun to write there says why it ended."""
    files = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime)
    return "\n".join(files[-1].read_text("utf-8", "replace").splitlines()[-20:]) if files else ""


def _wait_ready(cluster: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server says that it is ready; False when it ended instead."""
    began = told = time.monotonic()
    deadline = began + _START_SECONDS
    while process.poll() is None:
        lines = _postmaster_file(cluster)
        if len(lines) >= 8 and lines[0].strip() == str(process.pid):
            if lines[7].strip() == "ready":
                return True
            # It replays its log. Killed, it would begin anew, and perhaps never end.
            deadline = time.monotonic() + _START_SECONDS
            if time.monotonic() - told > _TOLD_SECONDS:
                told = time.monotonic()
                say(f"The database reads its log again, since {told - began:.0f} s")
        if time.monotonic() > deadline:
            raise StartError(f"The embedded database was not ready within {_START_SECONDS:.0f} seconds.")
        time.sleep(0.01)
    return False


def _postmaster_file(cluster: Path) -> list[str]:
    """The lines of ``postmaster.pid``: process, folder, time, port, ..., state as the eighth."""
    try:
        return (cluster / "postmaster.pid").read_text("utf-8").splitlines()
    except OSError:
        return []


def _leftover(cluster: Path) -> psutil.Process | None:
    """The server that already runs on this cluster, if one does."""
    lines = _postmaster_file(cluster)
    if not lines or not lines[0].strip().isdigit():
        return None
    process = running(int(lines[0]))
    if process is None:
        return None
    try:
        command = process.cmdline()
        if Path(command[0]).name == "postgres" and str(cluster) in command:
            return process
    except (psutil.Error, IndexError):
        pass
    return None


def _end_leftover(cluster: Path) -> None:
    """Stop the server that somebody's kill -9 of our process left running on this cluster."""
    process = _leftover(cluster)
    if process is not None:
        for polite, seconds in ((signal.SIGINT, _SHUTDOWN_SECONDS), (signal.SIGQUIT, 5.0)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(polite)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                # A zombie has ended: only its parent has not looked yet.
                if running(process.pid) is None:
                    return
                time.sleep(0.02)
        raise StartError(f"A PostgreSQL (process {process.pid}) still runs on {cluster} and does not stop.")
    lines = _postmaster_file(cluster)
    taken = bool(lines) and lines[0].strip().isdigit() and running(int(lines[0])) is not None
    # Its number went to another program since (usual after a container's restart), and
    # PostgreSQL would wait for that one for ever.
    if taken and not any(_works_in(process, cluster) for process in psutil.process_iter()):
        (cluster / "postmaster.pid").unlink(missing_ok=True)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    """Whether a process has this folder as its working folder, as all of a server's have."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder
    except (psutil.Error, OSError):
        return False


def _ensure_roles(server: Postgres) -> None:
    """Make the two login roles and the database, and set the passwords that we know."""
    rights = "login nosuperuser nocreatedb nocreaterole noreplication"
    script = [
        "select format('create role %I', name)"  # noqa: S608 - our own names
        f" from unnest(array['{OWNER}', '{APP}', '{KEEPER}', '{REPORT}']) name"
        " where not exists (select from pg_roles where rolname = name) \\gexec\n",
        *(
            f"alter role {role} {rights} password '{server.passwords[role]}';"
            for role in (OWNER, APP, KEEPER, REPORT)
        ),
        f"alter role {KEEPER} replication;",
        f"alter role {REPORT} connection limit 5;",
        f"alter role {REPORT} set default_transaction_read_only = on;",
        f"alter role {REPORT} set statement_timeout = '60s';",
        f"alter role {REPORT} set idle_in_transaction_session_timeout = '30s';",
        # The owner acts as the application too (migrations, first user); never the reverse.
        f"grant {APP} to {OWNER};",
        f"grant pg_read_all_stats to {APP};",
        "revoke connect on database postgres from public;",
        f"select 1 from pg_database where datname = '{DATABASE}'",  # noqa: S608
    ]
    if not server.sql("".join(script)).strip():
        server.create_database(DATABASE)
