"""Every row is accounted for, and the database is what a small model says it must be."""

from __future__ import annotations

import asyncio
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, given, settings

from tests.floor import Floor
from tests.imports.files import accounted, finished, upload
from tests.imports.model import Warehouse, expected
from tests.lengths import length

FILES = length(40, 1_000)
"""How many files; 1,000 in ``make soak``."""

CODES = st.sampled_from(
    [
        None,
        *"ABCDEF",
        *"abc",
        "P1",
        "p1",
        "P 2",
        "é1",
        "É1",
        "Ω-9",
        "ω-9",
        "0007",
        "7",
        "दो-2",
        "=1+1",
        "@x",
        "'-z",
    ]
)
ROWS = st.lists(st.tuples(CODES, CODES), min_size=1, max_size=25)
STORY = st.tuples(ROWS, ROWS, st.lists(st.sampled_from(["A", "B", "P1"]), max_size=2))


def as_csv(rows: list[tuple[str | None, str | None]]) -> bytes:
    def cell(code: str | None) -> str:
        # As our own exports write it.
        return "" if code is None else f"'{code}" if code.lstrip("'")[:1] in tuple("=+-@") else code

    return "".join(f"{cell(p)};{cell(c)}\n" for p, c in [("parent", "child"), *rows]).encode()


async def _import(floor: Floor, rows: list[tuple[str | None, str | None]], dry_run: bool) -> dict[str, Any]:
    answer = await upload(floor.admin, as_csv(rows), "bags.csv", confirm=True, dry_run=dry_run)
    assert answer.status_code == 202, answer.text
    return await finished(floor.admin, answer.json()["id"])


async def _clear(floor: Floor) -> None:
    await floor.owner.execute(
        "truncate bags, empty_parents, bills, audit_events, import_report, imports restart identity cascade"
    )


async def _play(floor: Floor, story: Any) -> None:
    first, second, dispatched = story
    await _clear(floor)
    house = Warehouse()
    for rows in (first, second):
        wanted = expected(house, rows)
        for dry_run in (True, False):
            done = await _import(floor, rows, dry_run)
            if not sum(wanted.values()):
                assert (done["state"], done["error_code"]) == ("failed", "file_no_rows")
                break
            assert done["state"] == "completed", done
            assert accounted(done), done
            got = {
                "linked": done["links_created"],
                "registered": done["parents_alone"],
                "skipped": done["duplicates_skipped"],
                "refused": done["rejected"],
            }
            assert got == wanted, (dry_run, rows)
        found = {
            row["code"]: (row["kind"], row["parent"])
            for row in await floor.owner.fetch(
                "select lower(b.code) as code, b.kind, lower(p.code) as parent"
                " from bags b left join bags p on p.id = b.parent_id"
            )
        }
        assert found == {code: (kind, house.inside.get(code)) for code, kind in house.kinds.items()}
        assert await floor.true_counts()
        # Between the two files some parents leave the house.
        for code in dispatched:
            if house.kinds.get(code.lower()) == "parent":
                house.locked.add(code.lower())
                await floor.owner.execute(
                    "insert into bills (number, created_by) values ('B', $1) on conflict do nothing",
                    floor.admin.id,
                )
                await floor.owner.execute(
                    "begin; update bills set completed_at = null;"
                    f" update bags set bill_id = (select id from bills) where lower(code) = '{code.lower()}'"
                    " and bill_id is null;"
                    " update bags set dispatched_at = null where dispatched_at is not null;"
                    " update bills set completed_at = now();"
                    " update bags set dispatched_at = now() where bill_id is not null; commit"
                )


async def test_the_rows_of_any_file_are_accounted_for(floor: Floor) -> None:
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=FILES // 2,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        derandomize=FILES < 1000,
        suppress_health_check=list(HealthCheck),
    )
    @given(STORY)
    def play(story: Any) -> None:
        asyncio.run_coroutine_threadsafe(_play(floor, story), loop).result(120)

    await asyncio.to_thread(play)
