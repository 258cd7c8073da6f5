"""Merging takes work in proportion to the rows, whatever they say."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import pytest

from tests.floor import Floor
from tests.imports.files import accounted, links, rows_in, told
from tests.imports.workbooks import Rows

FEW, MANY = 500, 4_000

Pairs = Callable[[int], list[tuple[str, str]]]

SHAPES: dict[str, Pairs] = {
    "each its own parent": lambda rows: [(f"SELF{n}", f"SELF{n}") for n in range(rows)],
    "one long chain": lambda rows: [(f"B{n}", f"B{n + 1}") for n in range(rows)],
    "pallet, box, bag": lambda rows: [
        pair
        for n in range(rows // 4)
        for pair in (
            (f"PALLET{n // 10}", f"BOX{n}"),
            *((f"BOX{n}", f"BAG{n}-{at}") for at in range(3)),
        )
    ],
    "two parents for each child": lambda rows: [(f"P{n % 2}-{n // 50}", f"C{n // 2}") for n in range(rows)],
}


async def rows_read(owner: asyncpg.Connection, user: int, kind: str, pairs: list[tuple[str, str]]) -> int:
    """Rows of the two staging tables that a merge reads; nothing of it stays."""
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute("select import_begin()")
        holders = {parent.lower(): at for at, parent in enumerate(dict.fromkeys(p for p, _ in pairs), 1)}
        await owner.copy_records_to_table(
            "import_holders",
            records=[(at, parent.upper()) for parent, at in holders.items()],
            columns=["p", "code"],
        )
        await owner.copy_records_to_table(
            "import_stage",
            records=[(n, holders[p.lower()], c) for n, (p, c) in enumerate(pairs, 1)],
            columns=["n", "p", "code"],
        )
        actor = (user, None, None, None, None)
        if kind == "bills":
            await owner.fetchrow("select * from import_bills(1, $1::floor_actor, null)", actor)
        else:
            await owner.execute("select import_parents(1, $1, null, false)", user)
            await owner.execute("select import_repeats(false)")
            await owner.fetchrow("select * from import_children(1, $1::floor_actor, 0, 100000, false)", actor)
            await owner.fetchrow("select * from import_rest(1, $1::floor_actor)", actor)
            await owner.fetchrow("select * from import_lone_parents(1, $1::floor_actor)", actor)
        return int(
            await owner.fetchval(
                "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables"
                " where relname in ('import_stage', 'import_holders')"
            )
        )
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("kind", ["bags", "bills"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_eight_times_the_rows_are_eight_times_the_work(floor: Floor, kind: str, shape: str) -> None:
    user = floor.admin.id
    if kind == "bills":
        # Parents that are there, so that each row is looked at to the end.
        for _, child in SHAPES[shape](MANY):
            await floor.owner.execute(
                "insert into bags (kind, code, bag_type_id, created_by) select 'parent', $1, id, $2"
                " from bag_types where is_default on conflict do nothing",
                child,
                user,
            )
    few, many = [await rows_read(floor.owner, user, kind, SHAPES[shape](rows)) for rows in (FEW, MANY)]
    assert many <= few * (MANY / FEW) * 1.5, f"{few / FEW:.0f} -> {many / MANY:.0f} rows read for each row"


async def test_of_rows_that_are_parent_and_child_the_first_that_counts_decides(floor: Floor) -> None:
    rows: Rows = [
        ["parent", "child"],
        ["SELF1", "SELF1"],  # 2 in itself
        ["PALLET", "BOX1"],  # 3 makes BOX1 a child
        ["BOX1", "BAG1"],  # 4 so it holds nothing
        ["BOX2", "BAG2"],  # 5 makes BOX2 a parent
        ["PALLET", "BOX2"],  # 6 so it is in nothing
        ["SELF1", "BAG3"],  # 7 the refused row decided nothing
    ]
    done = await rows_in(floor.admin, rows)
    assert await told(floor.admin, done["id"]) == [
        (2, "refused", "bag_is_parent"),
        (4, "refused", "bag_is_child"),
        (6, "refused", "bag_is_parent"),
    ]
    assert await links(floor) == {"BOX1": "PALLET", "BAG2": "BOX2", "BAG3": "SELF1"}
    assert accounted(done)
    assert await floor.true_counts()
