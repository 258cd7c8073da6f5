"""Stamps: never too old, and never asked for without end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from tracetrack.platform import db, stamps


@contextlib.contextmanager
def answers_later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Any:
    """A database far away: what it says is on its way for a while."""
    near = db.reading

    @contextlib.asynccontextmanager
    async def far(of: db.Pool | None = None) -> AsyncIterator[Any]:
        async with near(of) as connection:
            yield connection
            await asyncio.sleep(seconds)

    with monkeypatch.context() as patch:
        patch.setattr(db, "reading", far)
        yield


async def test_a_database_slower_than_an_answer_is_believed_is_still_heard(
    application: httpx.ASGITransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps.forget_stamps()
    with answers_later(monkeypatch, stamps.TRUSTED_SECONDS * 1.5):
        async with asyncio.timeout(stamps.TRUSTED_SECONDS * 4):
            assert await stamps.stamp("labels") >= 0


async def test_who_comes_too_late_for_a_question_asks_another(
    application: httpx.ASGITransport, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps.forget_stamps()
    before = await stamps.stamp("labels")
    stamps.forget_stamps()
    with answers_later(monkeypatch, stamps.TRUSTED_SECONDS * 2):
        early = asyncio.create_task(stamps.stamp("labels"))
        await asyncio.sleep(stamps.TRUSTED_SECONDS * 0.3)
        await owner.execute("update versions set version = version + 1 where name = 'labels'")
        # Within the time that an answer is believed, the question that is under way will do.
        with_it = asyncio.create_task(stamps.stamp("labels"))
        await asyncio.sleep(stamps.TRUSTED_SECONDS)
        late = asyncio.create_task(stamps.stamp("labels"))
        assert [await early, await with_it, await late] == [before, before, before + 1]


async def test_a_question_that_fails_is_told_to_who_waits_and_asked_again(
    application: httpx.ASGITransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.asynccontextmanager
    async def gone(of: db.Pool | None = None) -> AsyncIterator[Any]:
        raise ConnectionResetError("gone")
        yield

    stamps.forget_stamps()
    with monkeypatch.context() as patch:
        patch.setattr(db, "reading", gone)
        with pytest.raises(ConnectionResetError):
            await stamps.stamp("labels")
    assert await stamps.stamp("labels") >= 0
