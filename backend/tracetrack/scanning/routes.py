"""The scan API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query

from tracetrack.access.dependencies import Scanner
from tracetrack.bags import service as bags
from tracetrack.bags.schemas import Bag, ScanRecord
from tracetrack.platform.clock import Moment
from tracetrack.platform.paging import Cursor, Limit, Page
from tracetrack.platform.problems import problems
from tracetrack.scanning import service
from tracetrack.scanning.schemas import (
    CameraFormats,
    ChildMoved,
    ChildrenScan,
    ChildrenScanned,
    ChildScan,
    ChildScanned,
    ChildUnlinked,
    CodeScan,
    CurrentParent,
    DeviceScans,
    Discard,
    Discarded,
    Move,
    NewLabel,
    ParentScan,
    ParentScanned,
    Queue,
    Relabelled,
    ScanKey,
    Scanned,
    ScanQuestions,
    Synced,
    Undone,
)

router = APIRouter(tags=["scanning"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
IdQuery = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
OptionalKey = Annotated[ScanKey | None, Body()]

REUSE = ("scan_id_taken", "scan_id_reused")


@router.post(
    "/scans",
    responses=problems(
        "kind_uncertain",
        "parent_completed",
        "previous_missing",
        "no_current_parent",
        "child_in_other_parent",
        "bag_is_parent",
        "bag_is_child",
        "bag_in_other_area",
        "parent_locked",
        "parent_not_found",
        "bad_code",
        *REUSE,
    ),
)
async def scan_code(scan: CodeScan, actor: Scanner) -> Scanned:
    """Scan a code; the server decides, in the order of scanning, whether it is a parent or a child.

    `kind_uncertain` and `parent_completed` ask: the same code scanned again, or `as`, answers. They,
    `previous_missing` and `bad_code` keep nothing under the `scan_id`, which the next scan cannot follow.
    """
    return await service.scan_code(actor, scan)


@router.post("/scans/parent", responses=problems("bag_is_child", "bag_in_other_area", "bad_code", *REUSE))
async def scan_parent(scan: ParentScan, actor: Scanner) -> ParentScanned:
    """Open a parent for packing; an unknown code becomes one. Safe to retry with the same ``scan_id``."""
    return await service.open_parent(actor, scan)


@router.post(
    "/scans/child",
    responses=problems(
        "child_in_other_parent",
        "bag_is_parent",
        "bag_is_child",
        "parent_locked",
        "bag_in_other_area",
        "parent_not_found",
        "bad_code",
        *REUSE,
    ),
)
async def scan_child(scan: ChildScan, actor: Scanner) -> ChildScanned:
    """Link a child to the parent being packed. Safe to retry with the same ``scan_id``."""
    return await service.link_child(actor, scan)


@router.post(
    "/scans/children",
    responses=problems("bag_is_child", "bag_in_other_area", "parent_not_found", "bad_code", *REUSE),
)
async def scan_children(scan: ChildrenScan, actor: Scanner) -> ChildrenScanned:
    """Link up to 500 children at once; each code is judged by itself, the good ones are linked."""
    return await service.link_children(actor, scan)


@router.post("/scans/sync", responses=problems())
async def sync_scans(queue: Queue, actor: Scanner) -> Synced:
    """Take the queue of a device that was offline, in order; each scan is answered by itself."""
    return await service.sync(actor, queue)


@router.post(
    "/scans/{scan_id}/undo",
    responses=problems(
        "scan_not_found",
        "undo_too_late",
        "nothing_to_undo",
        "undo_superseded",
        "parent_locked",
        "bag_in_other_area",
    ),
)
async def undo_scan(scan_id: UUID, actor: Scanner) -> Undone:
    """Take back what a scan did: one's own of the last 30 minutes; billers and admins any."""
    return await service.undo(actor, scan_id)


@router.post("/scans/{scan_id}/discard", responses=problems("scan_not_found", "scan_not_refused"))
async def discard_scan(scan_id: UUID, why: Discard, actor: Scanner) -> Discarded:
    """Drop a refused scan for a reason, which the audit log keeps."""
    return await service.discard(actor, scan_id, why.reason)


@router.get("/scans/device", responses=problems())
async def device_scans(
    actor: Scanner,
    device_id: UUID,
    after: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0,
    limit: Limit = 200,
) -> DeviceScans:
    """What of one's own scans has arrived from a device, by sequence, so that gaps can be filled."""
    return await service.device_scans(actor, device_id, after, limit)


@router.get("/scans/questions", responses=problems())
async def scan_questions(
    actor: Scanner,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
) -> ScanQuestions:
    """How often scans were answered with a question, by reason, and how those were answered."""
    return await service.questions(actor, since, until)


@router.get("/scans", responses=problems("bad_cursor"))
async def list_scans(
    actor: Scanner,
    user_id: IdQuery = None,
    area_id: IdQuery = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ScanRecord]:
    """Recorded scans, newest first: one's own, unless a user, area or time is asked for."""
    return await bags.list_scans(
        actor, user_id=user_id, area_id=area_id, since=since, until=until, cursor=cursor, limit=limit
    )


@router.get("/scans/camera")
async def camera_formats(_: Scanner) -> CameraFormats:
    """Return the kinds of codes that cameras read here, a site setting."""
    return await service.camera_formats()


@router.get("/scans/current")
async def current_parent(actor: Scanner) -> CurrentParent:
    """The parent that one is packing, the same on every device, and the scan from which to continue."""
    return await service.current_parent(actor)


@router.post(
    "/bags/{bag_id}/complete", responses=problems("bag_not_found", "bag_is_child", "parent_locked", *REUSE)
)
async def complete_parent(bag_id: Id, actor: Scanner, key: OptionalKey = None) -> Bag:
    """Say that a parent is done."""
    return await service.set_completed(actor, bag_id, key or ScanKey(), done=True)


@router.post(
    "/bags/{bag_id}/reopen", responses=problems("bag_not_found", "bag_is_child", "parent_locked", *REUSE)
)
async def reopen_parent(bag_id: Id, actor: Scanner, key: OptionalKey = None) -> Bag:
    """Take back that a parent is done."""
    return await service.set_completed(actor, bag_id, key or ScanKey(), done=False)


@router.delete(
    "/bags/{bag_id}/children/{child_id}",
    responses=problems("bag_not_found", "child_not_linked", "child_in_other_parent", "parent_locked", *REUSE),
)
async def unlink_child(
    bag_id: Id, child_id: Id, actor: Scanner, scan_id: Annotated[UUID | None, Query()] = None
) -> ChildUnlinked:
    """Take a child out of its parent."""
    return await service.unlink_child(actor, bag_id, child_id, ScanKey(scan_id=scan_id))


@router.post(
    "/bags/{bag_id}/move",
    responses=problems(
        "bag_not_found",
        "parent_not_found",
        "bag_is_parent",
        "bag_is_child",
        "bag_in_other_area",
        "parent_locked",
        "bad_code",
        *REUSE,
    ),
)
async def move_child(bag_id: Id, move: Move, actor: Scanner) -> ChildMoved:
    """Move a child into another parent, in one step."""
    return await service.move_child(actor, bag_id, move)


@router.post(
    "/bags/{bag_id}/label",
    responses=problems("bag_not_found", "code_taken", "parent_locked", "bad_code", *REUSE),
)
async def replace_label(bag_id: Id, new: NewLabel, actor: Scanner) -> Relabelled:
    """Give a bag with a damaged label a new code; the old one still finds it."""
    return await service.replace_label(actor, bag_id, new)
