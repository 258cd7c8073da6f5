"""A look-up reads the few scans that it shows, and few codes of others, however many there are."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.floor import Floor
from tracetrack.access.actor import Actor, Role
from tracetrack.bags import queries, service
from tracetrack.platform import db

SCANS = """
    insert into scans (scan_id, user_id, bag_id, parent_id, action, outcome, code, received_at)
    select gen_random_uuid(), 1, 1 + n % 2000, 10000 + n % 100, 'child', 'linked', 'C' || n,
           now() - make_interval(days => n % 60)
    from generate_series(1, 20000) n
"""
READ = """
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables
    where relname like 'scans%'
"""


async def test_the_scans_of_a_bag_are_found_by_its_index(floor: Floor, owner: asyncpg.Connection) -> None:
    await owner.execute(SCANS)
    await owner.execute("analyze scans")
    boss = Actor(1, "boss", Role.admin, None, uuid4(), False, "", "")
    async with db.transaction() as tx:
        as_itself = await queries.scans_page(tx, boss, bag_id=7, limit=10)
        as_parent = await queries.scans_page(tx, boss, bag_id=10_007, limit=10)
        read = (await tx.exec_driver_sql(READ)).scalar_one()
    assert (len(as_itself), len(as_parent)) == (10, 11)
    assert as_parent == sorted(as_parent, key=lambda scan: -scan["id"])
    # 20,000 twice where every scan is joined to what it names before the few are chosen.
    assert read < 1_000


CODES = """
    insert into bags (kind, code, area_id, created_by)
    select 'child', 'SB' || lpad(n::text, 6, '0'), $1, 1 from generate_series(1, 20000) n
"""
CODES_READ = (
    "select coalesce(idx_tup_fetch, 0) + seq_tup_read from pg_stat_xact_user_tables where relname = 'bags'"
)


async def test_few_codes_of_other_areas_are_looked_at(floor: Floor, owner: asyncpg.Connection) -> None:
    await owner.execute(CODES, floor.areas["South"])
    await floor.north.post("/scans/parent", {"code": "SB010000A"})
    await floor.north.post(
        "/scans/children", {"parent_code": "SB010000A", "codes": ["SB010000B", "SB010001C"]}
    )
    await owner.execute("analyze bags")
    north = Actor(floor.north.id, "north", Role.dispatcher, floor.areas["North"], uuid4(), False, "", "")
    for ask in (
        lambda tx: queries.codes_that_begin(tx, north, "SB", 8),
        lambda tx: queries.codes_that_begin(tx, north, "SB", 8, "child"),
        lambda tx: queries.codes_beside(tx, north, "SB000600"),
    ):
        async with db.transaction() as tx:
            # What the connection read before may not be told yet.
            before = (await tx.exec_driver_sql(CODES_READ)).scalar_one()
            assert await ask(tx) == []
            read = (await tx.exec_driver_sql(CODES_READ)).scalar_one() - before
        # 20,000 where others' codes are passed over one by one until his own come.
        assert 500 <= read <= 1_100
    # Near what he reads off a label his own are found.
    unknown = (await floor.north.get("/bags/lookup", code="SB010000XYZ")).json()
    assert unknown["did_you_mean"] == ["SB010000A", "SB010000B"]
    assert (await floor.north.get("/bags/suggest", q="sb01000")).json() == [
        *("SB010000A", "SB010000B", "SB010001C")
    ]
    assert (await floor.north.get("/bags/suggest", q="sb01000", kind="parent")).json() == ["SB010000A"]


async def test_an_unknown_code_costs_a_few_statements_however_long_it_is(floor: Floor) -> None:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        answer = await floor.north.get("/bags/lookup", code="7" * 128)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert (answer.status_code, answer.json()["did_you_mean"]) == (404, [])
    # The session's and the look-up's own are among them.
    assert 3 <= len(statements) <= 12, statements


async def test_what_a_code_may_have_meant_is_not_waited_for(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await floor.north.scan_parent("SB00012")

    async def for_long(tx: AsyncConnection, *_: object) -> list[str]:
        await tx.execute(text("select pg_sleep(4)"))
        return ["SB00012"]

    monkeypatch.setattr(service.queries, "codes_beside", for_long)
    answer = await floor.north.get("/bags/lookup", code="SB00099999")
    assert (answer.status_code, answer.json()["did_you_mean"]) == (404, [])
    monkeypatch.undo()
    answer = await floor.north.get("/bags/lookup", code="SB00099999")
    assert answer.json()["did_you_mean"] == ["SB00012"]
