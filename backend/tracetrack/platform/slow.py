"""The few database connections for long work (imports, reports, exports), apart from the pool.

Long work never takes a connection that scanning needs, and has longer time limits.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from tracetrack.platform.db import APP_ROLE, driver_url

MOST = 3
"""Connections of one process for imports: one merges, one tells how far it is, one ends what failed."""

MOST_DOWNLOADS = 2
"""Connections of one process for reports and exports: a stream holds one for as long as it flows, and is
given up when it stands still (``SEND_SECONDS`` of :mod:`tracetrack.platform.spreadsheet`)."""

STATEMENT_SECONDS = 600
LOCK_SECONDS = 120
"""For a row or a table that others hold; an import waits for another import without limit."""

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

_url: str | None = None
_places: asyncio.Semaphore | None = None
_downloads: asyncio.Semaphore | None = None


def open_connections(url: str) -> None:
    """Remember where the database is; connections are opened when they are needed."""
    global _url, _places, _downloads
    _url = driver_url(url)
    _places = asyncio.Semaphore(MOST)
    _downloads = asyncio.Semaphore(MOST_DOWNLOADS)


@asynccontextmanager
async def connection(*, download: bool = False) -> AsyncIterator[Connection]:
    """A fresh connection with long time limits; plans are made anew for each statement's real sizes."""
    places = _downloads if download else _places
    if _url is None or places is None:
        raise RuntimeError("the slow connections are not open")
    async with places:
        opened = await asyncpg.connect(
            _url,
            timeout=5,
            statement_cache_size=0,
            server_settings={
                "role": APP_ROLE,
                "application_name": "tracetrack long work",
                "timezone": "UTC",
                "jit": "off",
                "plan_cache_mode": "force_custom_plan",
                "work_mem": "128MB",
                "temp_buffers": "64MB",
                "statement_timeout": f"{STATEMENT_SECONDS}s",
                "lock_timeout": f"{LOCK_SECONDS}s",
                "idle_in_transaction_session_timeout": "400s",
                # A killed worker's merge ends soon, and lets the next try begin.
                "client_connection_check_interval": "1s",
            },
        )
        try:
            await opened.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
            yield opened
        finally:
            # Terminated rather than closed when the task is cancelled: the server rolls back.
            try:
                await asyncio.shield(asyncio.wait_for(opened.close(), 5))
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncio.CancelledError):
                opened.terminate()
