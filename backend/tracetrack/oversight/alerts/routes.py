"""``/performance/alerts/try``, for admins."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from tracetrack.access.dependencies import Admin
from tracetrack.oversight.alerts import service
from tracetrack.oversight.alerts.schemas import Tried
from tracetrack.platform.problems import problems

router = APIRouter(tags=["oversight"])


@router.post("/performance/alerts/try", responses=problems())
async def try_alerts(request: Request, actor: Admin) -> list[Tried]:
    """Send a message of trial to where alerts go; an empty list where they go nowhere."""
    return await service.try_out(actor, request.app.state.settings)
