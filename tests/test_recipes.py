"""The recipes of docs/integrate.md run as they are written, one after the other, against a running site."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from tests.serving import Served, fill, worker
from tracetrack.platform.embedded import postgres
from tracetrack.settings import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
async def served(server: postgres.Postgres) -> AsyncIterator[Served]:
    server.create_database("tracetrack_recipes", "tracetrack_template")
    await fill(server.url(postgres.OWNER, "tracetrack_recipes"))
    with worker(server, "tracetrack_recipes") as running:
        await running.sign_in()
        yield running
    server.drop_database("tracetrack_recipes")


async def test_the_recipes_work_as_written(served: Served) -> None:
    async with served.client("admin") as admin:
        made = await admin.post("/api-keys", json={"name": "recipes", "role": "biller"})
    assert made.status_code == 201, made.text
    blocks = BLOCK.findall((ROOT / "docs/integrate.md").read_text("utf-8"))
    assert len(blocks) == 9
    environment = os.environ | {"TRACETRACK_URL": served.url, "TRACETRACK_KEY": made.json()["key"]}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", "\n".join(blocks)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
