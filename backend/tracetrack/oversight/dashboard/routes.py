"""``/dashboard``."""

from __future__ import annotations

from fastapi import APIRouter

from tracetrack.access.dependencies import Scanner
from tracetrack.oversight.dashboard import service
from tracetrack.oversight.dashboard.schemas import Summary
from tracetrack.platform.problems import problems

router = APIRouter(tags=["oversight"])


@router.get("/dashboard/summary", responses=problems())
async def summary(actor: Scanner) -> Summary:
    """The warehouse now: bags, scans by minute, hour, area and worker, bills, imports, conflicts."""
    return Summary.model_validate(await service.summary(actor))
