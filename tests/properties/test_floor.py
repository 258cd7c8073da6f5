"""The API against the rules of the floor and of bills, by a machine that makes up what people do.

Two dispatchers of two areas, a biller and an admin act on few enough codes that they meet. Each
answer, and in the end every bag and bill, must be as the model says; a failure is shrunk to the
fewest acts that show it. ``make soak`` makes up two hundred times as many.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, ClassVar
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.floor import Floor, Person
from tests.lengths import figure, length
from tests.properties.model import UNDOABLE, Bag, Bill, Did, Model

SEQUENCES = length(100, 20_000)
STEPS = 40

WHO = st.sampled_from(("north", "north", "north", "south", "south", "biller", "admin"))
OFFICE = st.sampled_from(("biller", "admin"))
CODE = st.sampled_from([*"ABCDEF", *"abcdef"])
"""One of few codes of this sequence, spelled as it comes; any may turn out to be either kind."""
LABEL = CODE | st.sampled_from("GHIJKL")
"""As a new label: often one that nothing has yet."""
ANY = st.integers(0, 999)
"""Which of the things that there are."""
BILL = st.integers(0, 1)


class Work(RuleBasedStateMachine):
    """One sequence of acts, done over HTTP and in the model."""

    floor: ClassVar[Floor]
    loop: ClassVar[asyncio.AbstractEventLoop]
    people: ClassVar[dict[str, Person]]
    told: ClassVar[Counter[str]]
    begun: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        Work.begun += 1
        self.name = f"W{Work.begun}"
        self.model = Model({"north": "North", "south": "South", "biller": None, "admin": None})
        self.ids: dict[Bag, int] = {}
        self.did: dict[str, Did] = {}
        self.sent: list[tuple[str, str, dict[str, Any], str]] = []
        """Who sent what where, and what it was answered."""
        self.bills = [(Bill(), self._bill(n)) for n in range(2)]

    def _bill(self, number: int) -> int:
        body = {"number": f"{self.name}-{number}", "area_id": self.floor.areas["North"]}
        return int(self._wait(self.people["biller"].post("/bills", body)).json()["id"])

    def _wait(self, call: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
        """Do a call in the loop of the application, from the machine's own thread."""
        return asyncio.run_coroutine_threadsafe(call, self.loop).result(30)

    def _code(self, letter: str) -> str:
        return f"{self.name}-{letter}" if letter.isupper() else f"{self.name}-{letter}".lower()

    def _parent(self, which: int) -> str:
        """The code of a parent; now and then one that nobody knows."""
        parents = sorted(bag.code for bag in self.model.live() if bag.kind == "parent")
        return parents[which % len(parents)] if parents and which % 11 else self._code("Z")

    def _bag(self, which: int) -> Bag:
        """A bag; now and then one that is gone."""
        live = [bag for bag in self.ids if not bag.gone]
        bags = live if live and which % 7 != 6 else list(self.ids)
        return bags[which % len(bags)]

    def _children(self) -> list[Bag]:
        """Those in a parent."""
        return [bag for bag in self.ids if bag.parent and not bag.gone]

    def _same(self, wanted: str, got: str) -> None:
        self.told[wanted] += 1
        assert got == wanted, f"the rules say {wanted}, the answer was {got}"

    def _scan(
        self, who: str, path: str, body: dict[str, Any], scan: str, did: Did, wanted: str | None = None
    ) -> None:
        """Send a scan, learn the ids of new bags, and compare."""
        answer = self._wait(self.people[who].post(path, {**body, "scan_id": scan}))
        said = answer.json()
        problem = said["code"] if answer.status_code >= 400 else None
        got = problem or said.get("outcome") or said.get("state", "judged")
        for one in (said.get("bag"), said.get("parent")):
            bag = self.model.find(one["code"]) if one and not problem else None
            if bag:
                self.ids.setdefault(bag, one["id"])
        # What was refused for the id in its path was no scan yet.
        if did.outcome != "bag_not_found" or path.endswith(("/label", "/bags", "/detach")):
            self.did[scan] = did
        self.sent.append((who, path, {**body, "scan_id": scan}, got))
        self._same(wanted or did.outcome, got)
        if did.items:
            answered = [
                item["problem"]["code"] if item.get("problem") else item["outcome"]
                for item in said["results"]
            ]
            assert answered == [item.outcome for item in did.items]
            self.told.update(answered)

    @initialize(billed=st.sampled_from(("not", "attached", "dispatched")))
    def begin(self, billed: str) -> None:
        """A few bags of each area, so that there is something to meet."""
        for who, parent, children in (("north", "A", "de"), ("north", "B", ""), ("south", "C", "f")):
            self.scan_parent(who, parent)
            for child in children:
                self._child(who, self._code(child), self._code(parent))
        if billed != "not":
            self.attach("biller", 0, "A", 0)
        if billed == "dispatched":
            self.complete_or_reopen_bill("biller", 0, done=True)

    @rule(who=WHO, code=CODE)
    def scan_parent(self, who: str, code: str) -> None:
        code = self._code(code)
        self._scan(who, "/scans/parent", {"code": code}, str(uuid4()), self.model.scan_parent(who, code))

    def _child(self, who: str, code: str, parent: str) -> None:
        scan = str(uuid4())
        did = self.model.scan_child(who, scan, code, parent)
        self._scan(who, "/scans/child", {"parent_code": parent, "code": code}, scan, did)

    @rule(who=WHO, code=CODE, parent=CODE)
    def scan_child(self, who: str, code: str, parent: str) -> None:
        self._child(who, self._code(code), self._code(parent))

    @rule(who=WHO, code=CODE, which=ANY)
    def scan_child_into_a_parent(self, who: str, code: str, which: int) -> None:
        """More often what people mean to do."""
        self._child(who, self._code(code), self._parent(which))

    @rule(who=WHO, codes=st.lists(CODE, min_size=1, max_size=4), which=ANY)
    def scan_children(self, who: str, codes: list[str], which: int) -> None:
        scan, parent = str(uuid4()), self._parent(which)
        codes = [self._code(code) for code in codes]
        known = self.model.live()
        did = self.model.scan_children(who, scan, codes, parent)
        self._scan(who, "/scans/children", {"parent_code": parent, "codes": codes}, scan, did)
        for bag in sorted(self.model.live() - known, key=lambda bag: bag.code):
            found = self._wait(self.people["admin"].get("/bags/lookup", code=bag.code))
            self.ids[bag] = found.json()["bag"]["id"]

    @precondition(lambda self: self.ids)
    @rule(who=WHO, which=ANY, into=ANY)
    def move(self, who: str, which: int, into: int) -> None:
        children = self._children() if which % 5 else []
        self._move(who, children[which % len(children)] if children else self._bag(which), into)

    def _move(self, who: str, bag: Bag, into: int) -> str:
        scan, parent = str(uuid4()), self._parent(into)
        did = self.model.move(who, scan, bag, parent)
        self._scan(who, f"/bags/{self.ids[bag]}/move", {"parent_code": parent}, scan, did)
        return scan

    @precondition(lambda self: self._children())
    @rule(which=ANY, into=ANY, other=ANY)
    def undo_what_was_overtaken(self, which: int, into: int, other: int) -> None:
        """Move a child twice, and take the first move back."""
        children = self._children()
        bag = children[which % len(children)]
        scan = self._move("admin", bag, into)
        self._move("admin", bag, other)
        if scan in self.did:
            self._undo("admin", scan)

    @precondition(lambda self: self.ids)
    @rule(who=WHO, which=ANY, other=ANY, straight=st.booleans())
    def unlink(self, who: str, which: int, other: int, straight: bool) -> None:
        bag, scan = self._bag(which), str(uuid4())
        parent = bag.parent if straight and bag.parent else self._bag(other)
        did = self.model.unlink(who, bag, parent)
        path = f"/bags/{self.ids[parent]}/children/{self.ids[bag]}"
        said = self._wait(self.people[who].delete(path, scan_id=scan)).json()
        if did.outcome != "bag_not_found":
            self.did[scan] = did
        self._same(did.outcome, said.get("outcome") or said["code"])

    @precondition(lambda self: self.ids)
    @rule(who=WHO, which=ANY, done=st.booleans())
    def complete_or_reopen(self, who: str, which: int, done: bool) -> None:
        bag = self._bag(which)
        did = self.model.complete(who, bag, done)
        path = f"/bags/{self.ids[bag]}/{'complete' if done else 'reopen'}"
        self._scan(who, path, {}, str(uuid4()), did, bag.state if did.bag and bag.kind == "parent" else None)

    @precondition(lambda self: self.ids)
    @rule(who=WHO, which=ANY, code=LABEL)
    def replace_label(self, who: str, which: int, code: str) -> None:
        bag, code = self._bag(which), self._code(code)
        did = self.model.label(who, bag, code)
        self._scan(who, f"/bags/{self.ids[bag]}/label", {"code": code}, str(uuid4()), did)

    @precondition(lambda self: self.ids)
    @rule(which=ANY)
    def delete(self, which: int) -> None:
        bag = self._bag(which)
        answer = self._wait(self.people["admin"].delete(f"/bags/{self.ids[bag]}"))
        self._same(self.model.delete(bag), answer.json()["code"] if answer.content else "deleted")

    @rule(who=OFFICE, bill=BILL, code=CODE, which=ANY)
    def attach(self, who: str, bill: int, code: str, which: int) -> None:
        one, bill_id = self.bills[bill]
        code = self._parent(which) if which % 4 else self._code(code)
        did = self.model.attach(who, one, code)
        self._scan(who, f"/bills/{bill_id}/bags", {"code": code}, str(uuid4()), did)

    @rule(who=OFFICE, bill=BILL, code=CODE, which=ANY)
    def detach(self, who: str, bill: int, code: str, which: int) -> None:
        one, bill_id = self.bills[bill]
        code = self._parent(which) if which % 4 else self._code(code)
        did = self.model.detach(who, one, code)
        self._scan(who, f"/bills/{bill_id}/bags/detach", {"code": code}, str(uuid4()), did)

    @rule(who=OFFICE, bill=BILL, done=st.booleans())
    def complete_or_reopen_bill(self, who: str, bill: int, done: bool) -> None:
        one, bill_id = self.bills[bill]
        wanted = self.model.complete_bill(one) if done else self.model.reopen_bill(one)
        path = f"/bills/{bill_id}/{'complete' if done else 'reopen'}"
        answer = self._wait(self.people[who].post(path, None if done else {"reason": "once more"}))
        said = answer.json()
        self._same(wanted, said["code"] if answer.status_code >= 400 else said["state"])

    @precondition(lambda self: self.did)
    @rule(who=WHO, which=ANY)
    def undo(self, who: str, which: int) -> None:
        wanted = [scan for scan, did in self.did.items() if did.items or did.outcome in UNDOABLE]
        scans = (wanted if wanted and which % 4 else list(self.did))[-12:]
        self._undo(who, scans[which % len(scans)])

    def _undo(self, who: str, scan: str) -> None:
        said = self._wait(self.people[who].undo(scan)).json()
        self._same(self.model.undo(who, scan, self.did[scan]), said.get("outcome") or said["code"])

    @precondition(lambda self: self.sent)
    @rule(who=WHO, which=ANY, changed=st.booleans())
    def send_again(self, who: str, which: int, changed: bool) -> None:
        """The same scan_id once more: by the same person, by another, or for something else."""
        sender, path, body, got = self.sent[which % len(self.sent)]
        if path not in ("/scans/parent", "/scans/child"):
            return
        answer = self._wait(self.people[who].post(path, body | ({"code": "other"} if changed else {})))
        said = answer.json()
        wanted = "scan_id_taken" if sender != who else "scan_id_reused" if changed else got
        self._same(wanted, said.get("outcome") or said["code"])

    def teardown(self) -> None:
        """Every bag and bill as it is stored, and as the model has it."""
        stored = asyncio.run_coroutine_threadsafe(self._stored(), self.loop).result(30)
        bill_ids = {id(bill): bill_id for bill, bill_id in self.bills}
        assert stored == (
            {
                self.ids[bag]: (
                    bag.code,
                    bag.kind,
                    bag.area,
                    bag.state,
                    len(self.model.children(bag)),
                    self.ids[bag.parent] if bag.parent else None,
                    bill_ids[id(bag.bill)] if bag.bill else None,
                )
                for bag in self.model.live()
            },
            {
                bill_id: (
                    bill.done,
                    len(self.model.on(bill)),
                    sum(len(self.model.children(bag)) for bag in self.model.on(bill)),
                )
                for bill, bill_id in self.bills
            },
        )

    async def _stored(self) -> tuple[dict[int, Any], dict[int, Any]]:
        bags = await self.floor.owner.fetch(
            "select b.id, b.code, b.kind, a.name as area, b.state, b.child_count, b.parent_id, b.bill_id"
            " from bags b left join areas a on a.id = b.area_id where lower(b.code) like $1",
            f"{self.name.lower()}-%",
        )
        bills = await self.floor.owner.fetch(
            "select id, state = 'completed' as done, parent_count, child_count from bill_cards"
            " where id = any($1)",
            [bill_id for _, bill_id in self.bills],
        )
        return (
            {row["id"]: tuple(row.values())[1:] for row in bags},
            {row["id"]: tuple(row.values())[1:] for row in bills},
        )


async def walk(floor: Floor, sequences: int, *, shrink: bool = True) -> Counter[str]:
    """Let the machine run in a thread of its own; how often each answer was given."""
    Work.floor, Work.loop, Work.told = floor, asyncio.get_running_loop(), Counter()
    Work.people = {
        "north": floor.north,
        "south": floor.south,
        "biller": floor.biller,
        "admin": floor.admin,
    }
    chosen = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        # Bags of one sequence are unknown to the next, so any may be shrunk.
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Work, settings=chosen)
    return Work.told


@pytest.mark.slow
async def test_made_up_work_is_answered_as_the_rules_say(floor: Floor) -> None:
    before = Work.begun
    told = await walk(floor, SEQUENCES)
    figure(
        "property model", f"{Work.begun - before} sequences, {told.total()} acts: {dict(told.most_common())}"
    )
    # Every rule was met: what was never answered was never tested.
    assert set(told) >= {
        *(
            "created",
            "opened",
            "linked",
            "already_linked",
            "moved",
            "unlinked",
            "completed",
            "open",
            "judged",
        ),
        *("label_replaced", "deleted", "undone", "bag_is_child", "bag_is_parent", "bag_in_other_area"),
        *("parent_not_found", "bag_not_found", "child_in_other_parent", "child_not_linked", "bag_in_use"),
        *("code_taken", "nothing_to_undo", "undo_superseded", "scan_not_found"),
        *("scan_id_taken", "scan_id_reused", "attached", "already_attached", "detached", "bag_on_other_bill"),
        *("bag_not_on_bill", "bill_completed", "bill_empty", "bill_not_completed", "processing"),
        *("parent_locked", "billed", "judged"),
    }
    assert await floor.true_counts()


async def test_a_rule_that_is_broken_is_found_out(floor: Floor) -> None:
    """A control: a floor that says of every linked child that it is where it should be."""
    rule_ = await floor.owner.fetchval("select pg_get_functiondef('floor_put_child'::regproc)")
    assert "child.parent_id = parent.id" in rule_
    try:
        await floor.owner.execute(rule_.replace("child.parent_id = parent.id", "child.parent_id is not null"))
        with pytest.raises(AssertionError, match="child_in_other_parent"):
            await walk(floor, SEQUENCES, shrink=False)
    finally:
        await floor.owner.execute(rule_)
