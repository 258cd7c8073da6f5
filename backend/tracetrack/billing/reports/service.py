"""Reports: end of day, bills of a period, areas. Days are the site's; billers see all areas."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import desc, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import Actor
from tracetrack.bags.schemas import AreaRef, UserRef
from tracetrack.billing import queries as bill_queries
from tracetrack.billing.reports import queries
from tracetrack.billing.reports.schemas import (
    AreaReport,
    AreaStanding,
    AreaWork,
    BillLine,
    BillSummary,
    BillSums,
    DaySums,
    DestinationSums,
    EndOfDay,
    StateSums,
    Work,
    WorkerWork,
)
from tracetrack.billing.tables import bill_cards
from tracetrack.people.schemas import SiteSettings
from tracetrack.people.settings import site_settings
from tracetrack.platform import db, replica
from tracetrack.platform.clock import now
from tracetrack.platform.problems import Problem

LONGEST = 800
"""Days that one report may cover."""
LINES = 1_000
"""Bills that stand in the JSON of a summary."""
LINES_IN_FILE = 100_000

AN_AREA, A_PERSON, ALL = 1, 2, 3


@dataclass(frozen=True)
class Period:
    """Days, both included, in the site's time zone."""

    first: dt.date
    last: dt.date
    site: SiteSettings

    def edges(self) -> dict[str, dt.datetime]:
        """Its first moment, and the first moment after it."""
        zone = ZoneInfo(self.site.time_zone)
        return {
            "since": dt.datetime.combine(self.first, dt.time(), zone),
            "until": dt.datetime.combine(self.last + dt.timedelta(days=1), dt.time(), zone),
        }


async def period(first: dt.date | None, last: dt.date | None) -> Period:
    """The days asked for; today where none are.

    Raises:
        Problem: ``bad_period`` (422) when it ends before it begins, or is too long.
    """
    site = await site_settings()
    today = now().astimezone(ZoneInfo(site.time_zone)).date()
    last = last or max(today, first or today)
    first = first or last
    if not dt.date(2000, 1, 1) <= first <= last <= dt.date(2200, 1, 1) or (last - first).days >= LONGEST:
        raise Problem("bad_period")
    return Period(first, last, site)


Counts = dict[tuple[int, int | None], dict[str, Any]]


async def _counts(tx: AsyncConnection, when: Period, area_id: int | None) -> Counts:
    """What was done, by area, by person and in all."""
    found: Counts = defaultdict(dict)
    for part in queries.PARTS:
        for row in (await tx.execute(part, {**when.edges(), "area_id": area_id})).mappings():
            values = dict(row)
            grouped, area, user = values.pop("grouped"), values.pop("area_id"), values.pop("user_id")
            found[grouped, area if grouped == AN_AREA else user if grouped == A_PERSON else None] |= values
    return found


async def _areas(tx: AsyncConnection, area_id: int | None) -> list[AreaRef]:
    rows = (await tx.execute(queries.AREAS, {"area_id": area_id})).mappings()
    areas = [AreaRef.model_validate(dict(row)) for row in rows]
    if area_id is not None and not areas:
        raise Problem("area_not_found")
    return areas


async def end_of_day(day: dt.date | None, area_id: int | None) -> EndOfDay:
    """What was packed, billed and sent on one day, in all, by area and by worker.

    Raises:
        Problem: ``area_not_found`` (404), ``bad_period`` (422).
    """
    when = await period(day, day)
    async with replica.reporting() as tx, db.patiently(tx, queries.LONGEST_SECONDS):
        await tx.execute(db.ONE_MOMENT)
        areas = await _areas(tx, area_id)
        counts = await _counts(tx, when, area_id)
        ids = [person for grouped, person in counts if grouped == A_PERSON and person is not None]
        workers = (await tx.execute(queries.WORKERS, {"ids": ids})).all()
    by_area = [AreaWork(area=area, **counts.get((AN_AREA, area.id), {})) for area in areas]
    if (AN_AREA, None) in counts:
        by_area.append(AreaWork(area=None, **counts[AN_AREA, None]))
    return EndOfDay(
        date=when.first,
        time_zone=when.site.time_zone,
        totals=Work(**counts.get((ALL, None), {})),
        by_area=by_area,
        by_worker=[
            WorkerWork(
                worker=UserRef(id=row.id, username=row.username),
                full_name=row.full_name,
                **counts[A_PERSON, row.id],
            )
            for row in workers
        ],
    )


async def area_report(first: dt.date | None, last: dt.date | None, area_id: int | None) -> AreaReport:
    """Each area's work in a period and what is in it now.

    Raises:
        Problem: ``area_not_found`` (404), ``bad_period`` (422).
    """
    when = await period(first, last)
    async with replica.reporting() as tx, db.patiently(tx, queries.LONGEST_SECONDS):
        await tx.execute(db.ONE_MOMENT)
        areas: list[AreaRef | None] = list(await _areas(tx, area_id))
        counts = await _counts(tx, when, area_id)
        stock: dict[int | None, dict[str, Any]] = {}
        for row in (await tx.execute(queries.STOCK, {"area_id": area_id})).mappings():
            values = dict(row)
            stock[values.pop("area_id")] = values
    if (AN_AREA, None) in counts or None in stock:
        areas.append(None)
    ids = [(area, area.id if area else None) for area in areas]
    return AreaReport.model_validate(
        {
            "from": when.first,
            "to": when.last,
            "time_zone": when.site.time_zone,
            "areas": [
                AreaStanding(area=area, **counts.get((AN_AREA, key), {}), **stock.get(key, {}))
                for area, key in ids
            ],
        }
    )


async def bill_summary(
    actor: Actor,
    first: dt.date | None,
    last: dt.date | None,
    *,
    by: str,
    area_id: int | None,
    state: str | None,
    most: int = LINES,
) -> BillSummary:
    """The bills made, or completed, in a period, and their sums by day, destination and state.

    Raises:
        Problem: ``bad_period`` (422).
    """
    when = await period(first, last)
    bill = bill_cards.c
    day_of = bill.completed_at if by == "completed" else bill.created_at
    edges = when.edges()
    day = func.date(func.timezone(when.site.time_zone, day_of))
    wanted = [bill_queries.visible(actor), day_of >= edges["since"], day_of < edges["until"]]
    if area_id is not None:
        wanted.append(bill.area_id == area_id)
    if state is not None:
        wanted.append(bill.state == state)
    found = select(*bill_cards.c, day.label("day")).where(*wanted).subquery()
    sums = [
        func.count().label("bills"),
        *(
            func.coalesce(func.sum(found.c[name]), 0).label(name)
            for name in ("parent_count", "child_count", "weight_kg", "expected_weight_kg", "variance_kg")
        ),
    ]
    async with replica.reporting() as tx, db.patiently(tx, queries.LONGEST_SECONDS):
        await tx.execute(db.ONE_MOMENT)

        async def grouped(column: str) -> list[dict[str, Any]]:
            key = found.c[column]
            statement = select(key, *sums).group_by(key).order_by(key)
            return [dict(row) for row in (await tx.execute(statement)).mappings()]

        totals = dict((await tx.execute(select(*sums))).mappings().one())
        days, destinations, states = (
            await grouped("day"),
            await grouped("destination"),
            await grouped("state"),
        )
        lines = (await tx.execute(select(found).order_by(desc(found.c.id)).limit(most))).mappings().all()
    return BillSummary.model_validate(
        {
            "from": when.first,
            "to": when.last,
            "time_zone": when.site.time_zone,
            "totals": BillSums(**totals),
            "by_day": [DaySums(date=row.pop("day"), **row) for row in days],
            "by_destination": [DestinationSums(**row) for row in destinations],
            "by_state": [StateSums(**row) for row in states],
            "bills": [BillLine.model_validate(dict(row)) for row in lines],
        }
    )
