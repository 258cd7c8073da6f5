"""What 60 open dashboards cost 50 people who scan, and how soon a scan is on a dashboard.

``RATE`` scans a second for ``SECONDS`` without and with the dashboards, in three turns, and the ratio of
their p99 (aim: below 1.2); then, of 100 scans, the time from sending one to its event at a dashboard and
to the figures that count it, which is what the dashboard shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import orjson

from tests.bench.scans import SECONDS, USERS, over_http, scans_of, send, show, steady, urls
from tests.bench.wire import Wire
from tests.oversight.streams import listening
from tests.test_serve import PASSWORD, Site
from tracetrack.platform.embedded import postgres

RATE = int(os.environ.get("RATE", "50"))
TURNS = 3
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


@dataclass
class Seen:
    """What one dashboard was told."""

    codes: dict[str, float] = field(default_factory=dict)
    """When it saw the event of each code."""
    scans: int = -1
    """The scans of today by its newest figures."""


async def watch(url: str, token: str, seen: Seen) -> None:
    """One dashboard: reads all that comes, and notes what it saw."""
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
                    seen.codes.setdefault(event["code"], now)
            elif kind == "summary":
                seen.scans = value["scans_today"]


async def until(true: Callable[[], bool]) -> float:
    """When it became true, within 5 s."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while not true():  # noqa: ASYNC110 - noted by another task
                await asyncio.sleep(0.002)
    return time.perf_counter()


def tell(name: str, delays: list[float]) -> None:
    cuts = statistics.quantiles(delays, n=100)
    print(
        f"scan to {name}: p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, max {max(delays):.0f} ms"
        f" of {len(delays)}"
    )


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
    alone: list[float] = []
    watched: list[float] = []
    for _ in range(TURNS):
        times = await steady(scanners, RATE, SECONDS)
        show("nobody watches", times, SECONDS)
        alone += times
        watchers = multiprocessing.get_context("spawn").Process(target=read_apart, args=(site.port, tokens))
        watchers.start()
        await asyncio.sleep(4)
        times = await steady(scanners, RATE, SECONDS)
        show(f"{DASHBOARDS} dashboards watch", times, SECONDS)
        watched += times
        watchers.kill()
        watchers.join()
    slow = [statistics.quantiles(times, n=100)[98] for times in (alone, watched)]
    print(
        f"p99 of all turns: {slow[0]:.1f} ms alone, {slow[1]:.1f} ms with {DASHBOARDS} dashboards,"
        f" ratio {slow[1] / slow[0]:.2f}"
    )
    seen = Seen()
    watching = asyncio.create_task(watch(url, tokens[0], seen))
    # The tallies of what came before are folded by then.
    await asyncio.sleep(3)
    events, figures = [], []
    for _ in range(100):
        code, scans = uuid4().hex, seen.scans
        began = time.perf_counter()
        await send(wires[1], "parent", {"code": code, "scan_id": str(uuid4())})
        shown = await until(lambda scans=scans: seen.scans > scans)  # type: ignore[misc]
        await until(lambda code=code: code in seen.codes)  # type: ignore[misc]
        events.append((seen.codes.get(code, began + 5) - began) * 1000)
        figures.append((shown - began) * 1000)
    watching.cancel()
    tell("event", events)
    tell("figures", figures)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tracetrack-bench-") as name:
        site = Site(Path(name), TRACETRACK_LOG_LEVEL="WARNING").until_ready()
        try:
            asyncio.run(measure(site, Path(name)))
        finally:
            site.stop()


if __name__ == "__main__":
    main()
