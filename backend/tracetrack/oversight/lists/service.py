"""Supervisors' lists: what a shift left behind, and what it did, by the site's clock."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import Actor
from tracetrack.bags.queries import bags_by_id
from tracetrack.bags.schemas import Bag
from tracetrack.oversight.lists import queries
from tracetrack.oversight.lists.schemas import Conflict, LeftOpen, Shift, Shifts, ShiftWork, Worked
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.clock import now
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem

CONFLICT_DAYS = 7
"""How far back conflicts are looked for, unless asked otherwise."""

Moment = dt.datetime | None


def shifts_of(
    date: dt.date, starts: list[dt.time], zone: ZoneInfo, at: dt.datetime
) -> list[tuple[dt.datetime, dt.datetime, bool]]:
    """Start and end of each shift of a day, and whether it is the one at a moment.

    A day without shifts is one from midnight to midnight. The last ends with the first of the next day.
    """
    starts = sorted(starts) or [dt.time(0)]
    begins = [dt.datetime.combine(date, start, zone) for start in starts]
    begins.append(dt.datetime.combine(date + dt.timedelta(days=1), starts[0], zone))
    # As moments: in Python two times of one zone are compared by their clocks, also over a change of it.
    moments = [begin.astimezone(dt.UTC) for begin in begins]
    return [(start, end, start <= at < end) for start, end in itertools.pairwise(moments)]


async def shifts(date: dt.date | None) -> Shifts:
    """The shifts of a day; without one, of the day whose shift it is now."""
    site = await site_settings()
    starts = [dt.time.fromisoformat(start) for start in site.shift_starts]
    zone, at = ZoneInfo(site.time_zone), now()
    today = at.astimezone(zone).date()
    candidates = [date] if date else [today, today - dt.timedelta(days=1)]
    for day in candidates:
        found = shifts_of(day, starts, zone, at)
        # Before the day's first shift, it is still the night shift of the day before.
        if date or any(current for _, _, current in found):
            break
    return Shifts(
        date=day,
        time_zone=site.time_zone,
        items=[Shift(start=start, end=end, current=current) for start, end, current in found],
    )


async def _shift_now() -> Shift:
    return next(shift for shift in (await shifts(None)).items if shift.current)


async def within(since: Moment, until: Moment) -> tuple[dt.datetime, dt.datetime]:
    """A range of time: what is not given is that of the shift now.

    Raises:
        Problem: ``invalid`` (422) when it is longer than 31 days.
    """
    if since is None or until is None:
        shift = await _shift_now()
        since, until = since or shift.start, until or max(shift.end, since or shift.start)
    if until - since > dt.timedelta(days=31):
        raise Problem("invalid", errors=[{"loc": ["query", "from"], "msg": "31 days at most"}])
    return since, until


def _asked(actor: Actor, area_id: int | None, **more: Any) -> dict[str, Any]:
    return {"sees_area": actor.sees_area, "area_id": area_id, **more}


def _place(cursor: str | None) -> dict[str, Any]:
    """The time and id of the last row of the page before."""
    after = decode_cursor(cursor, str, int)
    if after is None:
        return {"at": None, "id": None}
    try:
        at = dt.datetime.fromisoformat(after[0])
    except ValueError:
        raise Problem("bad_cursor") from None
    if at.tzinfo is None:
        raise Problem("bad_cursor")
    return {"at": at, "id": after[1]}


async def left_open(
    actor: Actor, area_id: int | None, since: Moment, until: Moment, cursor: str | None, limit: int
) -> Page[LeftOpen]:
    """Parents that were worked on in a shift and are open still, the last touched first.

    Raises:
        Problem: ``bad_cursor``, ``invalid`` (422).
    """
    after = _place(cursor)
    since, until = await within(since, until)
    asked = _asked(actor, area_id, since=since, until=until, limit=limit + 1, **after)
    async with db.snapshot() as tx:
        rows = (await tx.execute(queries.LEFT_OPEN, asked)).all()
        bags = {bag["id"]: bag for bag in await bags_by_id(tx, actor, [row.bag_id for row in rows])}
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[
            LeftOpen.model_validate(
                {**bags[row.bag_id], "last_scan_at": row.last_at, "last_scan_by": row.last_by}
            )
            for row in rows[:limit]
            if row.bag_id in bags
        ],
        next_cursor=encode_cursor(last.last_at.isoformat(), last.bag_id) if last else None,
    )


async def _bags(tx: AsyncConnection, actor: Actor, ids: list[int], limit: int) -> Page[Bag]:
    bags = await bags_by_id(tx, actor, ids[:limit])
    return Page(
        items=[Bag.model_validate(bag) for bag in bags],
        next_cursor=encode_cursor(ids[limit - 1]) if len(ids) > limit else None,
    )


async def empty(
    actor: Actor, area_id: int | None, until: Moment, cursor: str | None, limit: int
) -> Page[Bag]:
    """Parents with nothing in them that have not left, the newest first.

    Raises:
        Problem: ``bad_cursor`` (422).
    """
    return await _by_id(actor, queries.EMPTY, area_id, until, cursor, limit)


async def unbilled(
    actor: Actor, area_id: int | None, until: Moment, cursor: str | None, limit: int
) -> Page[Bag]:
    """Parents with children that are on no bill, the oldest first.

    Raises:
        Problem: ``bad_cursor`` (422).
    """
    return await _by_id(actor, queries.UNBILLED, area_id, until, cursor, limit)


async def _by_id(
    actor: Actor, statement: Any, area_id: int | None, until: Moment, cursor: str | None, limit: int
) -> Page[Bag]:
    after = decode_cursor(cursor, int)
    asked = _asked(actor, area_id, until=until, limit=limit + 1, after=after[0] if after else None)
    async with db.snapshot() as tx:
        ids = list((await tx.execute(statement, asked)).scalars())
        return await _bags(tx, actor, ids, limit)


async def conflicts(
    actor: Actor, area_id: int | None, since: Moment, until: Moment, cursor: str | None, limit: int
) -> Page[Conflict]:
    """Children that were scanned into one parent while in another, and nobody has decided since.

    Raises:
        Problem: ``bad_cursor``, ``invalid`` (422).
    """
    after = _place(cursor)
    until = until or now() + dt.timedelta(minutes=1)
    since, until = await within(since or until - dt.timedelta(days=CONFLICT_DAYS), until)
    asked = _asked(actor, area_id, since=since, until=until, limit=limit + 1, **after)
    async with db.snapshot() as tx:
        rows = (await tx.execute(queries.CONFLICTS, asked)).mappings().all()
        bags = {bag["id"]: bag for bag in await bags_by_id(tx, actor, [row["bag_id"] for row in rows])}
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[
            Conflict.model_validate({**row, "bag": bags[row["bag_id"]]})
            for row in rows[:limit]
            if row["bag_id"] in bags
        ],
        next_cursor=encode_cursor(last["at"].isoformat(), last["scan_id"]) if last else None,
    )


async def work(actor: Actor, area_id: int | None, since: Moment, until: Moment) -> ShiftWork:
    """What each person scanned in a shift.

    Raises:
        Problem: ``invalid`` (422).
    """
    since, until = await within(since, until)
    async with db.reading() as tx:
        rows = (await tx.execute(queries.WORK, _asked(actor, area_id, since=since, until=until))).mappings()
        items = [Worked.model_validate(row) for row in rows]
    return ShiftWork(
        since=since,
        until=until,
        scans=sum(one.scans for one in items),
        refused=sum(one.refused for one in items),
        undone=sum(one.undone for one in items),
        items=items,
    )
