"""PostgreSQL: the connections of this process, and the ways to use them.

``transaction()`` opens one explicit transaction, ``reading()`` a connection for reads, and
``answer()`` asks one SQL function in one round trip and one transaction: the hot path.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tracetrack.settings import Settings

APP_ROLE = "tracetrack_app"
"""The role whose rights the application has: it cannot change or remove scans and audit events."""

RETRIED = frozenset({"40P01", "40001", "23505"})
"""Deadlock, serialization failure, and a unique key taken between look and insert: the same call again."""

_engine: AsyncEngine | None = None
_transactional: AsyncEngine | None = None


def sqlalchemy_url(url: str) -> str:
    """``postgresql://...`` as SQLAlchemy over asyncpg wants it."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def driver_url(url: str) -> str:
    """``postgresql://...`` as asyncpg wants it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def sqlstate(error: BaseException) -> str | None:
    """The five-letter SQLSTATE of a database error, if it carries one."""
    original = getattr(error, "orig", error)
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return str(state) if state else None


def open_database(url: str, settings: Settings) -> AsyncEngine:
    """Make this process's pool; connections are opened when first needed."""
    global _engine, _transactional
    _engine = create_async_engine(
        sqlalchemy_url(url),
        # The pool's own mode, so that taking a connection for one statement changes nothing on it.
        isolation_level="AUTOCOMMIT",
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout_seconds,
        # A dead connection is found by its first failure, not by a ping before each use.
        pool_pre_ping=False,
        pool_recycle=1800,
        json_deserializer=orjson.loads,
        json_serializer=to_json,
        connect_args={
            "timeout": settings.pool_timeout_seconds,
            # For a server that hangs and so does not keep its own statement_timeout.
            "command_timeout": settings.statement_timeout_ms / 1000 + 1,
            "server_settings": {
                "role": APP_ROLE,
                "application_name": "tracetrack",
                "timezone": "UTC",
                "jit": "off",
                "statement_timeout": str(settings.statement_timeout_ms),
                "lock_timeout": str(settings.lock_timeout_ms),
                "idle_in_transaction_session_timeout": str(settings.idle_in_transaction_timeout_ms),
            },
        },
    )
    _transactional = _engine.execution_options(isolation_level="READ COMMITTED")
    return _engine


async def close_database() -> None:
    """Close every connection of this process."""
    global _engine, _transactional
    if _engine is not None:
        await _engine.dispose()
    _engine = _transactional = None


def engine() -> AsyncEngine:
    """The pool of this process."""
    if _engine is None:
        raise RuntimeError("the database is not open")
    return _engine


@asynccontextmanager
async def transaction() -> AsyncIterator[AsyncConnection]:
    """One transaction: committed at the end of the block, rolled back by an exception."""
    if _transactional is None:
        raise RuntimeError("the database is not open")
    async with _transactional.begin() as tx:
        yield tx


@asynccontextmanager
async def reading() -> AsyncIterator[AsyncConnection]:
    """A connection for reads; each statement sees what is committed when it starts."""
    async with engine().connect() as connection:
        yield connection


def _ends_connection(error: asyncpg.PostgresError) -> bool:
    """Whether the server hung up: connection exceptions and shutdowns."""
    return (sqlstate(error) or "").startswith(("08", "57P"))


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
            async with engine().connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                try:
                    return await driver.fetchval(sql, *values)
                except Exception as error:
                    # The pool sees only what passes through SQLAlchemy. Whatever is not the server's
                    # answer to this call, the driver's own confusion too, leaves a connection in doubt.
                    if not isinstance(error, asyncpg.PostgresError) or _ends_connection(error):
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
    """How many connections this process's pool may hold."""
    size = getattr(_engine.pool, "size", None) if _engine is not None else None
    return int(size()) if size else 0


def connections_in_use() -> int:
    """How many connections of this process's pool are checked out."""
    if _engine is None:
        return 0
    checked_out = getattr(_engine.pool, "checkedout", None)
    return int(checked_out()) if checked_out else 0
