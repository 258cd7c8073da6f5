"""Exports over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from tracetrack.access.dependencies import Biller
from tracetrack.bags.schemas import BagState, Kind
from tracetrack.billing.schemas import BillState
from tracetrack.exports import service
from tracetrack.platform.clock import Moment
from tracetrack.platform.paging import UpdatedSince
from tracetrack.platform.problems import problems
from tracetrack.platform.spreadsheet import CSV, XLSX, download

router = APIRouter(tags=["exports"])

_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {XLSX: {}, CSV.split(";")[0]: {}}, "description": "The file"}
}
Table = Literal[
    "bags", "links", "scans", "audit", "bills", "left-open", "empty", "unbilled", "conflicts", "work"
]
Word = Annotated[str | None, Query(max_length=64)]
Id = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


@router.get("/exports/{table}", responses=_FILE | problems("bad_code"))
async def export_table(
    table: Table,
    actor: Biller,
    format: Literal["xlsx", "csv"] = "xlsx",
    kind: Kind | None = None,
    state: BagState | BillState | None = None,
    area_id: Id = None,
    user_id: Id = None,
    q: Annotated[str | None, Query(max_length=128, description="As in the search of the list")] = None,
    action: Word = None,
    subject_type: Word = None,
    code: Annotated[str | None, Query(max_length=128, description="Of one thing and what is in it")] = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    updated_since: UpdatedSince = None,
) -> Response:
    """Every row of a table as a file, streamed. The audit log is for admins.

    `action`, `subject_type` and `code` are filters of the audit log, `kind` of bags, `state` and
    `updated_since` of bags and bills, `user_id` of links, scans, audit and bills. The supervisors' lists
    (`/lists/...`) have an area and a range of time, which `left-open`, `conflicts` and `work` need.
    """
    given = {
        "kind": kind,
        "state": state,
        "area_id": area_id,
        "user_id": user_id,
        "q": q,
        "action": action,
        "subject_type": subject_type,
        "code": code,
        "since": since,
        "until": until,
        "updated_since": updated_since,
    }
    return download(await service.export(actor, table, format, given), f"tracetrack-{table}", format)
