"""One box finds bags by any part of a code, bills and people; at once, and in one's area only."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.floor import Floor, Person
from tracetrack.bags.search import UPKEEP, fill
from tracetrack.platform.upkeep import do_chores
from tracetrack.settings import Settings


async def codes(person: Person, q: str) -> list[str]:
    answer = await person.get("/search", q=q)
    assert answer.status_code == 200, answer.text
    return [bag["code"] for bag in answer.json()["bags"]]


async def listed(person: Person, **query: Any) -> list[str]:
    answer = await person.get("/bags", **query)
    assert answer.status_code == 200, answer.text
    return [bag["code"] for bag in answer.json()["items"]]


async def settle() -> None:
    """Two rounds: what is there is seen, and then taken over."""
    await fill()
    await fill()


async def test_exact_then_beginning_then_inside_and_before_the_index_has_it_too(floor: Floor) -> None:
    for code in ("XX-ABC-9", "ABC", "ABC-1", "zabcz", "OTHER", "100%_\\sure"):
        await floor.north.scan_parent(code)
    for _ in range(2):
        assert await codes(floor.north, "abc") == ["ABC", "ABC-1", "zabcz", "XX-ABC-9"]
        assert await codes(floor.north, "%_\\s") == ["100%_\\sure"]
        assert await codes(floor.north, "a%c") == []
        assert await codes(floor.north, "ab") == ["ABC", "ABC-1"]
        await settle()
    assert await floor.owner.fetchval("select count(*) from bag_search") == 6


async def test_lists_page_through_what_has_a_part_and_keep_their_filters(floor: Floor) -> None:
    for number in range(12):
        await floor.north.scan_parent(f"PART-{number:02}")
        if number == 7:
            await settle()
    await floor.north.scan_child("PART-00", "C-PART-X")
    assert await listed(floor.north, q="art-", kind="child") == ["C-PART-X"]
    assert await listed(floor.north, q="part", area_id=floor.areas["South"]) == []
    assert await listed(floor.biller, q="part-1", state="open", area_id=floor.areas["North"]) == [
        "PART-11",
        "PART-10",
    ]
    for sort in ("newest", "oldest", "code"):
        whole = await listed(floor.north, q="part-", sort=sort, limit=200)
        paged, cursor = [], None
        while True:
            page = (await floor.north.get("/bags", q="part-", sort=sort, limit=5, cursor=cursor)).json()
            paged += [bag["code"] for bag in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert paged == whole
        assert len(paged) == 13
    since = "2100-01-01T00:00:00Z"
    assert await listed(floor.north, q="part", **{"from": since}) == []


async def test_another_areas_bags_and_bills_are_not_found_and_users_by_admins_only(floor: Floor) -> None:
    await floor.north.scan_parent("SECRET-1")
    await floor.biller.post("/bills", {"number": "SECRET-B", "area_id": floor.areas["North"]})
    for _ in range(2):
        found = (await floor.south.get("/search", q="secret")).json()
        assert found == {"bags": [], "bills": [], "users": []}
        found = (await floor.biller.get("/search", q="SECRET")).json()
        assert ([b["number"] for b in found["bills"]], found["users"]) == (["SECRET-B"], [])
        await settle()
    assert [u["username"] for u in (await floor.admin.get("/search", q="ORT")).json()["users"]] == ["north"]


async def test_a_new_label_and_a_deleted_bag_are_followed(floor: Floor) -> None:
    bag = (await floor.north.scan_parent("OLDNAME")).json()["bag"]
    await settle()
    await floor.north.post(f"/bags/{bag['id']}/label", {"code": "FRESHNAME"})
    if await codes(floor.north, "eshna"):
        assert await listed(floor.north, q="ldna") == []
    await floor.admin.delete(f"/bags/{bag['id']}")
    assert await codes(floor.north, "eshna") == await codes(floor.north, "ldna") == []
    assert await floor.owner.fetchval("select count(*) from bag_search") == 0


async def test_a_bag_that_is_committed_late_is_found_all_the_same(floor: Floor, settings: Settings) -> None:
    assert settings.migrate_url is not None
    late = await asyncpg.connect(settings.migrate_url.get_secret_value())
    transaction = late.transaction()
    await transaction.start()
    await late.execute(
        "insert into bags (code, kind, area_id, created_by) values ('LATECOMER', 'child', $1, $2)",
        floor.areas["North"],
        floor.north.id,
    )
    await floor.north.scan_parent("EARLYBIRD")
    await settle()
    await transaction.commit()
    await late.close()
    assert await codes(floor.north, "ecome") == ["LATECOMER"]
    await settle()
    await settle()
    assert await codes(floor.north, "ecome") == ["LATECOMER"]
    assert await codes(floor.north, "rlybi") == ["EARLYBIRD"]
    assert await floor.owner.fetchval("select count(*) from bag_search") == 2


async def test_what_an_accident_took_from_the_index_is_put_right(floor: Floor) -> None:
    await floor.north.scan_parent("ACCIDENT")
    await asyncio.gather(settle(), settle())
    await settle()
    await floor.owner.execute("delete from bag_search")
    assert await do_chores(UPKEEP) == {"search_mended": 1}
    assert await codes(floor.north, "ccide") == ["ACCIDENT"]


READ = """
    select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables
    where relname in ('bags', 'bag_search')"""
WALK = 5_000
"""How far a search walks before it asks the trigrams."""


async def test_a_part_that_only_old_bags_have_is_found_by_its_trigrams(floor: Floor) -> None:
    """And one that is everywhere by a short walk; neither reads all bags, as walking on would."""
    owner, young, old = floor.owner, 60_000, 1_000
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute("alter table bags disable trigger user")
        for mark, number in (("OLD", old), ("NEW", young)):
            await owner.execute(
                "insert into bags (code, kind, area_id, created_by)"
                " select $1 || '-' || lpad(n::text, 7, '0'), 'child', $2, $3"
                " from generate_series(1, $4::int) n",
                mark,
                floor.areas["North"],
                floor.north.id,
                number,
            )
        await owner.execute("insert into bag_search select id, lower(code) from bags")
        await owner.execute("update bag_search_progress set indexed_to = (select max(id) from bags)")
        await owner.execute("analyze bags; analyze bag_search")

        async def search(part: str, sort: str = "newest", area: int | None = None) -> tuple[list[str], int]:
            before = await owner.fetchval(READ)
            rows = await owner.fetch(
                "select b.code from bags_containing($1, $2, null, null, null, null, null, $3, null, 5)"
                " with ordinality c (id, place) join bags b using (id) order by place",
                part,
                area,
                sort,
            )
            return [row[0] for row in rows], await owner.fetchval(READ) - before

        for sort, wanted in (("newest", "OLD-0001000"), ("oldest", "OLD-0000001"), ("code", "OLD-0000001")):
            found, read = await search("old-", sort)
            assert (found[0], len(found)) == (wanted, 5)
            assert read < WALK + 3 * old, sort
        assert (await search("old-", area=floor.areas["South"]))[0] == []
        found, read = await search("ew-00")
        assert (found[0], read < WALK + 100) == ("NEW-0060000", True)
        # Once in the first walk, so the page is full a little further on.
        assert (await search("7777"))[0] == [f"NEW-00{n}7777" for n in (5, 4, 3, 2, 1)]
        # A control: walking on until five are found reads nearly everything.
        before = await owner.fetchval(READ)
        await owner.execute("set local enable_seqscan = off; set local enable_bitmapscan = off")
        await owner.fetch("select id from bags where lower(code) like '%old-%' order by id desc limit 5")
        assert await owner.fetchval(READ) - before > young
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("q", ["\u0000", "a\u202eb", "x" * 129, ""])
async def test_what_can_be_no_name_is_refused(floor: Floor, q: str) -> None:
    assert (await floor.north.get("/search", q=q)).status_code == 422
