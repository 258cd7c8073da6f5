"""``/dashboard``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from tracetrack.access.dependencies import Scanner
from tracetrack.oversight.dashboard import service
from tracetrack.oversight.dashboard.schemas import Summary
from tracetrack.platform.problems import problems

router = APIRouter(tags=["oversight"])


@router.get("/dashboard/summary", responses=problems("area_not_found"))
async def dashboard_summary(
    actor: Scanner,
    area_id: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Of this area only")] = None,
) -> Summary:
    """The warehouse now: bags, scans by minute, hour, area and worker, bills, imports, conflicts."""
    return Summary.model_validate(await service.summary(actor, area_id))
