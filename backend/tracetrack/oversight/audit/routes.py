"""``/audit``: what happened, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from tracetrack.access.dependencies import Admin
from tracetrack.oversight.audit import service
from tracetrack.oversight.audit.schemas import AuditEvent, SealState
from tracetrack.platform.clock import Moment
from tracetrack.platform.paging import Cursor, Limit, Page
from tracetrack.platform.problems import problems

router = APIRouter(tags=["oversight"])

IdQuery = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
Word = Annotated[str | None, Query(max_length=64)]


@router.get("/audit", responses=problems("bad_cursor", "bad_code"))
async def list_audit_events(
    _: Admin,
    actor_id: IdQuery = None,
    area_id: IdQuery = None,
    action: Word = None,
    subject_type: Word = None,
    subject_id: IdQuery = None,
    code: Annotated[
        str | None, Query(max_length=128, description="Of one bag (and what is in it), bill, user or area")
    ] = None,
    q: Annotated[
        str | None,
        Query(max_length=128, description="Beginning of a code, part of a bill number, name or action"),
    ] = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AuditEvent]:
    """Every effect with before and after, newest first."""
    return await service.list_events(
        actor_id=actor_id,
        area_id=area_id,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        code=code,
        q=q,
        since=since,
        until=until,
        cursor=cursor,
        limit=limit,
    )


@router.get("/audit/actions", responses=problems())
async def list_actions(_: Admin) -> list[str]:
    """Every action that was ever recorded, for a filter to choose from."""
    return await service.actions()


@router.get("/audit/seal", responses=problems())
async def audit_seal(_: Admin) -> SealState:
    """How far the log is sealed; `tracetrack audit verify` walks the whole chain."""
    return await service.seal_state()


@router.get("/audit/users/{user_id}", responses=problems("user_not_found", "bad_cursor"))
async def user_timeline(
    user_id: Annotated[int, Path(ge=1, le=2**63 - 1)], _: Admin, cursor: Cursor = None, limit: Limit = 50
) -> Page[AuditEvent]:
    """What a user did, and what was done to him, newest first."""
    return await service.timeline(user_id, cursor, limit)
