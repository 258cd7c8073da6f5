"""No file, however made, brings the server down or leaves an import without an end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from tests.floor import Floor
from tests.imports.bad_files import corpus
from tests.imports.files import accounted, finished, told, upload
from tests.retrying import single_attempts
from tracetrack.access import limits
from tracetrack.imports import reading, storage
from tracetrack.imports import upload as uploading
from tracetrack.settings import Settings


async def test_every_bad_file_ends_with_a_sentence(floor: Floor) -> None:
    seen = 0
    wrong = []
    me = psutil.Process(os.getpid())
    for bad in corpus():
        seen += 1
        content, name = bad.content, bad.file_name
        before = me.memory_info().rss
        answer = await upload(floor.admin, content, name, confirm=True)
        assert answer.status_code == 202, (bad.name, answer.text)
        done = await finished(floor.admin, answer.json()["id"])
        # The client sends from this process too, so its copies of the file count.
        grown = (me.memory_info().rss - before) / 2**20
        assert grown < 100 + 8 * len(content) / 2**20, (bad.name, grown)
        if isinstance(bad.ends, str):
            if (done["state"], done["error_code"]) != ("failed", bad.ends):
                wrong.append((bad.name, bad.ends, done["state"], done["error_code"]))
            elif not (done["error"] or "").endswith("."):
                wrong.append((bad.name, "no sentence"))
        else:
            reasons = {reason for _, _, reason in await told(floor.admin, done["id"])}
            if done["state"] != "completed" or reasons != bad.ends or not accounted(done):
                wrong.append((bad.name, sorted(bad.ends), done["state"], done["error_code"], sorted(reasons)))
        assert (await floor.anyone.get("http://testserver/healthz")).status_code == 200
        await floor.owner.execute("truncate bags, audit_events, import_report, imports cascade")
    assert seen >= 60
    assert not wrong, "\n".join(map(str, wrong))


async def test_an_upload_that_stands_still_is_given_up(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "STALL_SECONDS", 0.2)

    async def stalling() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="bags.csv"\r\n\r\n'
        await asyncio.sleep(5)
        yield b"P1,C1\r\n--x--\r\n"

    before = set(storage.folder().iterdir())
    answer = await floor.admin.http.post(
        "/imports", content=stalling(), headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")
    assert set(storage.folder().iterdir()) == before


async def test_no_upload_fills_the_disk(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(storage.folder()).free
    monkeypatch.setattr(uploading, "ROOM_BYTES", free + 2**30)
    answer = await floor.admin.http.post("/imports", files={"file": ("bags.csv", b"parent,child\nP1,C1\n")})
    assert (answer.status_code, answer.json()["code"]) == (507, "no_room")
    assert (await floor.admin.get("/imports")).json()["items"] == []


async def test_uploads_that_came_together_do_not_fill_the_disk_either(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(storage.folder())
    looks = 0

    def others_write_too(_: object) -> object:
        nonlocal looks
        looks += 1
        return usage._replace(free=uploading.ROOM_BYTES + 1_000_000 // looks)

    monkeypatch.setattr(uploading.shutil, "disk_usage", others_write_too)
    monkeypatch.setattr(uploading, "LOOK_BYTES", 50_000)
    # What the database needs beside the file is looked at before.
    monkeypatch.setattr(uploading, "GROWTH", 1)
    before = set(storage.folder().iterdir())

    async def pieces() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="bags.csv"\r\n\r\n'
        for _ in range(9):
            yield b"P1,C1\r\n" * 13_000
        yield b"--x--\r\n"

    answer = await floor.admin.http.post(
        "/imports",
        content=pieces(),
        headers={"content-type": "multipart/form-data; boundary=x", "content-length": "900000"},
    )
    assert (answer.status_code, answer.json()["code"]) == (507, "no_room")
    assert looks > 1
    assert set(storage.folder().iterdir()) == before
    assert (await floor.admin.get("/imports")).json()["items"] == []


async def test_few_files_are_previewed_at_once(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    held = (await upload(floor.admin, b"P1,C1\n", "bags.csv", hold=True)).json()
    readers = most = 0
    go_on = asyncio.Event()
    real = reading.reader

    @contextlib.asynccontextmanager
    async def held_up(job: dict[str, Any]) -> AsyncIterator[reading.Reader]:
        nonlocal readers, most
        readers += 1
        most = max(most, readers)
        await go_on.wait()
        async with real(job) as child:
            yield child
        readers -= 1

    monkeypatch.setattr(reading, "reader", held_up)
    monkeypatch.setattr(reading, "PREVIEW_WAIT_SECONDS", 0.3)
    path = f"/imports/{held['id']}/preview"
    with single_attempts():
        asked = [asyncio.create_task(floor.admin.get(path)) for _ in range(5)]
    await asyncio.wait(asked, timeout=5)
    go_on.set()
    answers = await asyncio.gather(*asked)
    assert most == reading.PREVIEWS == 2
    assert Counter(answer.status_code for answer in answers) == {200: 2, 503: 3}
    for refused in (answer for answer in answers if answer.status_code == 503):
        assert (refused.json()["code"], int(refused.headers["retry-after"])) == ("busy", 5)
    # Their places are free again.
    assert [(await floor.admin.get(path)).status_code for _ in range(3)] == [200] * 3


async def test_previews_are_counted_as_what_costs_much(floor: Floor, settings: Settings) -> None:
    held = (await upload(floor.admin, b"P1,C1\n", "bags.csv", hold=True)).json()
    limits.close_limits()
    limits.open_limits(settings.model_copy(update={"redis_url": None, "reports_per_minute": 2}))
    try:
        asked = [(await floor.admin.get(f"/imports/{held['id']}/preview")).status_code for _ in range(3)]
        looked = [(await floor.admin.get(f"/imports/{held['id']}")).status_code for _ in range(3)]
    finally:
        limits.close_limits()
        limits.open_limits(settings)
    assert (asked, looked) == ([200, 200, 429], [200] * 3)
