"""A bad wire between the site and each store, under fifty users.

Valkey may be slow, silent, reset or cut: nobody at a scanner notices. PostgreSQL may be: it is said
at once, honestly, and soon after it is back so is the site. Either way nothing that was promised
is lost. ``make soak`` gives each fault 30 seconds.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import TEMPLATE
from tests.lengths import assert_fast, figure, length
from tests.trust.meter import Meter, percentile, slowed
from tests.trust.proxy import Fault, Proxy, proxy
from tests.trust.record import Recorder, hold_to_account
from tests.trust.site import TrustSite, hire, site
from tests.trust.workload import Workload
from tracetrack.platform.embedded import postgres

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("SECONDS", length("2.5", "30")))
"""Of each fault, and of the fine weather before it."""
USERS = length(25, 50)
REST = length(0.25, 0.7)
"""Seconds between the acts of one: as quick hands have it, which two cores can follow beside these tests."""
DATABASE_LATE = 0.1
"""Seconds each way of a slow wire to PostgreSQL: a fifth for each question, as from another continent."""
FAULTS: tuple[Fault, ...] = ("slow", "silent", "reset", "cut")


class Weathered:
    """A site between two proxies, its users at work, and what they measured."""

    def __init__(self, running: TrustSite, work: Workload, meter: Meter, redis: Proxy, base: Proxy) -> None:
        self.running, self.work, self.meter = running, work, meter
        self.redis, self.base = redis, base

    async def while_(self, which: Proxy, fault: Fault) -> tuple[float, float]:
        """Let this be wrong for a while: from when to when."""
        which.turn(fault)
        since = time.monotonic()
        await asyncio.sleep(SECONDS)
        which.turn("fine")
        return since, time.monotonic()

    async def until_back(self) -> float:
        """Seconds until half a second passes without a refusal."""
        began = time.monotonic()
        while time.monotonic() - began < 30:
            since = time.monotonic()
            await asyncio.sleep(0.5)
            calls = self.meter.between(since, time.monotonic())
            if len(calls) > 5 and not any(call.status >= 500 for call in calls):
                return since - began
        pytest.fail("not back after 30 seconds")


@asynccontextmanager
async def weathered(server: postgres.Postgres, redis_url: str, folder: Path) -> AsyncIterator[Weathered]:
    name = "tracetrack_weather"
    server.drop_database(name)
    server.create_database(name, TEMPLATE)
    redis = urlsplit(redis_url)
    async with proxy(redis.port or 0) as to_redis, proxy(server.port, DATABASE_LATE) as to_base:
        settings = {
            "DATABASE_URL": server.url(postgres.APP, name).replace(f":{server.port}/", f":{to_base.port}/"),
            "TRACETRACK_MIGRATE_URL": server.url(postgres.OWNER, name),
            "REDIS_URL": redis_url.replace(f":{redis.port}/", f":{to_redis.port}/"),
            "TRACETRACK_WORKERS": "2",
        }
        started = site(folder, **settings)
        # In a thread: the proxies live in this loop.
        running = await asyncio.to_thread(started.__enter__)
        try:
            lines = await hire(running, USERS * 4 // 5, USERS - USERS * 4 // 5 - 1)
            meter = Meter()
            work = Workload(lines, Recorder(folder / "account.jsonl"), rest=REST)
            for line in lines:
                line.meter = meter
            working = asyncio.create_task(work.run(10**9))
            await asyncio.sleep(2)
            yield Weathered(running, work, meter, to_redis, to_base)
            work.over = True
            await working
            work.over = False
            await work.settle()
            work.recorder.close()
            assert work.recorder.answers["lost"] == 0, "somebody got no answer at all"
            owner = await running.owner()
            await hold_to_account(work.recorder.path, owner)
            await owner.close()
            for line in lines:
                line.hang_up()
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


async def test_a_bad_wire_to_valkey_is_not_noticed(
    server: postgres.Postgres, redis_url: str, tmp_path: Path
) -> None:
    async with weathered(server, redis_url, tmp_path) as site_:
        for fault in FAULTS:
            # Fine weather on both sides, so that a machine that grows busier is not taken for a fault.
            before, wrong, after = [
                await site_.while_(site_.redis, weather) for weather in ("fine", fault, "fine")
            ]
            await asyncio.sleep(0.5)
            fine, faulty, later = [site_.meter.between(*while_) for while_ in (before, wrong, after)]
            # What a machine that does other things too makes of two calm whiles.
            noise = max(map(abs, slowed(fine, later, least=20).values()), default=0.0)
            fine += later
            more = slowed(fine, faulty, least=20)
            figure(
                f"faults: valkey {fault}",
                f"valkey {fault}: {len(faulty)} answers, {Counter(c.status for c in faulty)},"
                f" p95 {percentile([c.seconds * 1000 for c in faulty], 0.95):.0f} ms"
                f" (fine {percentile([c.seconds * 1000 for c in fine], 0.95):.0f} ms), median slower by"
                f" {max(more.values()):.1f} ms at most ({max(more, key=lambda route: more[route])});"
                f" two fine whiles are {noise:.1f} ms apart",
            )
            # A busy machine refuses some in any weather, and says when to come again.
            shed = [call for call in faulty if call.status == 503 and call.retry_after]
            assert [call for call in faulty if call.status >= 500 and call not in shed] == []
            assert_fast(len(shed) / len(faulty), 0.001, "refused as busy, share")
            assert_fast(max(more.values()), 50 + noise, "slower by, ms")


async def test_a_bad_wire_to_postgresql_is_told_at_once_and_gets_well_by_itself(
    server: postgres.Postgres, redis_url: str, tmp_path: Path
) -> None:
    async with weathered(server, redis_url, tmp_path) as site_:
        for fault in FAULTS:
            wrong = await site_.while_(site_.base, fault)
            back = await site_.until_back()
            # Those that were still under way when it ended, too.
            faulty = site_.meter.between(*wrong)
            refused = [call for call in faulty if call.status >= 500]
            slowest, where = max(((call.seconds, call.route) for call in refused), default=(0.0, "nowhere"))
            figure(
                f"faults: postgresql {fault}",
                f"postgresql {fault}: {len(faulty)} answers, {Counter(c.status for c in faulty)},"
                f" 503 after {slowest:.2f} s at most ({where}), back in {back:.1f} s",
            )
            assert {call.status for call in refused} <= {503}
            assert all(call.retry_after and call.word == "busy" for call in refused)
            assert_fast(slowest, 2, f"refused at {where}, s")
            if fault != "slow":
                assert refused, "nothing was wrong"
            assert_fast(back, 10, "back, s")
        owner = await site_.running.owner()
        stuck = await owner.fetch(
            "select state, query from pg_stat_activity where usename = $1 and datname = current_database()"
            " and state <> 'idle' and state_change < now() - interval '10 s'",
            postgres.APP,
        )
        await owner.close()
        assert stuck == []
