"""Version stamps: how a process knows that what it remembers still holds.

The database bumps a stamp (table ``versions``) in the same transaction as a change of users,
sessions, labels or settings. A process may use what it remembers while its stamp is unchanged,
and asks again when it last asked more than :data:`TRUSTED_SECONDS` before. So whoever comes later
than that after a change sees it, with or without Redis, for one small query per process and period.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sqlalchemy import text

from tracetrack.platform import db
from tracetrack.platform.background import heard

TRUSTED_SECONDS = 0.5
"""How long an answer about the stamps is believed; revocation must act within one second."""

_READ = text("select name, version from versions")

T = TypeVar("T")
K = TypeVar("K")

_seen: dict[str, int] = {}
_asked_at = float("-inf")
_asking: asyncio.Task[None] | None = None
_asking_since = float("-inf")


async def _ask(asked_at: float) -> None:
    global _asked_at
    # For all who wait, whatever the first of them had waited before.
    db.until.set(float("inf"))
    async with db.reading("floor") as connection:
        rows = (await connection.execute(_READ)).all()
    if asked_at > _asked_at:
        _seen.clear()
        _seen.update({row.name: row.version for row in rows})
        # The answer is as old as the question.
        _asked_at = asked_at


async def stamp(name: str, *, current: bool = False) -> int:
    """The version of ``name``, at most :data:`TRUSTED_SECONDS` old when it was asked for.

    Args:
        name: the stamp in table ``versions``.
        current: read after this call, however lately it was read before.
    """
    global _asking, _asking_since
    # Of the caller's coming, not of now: an answer that takes long on its way is none the worse.
    oldest = time.monotonic() - (0 if current else TRUSTED_SECONDS)
    while _asked_at < oldest:
        # One question for all, unless the one that is on its way was sent too long ago.
        if _asking is None or _asking.done() or _asking_since < oldest:
            _asking_since = time.monotonic()
            _asking = asyncio.create_task(_ask(_asking_since))
            _asking.add_done_callback(heard)
        # Shielded: a request that is given up must not fail those that wait for the same answer.
        await asyncio.shield(_asking)
    return _seen[name]


def forget_stamps() -> None:
    """Ask again at the next use: after one's own change, and between tests."""
    global _asked_at
    _asked_at = float("-inf")


class Remembered(Generic[K, T]):
    """A bounded memory of loaded values that is emptied when its stamp changes.

    Args:
        name: the stamp in table ``versions``.
        load: fetches the value of a key.
        size: how many values are kept; the oldest go first.
    """

    def __init__(self, name: str, load: Callable[[K], Awaitable[T]], size: int = 10_000) -> None:
        self.name = name
        self.load = load
        self.size = size
        self._version: int | None = None
        self._values: dict[K, T] = {}

    async def get(self, key: K, *, current: bool = False) -> T:
        """The value of ``key``, remembered or loaded; with ``current`` as it is now."""
        version = await stamp(self.name, current=current)
        if version != self._version:
            self._values.clear()
            self._version = version
        if key in self._values:
            return self._values[key]
        value = await self.load(key)
        # Loaded while the stamp moved on: right to answer with, wrong to keep.
        if self._version == version:
            while len(self._values) >= self.size:
                self._values.pop(next(iter(self._values)))
            self._values[key] = value
        return value
