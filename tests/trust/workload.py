"""What fifty people do at once: pack, take out, move, undo, bill, import; each call on record.

An act whose answer is lost is mostly sent again under the same key, as a phone does; some are
left, so that there are some of which nobody knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from typing import Any
from uuid import UUID

import orjson

from tests.trust.line import Answer, Line, Lost
from tests.trust.record import Recorder

TRIES = 200
"""How often an act is sent, at most, before it is left as unknown."""
LEFT = 0.1
"""The share of lost acts that are not sent again."""
PARENTS = 20
"""Of each area, which all share."""
ROWS = 30
"""Of an imported file."""


class Workload:
    """Fifty people and their account."""

    def __init__(self, lines: list[Line], recorder: Recorder, seed: int = 1, rest: float = 0.0) -> None:
        self.recorder = recorder
        self.rest = rest
        """Seconds between two acts of one person, on average."""
        self.dice = random.Random(seed)
        self.people = [Worker(self, line, self.dice.getrandbits(64)) for line in lines]
        self.aborted = 0.0
        """The share of calls that are hung up on before their answer."""
        self.done = 0
        """Acts that are over, whatever came of them."""
        self.over = False
        self.bills: list[int] = []
        self.completed: list[int] = []
        self.parents: dict[str, int] = {}
        """Ids by code."""
        self.numbers = 0

    async def run(self, acts: int) -> None:
        """Work until so many acts are done."""

        async def work(person: Worker) -> None:
            while self.done < acts and not self.over:
                await person.act()
                self.done += 1
                if self.rest:
                    await asyncio.sleep(self.dice.uniform(0, 2 * self.rest))

        await asyncio.gather(*map(work, self.people))

    async def reaches(self, acts: float) -> None:
        """Wait until so many acts are done."""
        while not self.over and self.done < acts:  # noqa: ASYNC110 - an event an act would cost more
            await asyncio.sleep(0.02)

    async def settle(self) -> None:
        """Wait until no import waits or runs."""
        admin = next(person for person in self.people if person.role == "admin")
        last = "no answer"
        for _ in range(2_400):
            with contextlib.suppress(Lost):
                answer = await admin.line.call("GET", "/imports?limit=200")
                last = f"{answer.status} {answer.said}"
                if answer.status == 401:
                    # A database that promises too early may have lost the session.
                    await admin.line.sign_in()
                states = {one["state"] for one in answer.said.get("items", [{"state": "running"}])}
                if not states & {"queued", "running"}:
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(f"imports do not end: {last[:2000]}")

    def number(self) -> int:
        self.numbers += 1
        return self.numbers


class Worker:
    """One of them."""

    def __init__(self, work: Workload, line: Line, seed: int) -> None:
        self.work = work
        self.line = line
        self.role = line.username.partition("-")[0]
        self.dice = random.Random(seed)
        self.linked: deque[tuple[int, str]] = deque(maxlen=200)
        """Children that one has put somewhere: id and code."""
        self.scans: deque[str] = deque(maxlen=20)
        self.on: deque[tuple[int, str]] = deque(maxlen=50)

    async def act(self) -> None:
        """Do one thing."""
        office = self.role in ("biller", "admin")
        acts, weights = self.OFFICE if office else self.FLOOR
        name = self.dice.choices(acts, weights)[0]
        if name == "upload" and self.role != "admin":
            name = "attach"
        await getattr(self, name)()

    FLOOR = (
        ("parent", "child", "children", "unlink", "move", "undo", "finish", "look"),
        (8, 46, 4, 10, 12, 12, 4, 4),
    )
    OFFICE = (("bill", "attach", "detach", "close", "upload", "child", "look"), (6, 40, 20, 8, 6, 10, 10))

    async def _do(
        self, act: str, key: str, method: str, path: str, body: Any = None, **more: Any
    ) -> Answer | None:
        """Send an act until its answer is known, or leave it; None where it was left."""
        headers = more.pop("headers", None)
        for _ in range(TRIES):
            number = self.work.recorder.asked(self.line.username, act, key, **more)
            if self.dice.random() < self.work.aborted:
                await self.line.abandon(method, path, body, headers)
                self.work.recorder.answered(number, 0, "abandoned")
                return None
            try:
                answer = await self.line.call(method, path, body, headers)
            except Lost as lost:
                self.work.recorder.answered(number, 0, str(lost))
                if self.work.over or self.dice.random() < LEFT:
                    return None
                await asyncio.sleep(self.dice.uniform(0.02, 0.3))
                continue
            told = {}
            if act == "children" and answer.status == 200:
                told["linked"] = sum(one["outcome"] == "linked" for one in answer.said["results"])
            if act == "bill complete" and answer.status == 200:
                told["revision"] = answer.said["revision"]
            self.work.recorder.answered(number, answer.status, answer.word, **told)
            if answer.status == 401:
                with contextlib.suppress(Lost):
                    await self.line.sign_in()
            elif answer.status < 500:
                return answer
            await asyncio.sleep(self.dice.uniform(0.02, 0.3))
        return None

    def _key(self) -> str:
        return str(UUID(int=self.dice.getrandbits(128), version=4))

    def _parent(self) -> str:
        area = self.dice.choice(("north", "south")) if self.role in ("biller", "admin") else self.role
        return f"P-{area}-{self.dice.randrange(PARENTS)}"

    async def _scan(self, act: str, path: str, **body: Any) -> Answer | None:
        key = self._key()
        answer = await self._do(act, key, "POST", path, body | {"scan_id": key})
        if answer is not None and answer.status == 200:
            self.scans.append(key)
        return answer

    async def parent(self) -> None:
        answer = await self._scan("parent", "/scans/parent", code=self._parent())
        if answer is not None and answer.status == 200:
            self.work.parents[answer.said["bag"]["code"]] = answer.said["bag"]["id"]

    def _code(self) -> str:
        """Mostly a new child; now and then one that others scan too."""
        return f"C-{self.dice.randrange(300)}" if self.dice.random() < 0.2 else f"C{self.work.number()}"

    async def child(self) -> None:
        code = self._code()
        answer = await self._scan("child", "/scans/child", parent_code=self._parent(), code=code)
        if answer is not None and answer.word == "linked":
            self.linked.append((answer.said["bag"]["id"], code))

    async def children(self) -> None:
        key, codes = self._key(), list(dict.fromkeys(self._code() for _ in range(5)))
        body = {"parent_code": self._parent(), "codes": codes, "scan_id": key}
        await self._do("children", key, "POST", "/scans/children", body, codes=len(codes))

    def _mine(self) -> tuple[int, str] | None:
        return self.linked[self.dice.randrange(len(self.linked))] if self.linked else None

    async def unlink(self) -> None:
        mine, parent = self._mine(), self.work.parents.get(self._parent())
        if mine is None or parent is None:
            await self.child()
            return
        # As often as not out of the parent that it is really in.
        key = self._key()
        with contextlib.suppress(Lost, KeyError, TypeError):
            if self.dice.random() < 0.7:
                said = (await self.line.call("GET", f"/bags/{mine[0]}")).said
                parent = said["bag"]["parent"]["id"]
        path = f"/bags/{parent}/children/{mine[0]}?scan_id={key}"
        answer = await self._do("unlink", key, "DELETE", path)
        if answer is not None and answer.status == 200:
            self.scans.append(key)

    async def move(self) -> None:
        if mine := self._mine():
            await self._scan("move", f"/bags/{mine[0]}/move", parent_code=self._parent())
        else:
            await self.child()

    async def undo(self) -> None:
        if not self.scans:
            await self.child()
            return
        about = self.scans.pop()
        await self._do("undo", f"undo {about}", "POST", f"/scans/{about}/undo")

    async def finish(self) -> None:
        parent = self.work.parents.get(self._parent())
        if parent is None:
            await self.parent()
        elif self.dice.random() < 0.5:
            await self._scan("complete", f"/bags/{parent}/complete")
        else:
            await self._scan("reopen", f"/bags/{parent}/reopen")

    async def bill(self) -> None:
        number = f"B-{self.work.number()}"
        answer = await self._do("bill", number, "POST", "/bills", {"number": number})
        if answer is not None and answer.status == 201:
            self.work.bills.append(answer.said["id"])
            del self.work.bills[:-10]

    async def attach(self) -> None:
        if not self.work.bills:
            await self.bill()
            return
        bill, code = self.dice.choice(self.work.bills), self._parent()
        answer = await self._scan("attach", f"/bills/{bill}/bags", code=code)
        if answer is not None and answer.word == "attached":
            self.on.append((bill, code))

    async def detach(self) -> None:
        if not self.on:
            await self.attach()
            return
        bill, code = self.on.popleft()
        await self._scan("detach", f"/bills/{bill}/bags/detach", code=code)

    async def close(self) -> None:
        """Complete a bill, and open it again before long, so that the floor can go on."""
        if not self.work.bills:
            await self.bill()
            return
        bill = self.dice.choice(self.work.bills)
        path, reason = f"/bills/{bill}", {"reason": "once more"}
        await self._do("bill complete", f"{bill} {self._key()}", "POST", f"{path}/complete")
        await asyncio.sleep(self.dice.uniform(0, 0.2))
        await self._do("bill reopen", f"{bill} {self._key()}", "POST", f"{path}/reopen", reason)

    async def look(self) -> None:
        """Read what many read."""
        for path in ("/dashboard/summary", f"/bags/lookup?code={self._parent()}", "/bags?limit=20"):
            with contextlib.suppress(Lost):
                await self.line.call("GET", path)

    async def upload(self) -> None:
        name = f"I{self.work.number()}"
        rows = "".join(f"{name},{name}-{n}\n" for n in range(ROWS))
        edge = "edge-of-the-file"
        parts = (
            f'--{edge}\r\ncontent-disposition: form-data; name="file"; filename="{name}.csv"\r\n'
            f"content-type: text/csv\r\n\r\n{rows}\r\n--{edge}--\r\n"
        )
        kind = {"content-type": f"multipart/form-data; boundary={edge}"}
        answer = await self._do(
            *("import", f"{name}.csv", "POST", "/imports", parts.encode()), headers=kind, codes=ROWS
        )
        assert answer is None or answer.status in (202, 409), orjson.loads(answer.body)
