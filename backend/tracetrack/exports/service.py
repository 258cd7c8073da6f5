"""Exports: PostgreSQL makes the lines, this process only packs them, and nothing is held in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from tracetrack.access.actor import Actor, Role
from tracetrack.bags.codes import clean
from tracetrack.exports.queries import TABLES, Table, statement
from tracetrack.ledger.service import record
from tracetrack.platform import db
from tracetrack.platform.background import heard
from tracetrack.platform.problems import Problem
from tracetrack.platform.slow import connection
from tracetrack.platform.spreadsheet import BYTE_ORDER_MARK, Workbook, row_xml

ASKED = {"since": "from", "until": "to"}
"""Filters that are called otherwise outside."""

AHEAD = 4
"""Pieces that the database may be ahead of a slow client."""


async def export(actor: Actor, name: str, kind: str, given: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    """The file of a table.

    Raises:
        Problem: ``forbidden`` (403) the audit log, for others than admins; ``invalid`` (422) a filter
            or state that this table does not have, ``bad_code`` (422) what can be in no code.
    """
    table = TABLES[name]
    if name == "audit" and actor.role is not Role.admin:
        raise Problem("forbidden")
    given = {key: value for key, value in given.items() if value not in (None, "")}
    if unknown := sorted(given.keys() - table.takes):
        raise _invalid(unknown, "no such filter here")
    if given.get("state", "") not in ("", *table.states):
        raise _invalid(["state"], "no such state here")
    if table.is_list and (missing := sorted({"since", "until"} - given.keys())):
        raise _invalid(missing, "is needed here")
    # As the lists read what is looked for; bills are looked for by free text.
    for word in {"q", "code"} & given.keys():
        given[word] = given[word].strip() if name == "bills" else clean(given[word])
    async with db.transaction() as tx:
        await record(
            tx,
            actor,
            action="exported",
            subject_type="export",
            subject_id=None,
            subject_code=name,
            after={"format": kind, **{key: str(value) for key, value in given.items()}},
        )
    query, values = statement(table, kind, actor.sees_area, given)
    return (_xlsx if kind == "xlsx" else _csv)(table, name, query, values)


def _invalid(names: list[str], message: str) -> Problem:
    return Problem(
        "invalid", errors=[{"loc": ["query", ASKED.get(name, name)], "msg": message} for name in names]
    )


async def _lines(query: str, values: list[Any], *, csv: bool) -> AsyncGenerator[bytes, None]:
    """What COPY sends, as it comes."""
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)

    async def copy() -> None:
        try:
            async with connection(download=True) as own:
                await own.copy_from_query(query, *values, output=pieces.put, format="csv" if csv else "text")
        finally:
            await pieces.put(None)

    task = asyncio.create_task(copy())
    try:
        while (piece := await pieces.get()) is not None:
            yield bytes(piece)
        await task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            while not task.done():
                # Whoever waits to put a piece is let go.
                with contextlib.suppress(asyncio.QueueEmpty):
                    pieces.get_nowait()
                await asyncio.wait((task,), timeout=0.05)
        # Of a file that nobody takes any more it is no news that its making failed; cancelled itself, this
        # does not wait until it has.
        task.add_done_callback(heard)


async def _csv(table: Table, name: str, query: str, values: list[Any]) -> AsyncGenerator[bytes, None]:
    yield (BYTE_ORDER_MARK + ",".join(heading for heading, _, _ in table.columns) + "\n").encode()
    async for piece in _lines(query, values, csv=True):
        yield piece


async def _xlsx(table: Table, name: str, query: str, values: list[Any]) -> AsyncGenerator[bytes, None]:
    with Workbook(name, row_xml(heading for heading, _, _ in table.columns)) as workbook:
        rest = b""
        async for piece in _lines(query, values, csv=False):
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            if newline and (packed := await asyncio.to_thread(workbook.add, whole + newline)):
                yield packed
        yield workbook.close()
