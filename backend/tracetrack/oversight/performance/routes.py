"""``/performance``: how the site does, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from tracetrack.access.dependencies import Admin
from tracetrack.oversight.performance import service
from tracetrack.oversight.performance.schemas import PerformanceSummary, Period
from tracetrack.platform.problems import problems

router = APIRouter(tags=["oversight"])


@router.get("/performance/summary", responses=problems())
async def performance_summary(
    _: Admin,
    period: Period = Period.hour,
    route: Annotated[
        str | None, Query(max_length=200, description="`over_time` of this route only: `GET /api/v1/bags`")
    ] = None,
) -> PerformanceSummary:
    """Times, rates and errors by route and over time, workers, cache, database, imports, alerts."""
    return await service.summary(period, route)
