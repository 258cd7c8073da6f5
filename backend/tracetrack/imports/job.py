"""The worker: takes imports from the table, one at a time, and never leaves one "running" for ever.

Every uvicorn worker runs this loop. A claimed import carries a lease that a heartbeat renews; when
the process dies, the lease runs out and another worker, or the same one after its restart, does the
import again from the stored file. Since the rows and the word "completed" are one transaction,
again is the same as once.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Any

import asyncpg
import orjson
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tracetrack.bags.labels import site_labels
from tracetrack.imports import queries, reading, storage
from tracetrack.imports.merge import LostError, Progress, carry_out
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.platform import db
from tracetrack.platform.logs import get_logger
from tracetrack.platform.slow import connection, open_connections
from tracetrack.settings import Settings

log = get_logger("imports")

POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 0.3
SWEEP_SECONDS = 3600.0

AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""The database is out of reach, went away in the middle, or leads no more."""

_poke: asyncio.Event | None = None
_loop: asyncio.Task[None] | None = None


def open_imports(settings: Settings, *, work: bool = True) -> None:
    """Begin to take imports.

    Args:
        settings: of the installation.
        work: False: only upload and look, for the command line.
    """
    global _poke, _loop
    assert settings.database_url is not None
    open_connections((settings.direct_url or settings.database_url).get_secret_value())
    storage.open_storage(settings)
    _poke = asyncio.Event()
    if work:
        _loop = asyncio.create_task(_work(settings))


async def close_imports() -> None:
    """Stop; an import that runs is handed back and begun anew by the next worker."""
    global _loop
    if _loop is not None:
        _loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await _loop
    _loop = None
    await reading.close_reading()


def poke() -> None:
    """There is something to do now."""
    if _poke is not None:
        _poke.set()


async def _work(settings: Settings) -> None:
    me = uuid.uuid4()
    swept = float("-inf")
    before: type[Exception] | None = None
    loop = asyncio.get_running_loop()
    assert _poke is not None
    while True:
        _poke.clear()
        worked = False
        try:
            worked = await work_once(me)
            await reading.rest()
            if loop.time() - swept > SWEEP_SECONDS:
                swept = loop.time()
                await _sweep(settings.import_file_days)
            before = None
        except Exception as error:
            away = isinstance(error, (asyncpg.PostgresError, DBAPIError, PoolTimeout, *AWAY))
            said = "imports wait for the database" if away else "import worker"
            # What is not the database's being away is told with all the words, but once.
            tell = log.warning if away else log.error
            tell(said, error=str(error)[:200], exc_info=not away and type(error) is not before)
            before = type(error)
        if not worked:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_poke.wait(), POLL_SECONDS)


async def work_once(me: uuid.UUID) -> bool:
    """Take the next import and do it; False when there is none."""
    async with db.reading() as tx:
        driver: Any = (await tx.get_raw_connection()).driver_connection
        row = await driver.fetchrow(queries.CLAIM, me)
    if row is None:
        return False
    log.info("import begins", import_id=row["id"], attempt=row["attempts"])
    progress = Progress()
    task = asyncio.create_task(carry_out(row, await _job(row), me, progress))
    cancelled = asyncio.Event()
    heart = asyncio.create_task(_beat(row["id"], me, progress, task, cancelled))
    try:
        counts = await task
    except UnreadableError as error:
        await _fail(row["id"], me, "failed", error.code, error.values)
    except LostError:
        await _fail(row["id"], me, "cancelled")
    except asyncio.CancelledError:
        if not cancelled.is_set():
            # The server is being stopped.
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await _execute(queries.HAND_BACK, row["id"], me)
            raise
        await _fail(row["id"], me, "cancelled")
    except AWAY as error:
        # Not the file's fault: as after a kill the lease runs out, and the import is begun anew.
        log.warning("import cut off from the database", import_id=row["id"], error=str(error)[:200])
    except Exception:
        log.exception("import failed", import_id=row["id"])
        await _fail(row["id"], me, "failed", "import_error")
    else:
        log.info("import done", import_id=row["id"], links=counts.links_created, rejected=counts.rejected)
    finally:
        heart.cancel()
        await asyncio.gather(heart, return_exceptions=True)
    if progress.secret and row["file_key"] and await _ended(row["id"]):
        # The file first: until its key is gone, the sweep of old files would find it too.
        await storage.remove(row["file_key"])
        await _execute(queries.FORGET_FILE, row["id"])
    return True


async def _ended(import_id: int) -> bool:
    async with connection() as plain:
        return bool(await plain.fetchval(queries.ENDED, import_id))


async def _job(row: Any) -> dict[str, Any]:
    """What the reader must know."""
    return {
        "path": str(storage.stored(row["file_key"])) if row["file_key"] else "",
        "file_name": row["file_name"],
        "kind": row["kind"],
        "mapping": _json(row["mapping"]),
        **await reader_needs(),
    }


def _json(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, (str, bytes)) else value


async def reader_needs() -> dict[str, Any]:
    """The site's labels, areas and bag types, as the reader takes them."""
    async with db.reading() as tx:
        driver: Any = (await tx.get_raw_connection()).driver_connection
        areas = await driver.fetch("select lower(name) as name, id from areas where disabled_at is null")
        types = await driver.fetch("select lower(name) as name, id from bag_types")
    return {
        "labels": reading.labels_json(await site_labels()),
        "areas": {area["name"]: area["id"] for area in areas},
        "types": {kind["name"]: kind["id"] for kind in types},
    }


async def _beat(
    import_id: int, me: uuid.UUID, progress: Progress, task: asyncio.Task[Any], cancelled: asyncio.Event
) -> None:
    """Say how far the import is and that it lives; end it when it is cancelled or no longer ours."""
    while True:
        try:
            async with connection() as own:
                # How far it is need not survive a crash, so it waits for no disk.
                await own.execute("set synchronous_commit = off")
                while True:
                    await asyncio.sleep(HEARTBEAT_SECONDS)
                    row = await own.fetchrow(
                        queries.HEARTBEAT,
                        import_id,
                        me,
                        progress.phase,
                        progress.rows_read,
                        progress.rows_total,
                        progress.rows_done,
                        timeout=5.0,
                    )
                    if row is None or row["cancelled"]:
                        cancelled.set()
                        task.cancel()
                        return
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            # The lease outlasts a few of these.
            log.warning("heartbeat", error=str(error)[:200])
            await asyncio.sleep(HEARTBEAT_SECONDS)


async def _fail(
    import_id: int, me: uuid.UUID, state: str, code: str | None = None, values: dict[str, Any] | None = None
) -> None:
    await _execute(queries.FAIL, import_id, me, state, code, values)


async def _execute(statement: str, *values: Any) -> None:
    async with connection() as plain:
        await plain.execute(statement, *values)


async def _sweep(days: int) -> None:
    """Remove the files of imports that ended long ago."""
    async with connection() as plain:
        for row in await plain.fetch(queries.OLD_FILES, days):
            if row["key"]:
                await storage.remove(row["key"])
