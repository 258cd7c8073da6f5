"""Figures over several workers: one's own acts at once, others' within a second, nobody else's ever.

So it is with Redis up, gone, silent and back. What is remembered is tried itself in
``tests/platform/test_cache.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import TEMPLATE
from tests.lengths import assert_fast, figure, length
from tests.trust.line import Line
from tests.trust.proxy import Fault, proxy
from tests.trust.site import TrustSite, hire, site
from tracetrack.platform.embedded import postgres

pytestmark = pytest.mark.slow

WORKERS = 4
ROUNDS = length(3, 10)
"""Of acts in each weather."""
READS = length(1_000, 10_000)
WITHIN_SECONDS = 1.0
WEATHER: tuple[Fault, ...] = ("fine", "reset", "silent", "fine")


async def parents(line: Line) -> int:
    """The open parents that the dashboard tells this person of."""
    answer = await line.insist("GET", "/dashboard/summary")
    assert answer.status == 200, answer.body
    return int(answer.said["parents"].get("open", 0))


def devices(running: TrustSite, person: Line, number: int) -> list[Line]:
    """More devices of one who is signed in; each has a connection, so they meet several workers."""
    return [Line(running.port, person.username, token=person.token) for _ in range(number)]


async def until_told(line: Line, count: int) -> float:
    """Seconds until this device is told of so many open parents."""
    began = time.monotonic()
    while (told := await parents(line)) != count:
        assert time.monotonic() - began < 5, f"told of {told}, not {count}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_figures_are_fresh_and_ones_own_whatever_redis_does(
    server: postgres.Postgres, redis_url: str, tmp_path: Path
) -> None:
    name = "tracetrack_fresh"
    server.drop_database(name)
    server.create_database(name, TEMPLATE)
    redis = urlsplit(redis_url)
    async with proxy(redis.port or 0) as wire:
        started = site(
            tmp_path,
            DATABASE_URL=server.url(postgres.APP, name),
            TRACETRACK_MIGRATE_URL=server.url(postgres.OWNER, name),
            REDIS_URL=redis_url.replace(f":{redis.port}/", f":{wire.port}/"),
            TRACETRACK_WORKERS=str(WORKERS),
        )
        # In a thread: the proxy lives in this loop.
        running = await asyncio.to_thread(started.__enter__)
        try:
            north, south, admin = await hire(running, 2, 0)
            mine, watchers = devices(running, north, 8), devices(running, admin, 8)
            code, made, latest = itertools.count(1), 0, 0.0
            for weather in WEATHER:
                wire.turn(weather)
                for _ in range(ROUNDS):
                    # Everybody's figures are remembered when the act comes.
                    assert {await parents(line) for line in (*mine, *watchers)} == {made}
                    scan = await north.insist("POST", "/scans/parent", {"code": f"FRESH-{next(code)}"})
                    assert scan.status == 200, scan.body
                    made += 1
                    # On whatever device he looks.
                    assert await asyncio.gather(*map(parents, mine)) == [made] * len(mine)
                    told = await asyncio.gather(*(until_told(line, made) for line in watchers))
                    latest = max(latest, *told)
                    assert await parents(south) == 0
                # So long ago that it is no longer one's own late act.
                await asyncio.sleep(0.1)
            figure(
                "freshness: figures",
                f"at most {latest * 1000:.0f} ms late over {WORKERS} workers",
            )
            assert_fast(latest, WITHIN_SECONDS, "figures of others, s late")
            wire.turn("fine")
            await nobody_is_told_of_another_area(running)
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


async def nobody_is_told_of_another_area(running: TrustSite) -> None:
    """Twenty people of four areas, who often hang up, read figures that differ from area to area."""
    owner = await running.owner()
    try:
        areas = [
            await owner.fetchval("insert into areas (name) values ($1) returning id", f"Own {n}")
            for n in range(4)
        ]
        people = [(f"own-{n}", areas[n % 4]) for n in range(20)]
        await owner.executemany(
            "insert into users (username, role, area_id, password_hash) select $1, 'dispatcher', $2,"
            " (select password_hash from users where username = 'admin-0')",
            people,
        )
        for number, area in enumerate(areas, 1):
            await owner.execute(
                "insert into bags (code, kind, area_id, bag_type_id, created_by)"
                " select $2 || '-' || n, 'parent', $1, 1, 1 from generate_series(1, $3) n",
                area,
                f"OWN{number}",
                number,
            )
    finally:
        await owner.close()
    wanted = {area: number for number, area in enumerate(areas, 1)}
    dice = random.Random(11)
    foreign = read = hung_up = 0

    async def reads(username: str, area: int) -> None:
        nonlocal foreign, read, hung_up
        line = Line(running.port, username)
        await line.sign_in()
        for _ in range(READS // len(people)):
            if dice.random() < 0.05:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(dice.random() * 0.01):
                        await parents(line)
                hung_up += 1
                line.hang_up()
                continue
            foreign += await parents(line) != wanted[area]
            read += 1
        line.hang_up()

    await asyncio.gather(*(reads(*person) for person in people))
    figure(
        "freshness: areas",
        f"{read} figures read and {hung_up} hung up on by {len(people)} people of 4 areas: {foreign} foreign",
    )
    assert foreign == 0
    assert read > READS * 0.8
