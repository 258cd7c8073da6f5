"""``/changes``: what changed since a position, for programs that keep a copy."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from tracetrack.access.dependencies import Biller
from tracetrack.oversight.changes import service
from tracetrack.oversight.changes.schemas import Changes
from tracetrack.platform.problems import problems

router = APIRouter(tags=["oversight"])


@router.get("/changes", responses=problems("bad_cursor"))
async def list_changes(
    _: Biller,
    after: Annotated[
        str | None,
        Query(
            max_length=6000,
            description="`after` of the answer before. Absent: the beginning of the log. `now`: the"
            " present, to begin with before the lists are read.",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Changes at most")] = 200,
) -> Changes:
    """What changed after a position: each committed change once, removals too, whatever the order of commits.

    Changes of one subject come in the order in which they were made. An import tells of itself and of each
    parent, not of each child. A position that the log no longer holds is 422 `bad_cursor`: take `after=now`,
    then read the lists again.
    """
    return await service.changes(after, limit)
