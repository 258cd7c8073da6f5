"""One reader a worker follows the ledger for all its streams; no stream holds a connection.

It polls while somebody listens. A notification by the scans themselves would put their commits in
a queue (NOTIFY) or cost each of them a message (Redis); five small queries a second cost less, and
work the same with Redis up or down.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, NamedTuple

import orjson

from tracetrack.access.actor import Actor, Role, sees
from tracetrack.oversight.dashboard.service import area_in_sight, shared_summary
from tracetrack.oversight.stream import queries
from tracetrack.platform import db
from tracetrack.platform.logs import get_logger
from tracetrack.platform.metrics import STREAMS
from tracetrack.platform.problems import Problem
from tracetrack.platform.stopping import stopping

log = get_logger("stream")

POLL_SECONDS = 0.2
FIGURES_SECONDS = 0.4
"""How often the dashboard's figures are told where they change; their own age added, within a second."""
IMPORTS_SECONDS = 1.0
"""How often it is told how far the running imports are."""
QUEUE = 64
"""Messages that a client may be behind; a slower one is cut off, comes back and catches up."""
MAX_STREAMS = 1_000
"""Of one worker."""
AT_ONCE = 6
"""Clients that are written to in one go; a scan that comes meanwhile waits for these few."""
PAUSE_SECONDS = 0.004
"""Between one go and the next."""
MOST_GOES = 25
"""More clients than fit into these are written to more at once."""

_POSITION = re.compile(r"\d{1,20}:\d{1,20}:(\d{1,20}(,\d{1,20})*)?", re.ASCII)

FLOOR = frozenset({"bag", "bill"})
"""What dispatchers are told of; billers also of imports and returns, admins of everything."""
OFFICE = FLOOR | {"import", "return"}


class View(NamedTuple):
    """What somebody may be told; streams of the same view share one text."""

    actor: Actor
    area: int | None = None
    """The one area that he asked for; None: all that he sees."""

    @property
    def key(self) -> tuple[int | None, Role]:
        """Two views with this in common are told the same."""
        return area_in_sight(self.actor, self.area), self.actor.role

    def shows(self, event: dict[str, Any]) -> bool:
        """Whether an event is for this view."""
        role = self.actor.role
        told = role is Role.admin or event["subject_type"] in (FLOOR if role is Role.dispatcher else OFFICE)
        wanted = self.area is None or event["area_id"] == self.area
        return told and wanted and sees(self.actor, event["area_id"])


def message(position: str, kind: str, value: object) -> bytes:
    """One server-sent event; a client gets it whole or not at all."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (position.encode(), kind.encode(), orjson.dumps(value))


def news(position: str, events: list[dict[str, Any]], view: View, more: bool = False) -> bytes | None:
    """The message about some events, or None where none is for this view."""
    shown = [event for event in events if view.shows(event)]
    if not shown and not more:
        return None
    return message(position, "ledger", {"events": shown, "more": more})


class Listener:
    """One client: its view and the messages that wait for it."""

    def __init__(self, view: View, figures: bool = False) -> None:
        self.view = view
        self.figures = figures
        """Whether the dashboard's figures are wanted too."""
        self.shown: bytes | None = None
        """The figures as they were last told."""
        self.waiting: list[bytes] = []
        self._ended = False
        self._woken = asyncio.Event()

    def tell(self, text: bytes) -> bool:
        """Add a message, for when it is woken; False when too many wait already, and the stream is to end."""
        if len(self.waiting) >= QUEUE:
            # It gets what waits, without a gap, and comes back for the rest.
            self.end()
            return False
        self.waiting.append(text)
        return True

    def wake(self) -> None:
        """Let the client have what waits for it."""
        if self.waiting or self._ended:
            self._woken.set()

    def end(self) -> None:
        """End the stream as soon as the client has what waits for it."""
        self._ended = True
        self._woken.set()

    async def messages(self) -> bytes | None:
        """All that waits, once there is something; None when the stream is to end."""
        await self._woken.wait()
        text = b"".join(self.waiting)
        self.waiting.clear()
        if not self._ended:
            self._woken.clear()
        return text or None


Imports = Callable[[Collection[int]], Awaitable[list[tuple[int | None, dict[str, Any]]]]]
"""Imports that wait or run, and how those with these ids ended: the area of each, and what is told."""


class Follower:
    """Follows the ledger while there are listeners."""

    def __init__(self) -> None:
        self.position: str | None = None
        self._listeners: set[Listener] = set()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.imports: Imports | None = None
        """Asks the imports' room how far they are; the application says how."""
        self._moving: dict[int, dict[str, Any]] = {}
        """Imports that wait or run, as they were last told."""

    async def listen(self, view: View, seen: str | None, figures: bool = False) -> Listener:
        """Add a client, with what it missed since ``seen``, the id of the last message it had.

        Raises:
            Problem: ``busy`` when there are too many.
        """
        if len(self._listeners) >= MAX_STREAMS or stopping():
            raise Problem("busy", headers={"Retry-After": "2"})
        listener = Listener(view, figures)
        async with self._turn:
            # First up to date: the client may come from a worker that was ahead.
            await self._poll()
            position = self.position
            assert position is not None
            self._listeners.add(listener)
            STREAMS.set(len(self._listeners))
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._follow(), name="stream follower")
            try:
                listener.tell(await self._welcome(view, seen, position))
                listener.wake()
            except BaseException:
                self.forget(listener)
                raise
        return listener

    async def _welcome(self, view: View, seen: str | None, position: str) -> bytes:
        if seen is None:
            return message(position, "hello", {})
        if not _POSITION.fullmatch(seen):
            return message(position, "reset", {})
        try:
            async with db.reading() as tx:
                row = (await tx.execute(queries.BETWEEN, {"seen": seen, "until": position})).one()
        except Exception as error:
            if (db.sqlstate(error) or "").startswith("22"):
                return message(position, "reset", {})
            raise
        events = row.events or []
        if not row.known or len(events) > queries.BACKLOG:
            return message(position, "reset", {})
        return news(position, events, view) or message(position, "hello", {})

    def forget(self, listener: Listener) -> None:
        """Remove a client."""
        self._listeners.discard(listener)
        STREAMS.set(len(self._listeners))

    async def _poll(self) -> None:
        async with db.reading() as tx:
            if self.position is None or not self._listeners:
                self.position = str(await tx.scalar(queries.POSITION))
                return
            row = (await tx.execute(queries.NEWS, {"seen": self.position})).one()
        self.position = row.position
        if row.events:
            self._publish(row.position, row.events[: queries.BATCH], len(row.events) > queries.BATCH)

    def _publish(self, position: str, events: list[dict[str, Any]], more: bool) -> None:
        texts: dict[tuple[int | None, Role], bytes | None] = {}
        for listener in list(self._listeners):
            key = listener.view.key
            if key not in texts:
                texts[key] = news(position, events, listener.view, more)
            text = texts[key]
            if text is not None and not listener.tell(text):
                self.forget(listener)

    async def _tell_figures(self) -> None:
        """Tell the dashboard's figures, where they have changed: asked for once a view, not a client."""
        views = {listener.view.key: listener.view for listener in self._listeners if listener.figures}
        for key, view in views.items():
            try:
                told = await shared_summary(view.actor, view.area)
            except Problem:
                # Its area was closed meanwhile: there is nothing to tell of it.
                continue
            shown = orjson.dumps(told)
            text = message(self.position or "", "summary", told)
            for listener in list(self._listeners):
                if listener.figures and listener.view.key == key and listener.shown != shown:
                    listener.shown = shown
                    if not listener.tell(text):
                        self.forget(listener)

    async def _tell_imports(self) -> None:
        """Tell how far imports are, where that has changed, and once that they have ended."""
        if self.imports is None or all(one.view.actor.role is Role.dispatcher for one in self._listeners):
            self._moving = {}
            return
        before, self._moving = self._moving, {}
        for area_id, now in await self.imports(before.keys()):
            if now["state"] in ("queued", "running"):
                self._moving[now["id"]] = now
            if before.get(now["id"]) == now:
                continue
            text = message(self.position or "", "import", now)
            event = {"subject_type": "import", "area_id": area_id}
            for listener in list(self._listeners):
                if listener.view.shows(event) and not listener.tell(text):
                    self.forget(listener)

    async def _follow(self) -> None:
        due = imports_due = 0.0
        while self._listeners:
            await asyncio.sleep(POLL_SECONDS)
            if stopping():
                self.close()
                return
            try:
                async with self._turn:
                    await self._poll()
                if time.monotonic() >= due:
                    due = time.monotonic() + FIGURES_SECONDS
                    await self._tell_figures()
                if time.monotonic() >= imports_due:
                    imports_due = time.monotonic() + IMPORTS_SECONDS
                    await self._tell_imports()
                await self._wake()
            except Exception as error:
                # The position stays, so what comes meanwhile is told when the database is back.
                log.warning("the ledger cannot be followed", error=str(error)[:200])
                await asyncio.sleep(1)

    async def _wake(self) -> None:
        """Wake the clients for which something waits, a few at a time."""
        due = [listener for listener in self._listeners if listener.waiting]
        at_once = max(AT_ONCE, math.ceil(len(due) / MOST_GOES))
        for start in range(0, len(due), at_once):
            for listener in due[start : start + at_once]:
                listener.wake()
            await asyncio.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        """End every stream."""
        for listener in list(self._listeners):
            listener.end()
            self.forget(listener)


follower = Follower()
"""Of this worker."""
