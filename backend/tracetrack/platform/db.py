"""PostgreSQL: the connections of this process, and the ways to use them.

``transaction()`` opens one explicit transaction, ``reading()`` a connection for reads, and
``answer()`` asks one SQL function in one round trip and one transaction: the hot path.

There are two pools, so that lists and reports never take a connection that scanning needs:
which one a request uses is said once, by :mod:`tracetrack.platform.admission`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg
import orjson
from prometheus_client import Counter
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tracetrack.platform.logs import get_logger
from tracetrack.settings import Settings

log = get_logger("db")

APP_ROLE = "tracetrack_app"
"""The role whose rights the application has: it cannot change or remove scans and audit events."""

RETRIED = frozenset({"40P01", "40001", "23505"})
"""Deadlock, serialization failure, and a unique key taken between look and insert: the same call again."""

READ_ONLY = "25006"
"""A server that leads no more, or is made to take no writes."""

ONE_MOMENT = text("set transaction isolation level repeatable read, read only")
"""The first statement of a transaction in which all others see what was committed at one moment."""

CONNECT_SECONDS = 10.0
"""For a new connection: it takes a dozen questions, to a busy machine or a far one."""

Pool = Literal["floor", "desk"]

OPEN_TRANSACTIONS = Counter(
    "tracetrack_db_open_transactions_total",
    "Pooled connections that were lent or given back within a transaction, and ended.",
)

pool: ContextVar[Pool] = ContextVar("pool", default="desk")
"""Whose connections are used: scanning's, or those of lists, reports and background jobs."""


until: ContextVar[float] = ContextVar("until", default=float("inf"))
"""When, by the monotonic clock, one waits no longer for a connection that others use: a request with
several questions must not wait anew for each."""


@dataclass(frozen=True)
class _Pool:
    engine: AsyncEngine
    transactional: AsyncEngine


_leader_until = float("-inf")
"""When, by the monotonic clock, a server last said that it leads no more; older connections are no use."""
_pools: dict[Pool, _Pool] = {}
_opened: tuple[str, Settings] | None = None
_closing: set[asyncio.Task[None]] = set()


def sqlalchemy_url(url: str) -> str:
    """``postgresql://...`` as SQLAlchemy over asyncpg wants it: there ``sslmode`` is called ``ssl``."""
    address = make_url(url).set(drivername="postgresql+asyncpg")
    if mode := address.query.get("sslmode"):
        address = address.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return address.render_as_string(hide_password=False)


def driver_url(url: str) -> str:
    """``postgresql://...`` as asyncpg wants it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def sqlstate(error: BaseException) -> str | None:
    """The five-letter SQLSTATE of a database error, if it carries one."""
    original = getattr(error, "orig", error)
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return str(state) if state else None


def make_pool(url: str, settings: Settings, *, pooler: bool, size: int | None = None) -> AsyncEngine:
    """A pool of connections to one server, or to a pooler in front of it."""
    said = {"application_name": "tracetrack", "timezone": "UTC"}
    # A pooler has connections of its own, on which it sets the same limits (deploy/cluster/pgbouncer.ini).
    limits = {
        "role": APP_ROLE,
        "jit": "off",
        "statement_timeout": str(settings.statement_timeout_ms),
        "lock_timeout": str(settings.lock_timeout_ms),
        "idle_in_transaction_session_timeout": str(settings.idle_in_transaction_timeout_ms),
        # What a killed worker asked for ends soon.
        "client_connection_check_interval": "1s",
    }
    # It gives each transaction another connection, where an earlier one's statements are unknown.
    unprepared: dict[str, Any] = {
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: "",
    }
    made = create_async_engine(
        sqlalchemy_url(url),
        # The pool's own mode, so that taking a connection for one statement changes nothing on it.
        isolation_level="AUTOCOMMIT",
        pool_size=size or settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout_seconds,
        # What was asked with may be a secret, and errors are logged.
        hide_parameters=True,
        # No ping before each use: who hung up is known without one, and the rest is found by its failure.
        pool_pre_ping=False,
        pool_recycle=1800,
        json_deserializer=orjson.loads,
        json_serializer=to_json,
        connect_args={
            **(unprepared if pooler else {}),
            # For one that hangs nobody waits so long, see platform/reach.py.
            "timeout": CONNECT_SECONDS,
            # For a server that hangs and so does not keep its own statement_timeout.
            "command_timeout": settings.statement_timeout_ms / 1000 + 1,
            "server_settings": said if pooler else {**said, **limits},
        },
    )
    event.listen(made.sync_engine, "connect", _note_age)
    event.listen(made.sync_engine, "checkout", _replace_useless)
    event.listen(made.sync_engine, "checkin", _refuse_open_transaction)
    event.listen(made.sync_engine, "handle_error", lambda context: _notice(context.original_exception))
    return made


def _note_age(_: Any, record: Any) -> None:
    record.info["made"] = time.monotonic()


def _replace_useless(connection: Any, record: Any, _: Any) -> None:
    """The server hung up while the connection lay idle, or leads no more: nothing was asked yet, so another
    one is opened."""
    if record.info["made"] < _leader_until:
        # At once: a polite end would wait for a server that may not answer.
        connection.driver_connection.terminate()
    _refuse_open_transaction(connection, record)
    if connection.driver_connection.is_closed():
        raise DisconnectionError("closed while it lay idle")


def _refuse_open_transaction(connection: Any, _: Any) -> None:
    """A connection is given back, and lent, outside any transaction: else what the next one commits would
    be part of the last one's, and lost with it."""
    if connection is None or connection.driver_connection.is_closed():
        return
    driver = connection.driver_connection
    # The server's word, and the driver's: they differ after a BEGIN that was given up.
    if driver.is_in_transaction() or driver._top_xact is not None:
        OPEN_TRANSACTIONS.inc()
        log.error("a pooled connection had an open transaction")
        driver.terminate()


def _notice(error: BaseException) -> None:
    """Once one connection was told that the server leads no more, all that are as old are left."""
    global _leader_until
    if sqlstate(error) == READ_ONLY:
        _leader_until = time.monotonic()


def open_database(url: str, settings: Settings) -> None:
    """Make this process's pools; connections are opened when first needed."""
    global _opened
    _opened = url, settings
    sizes: dict[Pool, int] = {"floor": settings.pool_size, "desk": settings.desk_pool_size}
    for name, size in sizes.items():
        made = make_pool(url, settings, pooler=settings.pooler, size=size)
        _pools[name] = _Pool(made, made.execution_options(isolation_level="READ COMMITTED"))


async def close_database() -> None:
    """Close every connection of this process."""
    global _opened
    closed = list(_pools.values())
    _pools.clear()
    _opened = None
    for one in closed:
        await one.engine.dispose()


def renew_connections() -> None:
    """Begin with fresh connections: those to a server that went away are closed, however long that takes."""
    if _opened is None:
        return
    before = list(_pools.values())
    open_database(*_opened)
    for one in before:
        closing = asyncio.create_task(_dispose(one.engine))
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)


async def _dispose(engine: AsyncEngine) -> None:
    with suppress(Exception):
        await asyncio.wait_for(engine.dispose(), 30)


def _chosen(wanted: Pool | None = None) -> _Pool:
    try:
        chosen = _pools[wanted or pool.get()]
    except KeyError:
        raise RuntimeError("the database is not open") from None
    if time.monotonic() > until.get() and _counted(chosen.engine, "checkedout") >= _counted(
        chosen.engine, "size"
    ):
        raise PoolTimeout("no connection is free, and this request has waited enough")
    return chosen


@asynccontextmanager
async def transaction() -> AsyncIterator[AsyncConnection]:
    """One transaction: committed at the end of the block, rolled back by an exception."""
    async with _chosen().transactional.begin() as tx:
        yield tx


@asynccontextmanager
async def snapshot() -> AsyncIterator[AsyncConnection]:
    """A transaction for reads that belong together: each statement sees the same moment."""
    async with transaction() as tx:
        await tx.execute(ONE_MOMENT)
        yield tx


@asynccontextmanager
async def patiently(tx: AsyncConnection, seconds: int) -> AsyncIterator[None]:
    """Longer limits for a transaction's statements: the server's, and this process's a second later."""
    await tx.execute(text(f"set local statement_timeout = '{seconds}s'"))
    driver: Any = (await tx.get_raw_connection()).driver_connection
    usual = driver._config
    # SQLAlchemy hands on no limit of a call, so the connection's own is another for the while.
    driver._config = usual._replace(command_timeout=float(seconds + 1))
    try:
        yield
    finally:
        driver._config = usual


@asynccontextmanager
async def reading(of: Pool | None = None) -> AsyncIterator[AsyncConnection]:
    """A connection for reads; each statement sees what is committed when it starts.

    Args:
        of: a pool by name, for what all kinds of requests wait for together.
    """
    async with _chosen(of).engine.connect() as connection:
        yield connection


def _ends_connection(error: asyncpg.PostgresError) -> bool:
    """Whether the connection is of no more use: the server hung up, or leads no more."""
    return (sqlstate(error) or "").startswith(("08", "57P", READ_ONLY))


async def answer(sql: str, *values: Any) -> Any:
    """Ask a SQL function that answers JSON: one round trip, one transaction.

    The driver is used as it is, which costs a third less of this process's time than a
    SQLAlchemy statement. A deadlock, or a key that somebody took meanwhile, undoes the whole
    call, so it is tried again, three times at most, after a short random wait.

    Args:
        sql: ``select function($1, ...)``.
        values: of its parameters; JSON as :func:`to_json` makes it.
    """
    attempt = 0
    while True:
        try:
            async with _chosen().engine.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                try:
                    return await driver.fetchval(sql, *values)
                except BaseException as error:
                    _notice(error)
                    # The pool sees only what passes through SQLAlchemy. Whatever is not the server's
                    # answer to this call, the driver's own confusion too, leaves a connection in doubt.
                    if not isinstance(error, asyncpg.PostgresError) or _ends_connection(error):
                        # At once: a polite end would wait for a server that may not answer.
                        driver.terminate()
                        await connection.invalidate()
                    raise
        except asyncpg.PostgresError as error:
            attempt += 1
            if attempt > 3 or sqlstate(error) not in RETRIED:
                raise
        await asyncio.sleep(random.uniform(0, 0.02) * attempt)  # noqa: S311 - jitter, not a secret


def to_json(value: Any) -> str:
    """JSON as the driver takes it for a ``jsonb`` parameter."""
    return orjson.dumps(value).decode()


def pool_size() -> int:
    """How many connections this process's pools may hold."""
    return sum(_counted(one.engine, "size") for one in _pools.values())


def connections_in_use() -> int:
    """How many connections of this process's pools are checked out."""
    return sum(_counted(one.engine, "checkedout") for one in _pools.values())


def _counted(engine: AsyncEngine, what: str) -> int:
    return int(getattr(engine.pool, what)())
