"""What 60 open dashboards cost 50 people who scan, and how soon a scan is on a dashboard.

``RATE`` scans a second for ``SECONDS`` without and with the dashboards, in turns; then the time from
sending a scan to its event at a dashboard, of 100.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import orjson

from tests.bench.scans import SECONDS, USERS, over_http, scans_of, show, steady, urls
from tests.bench.wire import Wire
from tests.oversight.streams import listening
from tests.test_serve import PASSWORD, Site
from tracetrack.platform.embedded import postgres

RATE = int(os.environ.get("RATE", "50"))
DASHBOARDS = int(os.environ.get("DASHBOARDS", "60"))


async def people(site: Site, folder: Path) -> list[str]:
    """Access tokens of dispatchers of one area."""
    owner = await asyncpg.connect(urls(folder)[postgres.OWNER], timeout=10)
    area = await owner.fetchval("insert into areas (name) values ('Bench') returning id")
    hashed = await owner.fetchval("select password_hash from users where username = 'admin'")
    found = []
    for number in range(USERS):
        await owner.execute(
            "insert into users (username, role, area_id, password_hash) values ($1, 'dispatcher', $2, $3)",
            f"bench-{number}",
            area,
            hashed,
        )
        wire = Wire(site.port)
        body = {"username": f"bench-{number}", "password": PASSWORD}
        status, answer = await wire.call("POST", "/auth/login", body)
        assert status == 200, answer
        wire.close()
        found.append(orjson.loads(answer)["access_token"])
    await owner.close()
    return found


async def watch(url: str, token: str, seen: dict[str, float]) -> None:
    """One dashboard: reads all that comes, and notes when it saw each code."""
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=None) as client,
        listening(client, path="/events?summary=true") as stream,
    ):
        while True:
            kind, value = await stream.message()
            if kind == "ledger":
                now = time.perf_counter()
                for event in value["events"]:
                    seen.setdefault(event["code"], now)


async def only_read(port: int, tokens: list[str]) -> None:
    """Dashboards that take what comes: in a process of their own, for theirs is no work of the site."""

    async def one(token: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"GET /api/v1/events?summary=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
        writer.write(head.encode())
        while await reader.read(65_536):
            pass

    await asyncio.gather(*(one(tokens[n % len(tokens)]) for n in range(DASHBOARDS)))


def read_apart(port: int, tokens: list[str]) -> None:
    asyncio.run(only_read(port, tokens))


async def measure(site: Site, folder: Path) -> None:
    tokens = await people(site, folder)
    url = f"http://127.0.0.1:{site.port}/api/v1"
    wires = [Wire(site.port, token) for token in tokens]
    scanners = [over_http(wire, scans_of(number, "L")) for number, wire in enumerate(wires)]
    await steady(scanners, RATE, 3)
    for _ in range(3):
        show("nobody watches", await steady(scanners, RATE, SECONDS), SECONDS)
        watchers = multiprocessing.get_context("spawn").Process(target=read_apart, args=(site.port, tokens))
        watchers.start()
        await asyncio.sleep(4)
        show(f"{DASHBOARDS} dashboards watch", await steady(scanners, RATE, SECONDS), SECONDS)
        watchers.kill()
        watchers.join()
    seen: dict[str, float] = {}
    watching = [asyncio.create_task(watch(url, tokens[0], seen))]
    await asyncio.sleep(1)
    delays = []
    for _ in range(100):
        code = uuid4().hex
        began = time.perf_counter()
        status, answer = await wires[1].call("POST", "/scans/parent", {"code": code, "scan_id": str(uuid4())})
        assert status == 200, answer
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while code not in seen:  # noqa: ASYNC110 - noted by another task
                    await asyncio.sleep(0.002)
        delays.append((seen.get(code, began + 5) - began) * 1000)
    watching[0].cancel()
    cuts = statistics.quantiles(delays, n=100)
    print(f"scan to dashboard: p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, max {max(delays):.0f} ms of 100")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tracetrack-bench-") as name:
        site = Site(Path(name), TRACETRACK_LOG_LEVEL="WARNING").until_ready()
        try:
            asyncio.run(measure(site, Path(name)))
        finally:
            site.stop()


if __name__ == "__main__":
    main()
