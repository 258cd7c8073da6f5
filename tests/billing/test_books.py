"""Reports, lists, exports, the dashboard and papers against a count kept beside random acts."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from typing import Any

import pytest

from tests.billing.bills import attach, detach, new_bill
from tests.floor import Floor
from tests.imports.files import rows_in
from tests.lengths import length
from tracetrack.oversight.dashboard.service import fold

ACTS = length(test=120, soak=1_500)


class Books:
    """What one bookkeeper outside the product knows of North."""

    def __init__(self, floor: Floor, seed: int) -> None:
        self.floor = floor
        self.random = random.Random(seed)
        self.parent_of: dict[str, str | None] = {}
        self.bill_of: dict[str, int | None] = {}
        self.completed: dict[int, dict[str, float]] = {}
        self.bills: dict[int, str] = {}
        self.tally: Counter[str] = Counter()
        self.packed: set[str] = set()
        self.child_kg = 1.0
        self.packed_kg = 0.0
        self.type_id = 0

    def children(self, parent: str) -> list[str]:
        return [child for child, its in self.parent_of.items() if its == parent]

    def open(self) -> list[str]:
        return [parent for parent, bill in self.bill_of.items() if bill not in self.completed]

    async def parent(self) -> None:
        code = f"P{len(self.bill_of)}"
        await self.floor.north.scan_parent(code)
        self.bill_of[code] = None
        self.tally["scans"] += 1

    async def child(self) -> None:
        if not self.open():
            return
        parent = self.random.choice(self.open())
        again = self.random.random() < 0.2 and bool(self.parent_of)
        code = self.random.choice(list(self.parent_of)) if again else f"C{len(self.parent_of)}"
        before = self.parent_of.get(code)
        answer = (await self.floor.north.scan_child(parent, code)).json()
        self.tally["scans"] += 1
        if before is not None:
            expected = "already_linked" if before == parent else "child_in_other_parent"
            self.tally["refused"] += before != parent
        else:
            expected = "linked"
            self.parent_of[code] = parent
            self.tally["linked"] += 1
            self.packed_kg += self.child_kg
            self.packed.add(parent)
        assert answer.get("outcome", answer.get("code")) == expected

    async def take_out(self) -> None:
        held = [code for code, parent in self.parent_of.items() if parent in self.open()]
        if not held:
            return
        code = self.random.choice(held)
        parent = self.parent_of[code] or ""
        ids = [(await self.floor.north.bag(one))["id"] for one in (parent, code)]
        await self.floor.north.delete(f"/bags/{ids[0]}/children/{ids[1]}")
        self.parent_of[code] = None
        self.tally["scans"] += 1
        self.tally["unlinked"] += 1
        self.packed_kg -= self.child_kg

    async def bill(self) -> None:
        made = await new_bill(self.floor.biller, area_id=self.floor.areas["North"])
        self.bills[made["id"]] = made["number"]

    async def on_a_bill(self) -> None:
        bills = [one for one in self.bills if one not in self.completed]
        free = [parent for parent, bill in self.bill_of.items() if bill is None]
        if bills and free:
            parent, bill = self.random.choice(free), self.random.choice(bills)
            await attach(self.floor.biller, bill, parent)
            self.bill_of[parent] = bill
            self.tally["scans"] += 1

    async def off_a_bill(self) -> None:
        billed = [parent for parent in self.open() if self.bill_of[parent] is not None]
        if billed:
            parent = self.random.choice(billed)
            await detach(self.floor.biller, self.bill_of[parent] or 0, parent)
            self.bill_of[parent] = None
            self.tally["scans"] += 1

    async def complete(self) -> None:
        ready = {bill for parent, bill in self.bill_of.items() if bill and bill not in self.completed}
        if ready and self.random.random() < 0.4:
            bill = self.random.choice(sorted(ready))
            answer = await self.floor.biller.post(f"/bills/{bill}/complete")
            assert answer.status_code == 200
            parents = [parent for parent, its in self.bill_of.items() if its == bill]
            children = sum(len(self.children(parent)) for parent in parents)
            self.completed[bill] = {
                "parents": len(parents),
                "children": children,
                "kg": children * self.child_kg,
            }

    async def weigh(self) -> None:
        self.child_kg = self.random.choice([0.5, 1.0, 2.0, 2.5])
        await self.floor.admin.patch(f"/bag-types/{self.type_id}", {"child_weight_kg": self.child_kg})

    async def act(self) -> None:
        acts = [*[self.parent] * 2, *[self.child] * 8, self.take_out, self.bill]
        acts += [*[self.on_a_bill] * 2, self.off_a_bill, self.complete, self.weigh]
        await self.random.choice(acts)()


async def exported(floor: Floor, table: str, **query: Any) -> list[dict[str, str]]:
    answer = await floor.admin.get(f"/exports/{table}", format="csv", **query)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def listed(floor: Floor, path: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = (await floor.admin.get(path, limit=200, cursor=cursor, **query)).json()
        items += page["items"]
        if (cursor := page["next_cursor"]) is None:
            return items


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_figure_is_the_one_that_a_bookkeeper_would_have(floor: Floor, seed: int) -> None:
    books = Books(floor, seed)
    books.type_id = (await floor.admin.get("/bag-types")).json()["items"][0]["id"]
    north = floor.areas["North"]
    for _ in range(ACTS):
        await books.act()
    # Two files, one of them undone: as if it had never come.
    for number in range(2):
        rows = [["parent", "child"], *([f"I{number}", f"I{number}-{n}"] for n in range(20))]
        done = await rows_in(floor.admin, rows, area_id=north)
        if number:
            assert (await floor.admin.post(f"/imports/{done['id']}/undo")).status_code == 200
        else:
            books.bill_of["I0"] = None
            books.parent_of |= {f"I0-{n}": "I0" for n in range(20)}

    gone = {parent for parent, bill in books.bill_of.items() if bill in books.completed}
    held = {child: parent for child, parent in books.parent_of.items() if parent is not None}
    sent = {
        name: sum(one[name] for one in books.completed.values()) for name in ("parents", "children", "kg")
    }

    day = (await floor.biller.get("/reports/end-of-day")).json()
    area = (await floor.biller.get("/reports/areas")).json()
    standing = next(one for one in area["areas"] if one["area"] and one["area"]["id"] == north)
    for told in (day["totals"], next(one for one in day["by_area"] if one["area"]["id"] == north), standing):
        assert {
            "scans": books.tally["scans"],
            "scans_refused": books.tally["refused"],
            "children_linked": books.tally["linked"],
            "children_unlinked": books.tally["unlinked"],
            "parents_packed": len(books.packed),
            "weight_packed_kg": pytest.approx(books.packed_kg),
            "parents_imported": 1,
            "children_imported": 20,
            "bills_created": len(books.bills),
            "bills_completed": len(books.completed),
            "parents_dispatched": sent["parents"],
            "children_dispatched": sent["children"],
            "weight_dispatched_kg": pytest.approx(sent["kg"]),
        }.items() <= told.items()
    in_stock = [child for child, parent in held.items() if parent not in gone]
    assert standing["parents_in_stock"] == len(books.bill_of) - len(gone)
    assert standing["children_in_stock"] == len(in_stock)
    assert standing["weight_in_stock_kg"] == pytest.approx(len(in_stock) * books.child_kg)

    for folded in (False, True):
        if folded:
            await fold()
        figures = (await floor.admin.get("/dashboard/summary")).json()
        assert figures["bags"] == len(books.bill_of) + len(books.parent_of)
        assert sum(figures["parents"].values()) == len(books.bill_of)
        assert figures["parents"].get("dispatched", 0) == len(gone)
        assert figures["scans_today"] + figures["refused_today"] == books.tally["scans"]
        assert figures["refused_today"] == books.tally["refused"]
        assert figures["bills"]["completed_today"] == len(books.completed)

    bags = await listed(floor, "/bags")
    assert {bag["code"]: (bag["parent"] or {}).get("code") for bag in bags if bag["kind"] == "child"} == (
        books.parent_of
    )
    counts = {bag["code"]: bag["child_count"] for bag in bags if bag["kind"] == "parent"}
    assert counts == {parent: len(books.children(parent)) for parent in books.bill_of}
    rows = await exported(floor, "bags")
    assert {row["code"]: row["parent"] or None for row in rows if row["kind"] == "child"} == books.parent_of
    assert {row["child"]: row["parent"] for row in await exported(floor, "links")} == held
    assert len(await exported(floor, "scans")) == books.tally["scans"]
    free = {parent for parent, bill in books.bill_of.items() if bill is None and counts[parent]}
    assert {bag["code"] for bag in await listed(floor, "/lists/unbilled")} == free
    assert {row["code"] for row in await exported(floor, "unbilled")} == free
    empty = {parent for parent in books.bill_of if not counts[parent]} - gone
    assert {bag["code"] for bag in await listed(floor, "/lists/empty")} == empty

    bills = {row["number"]: row for row in await exported(floor, "bills")}
    summary = (await floor.biller.get("/reports/bills", by="created")).json()["totals"]
    assert summary["bills"] == len(bills) == len(books.bills)
    assert summary["child_count"] == sum(counts[parent] for parent, bill in books.bill_of.items() if bill)
    for bill, number in books.bills.items():
        parents = [parent for parent, its in books.bill_of.items() if its == bill]
        children = sum(counts[parent] for parent in parents)
        kg = books.completed[bill]["kg"] if bill in books.completed else children * books.child_kg
        shown = (await floor.biller.get(f"/bills/{bill}")).json()
        assert (shown["parent_count"], shown["child_count"]) == (len(parents), children)
        assert shown["weight_kg"] == pytest.approx(kg) == pytest.approx(float(bills[number]["weight_kg"]))
        paper = (await floor.biller.get(f"/bills/{bill}/export", format="csv", manifest="children")).text
        lines = list(csv.DictReader(io.StringIO(paper.lstrip("\ufeff"))))
        on_paper = {line["Child bag"] for line in lines} - {""}
        assert on_paper == {child for child, parent in held.items() if parent in parents}
