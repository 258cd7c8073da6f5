"""Connections: a request does not wait anew for each question."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tracetrack.platform import db
from tracetrack.settings import Settings


async def test_who_has_waited_enough_takes_a_free_connection_or_none(
    application: httpx.ASGITransport, settings: Settings
) -> None:
    async def ask(until: float) -> int:
        db.until.set(until)
        async with db.reading("floor") as connection:
            return int((await connection.execute(text("select 1"))).scalar_one())

    past, ahead = time.monotonic() - 1, time.monotonic() + 60
    async with AsyncExitStack() as held:
        for _ in range(settings.pool_size - 1):
            await held.enter_async_context(db.reading("floor"))
        assert await asyncio.create_task(ask(past)) == 1, "one is free"
        last = await held.enter_async_context(AsyncExitStack())
        await last.enter_async_context(db.reading("floor"))
        began = time.monotonic()
        with pytest.raises(PoolTimeout):
            await asyncio.create_task(ask(past))
        assert time.monotonic() - began < settings.pool_timeout_seconds / 2
        patient = asyncio.create_task(ask(ahead))
        await asyncio.sleep(0.05)
        assert not patient.done()
        await last.aclose()
        assert await patient == 1
