"""Return tickets over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from tracetrack.access.dependencies import Biller, Scanner
from tracetrack.access.once import IdempotencyKey
from tracetrack.billing.returns import service
from tracetrack.billing.returns.schemas import (
    BillReturn,
    Cancellation,
    NewReturn,
    Return,
    ReturnedBag,
    ReturnScan,
    ReturnScanned,
    ReturnState,
)
from tracetrack.platform.paging import Cursor, Limit, Page
from tracetrack.platform.problems import problems

router = APIRouter(tags=["returns"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("/returns", status_code=201, responses=problems("idempotency_key_reused"))
async def create_return(new: NewReturn, actor: Biller, key: IdempotencyKey = None) -> Return:
    """Open a return ticket, `RET-20261124-0001`."""
    return await service.create(actor, new, key)


@router.get("/returns", responses=problems("bad_cursor"))
async def list_returns(
    _: Biller, state: ReturnState | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[Return]:
    """Return tickets, newest first."""
    return await service.list_returns(state, cursor, limit)


@router.get("/returns/{return_id}", responses=problems("return_not_found"))
async def get_return(return_id: Id, _: Biller) -> Return:
    """A return ticket."""
    return await service.get(return_id)


@router.get("/returns/{return_id}/bags", responses=problems("return_not_found", "bad_cursor"))
async def list_return_bags(
    return_id: Id, _: Biller, cursor: Cursor = None, limit: Limit = 50
) -> Page[ReturnedBag]:
    """The parents of a ticket, with the bill that each is, or was, on."""
    return await service.list_bags(return_id, cursor, limit)


@router.post(
    "/returns/{return_id}/bags",
    responses=problems(
        "return_not_found",
        "bag_not_found",
        "return_closed",
        "bag_is_child",
        "bag_not_dispatched",
        "bad_code",
        "scan_id_taken",
        "scan_id_reused",
    ),
)
async def scan_return(return_id: Id, scanned: ReturnScan, actor: Biller) -> ReturnScanned:
    """Scan a parent that comes back. Safe to retry with the same ``scan_id``."""
    return await service.scan(actor, return_id, scanned)


@router.delete(
    "/returns/{return_id}/bags/{bag_id}",
    status_code=204,
    responses=problems("return_not_found", "bag_not_found", "return_closed"),
)
async def remove_return_bag(return_id: Id, bag_id: Id, actor: Biller) -> Response:
    """Take a parent off an open ticket."""
    await service.remove_bag(actor, return_id, bag_id)
    return Response(status_code=204)


@router.post(
    "/returns/{return_id}/confirm",
    responses=problems("return_not_found", "return_closed", "return_empty", "return_changed"),
)
async def confirm_return(return_id: Id, actor: Biller) -> Return:
    """Take the parents off their completed bills and free them, with a record on each bill."""
    return await service.confirm(actor, return_id)


@router.post("/returns/{return_id}/cancel", responses=problems("return_not_found", "return_changed"))
async def cancel_return(return_id: Id, why: Cancellation, actor: Biller) -> Return:
    """Give up a ticket; a confirmed one puts everything back."""
    return await service.cancel(actor, return_id, why.reason)


@router.get("/bills/{bill_id}/returns", responses=problems("bill_not_found"))
async def returns_of_bill(bill_id: Id, actor: Scanner) -> Page[BillReturn]:
    """What returns did to a bill: before, after and why, the last first."""
    return Page(items=await service.returns_of_bill(actor, bill_id))
