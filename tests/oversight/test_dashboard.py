"""The dashboard's counts equal the rows, whatever happened, folded or not; each area sees its own."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.floor import Floor, Person
from tracetrack.oversight.dashboard import service
from tracetrack.oversight.dashboard.service import fold

OPERATIONS = int(os.environ.get("TALLY_OPERATIONS", "600"))
"""``TALLY_OPERATIONS=100000`` for the long run."""

BAGS = "select coalesce(area_id, 0), kind, state, count(*) from bags group by 1, 2, 3"
TALLIED = """
    select area_id, kind, state, sum(n)::bigint from (
        select * from bag_tallies union all select * from bag_changes) t
    group by 1, 2, 3 having sum(n) <> 0"""
SCANS = """
    select date_bin('15 minutes', received_at, '2000-01-01Z'), coalesce(area_id, 0), user_id,
        count(*) filter (where not refused and action <> 'undo'), count(*) filter (where refused),
        count(*) filter (where not refused and action = 'undo')
    from scans group by 1, 2, 3"""
SCANS_TALLIED = """
    select date_bin('15 minutes', slot, '2000-01-01Z'), area_id, user_id, sum(scans)::bigint,
        sum(refused)::bigint, sum(undone)::bigint
    from (select * from scan_tallies union all select * from scan_changes) t group by 1, 2, 3"""


async def differences(owner: asyncpg.Connection) -> list[Any]:
    """Where the tallies differ from the rows, at one moment."""
    return [
        *await owner.fetch(f"({BAGS} except all {TALLIED}) union all ({TALLIED} except all {BAGS})"),
        *await owner.fetch(
            f"({SCANS} except all {SCANS_TALLIED}) union all ({SCANS_TALLIED} except all {SCANS})"
        ),
    ]


@pytest.fixture(autouse=True)
def without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests ask again at once; tests/platform/test_cache.py has the memory itself."""
    monkeypatch.setattr(service, "SEEN_SECONDS", 0.0)


async def summary(person: Person, **asked: Any) -> dict[str, Any]:
    answer = await person.get("/dashboard/summary", **asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_it_tells_what_was_scanned_by_whom_and_where(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    scans = [(await floor.north.scan_child("P1", f"C{n}")).json()["scan_id"] for n in range(3)]
    await floor.north.undo(scans[-1])
    await floor.south.scan_parent("S1")
    await floor.south.scan_child("S1", "P1")
    for told in (await summary(floor.admin), (await fold(), await summary(floor.admin))[1]):
        assert (told["bags"], told["parents"], told["children"]) == (
            5,
            {"open": 2},
            {"linked": 2, "free": 1},
        )
        assert (told["scans_today"], told["refused_today"], told["undone_today"]) == (5, 1, 1)
        assert sum(slot["scans"] for slot in told["per_minute"]) == 5
        assert sum(slot["scans"] for slot in told["per_hour"]) == 5
        assert (len(told["per_minute"]), len(told["per_hour"])) == (60, 24)
        assert [(w["user"]["username"], w["scans_today"]) for w in told["workers"]] == [
            ("north", 4),
            ("south", 1),
        ]
        assert [(a["area"]["name"], a["bags"], a["open_parents"]) for a in told["areas"]] == [
            ("North", 4, 1),
            ("South", 1, 1),
        ]
        assert {p["parent"]["code"] for p in told["packing"]} == {"P1", "S1"}


async def test_an_area_sees_its_own_alone(floor: Floor) -> None:
    for person, code in ((floor.north, "NP"), (floor.south, "SP")):
        await person.scan_parent(code)
        await person.scan_child(code, f"{code}-C")
        await floor.biller.post(
            "/bills", {"number": f"B-{code}", "area_id": floor.areas[person.username.capitalize()]}
        )
    for folded in (False, True):
        if folded:
            await fold()
        told = await summary(floor.south)
        assert (told["bags"], told["scans_today"], told["imports"]) == (2, 2, None)
        assert [a["area"]["name"] for a in told["areas"]] == ["South"]
        assert [w["user"]["username"] for w in told["workers"]] == ["south"]
        assert [p["parent"]["code"] for p in told["packing"]] == ["SP"]
        assert [b["number"] for b in told["bills"]["in_progress"]] == ["B-SP"]
        assert "NP" not in str(told)
        assert "orth" not in str(told)
        assert (await summary(floor.biller))["bills"]["new"] == 2


async def test_the_office_looks_at_one_area_and_nobody_at_a_foreign_one(floor: Floor) -> None:
    await floor.north.scan_parent("NP")
    await floor.south.scan_parent("SP")
    south = floor.areas["South"]
    told = await summary(floor.biller, area_id=south)
    assert (told["bags"], [p["parent"]["code"] for p in told["packing"]]) == (1, ["SP"])
    assert told == await summary(floor.south) | {"imports": told["imports"]}
    for person, area in ((floor.north, south), (floor.north, 2**40), (floor.biller, 2**40)):
        for path in ("/dashboard/summary", "/events"):
            answer = await person.get(path, area_id=area)
            assert (answer.status_code, answer.json()["code"]) == (404, "area_not_found")


async def test_a_conflict_counts_until_it_is_resolved(floor: Floor) -> None:
    for parent in ("P1", "P2"):
        await floor.north.scan_parent(parent)
    child = (await floor.north.scan_child("P1", "C1")).json()["bag"]
    assert (await summary(floor.north))["conflicts"] == 0
    for _ in range(3):
        await floor.north.scan_child("P2", "C1")
    assert (await summary(floor.north))["conflicts"] == 1
    assert (await summary(floor.south))["conflicts"] == 0
    moved = await floor.north.post(f"/bags/{child['id']}/move", {"parent_code": "P2"})
    assert moved.status_code == 200, moved.text
    assert (await summary(floor.north))["conflicts"] == 0


class Chaos:
    """Random acts of people, imports and accidents, many at once."""

    def __init__(self, floor: Floor, seed: int) -> None:
        self.floor = floor
        self.dice = random.Random(seed)
        self.scans: list[str] = []
        self.ids: dict[str, int] = {}
        self.answers: Counter[int] = Counter()

    def code(self, letter: str, most: int) -> str:
        return f"{letter}{self.dice.randrange(most)}"

    async def act(self) -> None:
        who = self.dice.choice((self.floor.north, self.floor.south, self.floor.biller, self.floor.admin))
        parent, child = self.code("P", 12), self.code("C", 60)
        kind = self.dice.choices(
            (
                "parent",
                "child",
                "undo",
                "move",
                "complete",
                "reopen",
                "unlink",
                "bill",
                "delete",
                "import",
                "killed",
                "fold",
            ),
            (4, 10, 4, 3, 2, 1, 2, 2, 1, 1, 1, 1),
        )[0]
        answer: Any = None
        if kind == "parent":
            answer = await who.scan_parent(parent)
        elif kind == "child":
            answer = await who.scan_child(parent, child)
        elif kind == "undo" and self.scans:
            answer = await who.undo(self.dice.choice(self.scans))
        elif kind == "move" and child in self.ids:
            answer = await who.post(f"/bags/{self.ids[child]}/move", {"parent_code": parent})
        elif kind in ("complete", "reopen") and parent in self.ids:
            answer = await who.post(f"/bags/{self.ids[parent]}/{kind}")
        elif kind == "unlink" and parent in self.ids and child in self.ids:
            answer = await who.delete(f"/bags/{self.ids[parent]}/children/{self.ids[child]}")
        elif kind == "bill":
            bill = self.dice.choice(self.bills)
            answer = await self.floor.biller.post(f"/bills/{bill}/bags", {"code": parent})
        elif kind == "delete" and self.ids:
            answer = await self.floor.admin.delete(f"/bags/{self.dice.choice(list(self.ids.values()))}")
        elif kind in ("import", "killed"):
            await self.write(killed=kind == "killed")
        elif kind == "fold":
            await fold()
        if answer is not None:
            self.answers[answer.status_code] += 1
            body = answer.json() if answer.content else {}
            if "scan_id" in body:
                self.scans.append(body["scan_id"])
            for bag in (body.get("bag"), body.get("parent")):
                if isinstance(bag, dict) and "id" in bag:
                    self.ids[bag["code"]] = bag["id"]

    async def write(self, *, killed: bool) -> None:
        """Many bags in one statement, in one transaction that may be given up."""
        assert self.url
        connection = await asyncpg.connect(self.url)
        try:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(
                "insert into bags (code, kind, area_id, created_by)"
                " select gen_random_uuid()::text, 'child', $1, $2 from generate_series(1, 50)",
                self.dice.choice([None, *self.floor.areas.values()]),
                self.floor.admin.id,
            )
            await connection.execute(
                "insert into scans (scan_id, user_id, area_id, action, outcome, code)"
                " select $1, $2, $3, 'child', 'linked', 'x' from generate_series(1, 5)",
                uuid4(),
                self.floor.admin.id,
                self.floor.areas["North"],
            )
            if killed:
                connection.terminate()
                return
            await transaction.commit()
        finally:
            if not killed:
                await connection.close()

    bills: list[int]
    url: str


@pytest.mark.parametrize("seed", [1, 2])
async def test_after_random_acts_at_once_the_tallies_equal_the_rows(
    floor: Floor, seed: int, settings: Any
) -> None:
    chaos = Chaos(floor, seed)
    chaos.url = settings.migrate_url.get_secret_value()
    chaos.bills = [(await floor.biller.post("/bills", {})).json()["id"] for _ in range(3)]
    done = 0
    while done < OPERATIONS // 2:
        await asyncio.gather(*(chaos.act() for _ in range(20)))
        done += 20
        if done % 100 == 0:
            assert await differences(floor.owner) == []
    # Acts of every outcome, or this shows nothing.
    assert chaos.answers[200] > OPERATIONS / 10
    assert chaos.answers[409] > 5
    assert await differences(floor.owner) == []
    assert await fold() > 0
    assert await differences(floor.owner) == []
    assert await floor.owner.fetchval("select count(*) from bag_changes") == 0
    told = await summary(floor.admin)
    assert told["bags"] == await floor.owner.fetchval("select count(*) from bags")
    assert sum(w["scans_today"] for w in told["workers"]) == told["scans_today"]
    # A control: one row more behind the triggers' back is noticed.
    await floor.owner.execute("insert into bag_changes values (1, 'child', 'free', 1)")
    assert len(await differences(floor.owner)) > 0


async def test_many_fold_at_once_and_nothing_is_counted_twice(floor: Floor) -> None:
    for number in range(20):
        await floor.north.scan_parent(f"P{number}")
        await asyncio.gather(*(fold() for _ in range(4)))
    assert await differences(floor.owner) == []
