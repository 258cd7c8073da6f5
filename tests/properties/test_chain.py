"""The guarantees of scans whose meaning the server decides, for random devices on random wires.

Each sequence knows the truth: which label was under which when it was scanned. It is sent twice, by two
crews whose labels differ by their beginning alone: once scan by scan, once late, in pieces, twice, in the
wrong order, with answers lost. Then

1. every child is in the parent under which it was scanned, or its scan says that it is elsewhere;
2. both crews have the same bags and the same final answers;
3. the same ``scan_id`` is answered the same as before;
4. the current parent is the one that was in the worker's hand.

``make soak`` makes up a hundred times as many.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from tests.floor import Floor, Person
from tests.lengths import figure, length
from tracetrack.platform import stamps
from tracetrack.platform.migrate import FUNCTIONS

SEQUENCES = length(test=200, soak=20_000)
ACTS = (4, 12)
EXPECTED = 3
"""Children of a full parent: often full, often short."""
OPEN = {"kind_uncertain", "parent_completed", "previous_missing"}
"""Problems that are no final answers."""
TIMES = ("1970-01-01T00:00:00Z", "2026-11-24T06:00:00Z", "2026-11-25T08:00:00Z", "2199-01-01T00:00:00Z", None)


@dataclass
class Act:
    """One scan of a worker, and what it really was."""

    action: str
    code: str | None = None
    kind: str | None = None
    parent: str | None = None
    """The parent in hand: of a child, the one it was put into."""
    about: int | None = None
    """Which act an undo takes back."""


@dataclass
class Script:
    """What one worker does, by labels without their crew."""

    acts: list[Act] = field(default_factory=list)
    inside: dict[str, str] = field(default_factory=dict)
    """Where each child should be in the end."""
    elsewhere: set[int] = field(default_factory=set)
    """Acts that meet a child that another worker has packed already."""
    hand: str | None = None
    """The parent in the worker's hand in the end."""


def script(dice: random.Random, worker: int, patterns: bool) -> Script:
    """What a worker does with parents of one shape and children of another, or under patterns of any."""
    made = Script()
    opened: list[str] = []
    before: list[tuple[int, str, str | None, str]] = []
    number = 0

    def label(kind: str) -> str:
        nonlocal number
        number += 1
        if kind == "parent":
            return (
                f"P{worker}-{number:04}"
                if not patterns
                else dice.choice(["P", "PP"]) + f"{worker}{number:04}"
            )
        return f"{worker}{number:05}" if not patterns else f"C{worker}{dice.choice(['', 'X'])}{number:04}"

    for _ in range(dice.randint(*ACTS)):
        at, roll = len(made.acts), dice.random()
        if made.hand is None or roll < 0.2:
            again = [one for one in opened if one != made.hand]
            code = dice.choice(again) if again and dice.random() < 0.3 else label("parent")
            made.acts.append(Act("scan", code, "parent"))
            before.append((at, "parent", made.hand, code))
            made.hand = code
            opened.append(code)
        elif roll < 0.28 and before and before[-1][0] == at - 1:
            done, kind, hand, code = before.pop()
            made.acts.append(Act("undo", about=done))
            if kind == "child":
                del made.inside[code]
            else:
                made.hand = hand
        elif roll < 0.34:
            made.acts.append(Act("complete"))
            made.hand = None
        elif roll < 0.42:
            # Packed by somebody else before: it stays there, and the worker is told so.
            made.acts.append(Act("scan", f"K{dice.randrange(4)}", "child", made.hand))
            made.elsewhere.add(at)
        elif roll < 0.5 and made.inside:
            code = dice.choice([one for one, its in made.inside.items()])
            made.acts.append(Act("scan", code, "child", made.hand))
            if made.inside[code] != made.hand:
                made.elsewhere.add(at)
        else:
            code = label("child")
            made.acts.append(Act("scan", code, "child", made.hand))
            made.inside[code] = made.hand or ""
            before.append((at, "child", made.hand, code))
    return made


class Device:
    """A phone with a queue: what was scanned, in order, and what the server has said to it so far."""

    def __init__(self, who: Person, crew: str, script: Script, dice: random.Random) -> None:
        self.who, self.crew, self.script, self.dice = who, crew, script, dice
        self.most = 8
        """Scans in one call."""
        self.answers: dict[str, dict[str, Any]] = {}
        self.queue: list[dict[str, Any]] = []
        previous = None
        for number, act in enumerate(script.acts):
            scan_id = str(UUID(int=dice.getrandbits(128), version=4))
            entry: dict[str, Any] = {
                "scan_id": scan_id,
                "action": act.action,
                "previous": previous,
                "sequence": number + 1,
                "scanned_at": dice.choice(TIMES),
            }
            if act.code:
                entry["code"] = self.label(act.code)
            if act.about is not None:
                entry["about"] = self.queue[act.about]["scan_id"]
            self.queue.append(entry)
            previous = scan_id

    def label(self, code: str) -> str:
        return self.crew + code

    def waiting(self) -> list[int]:
        return [n for n, entry in enumerate(self.queue) if entry["scan_id"] not in self.answers]

    async def send(self, at: int, count: int, *, lost: bool = False) -> None:
        """Send a piece of the queue; of a lost answer nothing is known."""
        piece = range(at, min(at + count, len(self.queue)))
        answer = await self.who.post("/scans/sync", {"scans": [self.queue[n] for n in piece]})
        assert answer.status_code == 200, answer.text
        if lost:
            return
        for n, result in zip(piece, answer.json()["results"], strict=True):
            entry, act = self.queue[n], self.script.acts[n]
            assert result["scan_id"] == entry["scan_id"]
            problem = (result["problem"] or {}).get("code")
            if problem in ("kind_uncertain", "parent_completed"):
                # The worker looks at the bag in his hand.
                entry["as"] = act.kind
            if problem in OPEN:
                assert entry["scan_id"] not in self.answers, "a final answer was taken back"
                continue
            known = self.answers.setdefault(entry["scan_id"], result)
            assert said(known) == said(result), "one scan, two answers"

    async def deliver(self, *, calmly: bool) -> None:
        """Send until each scan has its final answer."""
        for _ in range(20 * len(self.queue) + 20):
            waiting = self.waiting()
            if not waiting:
                break
            if calmly:
                await self.send(waiting[0], 1)
                continue
            at = waiting[0]
            if self.dice.random() < 0.2:
                # Out of order, or what was answered long ago.
                at = self.dice.randrange(len(self.queue))
            await self.send(at, self.dice.randint(1, self.most), lost=self.dice.random() < 0.25)
        assert not self.waiting(), "a scan has no final answer"

    def finals(self) -> list[tuple[str, str | None]]:
        return [said(self.answers[entry["scan_id"]]) for entry in self.queue]


def said(result: dict[str, Any]) -> tuple[str, str | None]:
    """What does not change with what others did since: the outcome, and the problem."""
    return result["outcome"], (result["problem"] or {}).get("code")


class Site:
    """One floor on which sequence after sequence is scanned."""

    def __init__(self, floor: Floor, packer: Person) -> None:
        self.floor, self.packer = floor, packer

    async def run_all(self, seeds: Iterable[int]) -> None:
        for seed in seeds:
            try:
                await self.run(seed)
            except AssertionError as error:
                raise AssertionError(f"sequence {seed}: {error}") from error

    async def run(self, seed: int) -> None:
        dice = random.Random(seed)
        patterns = dice.random() < 0.5
        await self.floor.owner.execute("update label_patterns set enabled = $1", patterns)
        await self.floor.owner.execute("update versions set version = version + 1")
        stamps.forget_stamps()
        scripts = [script(dice, worker, patterns) for worker in (1, 2)]
        told = []
        for number, calmly in enumerate((True, False)):
            crew = f"{'AB'[number]}{seed}/"
            people = (self.floor.north, self.packer)
            elsewhere = [f"{crew}K{n}" for n in range(4)]
            await self.floor.north.scan_parent(f"{crew}OTHER")
            await self.floor.north.post(
                "/scans/children", {"parent_code": f"{crew}OTHER", "codes": elsewhere}
            )
            devices = [
                Device(person, crew, one, random.Random(f"{seed} {number} {person.username}"))
                for person, one in zip(people, scripts, strict=True)
            ]
            for device in devices:
                await device.deliver(calmly=calmly)
            for device in devices:
                await self.holds(device)
            told.append([device.finals() for device in devices])
        assert told[0] == told[1], "the cut of the queue changed an answer"

    async def holds(self, device: Device, *, others: bool = True) -> None:
        rows = await self.floor.owner.fetch(
            "select c.code as child, p.code as parent from bags c join bags p on p.id = c.parent_id"
            " where starts_with(c.code, $1)",
            device.crew,
        )
        links = {row["child"]: row["parent"] for row in rows}
        wanted = {device.label(child): device.label(its) for child, its in device.script.inside.items()}
        found = {child: links.get(child) for child in wanted}
        assert found == wanted, "a child is not where it was scanned"
        for number in range(4 if others else 0):
            assert links[f"{device.crew}K{number}"] == f"{device.crew}OTHER"
        for number, act in enumerate(device.script.acts):
            outcome, problem = said(device.answers[device.queue[number]["scan_id"]])
            if number in device.script.elsewhere:
                assert (outcome, problem) == ("refused", "child_in_other_parent")
            else:
                assert problem is None, (act, problem)
        # Once more, all of it: the same answers, and no second effect.
        for start in range(0, len(device.queue), device.most):
            await device.send(start, device.most)
        current = (await device.who.get("/scans/current")).json()
        hand = device.script.hand
        assert (current["parent"] or {}).get("code") == (device.label(hand) if hand else None)
        assert current["last_scan_id"] == device.queue[-1]["scan_id"]


async def site(floor: Floor) -> Site:
    made = Site(floor, await floor.person("packer", "dispatcher", "North"))
    types = (await floor.admin.get("/bag-types")).json()["items"]
    await floor.admin.patch(f"/bag-types/{types[0]['id']}", {"expected_children": EXPECTED})
    for name, pattern, kind in (
        ("big", r"^([AB]\d+/PP?\d+)$", "parent"),
        ("small", r"^([AB]\d+/[CK].*)$", "child"),
    ):
        body = {"name": name, "pattern": pattern, "kind": kind, "enabled": False}
        answer = await floor.admin.post("/label-patterns", body)
        assert answer.status_code == 201, answer.text
    return made


async def test_every_child_is_where_it_was_scanned_however_the_queue_was_sent(floor: Floor) -> None:
    crew = await site(floor)
    await crew.run_all(range(SEQUENCES))
    assert await floor.true_counts()
    asked = await floor.owner.fetchval("select count(*) from scan_questions")
    assert asked > SEQUENCES, "the sequences ask nothing, so they prove little"
    figure("chains", f"{SEQUENCES:,} sequences, twice each, {asked:,} questions, no child elsewhere")


DECIDE = next(path for path in FUNCTIONS if path.name == "decide.sql").read_text("utf-8")
FAULTS = {
    "the current parent is kept by user, not by chain": """
        create or replace function chain_context(
            actor floor_actor, p_previous uuid, out known boolean, out parent_id bigint)
            stable language sql as $$
            select true, (select p.parent_id from packing p where p.user_id = (actor).user_id)
        $$""",
    "what is in doubt is a child": """
        create or replace function shape_doubt(actor floor_actor, parent bags, p_code text) returns text
            language sql as $$ select null::text $$""",
    "a missing scan is no gap": """
        create or replace function chain_context(
            actor floor_actor, p_previous uuid, out known boolean, out parent_id bigint)
            stable language sql as $$
            select true, (select r.context_parent_id from scan_receipts r
                          where r.scan_id = p_previous and r.user_id = (actor).user_id)
        $$""",
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_server_that_breaks_a_guarantee_is_found_out(floor: Floor, fault: str) -> None:
    crew = await site(floor)
    await floor.owner.execute(FAULTS[fault])
    try:
        with pytest.raises(AssertionError):
            await crew.run_all(range(30))
    finally:
        await floor.owner.execute(DECIDE)


ROWS, CHILDREN = 50, 30


async def test_an_offline_row_of_fifty_bags_is_fifty_bags_however_late_it_comes(floor: Floor) -> None:
    row = Script()
    for bag in range(ROWS):
        row.hand = f"M444-{bag:05}"
        row.acts.append(Act("scan", row.hand, "parent"))
        for number in range(CHILDREN):
            child = f"{bag * CHILDREN + number:07}"
            row.acts.append(Act("scan", child, "child", row.hand))
            row.inside[child] = row.hand
    # The phone knew none of these parents, and was away for three days.
    device = Device(floor.north, "", row, random.Random(7))
    device.most = 300
    await device.deliver(calmly=False)
    crew = Site(floor, floor.south)
    await crew.holds(device, others=False)
    counts = await floor.owner.fetch(
        "select child_count, completed_at is not null as done from bags where kind = 'parent' order by id"
    )
    assert [tuple(one) for one in counts] == [(CHILDREN, True)] * (ROWS - 1) + [(CHILDREN, False)]
    # Each scan once: nothing came twice, whatever was sent twice.
    assert await floor.owner.fetchval("select count(*) from scans") == ROWS * (CHILDREN + 1)
