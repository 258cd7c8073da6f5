"""Lists and reports from a streaming replica, when it has all that was committed before they were asked for.

The leader is asked how far its log is, which costs it next to nothing, and the replica is used once it
has replayed that much. So a list never misses what anybody committed before it was asked for, one's own
writes first of all, whichever host took them. A replica that is late or away costs a short wait, once
a second at most, and the leader answers instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tracetrack.platform import db
from tracetrack.platform.metrics import REPLICA_READS
from tracetrack.settings import Settings

REST_SECONDS = 1.0
"""How long replicas are left alone after one was late or away."""
LOOK_SECONDS = 0.002
"""Between two looks at how far a replica is."""

# A replica that is ahead on a timeline which a failover has cut off does not stream, and does not count.
_POSITION = text("""
    select here::text as lsn, ('x' || left(pg_walfile_name(here), 8))::bit(32)::integer as timeline
    from pg_current_wal_flush_lsn() here
""")
_CAUGHT_UP = text("""
    select pg_is_in_recovery() and pg_last_wal_replay_lsn() >= cast(cast(:lsn as text) as pg_lsn)
       and exists (select from pg_stat_wal_receiver where status = 'streaming' and received_tli = :timeline)
""")

_FAILURES = (DBAPIError, PoolTimeout, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

_replicas: AsyncEngine | None = None
_wait_seconds = 0.0
_rest_until = float("-inf")


def open_replica(settings: Settings) -> None:
    """Make this process's pool of replica connections, where there are replicas."""
    global _replicas, _wait_seconds, _rest_until
    _wait_seconds = settings.replica_wait_ms / 1000
    _rest_until = float("-inf")
    if settings.replica_url is not None:
        # Never through a pooler: what was asked of a replica must be answered by the same one.
        _replicas = db.make_pool(settings.replica_url.get_secret_value(), settings, pooler=False)


async def close_replica() -> None:
    """Close every connection to replicas."""
    global _replicas
    if _replicas is not None:
        await _replicas.dispose()
    _replicas = None


@asynccontextmanager
async def browsing() -> AsyncIterator[AsyncConnection]:
    """A connection for a list: to a replica that is up to date, else to the leader."""
    async with AsyncExitStack() as stack:
        found = await _up_to_date(stack)
        yield found if found is not None else await stack.enter_async_context(db.reading())


@asynccontextmanager
async def reporting() -> AsyncIterator[AsyncConnection]:
    """A transaction for a report: on a replica that is up to date, else on the leader."""
    async with AsyncExitStack() as stack:
        found = await _up_to_date(stack)
        if found is None:
            yield await stack.enter_async_context(db.transaction())
            return
        await found.commit()
        await found.execution_options(isolation_level="READ COMMITTED")
        await stack.enter_async_context(found.begin())
        yield found


async def _up_to_date(stack: AsyncExitStack) -> AsyncConnection | None:
    """A connection to a replica that has all that is committed by now."""
    global _rest_until
    if _replicas is None:
        return None
    if time.monotonic() < _rest_until:
        REPLICA_READS.labels("resting").inc()
        return None
    async with db.reading() as leader:
        position = dict((await leader.execute(_POSITION)).mappings().one())
    until = time.monotonic() + _wait_seconds
    async with AsyncExitStack() as trying:
        try:
            replica = await trying.enter_async_context(_replicas.connect())
            while not await replica.scalar(_CAUGHT_UP, position):
                if time.monotonic() > until:
                    source = "late"
                    break
                await asyncio.sleep(LOOK_SECONDS)
            else:
                REPLICA_READS.labels("replica").inc()
                stack.push_async_exit(trying.pop_all())
                return replica
        except _FAILURES:
            source = "away"
    _rest_until = time.monotonic() + REST_SECONDS
    REPLICA_READS.labels(source).inc()
    return None
