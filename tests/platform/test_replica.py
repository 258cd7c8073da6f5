"""Lists from replicas: never without what was committed, and from the leader where no replica serves."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from tests.floor import Floor
from tracetrack.platform import db, replica
from tracetrack.platform.embedded import postgres
from tracetrack.platform.metrics import REPLICA_READS
from tracetrack.settings import Settings


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[None]:
    """A replica at this address for a while."""
    replica.open_replica(Settings(replica_url=url, replica_wait_ms=10, _env_file=None))
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


async def test_behind_a_pooler_nothing_is_prepared(server: postgres.Postgres, database: str) -> None:
    pool = db.make_pool(server.url(postgres.APP, database), Settings(_env_file=None), pooler=True)
    async with pool.connect() as connection:
        for number in range(3):
            assert await connection.scalar(text("select cast(:n as integer)"), {"n": number}) == number
        assert await connection.scalar(text("select count(*) from pg_prepared_statements")) == 0
    await pool.dispose()
