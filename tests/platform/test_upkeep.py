"""What is done once a day: partitions ahead of time, old receipts and sessions forgotten."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.floor import Floor
from tracetrack.app import UPKEEP
from tracetrack.platform.embedded import postgres
from tracetrack.platform.upkeep import Chore, do_chores, keep_up

SCAN = (
    "insert into scans (scan_id, user_id, action, outcome, code, received_at)"
    " values (gen_random_uuid(), 1, 'parent', 'created', $1, $2) returning id"
)
EVENT = "insert into audit_events (action, subject_type, subject_code, at) values ('x', 'bag', $1, $2)"
WHERE = "select tableoid::regclass::text from {} where {} = $1"


@pytest.fixture
async def scratch(server: postgres.Postgres) -> AsyncIterator[dict[str, asyncpg.Connection]]:
    """A database of its own, as its owner and as the application."""
    server.create_database("tracetrack_partitions", "tracetrack_template")
    people = {
        role: await asyncpg.connect(server.url(role, "tracetrack_partitions"))
        for role in (postgres.OWNER, postgres.APP)
    }
    # The template may have been made in the month before.
    await people[postgres.APP].fetchval("select keep_partitions()")
    for parent in ("scans", "audit_events"):
        await people[postgres.OWNER].execute(f"drop table if exists {part(parent, -1)}")
    yield people
    for connection in people.values():
        await connection.close()
    server.drop_database("tracetrack_partitions")


def month(ahead: int, day: int = 15) -> dt.datetime:
    now = dt.datetime.now(dt.UTC)
    months = now.year * 12 + now.month - 1 + ahead
    return dt.datetime(months // 12, months % 12 + 1, day, 12, tzinfo=dt.UTC)


def part(parent: str, ahead: int) -> str:
    return f"{parent}_{month(ahead):%Y_%m}"


async def test_this_month_and_the_two_that_follow_are_there(scratch: dict[str, asyncpg.Connection]) -> None:
    app = scratch[postgres.APP]
    for parent in ("scans", "audit_events"):
        for ahead in (0, 1, 2):
            assert await app.fetchval("select to_regclass($1) is not null", part(parent, ahead))
    assert await app.fetchval("select keep_partitions()") == 0


async def test_rows_of_a_month_that_was_missing_move_to_it_and_none_is_lost(
    scratch: dict[str, asyncpg.Connection],
) -> None:
    app, owner = scratch[postgres.APP], scratch[postgres.OWNER]
    for parent in ("scans", "audit_events"):
        await owner.execute(f"drop table {part(parent, 1)}, {part(parent, 0)}")
    # The last month was never there: workers that were off for a while, or a clock that was wrong.
    for ahead in (-1, 0, 1):
        for n in range(50):
            await app.fetchval(SCAN, f"S{ahead}-{n}", month(ahead))
            await app.execute(EVENT, f"E{ahead}-{n}", month(ahead))
        # Midnight and the last moment of a month are in it.
        await app.fetchval(SCAN, f"first{ahead}", month(ahead, 1).replace(hour=0))
        last = month(ahead + 1, 1).replace(hour=0) - dt.timedelta(microseconds=1)
        await app.fetchval(SCAN, f"last{ahead}", last)
    before = await owner.fetch("select * from scans order by id")
    events = await owner.fetch("select * from audit_events order by id")
    assert await owner.fetchval("select count(*) from scans_default") == 156

    assert await app.fetchval("select keep_partitions()") == 6
    assert await owner.fetch("select * from scans order by id") == before
    assert await owner.fetch("select * from audit_events order by id") == events
    for parent in ("scans", "audit_events"):
        assert await owner.fetchval(f"select count(*) from {parent}_default") == 0
    for ahead in (-1, 0, 1):
        for code in (f"S{ahead}-7", f"first{ahead}", f"last{ahead}"):
            assert await owner.fetchval(WHERE.format("scans", "code"), code) == part("scans", ahead)

    # What comes next has a new id and lands there, with every index of the others, and stays for ever.
    assert await app.fetchval(SCAN, "next", month(0)) > max(row["id"] for row in before)
    assert await owner.fetchval(WHERE.format("scans", "code"), "next") == part("scans", 0)
    index_count = "select count(*) from pg_index where indrelid = $1::regclass"
    assert len({await owner.fetchval(index_count, part("scans", ahead)) for ahead in (-1, 0, 1, 2)}) == 1
    for statement in ("delete from {}", "update {} set code = 'x'", "truncate {}", "select from {}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement.format(part("scans", 0)))


async def test_scans_go_on_while_a_partition_is_made(
    server: postgres.Postgres, scratch: dict[str, asyncpg.Connection]
) -> None:
    app, owner = scratch[postgres.APP], scratch[postgres.OWNER]
    await owner.execute(f"drop table {part('scans', 0)}")
    url = server.url(postgres.APP, "tracetrack_partitions")
    pool = await asyncpg.create_pool(url, min_size=8, max_size=8)
    going = True

    async def scanning() -> int:
        count = 0
        while going:
            await pool.fetchval(SCAN, f"while-{count}", month(0))
            count += 1
        return count

    workers = [asyncio.create_task(scanning()) for _ in range(8)]
    await asyncio.sleep(0.3)
    assert await app.fetchval("select keep_partitions()") == 1
    await asyncio.sleep(0.3)
    going = False
    written = sum(await asyncio.gather(*workers))
    await pool.close()
    assert written > 100
    assert await owner.fetchval("select count(*) from scans") == written
    assert await owner.fetchval("select count(*) from scans_default") == 0


async def test_old_receipts_and_sessions_are_forgotten_and_young_ones_kept(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.owner.execute("""
        insert into scan_receipts (scan_id, user_id, received_at, request)
        select gen_random_uuid(), 1, now() - interval '7 days 1 minute', gen_random_uuid()
        from generate_series(1, 12000);
        insert into scan_receipts (scan_id, user_id, received_at, request)
        values (gen_random_uuid(), 1, now() - interval '6 days 23 hours', gen_random_uuid());
        insert into sessions (user_id, expires_at)
        select id, now() - interval '2 days' from users, generate_series(1, 600);
        insert into refresh_tokens (token_hash, session_id)
        select sha256(n::text::bytea), (select min(id::text)::uuid from sessions where expires_at < now())
        from generate_series(1, 12000) n;
    """)
    done = await do_chores(UPKEEP)
    assert done == {
        "partitions": 0,
        "receipts_forgotten": 12_000,
        "sessions_ended": 0,
        "refresh_tokens_forgotten": 12_000,
        "sessions_forgotten": 2_400,
        "registrations_forgotten": 0,
        "tries_forgotten": 0,
        "search_mended": 0,
        "minutes_forgotten": 0,
        "alerts_forgotten": 0,
        "audit_forgotten": 0,
        "answers_forgotten": 0,
        "questions_forgotten": 0,
        "shapes_forgotten": 0,
    }
    assert await floor.owner.fetchval("select count(*) from scan_receipts") == 2
    assert (await floor.north.get("/auth/me")).status_code == 200
    assert (await do_chores(UPKEEP))["receipts_forgotten"] == 0


async def test_one_worker_at_a_time(floor: Floor) -> None:
    async with floor.owner.transaction():
        await floor.owner.execute("select pg_advisory_xact_lock(hashtext('tracetrack upkeep'))")
        assert await do_chores(UPKEEP) == {}
    assert "partitions" in await do_chores(UPKEEP)


async def test_one_chore_that_fails_does_not_stop_the_others(floor: Floor) -> None:
    chores = [
        Chore("wrong", "select 1 / (random() * 0)::int"),
        *(chore for chore in UPKEEP if chore.name == "sessions_forgotten"),
    ]
    await floor.owner.execute(
        "insert into sessions (user_id, expires_at) select min(id), now() - interval '2 days' from users"
    )
    with pytest.raises(ExceptionGroup):
        await do_chores(chores)
    assert not await floor.owner.fetchval("select count(*) from sessions where expires_at < now()")


async def test_it_comes_every_day_and_sooner_after_a_failure(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("tracetrack.platform.upkeep.asyncio.sleep", noted)
    chores = [Chore("right", "select 1"), Chore("wrong", "select 1 / (random() * 0)::int")]
    for tried, expected in ((chores[:1], 1_000), (chores, 10)):
        waits.clear()
        task = asyncio.create_task(keep_up(tried, first=100, every=1_000, again=10))
        async with asyncio.timeout(10):
            while len(waits) < 4:
                await sleep(0.01)
        task.cancel()
        await asyncio.wait((task,))
        assert 50 <= waits[0] <= 150
        assert all(0.5 * expected <= wait <= 1.5 * expected for wait in waits[1:])
        assert len(set(waits)) == len(waits)


async def test_the_workers_do_it(application: Any) -> None:
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks() if task.get_coro()}
    assert "keep_up" in names
