"""The audit log as admins read it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tracetrack.bags.codes import clean
from tracetrack.oversight.audit import queries
from tracetrack.oversight.audit.queries import Ways
from tracetrack.oversight.audit.schemas import AuditEvent, SealState
from tracetrack.platform import replica
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem


def _place(cursor: str | None) -> tuple[dt.datetime, int] | None:
    after = decode_cursor(cursor, str, int)
    if after is None:
        return None
    try:
        at = dt.datetime.fromisoformat(after[0])
    except ValueError:
        raise Problem("bad_cursor") from None
    if at.tzinfo is None:
        raise Problem("bad_cursor")
    return at, after[1]


def _page(rows: list[dict[str, Any]], limit: int) -> Page[AuditEvent]:
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[AuditEvent.model_validate(row) for row in rows[:limit]],
        next_cursor=encode_cursor(last["at"].isoformat(), last["id"]) if last else None,
    )


async def list_events(
    *, code: str | None, q: str | None, cursor: str | None, limit: int, **filters: Any
) -> Page[AuditEvent]:
    """Events, newest first.

    Args:
        code: only of the thing with this code, number or name, and of what is in it.
        q: part of the name of a thing, a person or an action.
        filters: see :data:`queries.FILTERS`.

    Raises:
        Problem: ``bad_cursor``, ``bad_code`` (422).
    """
    after = _place(cursor)
    async with replica.browsing() as tx:
        ways: Ways | None = None
        if code:
            ways = await queries.named(tx, clean(code))
        elif q:
            ways = await queries.matching(tx, clean(q))
        return _page(await queries.events_page(tx, filters, ways, after, limit), limit)


async def timeline(user_id: int, cursor: str | None, limit: int) -> Page[AuditEvent]:
    """What a user did, and what was done to him, newest first.

    Raises:
        Problem: ``user_not_found`` (404).
    """
    after = _place(cursor)
    async with replica.browsing() as tx:
        if await tx.scalar(queries.USER_NAME, {"user_id": user_id}) is None:
            raise Problem("user_not_found")
        ways = Ways(types=["user"], ids=[user_id], actors=[user_id])
        return _page(await queries.events_page(tx, {}, ways, after, limit), limit)


async def seal_state() -> SealState:
    """How far the chain has come."""
    async with replica.browsing() as tx:
        row = (await tx.execute(queries.SEAL)).mappings().one()
    return SealState.model_validate({**row, "seals": row["seals"] or 0})


async def actions() -> list[str]:
    """Every action that was ever recorded, by name."""
    async with replica.browsing() as tx:
        return list((await tx.execute(queries.ACTIONS)).scalars())
