"""``/search``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from tracetrack.access.dependencies import Scanner
from tracetrack.oversight.search import service
from tracetrack.oversight.search.schemas import Found
from tracetrack.platform.problems import problems

router = APIRouter(tags=["oversight"])


@router.get("/search", responses=problems("bad_code"))
async def search(q: Annotated[str, Query(min_length=1, max_length=128)], actor: Scanner) -> Found:
    """Bags by any part of a code, bills by number, users (for admins) by name; quick enough to type in."""
    return await service.search(actor, q)
