"""Lists and reports from a streaming replica, when it has all that was committed before they were asked for.

The leader is asked how far its log is, which costs it next to nothing, and the replica is used once it
has replayed that much. So a list never misses what anybody committed before it was asked for, one's own
writes first of all, whichever host took them. A replica that is late, away or hangs costs a short wait, once
a second at most and ever more rarely, and the leader answers instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tracetrack.platform import db
from tracetrack.platform.breaker import Breaker
from tracetrack.platform.metrics import REPLICA_READS
from tracetrack.settings import Settings

REPLICA = Breaker("replica", rest=1.0, longest=5.0)
"""How long replicas are left alone after one was late or away."""
GIVE_UP_SECONDS = 1.0
"""How much longer than a list a new connection may take, to be there for the next one."""
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
_leaving: set[asyncio.Task[None]] = set()


def open_replica(settings: Settings) -> None:
    """Make this process's pool of replica connections, where there are replicas."""
    global _replicas, _wait_seconds
    _wait_seconds = settings.replica_wait_ms / 1000
    REPLICA.reset()
    if settings.replica_url is not None:
        # Never through a pooler: what was asked of a replica must be answered by the same one.
        _replicas = db.make_pool(settings.replica_url.get_secret_value(), settings, pooler=False)


async def close_replica() -> None:
    """Close every connection to replicas."""
    global _replicas
    await asyncio.gather(*_leaving)
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
    if _replicas is None:
        return None
    if not REPLICA.allows():
        REPLICA_READS.labels("resting").inc()
        return None
    async with db.reading() as leader:
        position = dict((await leader.execute(_POSITION)).mappings().one())
    replica = _replicas.connect()
    # In a task of its own: one that hangs is not waited for.
    asking = asyncio.create_task(_caught_up(replica, position, time.monotonic() + _wait_seconds))
    found, source, why = False, "late", "not up to date in time"
    try:
        await asyncio.wait({asking}, timeout=_wait_seconds)
        found = asking.done() and asking.result()
    except _FAILURES as error:
        source, why = "away", f"{type(error).__name__}: {error}"
    finally:
        if not found:
            leaving = asyncio.create_task(_leave(asking, replica))
            _leaving.add(leaving)
            leaving.add_done_callback(_leaving.discard)
    if not found:
        REPLICA.failed(why)
        REPLICA_READS.labels(source).inc()
        return None
    stack.push_async_exit(replica)
    REPLICA.succeeded()
    REPLICA_READS.labels("replica").inc()
    return replica


async def _caught_up(replica: AsyncConnection, position: dict[str, object], until: float) -> bool:
    """Connect and look until the replica is up to date, or the time is over."""
    await replica.start()
    while not await replica.scalar(_CAUGHT_UP, position):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True


async def _leave(asking: asyncio.Task[bool], replica: AsyncConnection) -> None:
    """A connection that is ready a little later is kept for the next list; one that hangs is ended."""
    await asyncio.wait({asking}, timeout=GIVE_UP_SECONDS)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    if replica.sync_connection is not None:
        with suppress(*_FAILURES):
            await replica.close()
