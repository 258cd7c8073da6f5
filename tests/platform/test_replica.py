"""Lists from replicas: never without what was committed, and from the leader where no replica serves."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from tests.floor import Floor
from tests.lengths import assert_fast
from tracetrack.platform import db, replica
from tracetrack.platform.embedded import postgres
from tracetrack.platform.metrics import REPLICA_READS
from tracetrack.settings import Settings


@contextlib.asynccontextmanager
async def opened(url: str, wait_ms: int = 400) -> AsyncIterator[None]:
    """A replica at this address for a while."""
    replica.open_replica(Settings(replica_url=url, replica_wait_ms=wait_ms, _env_file=None))
    try:
        yield
    finally:
        await replica.close_replica()


def count(source: str) -> float:
    return REPLICA_READS.labels(source)._value.get()


@pytest.mark.parametrize(("kind", "source"), [("no replica", "late"), ("nobody there", "away")])
async def test_the_leader_answers_what_a_replica_cannot(
    floor: Floor, server: postgres.Postgres, database: str, kind: str, source: str
) -> None:
    # A server that is not in recovery is nobody's replica: it may be a leader of yesterday.
    url = server.url(postgres.APP, database) if kind == "no replica" else "postgresql://x:y@127.0.0.1:1/z"
    before, resting = count(source), count("resting")
    async with opened(url):
        for _ in range(3):
            async with replica.browsing() as tx:
                assert await tx.scalar(text("select count(*) from areas")) == 2
            async with replica.reporting() as tx:
                await tx.execute(text("set transaction isolation level repeatable read"))
                assert await tx.scalar(text("select count(*) from areas")) == 2
    # Found out once; then it is left alone for a second.
    assert count(source) == before + 1
    assert count("resting") == resting + 5


async def test_a_replica_that_hangs_costs_a_short_wait_and_ever_more_rarely(floor: Floor) -> None:
    over = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    before = count("late")
    try:
        async with opened(f"postgresql://x:y@127.0.0.1:{port}/z", wait_ms=50):
            began = time.monotonic()
            while time.monotonic() < began + 5:
                asked = time.monotonic()
                async with replica.browsing() as tx:
                    assert await tx.scalar(text("select count(*) from areas")) == 2
                assert_fast(time.monotonic() - asked, 2, "a list while the replica hangs, s")
                await asyncio.sleep(0.05)
    finally:
        over.set()
        silent.close()
    # At once, after one second and after two more.
    assert count("late") == before + 3


async def test_a_connection_that_is_ready_too_late_serves_the_next_list(
    floor: Floor, server: postgres.Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The leader passes for a replica that has everything.
    caught_up = text("select cast(:lsn as text) is not null and cast(:timeline as integer) > 0")
    monkeypatch.setattr(replica, "_CAUGHT_UP", caught_up)
    before = count("replica")
    async with opened(server.url(postgres.APP, database), wait_ms=1):
        async with replica.browsing() as tx:
            assert await tx.scalar(text("select 1")) == 1
        await asyncio.gather(*replica._leaving)
        replica.REPLICA.reset()
        monkeypatch.setattr(replica, "_wait_seconds", 2.0)
        async with replica.reporting() as tx:
            assert await tx.scalar(text("select 1")) == 1
        assert replica._replicas is not None
        assert replica._replicas.pool.checkedin() == 1  # type: ignore[attr-defined]
    assert count("replica") == before + 1


async def test_behind_a_pooler_nothing_is_prepared(server: postgres.Postgres, database: str) -> None:
    pool = db.make_pool(server.url(postgres.APP, database), Settings(_env_file=None), pooler=True)
    async with pool.connect() as connection:
        for number in range(3):
            assert await connection.scalar(text("select cast(:n as integer)"), {"n": number}) == number
        assert await connection.scalar(text("select count(*) from pg_prepared_statements")) == 0
    await pool.dispose()
