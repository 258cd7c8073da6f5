"""Supervisors' lists: what a shift left behind and what it did; each area its own, and fast."""

from __future__ import annotations

import datetime as dt
import random
import re
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.exports.test_exports import from_csv, from_xlsx
from tests.floor import Floor, Person
from tracetrack.oversight.lists.service import shifts_of

KOLKATA = ZoneInfo("Asia/Kolkata")


async def listed(person: Person, which: str, **query: Any) -> list[dict[str, Any]]:
    """Everything on a list, page by page."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = await person.get(f"/lists/{which}", limit=2, cursor=cursor, **query)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if (cursor := answer.json()["next_cursor"]) is None:
            return items


async def codes(person: Person, which: str, **query: Any) -> list[str]:
    return [item["code"] for item in await listed(person, which, **query)]


async def pack(person: Person, parent: str, *children: str) -> int:
    bag = (await person.scan_parent(parent)).json()["bag"]
    for child in children:
        assert (await person.scan_child(parent, child)).json()["outcome"] == "linked"
    return int(bag["id"])


async def test_parents_left_open_are_told_with_who_was_last_at_them(floor: Floor) -> None:
    other = await floor.person("night", "dispatcher", "North")
    done = await pack(floor.north, "DONE", "D1")
    await floor.north.post(f"/bags/{done}/complete")
    await pack(floor.north, "P1", "A1", "A2")
    await pack(floor.north, "P2", "B1")
    await other.scan_child("P1", "A3")
    await pack(floor.south, "S1", "SA")
    found = await listed(floor.north, "left-open")
    assert [(bag["code"], bag["child_count"], bag["last_scan_by"]["username"]) for bag in found] == [
        ("P1", 3, "night"),
        ("P2", 1, "north"),
    ]
    assert await codes(floor.biller, "left-open") == ["S1", "P1", "P2"]
    assert await codes(floor.biller, "left-open", area_id=floor.areas["South"]) == ["S1"]
    assert await codes(floor.south, "left-open", area_id=floor.areas["North"]) == []


async def test_a_shift_is_told_of_what_was_touched_in_it_though_opened_before(floor: Floor) -> None:
    await pack(floor.north, "OLD", "O1")
    await pack(floor.north, "BEFORE", "B1")
    await floor.owner.execute(
        "update scans set received_at = received_at - interval '20 hours'"
        " where code in ('BEFORE', 'B1', 'OLD')"
    )
    now = dt.datetime.now(dt.UTC)

    async def between(since: float, until: float) -> list[str]:
        hours = {"from": now + dt.timedelta(hours=since), "to": now + dt.timedelta(hours=until)}
        return await codes(floor.north, "left-open", **{k: v.isoformat() for k, v in hours.items()})

    assert await between(-1, 1) == ["OLD"]
    assert sorted(await between(-24, -1)) == ["BEFORE", "OLD"]
    too_long = await floor.north.get("/lists/left-open", **{"from": "2020-01-01T00:00:00Z"})
    assert (too_long.status_code, too_long.json()["code"]) == (422, "invalid")


async def test_empty_parents_and_those_on_no_bill_change_lists_as_they_are_packed(floor: Floor) -> None:
    first = await pack(floor.north, "P1", "C1")
    await pack(floor.north, "P2")
    await pack(floor.south, "S1")
    assert await codes(floor.biller, "empty") == ["S1", "P2"]
    assert await codes(floor.north, "unbilled") == ["P1"]
    child = await floor.north.bag("C1")
    await floor.north.post(f"/bags/{child['id']}/move", {"parent_code": "P2"})
    assert (await codes(floor.north, "empty"), await codes(floor.north, "unbilled")) == (["P1"], ["P2"])
    assert (await floor.admin.delete(f"/bags/{first}")).status_code == 204
    assert await codes(floor.north, "empty") == []
    bill = (await floor.biller.post("/bills", {})).json()["id"]
    await floor.biller.post(f"/bills/{bill}/bags", {"code": "P2"})
    assert await codes(floor.biller, "unbilled") == []
    assert await codes(floor.south, "empty", to="2020-01-01T00:00:00Z") == []
    assert await codes(floor.south, "empty") == ["S1"]


EMPTY = "select id from bags where kind = 'parent' and child_count = 0"


async def test_after_random_acts_the_list_of_empty_parents_equals_the_rows(floor: Floor) -> None:
    dice = random.Random(7)
    ids: dict[str, int] = {}
    for _ in range(150):
        parent, child = f"P{dice.randrange(6)}", f"C{dice.randrange(12)}"
        act = dice.choice(("parent", "child", "child", "move", "unlink", "delete"))
        if act == "parent":
            ids[parent] = (await floor.north.scan_parent(parent)).json()["bag"]["id"]
        elif act == "child":
            answer = (await floor.north.scan_child(parent, child)).json()
            if "bag" in answer:
                ids[child] = answer["bag"]["id"]
        elif act == "move" and child in ids:
            await floor.north.post(f"/bags/{ids[child]}/move", {"parent_code": parent})
        elif act == "unlink" and {parent, child} <= ids.keys():
            await floor.north.delete(f"/bags/{ids[parent]}/children/{ids[child]}")
        elif act == "delete" and ids:
            await floor.admin.delete(f"/bags/{dice.choice(list(ids.values()))}")
        assert await floor.owner.fetch(
            "select bag_id from empty_parents order by 1"
        ) == await floor.owner.fetch(f"{EMPTY} order by 1")


async def test_conflicts_stay_until_somebody_moves_or_confirms(floor: Floor) -> None:
    await pack(floor.north, "P1", "C1", "C2")
    await pack(floor.north, "P2")
    for child in ("C1", "C2", "C1"):
        assert (await floor.north.scan_child("P2", child)).json()["code"] == "child_in_other_parent"
    found = await listed(floor.north, "conflicts")
    assert [
        (one["bag"]["code"], one["bag"]["parent"]["code"], one["wanted_parent"]["code"]) for one in found
    ] == [
        ("C1", "P1", "P2"),
        ("C2", "P1", "P2"),
    ]
    assert [one["scanned_by"]["username"] for one in found] == ["north", "north"]
    assert await listed(floor.south, "conflicts") == []
    assert (await floor.north.get("/dashboard/summary")).json()["conflicts"] == len(found)
    await floor.biller.post(f"/bags/{found[0]['bag']['id']}/move", {"parent_code": "P2"})
    assert [one["bag"]["code"] for one in await listed(floor.biller, "conflicts")] == ["C2"]
    # It belongs where it is: scanned there, that is decided too.
    assert (await floor.biller.scan_child("P1", "C2")).json()["outcome"] == "already_linked"
    assert await listed(floor.biller, "conflicts") == []


async def test_what_each_worker_scanned_in_a_shift(floor: Floor) -> None:
    await pack(floor.north, "P1", "C1")
    await pack(floor.south, "S1", "C2", "C3")
    await floor.south.scan_child("S1", "C1")
    told = (await floor.biller.get("/lists/work")).json()
    assert [(one["user"]["username"], one["scans"], one["refused"]) for one in told["items"]] == [
        ("south", 3, 1),
        ("north", 2, 0),
    ]
    assert (told["scans"], told["refused"], told["undone"]) == (5, 1, 0)
    own = (await floor.north.get("/lists/work")).json()
    assert [one["user"]["username"] for one in own["items"]] == ["north"]
    yesterday = {"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"}
    assert (await floor.biller.get("/lists/work", **yesterday)).json()["items"] == []


async def test_shifts_are_those_of_the_sites_clock(floor: Floor) -> None:
    assert (await floor.admin.patch("/settings", {"shift_starts": ["20:30", "08:00"]})).status_code == 200
    told = (await floor.north.get("/lists/shifts", date="2026-11-24")).json()
    assert (told["date"], told["time_zone"]) == ("2026-11-24", "Asia/Kolkata")
    assert [(one["start"], one["end"]) for one in told["items"]] == [
        ("2026-11-24T02:30:00Z", "2026-11-24T15:00:00Z"),
        ("2026-11-24T15:00:00Z", "2026-11-25T02:30:00Z"),
    ]
    now = (await floor.north.get("/lists/shifts")).json()
    assert [one["current"] for one in now["items"]].count(True) == 1
    for wrong in (["08:10"], ["24:00"], ["8:00"]):
        assert (await floor.admin.patch("/settings", {"shift_starts": wrong})).status_code == 422
    for date in ("9999-12-31", "0001-01-01", "2026-02-30"):
        assert (await floor.north.get("/lists/shifts", date=date)).status_code == 422, date


@pytest.mark.parametrize(
    ("starts", "hours"), [([], [23.0]), ([dt.time(1), dt.time(4)], [2.0, 21.0]), ([dt.time(12)], [24.0])]
)
def test_a_shift_over_a_change_of_the_clock_is_as_long_as_it_is(
    starts: list[dt.time], hours: list[float]
) -> None:
    # On that night clocks in Paris went from 2 to 3.
    found = shifts_of(dt.date(2026, 3, 29), starts, ZoneInfo("Europe/Paris"), dt.datetime.now(dt.UTC))
    assert [(end - start).total_seconds() / 3600 for start, end, _ in found] == hours


async def test_the_state_of_each_pasted_code_in_order_and_foreign_ones_like_unknown(floor: Floor) -> None:
    await pack(floor.north, "P1", "C1")
    await pack(floor.south, "S1")
    parent = await floor.north.bag("P1")
    await floor.north.post(f"/bags/{parent['id']}/label", {"code": "P1-NEW"})
    asked = ["c1", " P1 ", "NOWHERE", "S1", "zero\u200bwidth", "p1-new", "c1", ""]
    told = (await floor.north.post("/bags/states", {"codes": asked})).json()["results"]
    assert [one["asked"] for one in told] == asked
    assert [(one["code"], one["problem"]) for one in told] == [
        ("C1", None),
        ("P1-NEW", None),
        (None, "bag_not_found"),
        (None, "bag_not_found"),
        (None, "bad_code"),
        ("P1-NEW", None),
        ("C1", None),
        (None, "bad_code"),
    ]
    assert {key: value for key, value in told[2].items() if key != "asked"} == {
        key: value for key, value in told[3].items() if key != "asked"
    }
    assert (told[0]["state"], told[0]["parent"]["code"], told[1]["child_count"]) == ("linked", "P1-NEW", 1)
    file = await floor.biller.post("/bags/states/export?format=csv", {"codes": asked})
    assert [row[:4] for row in from_csv(file.content)][1:4] == [
        ["c1", "", "C1", "child"],
        [" P1 ", "", "P1-NEW", "parent"],
        ["NOWHERE", "bag_not_found", "", ""],
    ]
    assert (await floor.north.post("/bags/states/export", {"codes": asked})).status_code == 403
    assert (await floor.north.post("/bags/states", {"codes": ["x"] * 5_001})).status_code == 422
    many = (await floor.biller.post("/bags/states", {"codes": ["C1", "S1"] * 2_500})).json()["results"]
    assert (len(many), many[0]["code"], many[4_999]["code"]) == (5_000, "C1", "S1")


async def test_the_lists_are_exported_as_they_are_seen(floor: Floor) -> None:
    await pack(floor.north, "P1", "C1")
    await pack(floor.north, "P2")
    await pack(floor.south, "S1", "C2")
    await floor.north.scan_child("P2", "C1")
    shift = next(one for one in (await floor.biller.get("/lists/shifts")).json()["items"] if one["current"])
    day = {"from": shift["start"], "to": shift["end"]}

    async def column(table: str, heading: str, **query: Any) -> list[str]:
        answer = await floor.biller.get(f"/exports/{table}", format="csv", **query)
        assert answer.status_code == 200, answer.text
        head, *rows = from_csv(answer.content)
        return [row[head.index(heading)] for row in rows]

    # The refused scan into P2 is no work on it.
    assert await column("left-open", "code", **day) == ["S1", "P2", "P1"]
    assert await column("empty", "code") == ["P2"]
    assert await column("unbilled", "code", area_id=floor.areas["South"]) == ["S1"]
    assert await column("conflicts", "scanned_into", **day) == ["P2"]
    assert await column("work", "worker", **day, area_id=floor.areas["North"]) == ["north"]
    sheet = from_xlsx((await floor.biller.get("/exports/work", **day)).content)
    assert [row[0] for row in sheet[1:]] == ["north", "south"]
    answer = await floor.biller.get("/exports/work")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert (await floor.north.get("/exports/empty")).status_code == 403


PLANS = {
    "left-open": "select * from left_open(null, null, now() - interval '8 hours', now())"
    " order by 2 desc limit 51",
    "empty": "select id from empty_bags order by id desc limit 51",
    "unbilled": "select id from unbilled_bags where id > 0 order by id limit 51",
    "conflicts": "select * from open_conflicts(null, null, now() - interval '1 day', now())"
    " order by 2 desc, 1 desc limit 51",
    "work": "select * from shift_work(null, null, now() - interval '8 hours', now())",
}


async def test_no_list_reads_all_bags_or_scans(floor: Floor, owner: asyncpg.Connection) -> None:
    """Each list is a stretch of an index, so that it stays fast at ten million bags."""
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute("alter table bags disable trigger user; alter table scans disable trigger user")
        await owner.execute(
            "insert into bags (code, kind, area_id, bag_type_id, created_by, child_count)"
            " select 'P' || n, 'parent', $1, 1, $2, 3 from generate_series(1, 3000) n",
            floor.areas["North"],
            floor.north.id,
        )
        await owner.execute(
            "insert into bags (code, kind, area_id, created_by) select 'C' || n, 'child', $1, $2"
            " from generate_series(1, 60000) n",
            floor.areas["North"],
            floor.north.id,
        )
        await owner.execute(
            "insert into scans (scan_id, user_id, area_id, bag_id, action, outcome, refused, code,"
            " received_at)"
            " select gen_random_uuid(), $1, $2, b.id, case when n % 31 = 0 then 'parent' else 'child' end,"
            " 'linked', n % 97 = 0, b.code, now() - interval '20 days' * (1 - n / 63000.0)"
            " from (select *, row_number() over (order by id desc) as n from bags) b",
            floor.north.id,
            floor.areas["North"],
        )
        await owner.execute("insert into empty_parents select id from bags where kind = 'parent' limit 20")
        await owner.execute("analyze bags; analyze scans; analyze empty_parents")
        for name, query in PLANS.items():
            plan = [row[0] for row in await owner.fetch(f"explain {query}")]
            # A month in which nothing was scanned may be read whole.
            whole = [line for line in plan if re.search(r"Seq Scan on (bags|scans)\w* .*rows=\d\d", line)]
            assert whole == [], (name, plan)
        # A control: a list by a column that has no index is noticed.
        plan = [row[0] for row in await owner.fetch("explain select from bags where child_count = 0")]
        assert any("Seq Scan on bags" in line for line in plan)
    finally:
        await transaction.rollback()
