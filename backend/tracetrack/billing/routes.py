"""Bills over HTTP: made, filled by scan, completed, reopened."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Response

from tracetrack.access.dependencies import Admin, Biller, Scanner
from tracetrack.access.once import IdempotencyKey
from tracetrack.bags.schemas import Event
from tracetrack.billing import service
from tracetrack.billing.schemas import (
    Attached,
    Bill,
    BillChange,
    BilledBag,
    BillScan,
    BillScanned,
    BillScans,
    BillState,
    Completion,
    Detached,
    NewBill,
    Reopening,
    Snapshot,
    SnapshotParent,
)
from tracetrack.platform.clock import Moment
from tracetrack.platform.openapi import answers
from tracetrack.platform.paging import Cursor, Limit, Page, UpdatedSince
from tracetrack.platform.problems import problems

router = APIRouter(tags=["bills"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
IdQuery = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
IfMatch = Annotated[
    str | None,
    Header(
        description="The bill's `ETag`. Changing and deleting need it: 428 without, 412 when the bill's own"
        " fields changed. Its bags may come and go meanwhile."
    ),
]
IfMatchOptional = Annotated[
    str | None,
    Header(
        description="The bill's `ETag`; given, neither the bill, its bags nor its totals may have changed."
    ),
]

TAGGED = answers(200, "ETag")
REUSE = ("scan_id_taken", "scan_id_reused")


def _tagged(response: Response, bill: Bill) -> Bill:
    response.headers["etag"] = bill.etag
    return bill


@router.post(
    "/bills",
    status_code=201,
    responses=answers(201, "Location", "ETag")
    | problems("number_taken", "area_not_found", "idempotency_key_reused"),
)
async def create_bill(new: NewBill, actor: Biller, response: Response, key: IdempotencyKey = None) -> Bill:
    """Make a bill; without a number it takes the next of the day."""
    bill = await service.create_bill(actor, new, key)
    response.headers["location"] = f"/api/v1/bills/{bill.id}"
    return _tagged(response, bill)


@router.get("/bills", responses=problems("bad_cursor"))
async def list_bills(
    actor: Scanner,
    state: BillState | None = None,
    area_id: IdQuery = None,
    destination_area_id: IdQuery = None,
    q: Annotated[
        str | None, Query(max_length=128, description="Part of number, destination, vehicle or description")
    ] = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    updated_since: UpdatedSince = None,
    sort: Literal["newest", "oldest"] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Bill]:
    """The bills that one may see; a dispatcher his own area's and the completed ones that come to it.

    `updated_since` finds bills whose bags or totals changed too.
    """
    return await service.list_bills(
        actor,
        state=state,
        area_id=area_id,
        destination_area_id=destination_area_id,
        q=q,
        since=since,
        until=until,
        updated_since=updated_since,
        sort=sort,
        cursor=cursor,
        limit=limit,
    )


@router.get("/bills/lookup", responses=TAGGED | problems("bill_not_found"))
async def look_up_bill(
    number: Annotated[str, Query(min_length=1, max_length=200)], actor: Scanner, response: Response
) -> Bill:
    """Find a bill by its number, as its QR code holds it."""
    return _tagged(response, await service.look_up(actor, number))


@router.get("/bills/{bill_id}", responses=TAGGED | problems("bill_not_found"))
async def get_bill(bill_id: Id, actor: Scanner, response: Response) -> Bill:
    """A bill with its totals as they are now."""
    return _tagged(response, await service.get_bill(actor, bill_id))


@router.patch(
    "/bills/{bill_id}",
    responses=TAGGED
    | problems(
        "bill_not_found", "area_not_found", "bill_completed", "number_taken", "stale", "precondition_required"
    ),
)
async def change_bill(
    bill_id: Id, change: BillChange, actor: Biller, response: Response, if_match: IfMatch = None
) -> Bill:
    """Change a bill that is not completed."""
    return _tagged(response, await service.change_bill(actor, bill_id, change, if_match))


@router.delete(
    "/bills/{bill_id}",
    status_code=204,
    responses=problems("bill_not_found", "bill_in_use", "stale", "precondition_required"),
)
async def delete_bill(bill_id: Id, actor: Admin, if_match: IfMatch = None) -> Response:
    """Remove a bill that has no bags and was never completed; its history stays."""
    await service.delete_bill(actor, bill_id, if_match)
    return Response(status_code=204)


@router.get("/bills/{bill_id}/bags", responses=problems("bill_not_found", "bad_cursor", "bad_code"))
async def list_bill_bags(
    bill_id: Id,
    actor: Scanner,
    q: Annotated[str | None, Query(max_length=128, description="Part of a code")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[BilledBag]:
    """The parents on a bill, the last attached first; to a dispatcher those of his area."""
    return await service.list_bags(actor, bill_id, q, cursor, limit)


@router.post(
    "/bills/{bill_id}/bags",
    responses=problems(
        "bill_not_found",
        "bag_not_found",
        "bag_on_other_bill",
        "bag_is_child",
        "bill_completed",
        "bad_code",
        *REUSE,
    ),
)
async def attach_bag(bill_id: Id, scan: BillScan, actor: Biller) -> Attached:
    """Scan a parent onto a bill. Safe to retry with the same ``scan_id``; needs no ``If-Match``."""
    return await service.attach(actor, bill_id, scan)


@router.post("/bills/{bill_id}/bags/many", responses=problems("bill_not_found", *REUSE))
async def attach_bags(bill_id: Id, scans: BillScans, actor: Biller) -> BillScanned:
    """Put up to 500 parents on a bill at once; each code is judged by itself."""
    return await service.scan_many(actor, bill_id, scans, "attach")


@router.post(
    "/bills/{bill_id}/bags/detach",
    responses=problems(
        "bill_not_found", "bag_not_found", "bag_not_on_bill", "bill_completed", "bad_code", *REUSE
    ),
)
async def detach_scanned(bill_id: Id, scan: BillScan, actor: Biller) -> Detached:
    """Scan a parent off a bill. Safe to retry with the same ``scan_id``."""
    return await service.detach(actor, bill_id, scan)


@router.post("/bills/{bill_id}/bags/detach-many", responses=problems("bill_not_found", *REUSE))
async def detach_bags(bill_id: Id, scans: BillScans, actor: Biller) -> BillScanned:
    """Take up to 500 parents off a bill at once; each code is judged by itself."""
    return await service.scan_many(actor, bill_id, scans, "detach")


@router.delete(
    "/bills/{bill_id}/bags/{bag_id}",
    responses=problems("bill_not_found", "bag_not_found", "bag_not_on_bill", "bill_completed", *REUSE),
)
async def detach_bag(
    bill_id: Id, bag_id: Id, actor: Biller, scan_id: Annotated[UUID | None, Query()] = None
) -> Detached:
    """Take a parent off a bill."""
    return await service.detach_bag(actor, bill_id, bag_id, scan_id)


@router.post(
    "/bills/{bill_id}/complete",
    responses=TAGGED | problems("bill_not_found", "bill_empty", "totals_changed", "stale"),
)
async def complete_bill(
    bill_id: Id,
    actor: Biller,
    response: Response,
    seen: Completion | None = None,
    if_match: IfMatchOptional = None,
) -> Bill:
    """Complete a bill: its bags and totals are frozen. Send the totals that were checked to be sure."""
    tags = service.known_tags(if_match) if if_match else None
    return _tagged(response, await service.complete(actor, bill_id, seen or Completion(), tags))


@router.post(
    "/bills/{bill_id}/reopen", responses=TAGGED | problems("bill_not_found", "bill_not_completed", "stale")
)
async def reopen_bill(
    bill_id: Id, why: Reopening, actor: Biller, response: Response, if_match: IfMatchOptional = None
) -> Bill:
    """Open a completed bill again, with a reason; what it said is kept."""
    tags = service.known_tags(if_match) if if_match else None
    return _tagged(response, await service.reopen(actor, bill_id, why.reason, tags))


@router.get("/bills/{bill_id}/history", responses=problems("bill_not_found", "bad_cursor"))
async def bill_history(bill_id: Id, actor: Scanner, cursor: Cursor = None, limit: Limit = 50) -> Page[Event]:
    """What happened to a bill and on it, newest first."""
    return await service.bill_history(actor, bill_id, cursor, limit)


@router.get("/bills/{bill_id}/snapshots", responses=problems("bill_not_found"))
async def list_snapshots(bill_id: Id, actor: Scanner) -> Page[Snapshot]:
    """What a bill said each time it was completed, or changed by a return, the last first."""
    return Page(items=await service.list_snapshots(actor, bill_id))


@router.get("/bills/{bill_id}/snapshots/{revision}/bags", responses=problems("bill_not_found", "bad_cursor"))
async def snapshot_parents(
    bill_id: Id,
    revision: Annotated[int, Path(ge=1, le=2**63 - 1)],
    actor: Scanner,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SnapshotParent]:
    """The parents that a snapshot keeps, in the order in which they were attached."""
    return await service.snapshot_parents(actor, bill_id, revision, cursor, limit)
