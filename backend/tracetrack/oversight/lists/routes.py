"""``/lists``: what supervisors ask at the end of a shift."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query

from tracetrack.access.dependencies import Scanner
from tracetrack.bags.schemas import Bag
from tracetrack.oversight.lists import service
from tracetrack.oversight.lists.schemas import Conflict, LeftOpen, Shifts, ShiftWork
from tracetrack.platform.clock import Moment
from tracetrack.platform.paging import Cursor, Limit, Page
from tracetrack.platform.problems import problems

router = APIRouter(tags=["oversight"])

AreaId = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
Since = Annotated[Moment | None, Query(alias="from", description="Absent: when the shift now began")]
Until = Annotated[Moment | None, Query(alias="to", description="Absent: when the shift now ends")]
Before = Annotated[Moment | None, Query(alias="to", description="Registered before")]


Date = Annotated[dt.date | None, Query(ge=dt.date(2000, 1, 1), le=dt.date(2200, 12, 31))]


@router.get("/lists/shifts", responses=problems())
async def list_shifts(_: Scanner, date: Date = None) -> Shifts:
    """The shifts of a day by the site's clock; without a day, of that whose shift it is now."""
    return await service.shifts(date)


@router.get("/lists/left-open", responses=problems("bad_cursor"))
async def list_left_open(
    actor: Scanner,
    area_id: AreaId = None,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[LeftOpen]:
    """Parents that were worked on in a shift and are open still, the last touched first."""
    return await service.left_open(actor, area_id, since, until, cursor, limit)


@router.get("/lists/empty", responses=problems("bad_cursor"))
async def list_empty(
    actor: Scanner, area_id: AreaId = None, until: Before = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[Bag]:
    """Parents with nothing in them that have not left, the newest first."""
    return await service.empty(actor, area_id, until, cursor, limit)


@router.get("/lists/unbilled", responses=problems("bad_cursor"))
async def list_unbilled(
    actor: Scanner, area_id: AreaId = None, until: Before = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[Bag]:
    """Parents with children that are on no bill, the oldest first."""
    return await service.unbilled(actor, area_id, until, cursor, limit)


@router.get("/lists/conflicts", responses=problems("bad_cursor"))
async def list_conflicts(
    actor: Scanner,
    area_id: AreaId = None,
    since: Annotated[Moment | None, Query(alias="from", description="Absent: seven days ago")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Conflict]:
    """Children scanned into one parent while in another, until somebody moves or confirms them."""
    return await service.conflicts(actor, area_id, since, until, cursor, limit)


@router.get("/lists/work", responses=problems())
async def list_work(
    actor: Scanner, area_id: AreaId = None, since: Since = None, until: Until = None
) -> ShiftWork:
    """What each person scanned in a shift."""
    return await service.work(actor, area_id, since, until)
