"""A full disk: reads go on, writes say so in plain words, and somebody is told before."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.floor import Floor
from tests.imports.files import upload
from tests.retrying import single_attempts
from tracetrack.imports import storage
from tracetrack.oversight.performance.service import beyond_limits
from tracetrack.platform import disks, folder
from tracetrack.platform.embedded.processes import Remembered
from tracetrack.platform.folder import DataFolder

BODY = {
    "code": "C1",
    "scan_id": "0b8f3c1e-5d7a-4c51-9c1e-2f7a6d0c1b11",
    "previous": None,
    "as": "parent",
}


async def test_when_the_database_has_no_room_writes_say_so_and_reads_go_on(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.owner.execute("""
        create function no_room() returns trigger language plpgsql as $$
        begin
            raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';
        end $$;
        create trigger no_room before insert on bags for each statement execute function no_room()""")
    try:
        with single_attempts():
            for answer in (
                await floor.north.scan_parent("P2"),
                await floor.north.scan_child("P1", "C1"),
                await floor.north.post("/scans", BODY),
            ):
                assert (answer.status_code, answer.json()["code"]) == (503, "storage_full")
                assert int(answer.headers["retry-after"]) > 1
                assert "disk is full" in answer.json()["detail"]
            for path, query in (
                ("/bags", {}),
                ("/scans", {}),
                ("/search", {"q": "P1"}),
                ("/bags/lookup", {"code": "P1"}),
            ):
                assert (await floor.north.get(path, **query)).status_code == 200
    finally:
        await floor.owner.execute("drop trigger no_room on bags; drop function no_room()")
    # Nothing is kept of the refusal: the same scan goes through when there is room again.
    assert (await floor.north.post("/scans", BODY)).json()["outcome"] == "created"


async def test_a_file_that_cannot_be_stored_says_so(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "stored", full)
    with single_attempts():
        answer = await upload(floor.biller, b"parent,child\nP1,C1\n", "a.csv")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_full")


Room = Callable[[int, int], None]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """Pretend how much of each disk is free."""

    def set_to(free: int, total: int) -> None:
        usage = SimpleNamespace(free=free, total=total, used=total - free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    return set_to


async def test_an_import_that_will_not_fit_is_refused_before_it_starts(floor: Floor, room: Room) -> None:
    gigabyte = 2**30
    room(gigabyte + 19 * 2_000, 100 * gigabyte)
    content = b"parent,child\n" + b"P1,C1\n" * 320
    answer = await upload(floor.biller, content, "a.csv")
    assert (answer.status_code, answer.json()["code"]) == (507, "no_room")
    room(2 * gigabyte, 100 * gigabyte)
    assert (await upload(floor.biller, content, "a.csv", dry_run=True)).status_code == 202


@pytest.mark.parametrize(
    ("free", "alerts"),
    [(11, []), (9, ["disk_free_percent"]), (2, ["disk_free_percent", "disk_left_percent"])],
)
async def test_little_room_is_an_alert_and_a_metric(
    floor: Floor, room: Room, free: int, alerts: list[str]
) -> None:
    room(free * 10**9, 100 * 10**9)
    told = [alert for alert in await beyond_limits() if alert.name.startswith("disk_")]
    assert [alert.name for alert in told] == alerts
    assert all(alert.value == free for alert in told)
    assert disks.FREE.labels("data")._value.get() == free * 10**9


def data_folder(path: Path) -> DataFolder:
    return DataFolder(path, Remembered(path / "secrets.json"), -1)


def test_the_workers_counters_are_in_memory_where_there_is_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "shm"
    memory.mkdir()
    monkeypatch.setattr(folder, "MEMORY", memory)
    data = data_folder(tmp_path / "data")
    data.path.mkdir()
    place = data.metrics()
    assert place.parent == memory
    (place / "left").write_text("over")
    assert list(data.metrics().iterdir()) == []
    assert data_folder(tmp_path / "other").metrics() != place
    monkeypatch.setattr(folder, "MEMORY", tmp_path / "nowhere")
    assert data.metrics() == data.path / "metrics"
