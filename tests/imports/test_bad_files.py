"""No file, however made, brings the server down or leaves an import without an end."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator

import psutil
import pytest

from tests.floor import Floor
from tests.imports.bad_files import corpus
from tests.imports.files import accounted, finished, told, upload
from tracetrack.imports import storage
from tracetrack.imports import upload as uploading


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
