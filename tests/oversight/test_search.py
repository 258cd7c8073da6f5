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


@pytest.mark.parametrize("q", ["\u0000", "a\u202eb", "x" * 129, ""])
async def test_what_can_be_no_name_is_refused(floor: Floor, q: str) -> None:
    assert (await floor.north.get("/search", q=q)).status_code == 422
