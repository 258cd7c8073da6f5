"""The drill: a backup under writes, the machine lost, and what the archive had got back in a new folder."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.test_serve import Site, signed_in
from tracetrack.platform.embedded import backup as backing_up
from tracetrack.platform.embedded import postgres
from tracetrack.platform.embedded.backup import SLOT
from tracetrack.platform.embedded.processes import Remembered, StartError
from tracetrack.platform.supervisor import LogArchive
from tracetrack.settings import ROOT

pytestmark = pytest.mark.slow


def command(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """``tracetrack WORDS`` on a data folder."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", "from tracetrack.cli import app; app()", *words],
        env={**kept, "TRACETRACK_DATA": str(folder), **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


class Floor:
    """Someone who scans without cease, and remembers what was acknowledged."""

    def __init__(self, site: Site) -> None:
        self.linked: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._scan, args=(site,))

    def __enter__(self) -> Floor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _scan(self, site: Site) -> None:
        with signed_in(site) as client:
            client.post("/areas", json={"name": "North"})
            for number in itertools.count():
                if self._over.is_set():
                    return
                code = f"C{number}"
                try:
                    if number % 30 == 0:
                        parent = f"P{number}"
                        client.post("/scans/parent", json={"code": parent})
                    answer = client.post("/scans/child", json={"parent_code": parent, "code": code})
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    self.linked.append(code)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def start(**settings: str) -> Site:
        sites.append(Site(tmp_path, TRACETRACK_WORKERS="1", **settings))
        return sites[-1].until_ready()

    yield start
    for site in sites:
        if site.process.poll() is None:
            site.stop()


def codes(folder: Path) -> set[str]:
    """The linked children in a restored folder."""
    with postgres_of(folder) as url, psycopg.connect(url) as connection:
        rows = connection.execute("select code from bags where parent_id is not null").fetchall()
        wrong = connection.execute("""
            select count(*) from bags p where kind = 'parent'
            and child_count <> (select count(*) from bags c where c.parent_id = p.id)""").fetchone()
    assert wrong == (0,)
    return {row[0] for row in rows}


def postgres_of(folder: Path):  # type: ignore[no-untyped-def]
    import contextlib

    @contextlib.contextmanager
    def running() -> Iterator[str]:
        server = postgres.start(folder, Remembered(folder / "secrets.json"))
        try:
            yield server.url(postgres.OWNER)
        finally:
            server.stop()

    return running()


def until_archived(data: Path) -> None:
    """Wait until the log archive has on its disk what the database had when this was asked."""
    urls = postgres.attach(data, Remembered(data / "secrets.json"))
    assert urls is not None
    with psycopg.connect(urls[postgres.OWNER], autocommit=True) as connection:
        (written,) = connection.execute("select pg_current_wal_flush_lsn()").fetchone() or (None,)
        _until(
            lambda: (
                connection.execute(
                    "select from pg_replication_slots where slot_name = %s and restart_lsn is not null"
                    " and pg_wal_lsn_diff(restart_lsn, %s) >= 0",
                    (SLOT, written),
                ).fetchone()
                is not None
            )
        )


def test_all_that_the_archive_had_got_comes_back(serve: Callable[..., Site], tmp_path: Path) -> None:
    archive, backups, data = tmp_path / "archive", tmp_path / "backups", tmp_path / "data"
    site = serve(TRACETRACK_WAL_ARCHIVE=str(archive))
    with Floor(site) as floor:
        _until(lambda: len(floor.linked) > 40)
        before = list(floor.linked)
        made = command(data, "backup", str(backups))
        assert made.returncode == 0, made.stdout + made.stderr
        _until(lambda: len(floor.linked) > len(before) + 40)
        archived = list(floor.linked)
        until_archived(data)
        # The power goes, and with it the disk with the data folder.
        family = site.family()
        for process in family:
            process.send_signal(signal.SIGKILL)
        site.stop(signal.SIGKILL)
    shutil.rmtree(data)
    (backup,) = backups.iterdir()
    assert backup.stat().st_mode & 0o077 == 0

    whole = tmp_path / "whole"
    back = command(whole, "restore", str(backup), "--archive", str(archive))
    assert back.returncode == 0, back.stdout + back.stderr
    assert "as it was sealed" in back.stdout
    back_again = codes(whole)
    assert set(archived) <= back_again
    # An answer does not wait for the archive, so the very last may be missing; nothing in the middle is.
    lost = [code for code in floor.linked if code not in back_again]
    assert lost == floor.linked[len(floor.linked) - len(lost) :]
    assert (whole / "secrets.json").stat().st_mode & 0o077 == 0

    # Without the archive: all until the backup, and nothing half.
    alone = tmp_path / "alone"
    back = command(alone, "restore", str(backup))
    assert back.returncode == 0, back.stdout + back.stderr
    assert set(before) <= codes(alone)

    again = command(alone, "restore", str(backup))
    assert again.returncode == 1
    assert "is not empty" in again.stderr

    # What is there and cannot be read is not the end of the log.
    newest = max(file.name for file in archive.iterdir() if not file.name.endswith(".history"))
    (archive / newest).unlink()
    (archive / newest).mkdir()
    broken = tmp_path / "broken"
    for place, said in ((archive, "could not restore file"), (backups, "holds no log")):
        back = command(broken, "restore", str(backup), "--archive", str(place))
        assert back.returncode == 1
        assert said in back.stderr
        shutil.rmtree(broken, ignore_errors=True)


def test_no_empty_database_is_made_beside_one_that_cannot_be_read(tmp_path: Path) -> None:
    other = tmp_path / "postgresql-9"
    other.mkdir()
    (other / "PG_VERSION").write_text("9\n")
    with pytest.raises(StartError, match="is of PostgreSQL 9, and this one is"):
        postgres.start(tmp_path, Remembered(tmp_path / "secrets.json"))
    other.rename(tmp_path / "postgresql-18.restoring")
    with pytest.raises(StartError, match="remove the folder and restore again"):
        postgres.start(tmp_path, Remembered(tmp_path / "secrets.json"))
    assert len(list(tmp_path.glob("postgresql-*"))) == 1


@pytest.mark.parametrize("strange", ["0000000900000000000000FF.partial", "0000000100000000000000FF.partial"])
def test_the_archive_of_another_history_is_set_aside_and_a_new_one_begins(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], strange: str
) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / strange).touch()
    data = tmp_path / "data"
    data.mkdir(mode=0o711)
    server = postgres.start(data, Remembered(data / "secrets.json"))
    try:
        kept = LogArchive(server, archive)
        _until(lambda: not kept.alive())
        kept.restart()
        _until(lambda: any(file.is_file() and file.name != strange for file in archive.iterdir()))
        assert kept.process.poll() is None
        kept.stop()
    finally:
        server.stop()
    (aside,) = archive.glob("before-*")
    assert [file.name for file in aside.iterdir()] == [strange]
    assert "Take a backup" in capfd.readouterr().out


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_file_that_goes_meanwhile_does_not_fail_the_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, backups = tmp_path / "data", tmp_path / "backups"
    (data / "imports").mkdir(parents=True)
    for name in ("stays", "goes"):
        (data / "imports" / name).write_text(name)
    (data / "secrets.json").write_text("{}")
    listed = shutil.ignore_patterns

    def upload_breaks_off(*patterns: str) -> Callable[[str, list[str]], set[str]]:
        def leave_out(folder: str, names: list[str]) -> set[str]:
            # After the folder was listed, before its files are copied.
            (Path(folder) / "goes").unlink(missing_ok=True)
            return listed(*patterns)(folder, names)

        return leave_out

    monkeypatch.setattr(backing_up.shutil, "ignore_patterns", upload_breaks_off)
    monkeypatch.setattr(backing_up, "_run", lambda *_, **__: None)
    monkeypatch.setattr(backing_up, "version", lambda _: 18)
    made = backing_up.take(data, tmp_path, 1, "password", backups)
    kept = sorted(str(file.relative_to(made)) for file in made.rglob("*") if file.is_file())
    assert kept == ["backup.json", "files/imports/stays", "files/secrets.json"]


def test_a_damaged_backup_is_refused_and_old_ones_are_removed(tmp_path: Path) -> None:
    data, backups = tmp_path / "data", tmp_path / "backups"
    for _ in range(2):
        made = command(data, "backup", str(backups), "--keep", "1")
        assert made.returncode == 0, made.stderr
        time.sleep(1.1)
    assert "removed" in made.stdout
    (backup,) = backups.iterdir()
    with (backup / "postgresql" / "base.tar.gz").open("r+b") as file:
        file.seek(5_000)
        file.write(b"\0" * 100)
    back = command(tmp_path / "new", "restore", str(backup))
    assert back.returncode == 1
    assert "pg_verifybackup failed" in back.stderr
    assert "Traceback" not in back.stderr
    nothing = command(tmp_path / "new", "restore", str(tmp_path))
    assert "is no backup" in nothing.stderr


def test_a_database_of_ones_own_is_backed_up_by_ones_own_means(tmp_path: Path) -> None:
    answer = command(tmp_path, "backup", str(tmp_path / "b"), TRACETRACK_DATABASE_URL="postgresql://x@y/z")
    assert answer.returncode == 1
    assert "docs/operations.md" in answer.stderr


def test_an_archive_that_was_away_for_too_long_begins_anew(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archive, data = tmp_path / "archive", tmp_path / "data"
    data.mkdir(mode=0o711)
    server = postgres.start(data, Remembered(data / "secrets.json"))
    try:
        server.options |= {"max_slot_wal_keep_size": "1MB", "max_wal_size": "32MB", "min_wal_size": "32MB"}
        server.restart()
        kept = LogArchive(server, archive)
        _until(lambda: any(archive.iterdir()))
        kept.stop()
        before = {file.name for file in archive.iterdir()}
        server.sql("\n".join(["select pg_switch_wal(); checkpoint;"] * 6))
        assert server.sql("select wal_status from pg_replication_slots").strip() == "lost"
        kept.restart()
        _until(lambda: any(file.is_file() for file in archive.iterdir()))
        kept.stop()
    finally:
        server.stop()
    (aside,) = archive.glob("before-*")
    assert {file.name for file in aside.iterdir()} == before
    assert "Take a backup" in capfd.readouterr().out
