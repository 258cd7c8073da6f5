"""Backups of a data folder whose database is our own, and how they come back.

A backup is a base backup of PostgreSQL, taken while it works, with the log that makes it whole, and
every other file of the data folder: secrets, signing keys, imported files. With a log archive
(``TRACETRACK_WAL_ARCHIVE``) a restore goes on from there, to the last moment or to a chosen one.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tracetrack.platform.embedded.binaries import clean_environment, version
from tracetrack.platform.embedded.processes import StartError

KEEPER = "tracetrack_backup"
"""The role that copies: it may replicate, and read no table."""

SLOT = "tracetrack_archive"
"""Where the server notes how far the log archive is."""

ARCHIVIST = "tracetrack archive"
"""The name by which ``pg_stat_replication`` tells how far the log archive is behind."""

_LEFT_OUT = ("postgresql-*", "*.log", "*.log.*", "metrics", "lock", "valkey", "pginstall-*", ".*")
_ABOUT = "backup.json"

UNFINISHED = ".restoring"
"""What a cluster's folder ends with until all of it is brought back."""

_SEGMENT = re.compile("[0-9A-F]{24}(.partial)?")


@dataclass(frozen=True)
class Backup:
    """What a backup is of, as its ``backup.json`` says."""

    made_at: str
    tracetrack: str
    postgresql: int
    bytes: int = 0


def take(folder: Path, binaries: Path, port: int, password: str, target: Path) -> Path:
    """Back up a data folder while its database works; the new folder in ``target``.

    Args:
        folder: the data folder.
        binaries: of PostgreSQL.
        port: on which its server listens.
        password: of :data:`KEEPER`.
        target: the folder of all backups; it gets one more, named by the time, when that is whole.

    Raises:
        StartError: with one sentence.
    """
    made_at = dt.datetime.now(dt.UTC)
    name = made_at.strftime("%Y-%m-%dT%H%M%SZ")
    unfinished = target / f".{name}.unfinished"
    try:
        # Whoever can read a backup can read all of the site.
        unfinished.mkdir(mode=0o700, parents=True)
        _run(
            binaries / "pg_basebackup",
            *("-h", "127.0.0.1", "-p", str(port), "-U", KEEPER, "-D", str(unfinished / "postgresql")),
            *("--format=tar", "--compress=client-gzip:1", "--wal-method=stream", "--checkpoint=fast"),
            *("--manifest-checksums=SHA256", "--no-password"),
            password=password,
        )
        # After the database: each file that it knows of is there.
        left_out = shutil.ignore_patterns(*_LEFT_OUT)
        shutil.copytree(
            folder, unfinished / "files", ignore=left_out, symlinks=True, copy_function=_copy_if_there
        )
        _run(binaries / "pg_verifybackup", "--no-parse-wal", str(unfinished / "postgresql"))
        total = sum(file.stat().st_size for file in unfinished.rglob("*") if file.is_file())
        about = Backup(made_at.isoformat(timespec="seconds"), _own_version(), version(binaries), total)
        (unfinished / _ABOUT).write_text(json.dumps(asdict(about), indent=1))
        _to_disk(unfinished)
        unfinished.rename(target / name)
    except OSError as error:
        raise StartError(f"The backup could not be written to {target}: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target / name


def _copy_if_there(source: str, target: str) -> None:
    """Copy a file, unless it goes: uploads break off and imported files expire while the site works."""
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise
        Path(target).unlink(missing_ok=True)


def about(backup: Path) -> Backup:
    """What a backup says of itself.

    Raises:
        StartError: it is none, or not whole.
    """
    try:
        return Backup(**json.loads((backup / _ABOUT).read_text()))
    except (OSError, ValueError, TypeError):
        raise StartError(f"{backup} is no backup of TraceTrack, or not a whole one.") from None


def bring_back(
    backup: Path, folder: Path, binaries: Path, archive: Path | None = None, until: dt.datetime | None = None
) -> None:
    """Make a data folder of a backup; the next start of its database replays the log.

    Args:
        backup: the folder of one backup.
        folder: the data folder to be; it must not exist, or be empty.
        binaries: of PostgreSQL, of the major version that the backup is of.
        archive: the log archive that goes on from the backup.
        until: a moment at which to stop replaying; absent: at the end of the archive.

    Raises:
        StartError: with one sentence.
    """
    said = about(backup)
    if said.postgresql != version(binaries):
        raise StartError(
            f"The backup is of PostgreSQL {said.postgresql}, and this one is {version(binaries)}:"
            " set TRACETRACK_PG_BIN to one of that version."
        )
    if archive is not None and not any(_SEGMENT.fullmatch(file.name) for file in _listed(archive)):
        raise StartError(f"The folder {archive} holds no log of PostgreSQL.")
    if folder.exists() and any(folder.iterdir()):
        raise StartError(f"The folder {folder} is not empty: restore to another, and change TRACETRACK_DATA.")
    _run(binaries / "pg_verifybackup", "--no-parse-wal", str(backup / "postgresql"))
    folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    # First of all: a start that finds it knows that not everything is there.
    cluster = folder / f"postgresql-{said.postgresql}{UNFINISHED}"
    cluster.mkdir(mode=0o700)
    shutil.copytree(backup / "files", folder, dirs_exist_ok=True, symlinks=True)
    for name, place in (("base", cluster), ("pg_wal", cluster / "pg_wal")):
        place.mkdir(mode=0o700, exist_ok=True)
        with tarfile.open(backup / "postgresql" / f"{name}.tar.gz") as packed:
            packed.extractall(place, _ours(packed, place))  # noqa: S202 - none leaves its place
    if archive is not None:
        recovery = [
            f"restore_command = '{_fetch_command(archive)}'",
            "recovery_target_action = 'promote'",
            # Nobody is let in before all of it is there.
            "hot_standby = off",
            *([f"recovery_target_time = '{until.isoformat()}'"] if until else []),
        ]
        with (cluster / "postgresql.auto.conf").open("a") as settings:
            settings.write("\n".join(["", *recovery, ""]))
        (cluster / "recovery.signal").touch(mode=0o600)
    _to_disk(folder)
    cluster.rename(cluster.with_suffix(""))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise StartError(f"The folder {folder} cannot be read: {error.strerror}.") from None


def _fetch_command(archive: Path) -> str:
    """The shell command by which the server fetches a file of its log from the archive.

    1 says that there is none, which is the end of the log. What is there and cannot be read is no end: above
    125 the server gives up the recovery, and says so (PostgreSQL's documentation of ``restore_command``).
    """
    # The last segment is still open in the archive, and ends where the server did.
    return (
        f'cd "{archive}" && test -r . && cd "$OLDPWD" || exit 200; for file in "%f" "%f.partial"; do'
        f' if test -e "{archive}/$file"; then cp "{archive}/$file" "%p" && exit 0; exit 200; fi; done; exit 1'
    )


def _ours(packed: tarfile.TarFile, place: Path) -> Iterator[tarfile.TarInfo]:
    """The files of the cluster as whoever restores them owns them; the server may have been another user.

    By hand, for the first Pythons of 3.11 have no extraction filters.
    """
    for member in packed:
        if not (member.isfile() or member.isdir()) or not (place / member.name).resolve().is_relative_to(
            place.resolve()
        ):
            raise StartError(f"The backup holds {member.name}, which is no file of a database.")
        member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
        member.mode &= 0o755
        yield member


def forget_recovery(cluster: Path) -> None:
    """Take the settings of a finished recovery out: a later one must not follow an old archive."""
    place = cluster / "postgresql.auto.conf"
    if place.exists():
        kept = [
            line
            for line in place.read_text().splitlines()
            if not line.startswith(("restore_command", "recovery_target", "hot_standby"))
        ]
        place.write_text("\n".join([*kept, ""]))


def prune(target: Path, keep: int) -> list[Path]:
    """Remove the oldest backups but so many; those that were removed."""
    whole = sorted(place for place in target.iterdir() if (place / _ABOUT).is_file())
    gone = whole[:-keep] if keep else []
    for place in gone:
        shutil.rmtree(place)
    return gone


def receive_command(binaries: Path, port: int, archive: Path) -> list[str]:
    """The program that keeps the log archive: it copies the log as the server writes it."""
    return [
        str(binaries / "pg_receivewal"),
        *("-h", "127.0.0.1", "-p", str(port), "-U", KEEPER, "-D", str(archive)),
        *("--slot", SLOT, "--synchronous", "--no-password", "--no-loop"),
    ]


def make_slot(binaries: Path, port: int, password: str) -> None:
    """Have the server keep its log until the archive has it."""
    _run(
        binaries / "pg_receivewal",
        *("-h", "127.0.0.1", "-p", str(port), "-U", KEEPER, "--create-slot", "--if-not-exists"),
        *("--slot", SLOT, "--no-password"),
        password=password,
    )


def set_aside(archive: Path) -> Path:
    """Move the log of an earlier history out of the way of the one that begins; where it is now."""
    place = archive / f"before-{dt.datetime.now(dt.UTC):%Y-%m-%dT%H%M%SZ}"
    place.mkdir(mode=0o700)
    for file in _listed(archive):
        if file.is_file():
            file.rename(place / file.name)
    return place


def environment(password: str, name: str = "tracetrack backup") -> dict[str, str]:
    """For PostgreSQL's programs: no file and no command line holds the password."""
    return {**clean_environment(), "PGPASSWORD": password, "PGAPPNAME": name}


def _run(program: Path, *arguments: str, password: str = "") -> None:
    result = subprocess.run(  # noqa: S603
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment(password),
    )
    if result.returncode != 0:
        said = result.stderr.strip().splitlines() or ["no reason given"]
        # After the error these programs say what they remove.
        why = next((line for line in said if " error: " in line), said[-1])
        raise StartError(f"{program.name} failed: {why}")


def _to_disk(folder: Path) -> None:
    """Everything in a folder is on the disk when this returns."""
    for place in (folder, *folder.rglob("*")):
        if place.is_symlink() or not (place.is_file() or place.is_dir()):
            continue
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _own_version() -> str:
    from importlib.metadata import version as of

    return of("tracetrack")
