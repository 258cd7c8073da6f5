"""Whether the database can be reached: one connection of each worker asks four times a second.

A server that is gone says so by itself. One that hangs says nothing, and whoever waits for it
waits for its time limits, many seconds; this asks the smallest question and waits for one second.
Then everything that needs the database is told at once, until a new connection has an answer.
"""

from __future__ import annotations

import asyncio
from asyncio import sleep
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from tracetrack.platform import db
from tracetrack.platform.breaker import Breaker, State
from tracetrack.platform.logs import get_logger

log = get_logger("reach")

EVERY_SECONDS = 0.25
PATIENCE_SECONDS = 1.0
"""With the pause before it, the longest that anybody waits for a server that hangs."""


class Database(Breaker):
    """The database's breaker, which is opened and closed by :func:`watch` alone."""

    def __init__(self) -> None:
        super().__init__("database", rest=EVERY_SECONDS, longest=EVERY_SECONDS)
        self.on_lost: list[Callable[[], Awaitable[None]]] = []
        """Told each time that it is lost."""

    async def lost(self, why: object) -> None:
        """The database does not answer."""
        was = self.state
        self._trying = True
        self.failed(why)
        if was is State.closed:
            for tell in self.on_lost:
                await tell()
            # Whatever state the old connections are in, nobody needs to find out.
            db.renew_connections()


DATABASE = Database()


async def watch(url: str) -> None:
    """Ask for ever.

    Args:
        url: ``postgresql://`` of the application.
    """
    connection: Any = None
    while True:
        known = connection is not None
        try:
            # Connecting and the first question together: a new session is asked as an old one is.
            if connection is None or connection.is_closed():
                connection = await _within(
                    asyncpg.connect(db.driver_url(url), timeout=PATIENCE_SECONDS, **_AS)
                )
            await _within(connection.execute("select 1"))
        except Exception as error:
            if connection is not None:
                connection.terminate()
                connection = None
            if known and not isinstance(error, TimeoutError):
                # An old connection was ended; whether the server is away a new one will tell.
                continue
            await DATABASE.lost(f"{type(error).__name__}: {error}")
        else:
            DATABASE.succeeded()
        await sleep(EVERY_SECONDS)


_AS: dict[str, Any] = {
    "statement_cache_size": 0,
    "server_settings": {"application_name": "tracetrack watch", "jit": "off"},
}


async def _within(asked: Any) -> Any:
    """The answer, or TimeoutError after :data:`PATIENCE_SECONDS` in which this process did get to run."""
    task = asyncio.ensure_future(asked)
    try:
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        for _ in range(3):
            # If it was we who were busy, the answer lies in the socket.
            if not task.done():
                await asyncio.sleep(0)
        if not task.done():
            raise TimeoutError("no answer")
        return task.result()
    finally:
        if not task.done():
            task.cancel()
