"""The server decides what a scan means, in the order of scanning."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.floor import Floor, Person


class Chain:
    """One session of work: each scan names the one before it."""

    def __init__(self, who: Person, previous: str | None = None) -> None:
        self.who, self.previous = who, previous

    def entry(self, code: str | None = None, action: str = "scan", **more: Any) -> dict[str, Any]:
        """The next scan as a queue has it; the chain goes on from it."""
        made = {"scan_id": str(uuid4()), "action": action, "previous": self.previous, **more}
        self.previous = made["scan_id"]
        return made | ({"code": code} if code is not None else {})

    async def scan(self, code: str, **more: Any) -> dict[str, Any]:
        """Scan a code alone; what was not recorded is no link of the chain."""
        entry = self.entry(code, **more)
        body = {name: value for name, value in entry.items() if name != "action"}
        answer = await self.who.post("/scans", body)
        said: dict[str, Any] = answer.json()
        if said.get("code") in ("kind_uncertain", "parent_completed", "previous_missing", "bad_code"):
            self.previous = entry["previous"]
        return said | {"sent": body, "status": answer.status_code}


async def sync(who: Person, *scans: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await who.post("/scans/sync", {"scans": list(scans)})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def came(results: list[dict[str, Any]]) -> list[str]:
    return [one["problem"]["code"] if one["outcome"] == "refused" else one["outcome"] for one in results]


async def test_a_parent_then_its_children_then_the_next_parent(floor: Floor) -> None:
    await floor.north.scan_parent("P-2")
    chain = Chain(floor.north)
    first = await chain.scan("P-1")
    assert (first["kind"], first["outcome"], first["bag"]["kind"]) == ("parent", "created", "parent")
    child = await chain.scan("C1")
    assert (child["kind"], child["outcome"], child["parent"]["code"]) == ("child", "linked", "P-1")
    assert child["current_parent"]["code"] == "P-1"
    again = await chain.scan("C1")
    assert again["outcome"] == "already_linked"
    following = await chain.scan("P-2")
    assert (following["kind"], following["outcome"]) == ("parent", "opened")
    assert (following["closed"]["outcome"], following["closed"]["bag"]["child_count"]) == ("short", 1)
    moved = await chain.scan("C1")
    assert (moved["status"], moved["code"], moved["conflict"]) == (409, "child_in_other_parent", True)
    assert moved["wanted_parent"]["code"] == "P-2"
    assert (await chain.scan("C2"))["parent"]["code"] == "P-2"
    current = (await floor.north.get("/scans/current")).json()
    assert (current["parent"]["code"], current["last_scan_id"]) == ("P-2", chain.previous)


async def test_a_scan_that_follows_one_that_never_came_is_not_taken(floor: Floor) -> None:
    chain = Chain(floor.north)
    parent, lost, child = chain.entry("P-1"), chain.entry("C1"), chain.entry("C2")
    assert came(await sync(floor.north, parent, child)) == ["created", "previous_missing"]
    assert came(await sync(floor.north, lost, child)) == ["linked", "linked"]
    assert (await floor.north.bag("P-1"))["child_count"] == 2
    # A colleague's scan is nobody else's link.
    theirs = Chain(floor.south, chain.previous)
    assert (await theirs.scan("C3"))["code"] == "previous_missing"


async def test_a_row_of_bags_that_nobody_knew_comes_late_and_in_pieces(floor: Floor) -> None:
    """The patterns tell the kinds; the phone knew nothing."""
    for kind, pattern in (("parent", "^M.*"), ("child", "^C.*")):
        made = {"name": kind, "pattern": pattern, "kind": kind}
        assert (await floor.admin.post("/label-patterns", made)).status_code == 201
    chain = Chain(floor.north)
    row = [
        chain.entry(code)
        for bag in range(6)
        for code in (f"m{bag}", *(f"c{bag}-{child}" for child in range(5)))
    ]
    for start in range(0, len(row), 7):
        # Each piece is sent twice: its first answer was lost.
        for _ in range(2):
            results = await sync(floor.north, *row[max(0, start - 2) : start + 7])
        assert not [one for one in results if one["outcome"] == "refused"]
    parents = await floor.owner.fetch(
        "select p.code, array_agg(c.code order by c.code) as children from bags c"
        " join bags p on p.id = c.parent_id group by 1 order by 1"
    )
    assert [(row["code"], row["children"]) for row in parents] == [
        (f"m{bag}", [f"c{bag}-{child}" for child in range(5)]) for bag in range(6)
    ]


async def test_undo_and_done_are_links_of_the_chain(floor: Floor) -> None:
    chain = Chain(floor.north)
    await floor.north.scan_parent("P-2")
    first = [chain.entry("P-1"), chain.entry("C1"), wrong := chain.entry("P-2")]
    undo = chain.entry(action="undo", about=wrong["scan_id"])
    after = [chain.entry("C2"), chain.entry(action="complete"), chain.entry("C1")]
    results = await sync(floor.north, *first, undo, *after)
    assert came(results) == [
        *("created", "linked", "opened", "undone", "linked", "completed", "no_current_parent")
    ]
    assert [one["current_parent"] and one["current_parent"]["code"] for one in results] == [
        *("P-1", "P-1", "P-2", "P-1", "P-1", None, None)
    ]
    assert results[-1]["problem"]["parent"]["code"] == "P-1"
    assert (await floor.north.bag("P-1"))["state"] == "completed"


async def test_nothing_goes_into_the_bag_before_one_that_may_not_be_filled(floor: Floor) -> None:
    """Scanned after a bag of another area, children are refused, not put into the parent before it."""
    await floor.south.scan_parent("P-9")
    chain = Chain(floor.north)
    results = await sync(
        floor.north, *(chain.entry(code) for code in ("P-1", "C1", "P-9", "C2", "C3", "P-1", "C4"))
    )
    assert came(results) == [
        *(
            "created",
            "linked",
            "bag_in_other_area",
            "bag_in_other_area",
            "bag_in_other_area",
            "opened",
            "linked",
        )
    ]
    assert results[3]["current_parent"] is None
    assert (await floor.north.bag("P-1"))["child_count"] == 2


async def test_a_full_parent_is_done_when_the_next_one_is_scanned_and_undo_takes_that_back(
    floor: Floor,
) -> None:
    await floor.owner.execute("update bag_types set expected_children = 2")
    await floor.north.scan_parent("P-2")
    chain = Chain(floor.north)
    for code in ("P-1", "C1", "C2"):
        await chain.scan(code)
    following = await chain.scan("P-2")
    assert following["closed"]["outcome"] == "completed"
    assert following["closed"]["bag"]["state"] == "completed"
    undo = chain.entry(action="undo", about=following["scan_id"])
    assert (await sync(floor.north, undo))[0]["current_parent"]["code"] == "P-1"
    assert (await floor.north.bag("P-1"))["state"] == "open"
    assert (await chain.scan("C3"))["parent"]["code"] == "P-1"
    assert (await floor.admin.patch("/settings", {"complete_when_full": False})).status_code == 200
    assert (await chain.scan("P-2"))["closed"]["outcome"] == "open"


async def test_a_bag_that_was_done_is_opened_again_only_when_the_worker_says_so(floor: Floor) -> None:
    chain = Chain(floor.north)
    await chain.scan("P-1")
    await chain.scan("C1")
    await sync(floor.north, chain.entry(action="complete"))
    opened = await chain.scan("P-1")
    assert (opened["outcome"], opened["was_completed"], opened["bag"]["state"]) == (
        "opened",
        True,
        "completed",
    )
    asked = await chain.scan("C2")
    assert (asked["status"], asked["code"], asked["parent"]["child_count"]) == (409, "parent_completed", 1)
    # The same child may be sent on with the worker's word, under its own id.
    yes = await floor.north.post("/scans", {**asked["sent"], "as": "child"})
    assert (yes.json()["outcome"], yes.json()["reopened"]) == ("linked", True)
    assert yes.json()["parent"]["state"] == "open"
    chain.previous = asked["sent"]["scan_id"]
    await sync(floor.north, chain.entry(action="complete"))
    assert (await chain.scan("P-1"))["was_completed"]
    assert (await chain.scan("P-1"))["outcome"] == "reopened"
    assert (await chain.scan("C3"))["outcome"] == "linked"
    # An older client says where the child goes: so it is opened again, and says that.
    await sync(floor.north, chain.entry(action="complete"))
    assert (await floor.north.scan_child("P-1", "C4")).json()["parent"]["state"] == "open"
    history = (await floor.north.get(f"/bags/{opened['bag']['id']}/history")).json()["items"]
    assert [one["action"] for one in history].count("parent_reopened") == 3


async def test_the_next_parents_label_is_asked_about_and_scanning_it_again_says_yes(floor: Floor) -> None:
    """No patterns, nothing known: the shape of the first parent is enough."""
    chain = Chain(floor.north)
    await chain.scan("M444-00017")
    await chain.scan("c-1")
    await chain.scan("c-2")
    asked = await chain.scan("M444-00018")
    assert (asked["status"], asked["code"], asked["reason"]) == (409, "kind_uncertain", "looks_like_parent")
    assert asked["as_parent"]["closes"]["child_count"] == 2
    assert asked["as_child"]["parent"]["code"] == "M444-00017"
    assert (await floor.north.get("/bags/lookup", code="M444-00018")).status_code == 404
    again = await chain.scan("M444-00018")
    assert (again["kind"], again["outcome"]) == ("parent", "created")
    assert (await chain.scan("c-3"))["parent"]["code"] == "M444-00018"
    # In a queue, what follows waits for the answer, and keeps its id.
    third, child = chain.entry("M444-00019"), chain.entry("c-4")
    assert came(await sync(floor.north, third, child)) == ["kind_uncertain", "previous_missing"]
    assert came(await sync(floor.north, third | {"as": "parent"}, child)) == ["created", "linked"]
    counted = (await floor.north.get("/scans/questions")).json()["items"]
    assert [(one["reason"], one["asked"], one["parent"]) for one in counted] == [("looks_like_parent", 2, 2)]


async def test_where_all_bags_look_alike_it_is_asked_once_and_a_type_may_switch_it_off(
    floor: Floor,
) -> None:
    chain = Chain(floor.north)
    await chain.scan("0016586")
    asked = await chain.scan("0016587")
    assert asked["code"] == "kind_uncertain"
    assert (await floor.north.post("/scans", {**asked["sent"], "as": "child"})).json()["outcome"] == "linked"
    chain.previous = asked["sent"]["scan_id"]
    assert (await chain.scan("0016588"))["outcome"] == "linked"
    await floor.owner.execute("update bag_types set shape_guard = false")
    other = Chain(floor.north)
    await other.scan("X-1")
    assert (await other.scan("X-2"))["outcome"] == "linked"


async def test_a_device_whose_clock_is_wrong_by_decades_loses_nothing(floor: Floor) -> None:
    chain = Chain(floor.north)
    times = ("1970-01-01T00:00:07Z", "2345-06-07T08:09:10Z", "+012026-01-01T00:00:00.000Z", None)
    scans = [
        chain.entry(code, scanned_at=at) for code, at in zip(("P-1", "C1", "C2", "C3"), times, strict=True)
    ]
    assert came(await sync(floor.north, *scans)) == ["created", "linked", "linked", "linked"]
    listed = (await floor.north.get("/scans")).json()["items"]
    assert [one["code"] for one in listed] == ["C3", "C2", "C1", "P-1"]
    assert [one["time_doubtful"] for one in listed] == [False, False, True, True]


async def test_what_is_no_bags_label_is_asked_about_and_its_password_is_nowhere(floor: Floor) -> None:
    chain = Chain(floor.north)
    await chain.scan("P-1")
    wifi = "WIFI:T:WPA;S:Depot;P:hunter2secret;;"
    asked = await chain.scan(wifi)
    assert (asked["code"], asked["reason"]) == ("kind_uncertain", "not_a_bag_code")
    assert (await chain.scan("https://example.org/menu"))["reason"] == "not_a_bag_code"
    assert (await chain.scan("C1"))["outcome"] == "linked"
    for table in ("scans", "scan_receipts", "scan_questions", "audit_events"):
        rows = await floor.owner.fetchval(f"select string_agg(t::text, ' ') from {table} t")
        assert "hunter2" not in (rows or ""), table
