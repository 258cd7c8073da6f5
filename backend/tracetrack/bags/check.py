"""Stored codes that the rule for labels makes equal, or that no label gives any more.

Changes nothing: which of two bags is the right one is for people to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg

from tracetrack.bags.codes import clean, visible
from tracetrack.platform.problems import Problem

_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A bag as it is stored."""

    id: int
    code: str
    kind: str

    def __str__(self) -> str:
        return f'"{visible(self.code)}" ({self.kind}, id {self.id})'


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found among the stored codes."""

    bags: int
    equal: dict[str, list[Stored]]
    """Bags whose labels give one code, by that code in lower case."""
    unreadable: list[tuple[Stored, str]]
    """Bags whose code no label gives, and why: ``secret``, or a reason of ``bad_code``."""

    def lines(self) -> Iterator[str]:
        """Sentences for the operator."""
        for code, bags in self.equal.items():
            yield f'One label, "{visible(code)}", is {len(bags)} bags: {", ".join(map(str, bags))}.'
        for bag, reason in self.unreadable:
            yield f"No label gives this code ({reason}): {bag}."


async def check_codes(url: str) -> Checked:
    """Read every stored code once more by the rule of :mod:`tracetrack.bags.codes`."""
    connection = await asyncpg.connect(url)
    try:
        # One snapshot for both questions.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            count = 0
            changed: dict[str, list[Stored]] = defaultdict(list)
            unreadable = []
            async for row in connection.cursor("select id, code, kind from bags", prefetch=_BATCH):
                count += 1
                bag = Stored(row["id"], row["code"], row["kind"])
                try:
                    key = clean(bag.code).lower()
                except Problem as problem:
                    unreadable.append((bag, str(problem.extra["reason"])))
                    continue
                if key == bag.code.lower():
                    continue
                if bag.code.lower().startswith(("wifi:", "otpauth")):
                    unreadable.append((bag, "secret"))
                changed[key].append(bag)
            same = await connection.fetch(
                "select id, code, kind from bags where lower(code) = any($1::text[])", list(changed)
            )
    finally:
        await connection.close()
    for row in same:
        changed[row["code"].lower()].append(Stored(row["id"], row["code"], row["kind"]))
    equal = {code: sorted(bags, key=lambda bag: bag.id) for code, bags in changed.items() if len(bags) > 1}
    return Checked(count, equal, unreadable)
