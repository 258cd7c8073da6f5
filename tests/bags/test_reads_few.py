"""A look-up reads the few scans that it shows, however many there are."""

from __future__ import annotations

from uuid import uuid4

import asyncpg

from tests.floor import Floor
from tracetrack.access.actor import Actor, Role
from tracetrack.bags import queries
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
