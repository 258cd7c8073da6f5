"""``GET /events``: what happens, as it happens, as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tracetrack.access import keys, sessions
from tracetrack.access.actor import Actor
from tracetrack.access.dependencies import Scanner
from tracetrack.oversight.dashboard.service import summary as figures
from tracetrack.oversight.stream.follow import Listener, View, follower, message
from tracetrack.platform.problems import problems

router = APIRouter(tags=["oversight"])

BEAT_SECONDS = 15.0
"""After so long without news a message tells that the stream lives, and how far it has come."""
LOOK_SECONDS = 0.5
"""How often it is asked whether the client's session has ended, or its user become something else."""
SEND_SECONDS = 10.0
"""How long a client may take nothing before it is cut off."""


class EventStream(Response):
    """A response that goes on until the client, its session, its user's role or area, or this worker ends."""

    media_type = "text/event-stream"

    def __init__(self, actor: Actor, listener: Listener) -> None:
        super().__init__()
        del self.headers["content-length"]
        # A proxy in between must not keep it back.
        self.headers["x-accel-buffering"] = "no"
        self.headers["cache-control"] = "no-store"
        self.actor = actor
        self.listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the messages as they come."""
        gone = asyncio.create_task(_gone(receive))
        try:
            async with asyncio.timeout(None) as patience:

                async def tell(message: MutableMapping[str, Any]) -> None:
                    patience.reschedule(asyncio.get_running_loop().time() + SEND_SECONDS)
                    await send(message)
                    patience.reschedule(None)

                await tell(
                    {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                )
                await self._tell_all(gone, tell)
                await tell({"type": "http.response.body", "body": b""})
        except (TimeoutError, OSError):
            # Too slow, or away: it comes back with the id of the last message that it had.
            pass
        finally:
            follower.forget(self.listener)
            gone.cancel()

    async def _tell_all(self, gone: asyncio.Task[None], tell: Send) -> None:
        told = looked = time.monotonic()
        while not gone.done():
            if time.monotonic() - looked >= LOOK_SECONDS:
                if not await self._may_listen():
                    return
                looked = time.monotonic()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    text = await self.listener.messages()
            except TimeoutError:
                if time.monotonic() - told < BEAT_SECONDS or self.listener.waiting:
                    continue
                # Nothing waits, so the client has had all up to where the follower is.
                text = message(follower.position or "", "beat", {})
            if text is None:
                return
            await tell({"type": "http.response.body", "body": text, "more_body": True})
            told = time.monotonic()

    async def _may_listen(self) -> bool:
        try:
            session_id = self.actor.session_id
            by_now = await sessions.living(session_id) or await keys.living(session_id)
        except Exception:
            # The database is away: there is nothing to tell until it is back, and then it is asked.
            return True
        # The view is of this role and area; who has others by now comes back, and gets theirs.
        return by_now is not None and (by_now.role, by_now.area_id) == (self.actor.role, self.actor.area_id)


async def _gone(receive: Receive) -> None:
    with suppress(Exception):
        while (await receive())["type"] != "http.disconnect":
            pass


@router.get(
    "/events",
    status_code=200,
    response_class=EventStream,
    responses={
        **problems("area_not_found"),
        200: {
            "description": "Server-sent events.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
    },
)
async def stream_events(
    actor: Scanner,
    summary: Annotated[bool, Query(description="Tell the dashboard's figures too, as they change")] = False,
    area_id: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Of this area only")] = None,
    seen: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=16_000, description="`id` of the last message")
    ] = None,
) -> Response:
    """What happens, as it happens; for bags and bills of one's area, for admins everything.

    Messages: `hello` (from here on), `ledger` (`events` that were committed; with `more` there
    were others: look anew), `reset` (too long away: look anew), `beat` (nothing new), for billers
    and admins `import` (how far one is, at most once a second, and how it ended: the fields of
    `GET /imports/{id}` that change while it runs), and if wanted `summary` (as
    `GET /dashboard/summary` answers). With `Last-Event-ID` the stream goes on from there without
    gap or double, on any worker.
    """
    if area_id is not None:
        # There is such an area, and he sees it.
        await figures(actor, area_id)
    return EventStream(actor, await follower.listen(View(actor, area_id), seen, summary))
