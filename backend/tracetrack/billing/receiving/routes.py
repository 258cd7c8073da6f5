"""Receiving a bill at the far end."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from tracetrack.access.dependencies import Scanner
from tracetrack.bags.codes import LONGEST_LABEL
from tracetrack.billing.receiving import service
from tracetrack.billing.receiving.schemas import (
    Receipt,
    ReceiptFinish,
    ReceiptItem,
    ReceiptScan,
    ReceiptScanned,
    ReceiptStart,
    ReceiptStarted,
)
from tracetrack.platform.paging import Cursor, Limit, Page
from tracetrack.platform.problems import problems

router = APIRouter(tags=["receiving"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("/bills/{bill_id}/receipts", responses=problems("bill_not_found", "bill_not_completed"))
async def start_receipt(bill_id: Id, actor: Scanner, noted: ReceiptStart | None = None) -> ReceiptStarted:
    """Begin to receive a completed bill; billers anywhere, dispatchers in its `destination_area`."""
    return await service.start(actor, bill_id, (noted or ReceiptStart()).note)


@router.get("/bills/{bill_id}/receipts", responses=problems("bill_not_found"))
async def list_receipts(bill_id: Id, actor: Scanner) -> Page[Receipt]:
    """The receipts of a bill, the last first."""
    return Page(items=await service.list_receipts(actor, bill_id))


@router.get(
    "/bills/{bill_id}/receipts/{receipt_id}", responses=problems("bill_not_found", "receipt_not_found")
)
async def get_receipt(bill_id: Id, receipt_id: Id, actor: Scanner) -> Receipt:
    """One receipt with its counts."""
    return await service.get_receipt(actor, bill_id, receipt_id)


@router.get(
    "/bills/{bill_id}/receipts/{receipt_id}/bags",
    responses=problems("bill_not_found", "receipt_not_found", "bill_not_completed", "bad_cursor"),
)
async def list_receipt_bags(
    bill_id: Id,
    receipt_id: Id,
    actor: Scanner,
    result: Literal["found", "short", "excess"] | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ReceiptItem]:
    """Found, short and excess parents by code."""
    return await service.list_items(actor, bill_id, receipt_id, result, cursor, limit)


@router.post(
    "/bills/{bill_id}/receipts/{receipt_id}/scans",
    responses=problems(
        "bill_not_found",
        "receipt_not_found",
        "receipt_finished",
        "bill_not_completed",
        "bad_code",
        "scan_id_taken",
        "scan_id_reused",
    ),
)
async def scan_received(bill_id: Id, receipt_id: Id, scanned: ReceiptScan, actor: Scanner) -> ReceiptScanned:
    """Scan a parent on arrival: `found` on the bill, or `excess`. Safe to retry with the same ``scan_id``."""
    return await service.scan(actor, bill_id, receipt_id, scanned)


@router.delete(
    "/bills/{bill_id}/receipts/{receipt_id}/scans",
    responses=problems(
        "bill_not_found", "receipt_not_found", "receipt_finished", "bill_not_completed", "bad_code"
    ),
)
async def take_back_scan(
    bill_id: Id, receipt_id: Id, code: Annotated[str, Query(max_length=LONGEST_LABEL)], actor: Scanner
) -> Receipt:
    """Take back a scan that was a mistake."""
    return await service.unscan(actor, bill_id, receipt_id, code)


@router.post(
    "/bills/{bill_id}/receipts/{receipt_id}/finish",
    responses=problems("bill_not_found", "receipt_not_found", "bill_not_completed"),
)
async def finish_receipt(
    bill_id: Id, receipt_id: Id, actor: Scanner, noted: ReceiptFinish | None = None
) -> Receipt:
    """Close a receipt; found, short and excess are kept on the bill."""
    return await service.finish(actor, bill_id, receipt_id, (noted or ReceiptFinish()).note)
