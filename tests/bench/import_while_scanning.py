"""50 people scan while 1,000,000 rows are imported: ``python -m tests.bench.import_while_scanning``.

Each scans on a fixed timetable, whether or not the last answer has come, so that waiting is
counted. The same timetable runs first without an import. Lock waits are sampled ten times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx

from tests.bench.imports import Bench, as_csv, as_xlsx, table
from tests.test_serve import PASSWORD

PEOPLE = 50


async def people(bench: Bench) -> list[httpx.AsyncClient]:
    """50 dispatchers, signed in, each with a parent open."""
    area = bench.http.post("/areas", json={"name": f"Area {uuid4().hex[:6]}"}).json()["id"]
    found = []
    for _ in range(PEOPLE):
        name = f"packer{uuid4().hex[:8]}"
        body = {
            "username": name,
            "password": PASSWORD,
            "role": "dispatcher",
            "area_id": area,
            "must_change_password": False,
        }
        assert bench.http.post("/users", json=body).status_code == 201
        client = httpx.AsyncClient(base_url=bench.site.url + "/api/v1", timeout=30)
        answer = await client.post("/auth/login", json={"username": name, "password": PASSWORD})
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        await client.post("/scans/parent", json={"code": f"MINE{name}", "scan_id": str(uuid4())})
        client.headers["x-parent"] = f"MINE{name}"
        found.append(client)
    return found


async def scan_for(
    clients: list[httpx.AsyncClient], every: float, until: asyncio.Event
) -> tuple[list[float], int]:
    """Scan until told to stop; seconds from when each scan was due to its answer, and errors."""
    took: list[float] = []
    errors = 0

    async def one(client: httpx.AsyncClient, due: float) -> None:
        nonlocal errors
        body = {"parent_code": client.headers["x-parent"], "code": uuid4().hex, "scan_id": str(uuid4())}
        try:
            answer = await client.post("/scans/child", json=body)
            errors += answer.status_code >= 400
        except httpx.HTTPError:
            errors += 1
        took.append(time.monotonic() - due)

    async def packer(client: httpx.AsyncClient) -> None:
        pending = set()
        due = time.monotonic() + random.uniform(0, every)
        while not until.is_set():
            await asyncio.sleep(max(0, due - time.monotonic()))
            task = asyncio.create_task(one(client, due))
            pending.add(task)
            task.add_done_callback(pending.discard)
            due += every
        await asyncio.gather(*pending)

    await asyncio.gather(*(packer(client) for client in clients))
    return took, errors


async def longest_lock_wait(owner: str, until: asyncio.Event) -> float:
    """The longest that any session was seen to wait for a lock, in seconds."""
    db = await asyncpg.connect(owner)
    longest = 0.0
    while not until.is_set():
        waited = await db.fetchval(
            "select max(extract(epoch from clock_timestamp() - l.waitstart))::float8"
            " from pg_locks l where not granted"
        )
        longest = max(longest, waited or 0)
        await asyncio.sleep(0.1)
    await db.close()
    return longest


def told(name: str, took: list[float], errors: int) -> float:
    took.sort()
    p50, p95, p99 = (took[int(len(took) * part)] for part in (0.5, 0.95, 0.99))
    print(
        f"{name:22} {len(took)} scans, median {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms,"
        f" p99 {p99 * 1000:.0f} ms, slowest {took[-1] * 1000:.0f} ms, {errors} errors",
        flush=True,
    )
    return p99


async def run(rows: int, kind: str, every: float, seconds: float, after: float) -> None:
    with tempfile.TemporaryDirectory(prefix="tracetrack-bench-") as name:
        bench = Bench(Path(name))
        content = (as_xlsx if kind == "xlsx" else as_csv)(table(rows, "w"))
        clients = await people(bench)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        alone = told("without an import", *await scan_for(clients, every, stop))
        stop = asyncio.Event()

        async def importing() -> dict:
            began = time.monotonic()
            async with httpx.AsyncClient(
                base_url=bench.site.url + "/api/v1", timeout=600, headers=dict(bench.http.headers)
            ) as admin:
                answer = await admin.post("/imports", files={"file": (f"x.{kind}", content)})
                import_id = answer.json()["id"]
                stood, last, shown = 0.0, (time.monotonic(), None), {}
                while True:
                    shown = (await admin.get(f"/imports/{import_id}")).json()
                    if shown["state"] not in ("queued", "running"):
                        break
                    now = (shown["phase"], shown["rows_read"], shown["rows_done"], shown["progress"])
                    if now != last[1]:
                        last = (time.monotonic(), now)
                    stood = max(stood, time.monotonic() - last[0])
                    await asyncio.sleep(0.25)
            stop.set()
            return {**shown, "took": time.monotonic() - began, "stood": stood}

        scans, locks, done = await asyncio.gather(
            scan_for(clients, every, stop), longest_lock_wait(bench.owner, stop), importing()
        )
        during = told("during the import", *scans)
        # The index of parts of codes takes the new bags over now.
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(after, stop.set)
        told("right after it", *await scan_for(clients, every, stop))
        print(
            f"import: {done['state']}, {rows / done['took']:,.0f} rows/s, progress stood still"
            f" {done['stood']:.1f} s at most; p99 {during / alone:.2f}x; longest lock wait {locks:.2f} s",
            flush=True,
        )
        for client in clients:
            await client.aclose()
        bench.site.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kind", default="xlsx")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between one person's scans")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--after", type=float, default=10, help="seconds of scans after the import")
    asked = parser.parse_args()
    asyncio.run(run(asked.rows, asked.kind, asked.every, asked.seconds, asked.after))


if __name__ == "__main__":
    main()
