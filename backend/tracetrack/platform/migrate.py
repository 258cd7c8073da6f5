"""Bring a database to the newest schema.

Tables change by Alembic migrations (``alembic/versions``), one subject each, up and down.
The rules of the floor are SQL functions; they live as readable files beside the code that
calls them and are loaded afresh after each migration, in the same way for every database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from tracetrack.platform.db import driver_url, sqlalchemy_url, sqlstate
from tracetrack.settings import ROOT

FUNCTIONS = (
    ROOT / "backend/tracetrack/ledger/ledger.sql",
    ROOT / "backend/tracetrack/ledger/partitions.sql",
    ROOT / "backend/tracetrack/ledger/seal.sql",
    ROOT / "backend/tracetrack/ledger/retention.sql",
    ROOT / "backend/tracetrack/access/limits.sql",
    ROOT / "backend/tracetrack/bags/links.sql",
    ROOT / "backend/tracetrack/bags/bags.sql",
    ROOT / "backend/tracetrack/bags/search.sql",
    ROOT / "backend/tracetrack/scanning/floor.sql",
    ROOT / "backend/tracetrack/scanning/decide.sql",
    ROOT / "backend/tracetrack/billing/bills.sql",
    ROOT / "backend/tracetrack/billing/receiving/receiving.sql",
    ROOT / "backend/tracetrack/billing/returns/returns.sql",
    ROOT / "backend/tracetrack/imports/merge.sql",
    ROOT / "backend/tracetrack/exports/exports.sql",
    ROOT / "backend/tracetrack/oversight/dashboard/dashboard.sql",
    ROOT / "backend/tracetrack/oversight/lists/lists.sql",
    ROOT / "backend/tracetrack/platform/roles.sql",
)
"""SQL functions and views that are replaced at every migration, in this order."""


UPSET = frozenset({"55P03", "40P01"})
"""A lock that was not to be had in time, and a deadlock: others were at work."""
TRIES = 30
PAUSE_SECONDS = 1.0
"""A migration waits one second for a lock, and lets as long pass before it tries again."""


def alembic_config(owner_url: str) -> Config:
    """Alembic's configuration for the database at ``owner_url``."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.attributes["url"] = sqlalchemy_url(owner_url)
    return config


def migrate(owner_url: str) -> None:
    """Run all migrations, then load the functions; safe to run again.

    Two programs that migrate at once take turns by an advisory lock.

    Args:
        owner_url: ``postgresql://`` address of the database, as its owner.
    """
    asyncio.run(migrate_async(owner_url))


async def migrate_async(owner_url: str) -> None:
    """As :func:`migrate`, for callers that are inside an event loop."""
    guard = await asyncpg.connect(driver_url(owner_url))
    try:
        await guard.execute("select pg_advisory_lock(hashtext('tracetrack migrate'))")
        # Alembic runs an event loop of its own, hence the thread.
        await _beside_others(lambda: asyncio.to_thread(command.upgrade, alembic_config(owner_url), "head"))
        await _beside_others(lambda: load_functions(guard))
    finally:
        await guard.close()


async def _beside_others(change: Callable[[], Awaitable[None]]) -> None:
    """Make a change beside running traffic: who cannot have a lock at once lets the others go first."""
    for attempt in range(1, TRIES + 1):
        try:
            await change()
        except (DBAPIError, asyncpg.PostgresError) as error:
            if sqlstate(error) not in UPSET or attempt == TRIES:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return


async def load_functions(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Replace views and functions by those of this code, all or none.

    Raises:
        asyncpg.LockNotAvailableError: somebody reads a view; scans that need it would queue behind us.
    """
    async with connection.transaction():
        await connection.execute("set local lock_timeout = '1s'")
        for path in FUNCTIONS:
            await connection.execute(await asyncio.to_thread(Path(path).read_text, "utf-8"))
        # Readiness compares the schema with the code's.
        await connection.execute("grant select on alembic_version to tracetrack_app")
        await connection.execute("select keep_partitions()")


def run_script(sql: str) -> None:
    """Run several SQL statements from a migration, in its transaction."""
    op.get_bind().connection.dbapi_connection.run_async(lambda driver: driver.execute(sql))  # type: ignore[union-attr]
