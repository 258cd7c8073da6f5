"""From a stored file to committed rows: read, COPY, merge, report, in one transaction."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import psutil

from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.imports.reading import Reader, reader
from tracetrack.platform.logs import get_logger
from tracetrack.platform.slow import Connection, connection

log = get_logger("imports")

PARENT_COLUMNS = ("p", "code", "code_is", "type_id", "area_id", "lot", "variety", "tag")
ROW_COLUMNS = (
    *("n", "p", "sheet", "line", "code", "code_is", "lot", "variety", "tag"),
    *("problem", "cell", "note", "warning", "warned_cell", "warning_note", "cells"),
    *("area_id", "packed"),
)
REPORT_COLUMNS = ("import_id", "n", "verdict", "reason", "sheet", "line", "cell", "code", "note", "cells")

ROWS_AT_ONCE = 20_000
"""Rows that one statement writes: between two of them the import can be cancelled, and says how far it is."""

STAGED = 0.1
"""The part of the whole that is done when all rows are copied to the staging table."""

NICE = 10
"""How much an import's database process steps back behind those that serve scans."""

TRIES = 3
"""How often a merge that others' changes upset is begun anew."""

AGAIN = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
    asyncpg.ForeignKeyViolationError,
)


class LostError(Exception):
    """Another worker has taken the import over, or it was cancelled."""


@dataclass
class Progress:
    """How far an import is; written to its row by the heartbeat."""

    phase: str = "reading"
    rows_read: int = 0
    rows_total: int | None = None
    secret: bool = False
    """Whether a password is in the file, which is therefore not kept."""
    _from: float = 0
    _to: float = 0
    _since: float = 0
    _seconds: float = 1

    def expect(self, start: float, end: float, seconds: float) -> None:
        """A step begins that brings it from one part of the whole to another, in about so long.

        It goes on from where an estimate has brought it, never back.
        """
        self._from, self._to = max(start, min(self._part, end)), end
        self._since, self._seconds = time.monotonic(), max(seconds, 0.1)

    def begin_again(self) -> None:
        """All was undone."""
        self.phase = "reading"
        self._from = self._to = 0

    @property
    def _part(self) -> float:
        # Half of the step in the time expected, and ever slower after that, but it never stands still.
        past = 1 - 1 / (1 + (time.monotonic() - self._since) / self._seconds)
        return self._from + (self._to - self._from) * past

    @property
    def rows_done(self) -> int:
        """Rows merged; inside a step an estimate, which moves on and never runs ahead of the step's end."""
        return int((self.rows_total or 0) * self._part)


@dataclass
class Counts:
    """What came of an import."""

    parents_created: int = 0
    children_created: int = 0
    links_created: int = 0
    parents_alone: int = 0
    parents_packed: int = 0
    parents_completed: int = 0
    bills_created: int = 0
    duplicates_skipped: int = 0
    rejected: int = 0
    warnings: int = 0
    sheets: list[dict[str, Any]] = field(default_factory=list)


def give_way(pid: int) -> None:
    """Let scans go first on the processor, where the database's process is one of this machine and ours."""
    with contextlib.suppress(psutil.Error, OSError, AttributeError):
        if "postgres" in psutil.Process(pid).name():
            os.setpriority(os.PRIO_PROCESS, pid, NICE)


def floor_actor(row: Any) -> tuple[Any, ...]:
    """The one who made an import, as the SQL functions take him."""
    return (row["created_by"], None, None, None, None)


async def carry_out(row: Any, job: dict[str, Any], worker: UUID, progress: Progress) -> Counts:
    """Do one import.

    Args:
        row: of table ``imports``.
        job: for the reader.
        worker: who has the lease; the commit depends on still having it.
        progress: updated as it goes.

    Raises:
        UnreadableError: the file cannot be read.
        LostError: the lease is gone; nothing was written.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return await _try(row, job, worker, progress)
        except AGAIN as error:
            log.warning(
                "import met others' changes", import_id=row["id"], tries=tries, error=str(error)[:200]
            )
            if tries >= TRIES:
                raise UnreadableError("import_conflict") from None
        except asyncpg.PostgresError as error:
            # A parent that was put on a completed bill while we merged.
            if error.sqlstate != "TT001" or tries >= TRIES:
                raise
        progress.begin_again()


async def _try(row: Any, job: dict[str, Any], worker: UUID, progress: Progress) -> Counts:
    counts = Counts()
    # The reader is at work while we connect and wait for our turn.
    async with reader({**job, "mode": "rows"}) as child, connection() as db:
        transaction = db.transaction()
        await transaction.start()
        try:
            give_way(await db.fetchval("select pg_backend_pid()"))
            await _take_turn(db)
            await db.execute("select import_begin()")
            facts = await _stage(db, child, progress, counts)
            progress.phase = "merging"
            if row["kind"] == "bills":
                await _merge_bills(db, row, facts, progress, counts)
            else:
                await _merge_bags(db, row, facts, progress, counts)
            await _count(db, counts)
            if row["dry_run"]:
                with tempfile.TemporaryFile() as file:
                    await db.copy_from_query(
                        "select * from import_report_rows($1)", row["id"], output=file, format="csv"
                    )
                    await transaction.rollback()
                    transaction = db.transaction()
                    await transaction.start()
                    file.seek(0)
                    await db.execute("delete from import_report where import_id = $1", row["id"])
                    await db.copy_to_table("import_report", source=file, columns=REPORT_COLUMNS, format="csv")
            else:
                await db.execute("delete from import_report where import_id = $1", row["id"])
                await db.execute("insert into import_report select * from import_report_rows($1)", row["id"])
            await _finish(db, row, worker, counts, facts["rows"])
        except BaseException:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await transaction.rollback()
            raise
        await transaction.commit()
    return counts


async def _take_turn(db: Connection) -> None:
    """One import merges at a time: two that share bags give the same result as one after the other.

    However long the one before takes, the heartbeat ends the wait when the import is cancelled.
    """
    await db.execute("set local lock_timeout = 0; set local statement_timeout = 0")
    await db.execute("select pg_advisory_xact_lock(hashtextextended('tracetrack import', 0))")
    await db.execute("set local lock_timeout to default; set local statement_timeout to default")


async def _stage(db: Connection, child: Reader, progress: Progress, counts: Counts) -> dict[str, Any]:
    """Let the reader read the file, and copy its rows as they come."""
    while (event := await child.next_event())["event"] != "parents":
        if event["event"] == "progress":
            progress.rows_read = event["rows"]
        elif event["event"] == "secret":
            progress.secret = True
        elif event["event"] == "sheets":
            counts.sheets = event["sheets"]
    progress.phase = "staging"
    progress.rows_total = progress.rows_read = event["rows"]
    if event["bytes"]:
        await db.copy_to_table(
            "import_holders", source=child.bytes(event["bytes"]), columns=PARENT_COLUMNS, format="csv"
        )
    await db.copy_to_table("import_stage", source=_rest(child, progress), columns=ROW_COLUMNS, format="csv")
    facts = await child.next_event()
    # It has done its work: its memory goes back before the long part begins.
    await child.stop()
    return facts


async def _rest(child: Reader, progress: Progress) -> AsyncIterator[bytes]:
    total = max(1, progress.rows_total or 0)
    staged = 0
    async for chunk in child.bytes(None):
        yield chunk
        # A cell with line breaks counts for more than one row: it is about how far, no more.
        staged += chunk.count(b"\n")
        done = STAGED * min(1, staged / total)
        progress.expect(done, STAGED, 5 * (1 - done / STAGED) + 0.1)


async def _merge_bags(
    db: Connection, row: Any, facts: dict[str, Any], progress: Progress, counts: Counts
) -> None:
    actor = floor_actor(row)
    rows = max(1, facts["rows"])
    progress.expect(STAGED, 0.15, rows / 500_000)
    await db.execute(
        "select import_parents($1, $2, $3, $4)", row["id"], row["created_by"], row["area_id"], facts["apart"]
    )
    await db.execute("select import_repeats($1)", facts["distinct"])
    pages = await db.fetchval("select pg_relation_size('import_stage') / current_setting('block_size')::int")
    step = max(1, int(pages * ROWS_AT_ONCE / rows)) if rows > ROWS_AT_ONCE else max(1, pages)
    careful = False
    seconds = ROWS_AT_ONCE / 60_000
    for start in range(0, pages, step):
        began = time.monotonic()
        progress.expect(0.15 + 0.8 * start / pages, 0.15 + 0.8 * min(pages, start + step) / pages, seconds)
        done = await db.fetchrow(
            "select * from import_children($1, $2::floor_actor, $3, $4, $5)",
            row["id"],
            actor,
            start,
            start + step,
            careful,
        )
        assert done is not None
        careful = done["careful"]
        counts.children_created += done["created"]
        counts.links_created += done["linked"]
        seconds = time.monotonic() - began
    progress.expect(0.95, 1, rows / 500_000)
    done = await db.fetchrow("select * from import_rest($1, $2::floor_actor)", row["id"], actor)
    assert done is not None
    counts.children_created += done["created"]
    counts.links_created += done["linked"]
    done = await db.fetchrow("select * from import_lone_parents($1, $2::floor_actor)", row["id"], actor)
    assert done is not None
    counts.parents_created = done["made"]
    counts.parents_alone = done["alone"]
    wanted = row["complete_parents"]
    if wanted or (wanted is None and facts["packing"]):
        counts.parents_completed = await db.fetchval(
            "select import_complete($1, $2::floor_actor)", row["id"], actor
        )


async def _merge_bills(
    db: Connection, row: Any, facts: dict[str, Any], progress: Progress, counts: Counts
) -> None:
    progress.expect(STAGED, 1, facts["rows"] / 20_000)
    done = await db.fetchrow(
        "select * from import_bills($1, $2::floor_actor, $3)", row["id"], floor_actor(row), row["area_id"]
    )
    assert done is not None
    counts.bills_created = done["bills"]
    counts.links_created = done["linked"]


async def _count(db: Connection, counts: Counts) -> None:
    found = await db.fetchrow(
        "select count(*) filter (where problem is not null) as rejected,"
        " count(*) filter (where problem is null and outcome in ('already', 'repeated')) as skipped,"
        " count(*) filter (where problem is null and outcome = 'packed') as packed,"
        " count(warning) filter (where problem is null) as warnings from import_stage"
    )
    assert found is not None
    counts.rejected, counts.duplicates_skipped, counts.parents_packed, counts.warnings = found


async def _finish(db: Connection, row: Any, worker: UUID, counts: Counts, rows: int) -> None:
    """Say that it is done, in the same transaction, if it is still ours to say."""
    done = await db.execute(
        "update imports set state = 'completed', phase = null, finished_at = clock_timestamp(),"
        " worker = null,"
        " lease_until = null, rows_total = $3, rows_read = $3, rows_done = $3, parents_created = $4,"
        " children_created = $5, links_created = $6, parents_alone = $7, bills_created = $8,"
        " duplicates_skipped = $9, rejected = $10, warnings = $11, sheets = $12, parents_packed = $13,"
        " parents_completed = $14, error_code = null"
        " where id = $1 and worker = $2 and state = 'running' and cancel_requested_at is null",
        row["id"],
        worker,
        rows,
        counts.parents_created,
        counts.children_created,
        counts.links_created,
        counts.parents_alone,
        counts.bills_created,
        counts.duplicates_skipped,
        counts.rejected,
        counts.warnings,
        orjson.loads(orjson.dumps(counts.sheets)),
        counts.parents_packed,
        counts.parents_completed,
    )
    if done != "UPDATE 1":
        raise LostError
    await db.execute(
        "select ledger_record($1::floor_actor, $2, 'import', $3, $4, $5, null, $6, null, null, $3)",
        floor_actor(row),
        "import_tried" if row["dry_run"] else "import_completed",
        row["id"],
        row["file_name"],
        row["area_id"],
        {
            "rows": rows,
            "parents_created": counts.parents_created,
            "children_created": counts.children_created,
            "links_created": counts.links_created,
            "parents_completed": counts.parents_completed,
            "bills_created": counts.bills_created,
            "duplicates_skipped": counts.duplicates_skipped,
            "rejected": counts.rejected,
        },
    )
