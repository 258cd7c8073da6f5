"""The floor: a scan in, an answer out. The rules themselves are SQL, in ``floor.sql``.

Each scan is one statement, so one round trip and one transaction, and is committed before it
is answered.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from tracetrack.access.actor import ACTOR, Actor, Role
from tracetrack.bags import queries as bag_queries
from tracetrack.bags.codes import Label, Labels, read_label, visible
from tracetrack.bags.labels import read_site_label, site_labels
from tracetrack.bags.schemas import Bag
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.metrics import SCANS
from tracetrack.platform.problems import PROBLEMS, Problem
from tracetrack.platform.upkeep import Chore
from tracetrack.scanning.schemas import (
    Answer,
    ChildMoved,
    ChildrenScan,
    ChildrenScanned,
    ChildScan,
    ChildScanned,
    ChildUnlinked,
    CodeResult,
    DeviceScan,
    DeviceScans,
    Discarded,
    FromDevice,
    Move,
    NewLabel,
    ParentScan,
    ParentScanned,
    Queue,
    QueuedScan,
    Relabelled,
    ScanKey,
    Synced,
    SyncResult,
    Undone,
)

SYNC_BATCH = 50
"""Queued scans a transaction: few enough that nobody waits long for the rows it holds."""

RECEIPT_DAYS = 7
"""How long the same ``scan_id`` gives the same answer."""

UPKEEP = (
    Chore(
        "receipts_forgotten",
        f"""
        with gone as (
            delete from scan_receipts where scan_id in (
                select scan_id from scan_receipts
                where received_at < now() - interval '{RECEIPT_DAYS} days' limit 5000)
            returning 1)
        select count(*) from gone
        """,  # noqa: S608 - our own number
        batch=5000,
    ),
)

_SCAN = f"select floor_scan({ACTOR}, $6)"
_SCANS = f"select floor_scans({ACTOR}, $6)"
_UNDO = f"select floor_undo({ACTOR}, $6)"
_DISCARD = f"select floor_discard({ACTOR}, $6)"


async def open_parent(actor: Actor, scan: ParentScan) -> ParentScanned:
    """Scan a parent: unknown, it is registered in the worker's area; known, it is opened.

    Raises:
        Problem: ``bag_is_child``, ``bag_in_other_area`` (409), ``bad_code`` (422).
    """
    label = await read_site_label(scan.code)
    return ParentScanned.model_validate(
        await _scan(actor, scan, action="parent", code=label.code, **_told_by_label(label))
    )


async def link_child(actor: Actor, scan: ChildScan) -> ChildScanned:
    """Put one child into one parent.

    Already in this parent is a success that changes nothing (``already_linked``).

    Raises:
        Problem: ``child_in_other_parent`` (409) with the other parent, who put it there and when;
            ``bag_is_parent``, ``bag_is_child``, ``bag_in_other_area``, ``parent_locked`` (409);
            ``parent_not_found`` (404); ``bad_code`` (422).
    """
    labels = await site_labels()
    parent, child = read_label(scan.parent_code, labels), read_label(scan.code, labels)
    return ChildScanned.model_validate(
        await _scan(
            actor, scan, action="child", parent_code=parent.code, code=child.code, **_told_by_label(child)
        )
    )


async def link_children(actor: Actor, scan: ChildrenScan) -> ChildrenScanned:
    """Put many children into one parent in one transaction; each code is judged by itself.

    Raises:
        Problem: what concerns the parent, as :func:`link_child`.
    """
    labels = await site_labels()
    parent = read_label(scan.parent_code, labels)
    answer = await _scan(
        actor,
        scan,
        action="children",
        parent_code=parent.code,
        codes=[_item(labels, code) for code in scan.codes],
    )
    return ChildrenScanned(
        scan_id=answer["scan_id"],
        parent=Bag.model_validate(answer["parent"]),
        results=[CodeResult.model_validate(_judged(item)) for item in answer["results"]],
    )


async def sync(actor: Actor, queue: Queue) -> Synced:
    """Take what a device has queued, in order; each scan is judged by itself and none is dropped.

    Results already given stand when a later batch cannot be done: sending all again is safe.
    """
    labels = await site_labels()
    rights = await _rights(actor)
    results: list[SyncResult] = []
    for start in range(0, len(queue.scans), SYNC_BATCH):
        batch = [_queued(labels, rights, scan) for scan in queue.scans[start : start + SYNC_BATCH]]
        readable = [scan for scan in batch if "problem" not in scan]
        answers: dict[str, Answer] = {}
        if readable:
            given = await db.answer(_SCANS, *actor.values(), db.to_json(readable))
            for scan, answer in zip(readable, given, strict=True):
                answers[scan["scan_id"]] = answer
                _count(scan["action"], answer)
        for scan in batch:
            judged = _judged(answers.get(scan["scan_id"], scan))
            results.append(SyncResult.model_validate({**judged, "scan_id": scan["scan_id"]}))
    return Synced(results=results)


async def undo(actor: Actor, scan_id: UUID) -> Undone:
    """Take back what a scan did; dispatchers their own of the last 30 minutes, others any.

    Undoing twice answers the same. Neither bags nor history are deleted.

    Raises:
        Problem: ``scan_not_found`` (404); ``undo_too_late``, ``nothing_to_undo``,
            ``undo_superseded``, ``parent_locked``, ``bag_in_other_area`` (409).
    """
    wish = {"scan_id": str(uuid4()), "about": str(scan_id), **await _rights(actor)}
    answer = await db.answer(_UNDO, *actor.values(), db.to_json(wish))
    _count("undo", answer)
    return Undone.model_validate(_accepted(answer))


async def discard(actor: Actor, scan_id: UUID, reason: str) -> Discarded:
    """Drop a refused scan for a reason, which the audit log keeps; one's own, billers and admins any.

    Raises:
        Problem: ``scan_not_found`` (404), ``scan_not_refused`` (409).
    """
    wish = {"about": str(scan_id), "reason": reason, **await _rights(actor)}
    return Discarded.model_validate(_accepted(await db.answer(_DISCARD, *actor.values(), db.to_json(wish))))


async def device_scans(actor: Actor, device_id: UUID, after: int, limit: int) -> DeviceScans:
    """What of one's own scans has arrived from a device, so that it can send what has not."""
    async with db.reading() as tx:
        asked = {"user_id": actor.user_id, "device_id": device_id, "after": after, "limit": limit}
        rows = (await tx.execute(_FROM_DEVICE, asked)).mappings().all()
    items = [DeviceScan.model_validate(dict(row)) for row in rows]
    return DeviceScans(items=items, next_after=items[-1].sequence if len(items) == limit else None)


async def set_completed(actor: Actor, parent_id: int, key: ScanKey, *, done: bool) -> Bag:
    """Say that a parent is done, or take that back; saying it again changes nothing.

    Raises:
        Problem: ``bag_not_found`` (404), ``bag_is_child``, ``parent_locked`` (409).
    """
    code = await _code_of(actor, parent_id)
    action = "complete" if done else "reopen"
    answer = await _scan(actor, key, action=action, parent_code=code, by_id={"parent_code": parent_id})
    return Bag.model_validate(answer["bag"])


async def unlink_child(actor: Actor, parent_id: int, child_id: int, key: ScanKey) -> ChildUnlinked:
    """Take a child out of this parent.

    Raises:
        Problem: ``bag_not_found`` (404); ``child_not_linked``, ``child_in_other_parent``,
            ``parent_locked`` (409).
    """
    parent, child = await _code_of(actor, parent_id), await _code_of(actor, child_id)
    return ChildUnlinked.model_validate(
        await _scan(
            actor,
            key,
            action="unlink",
            parent_code=parent,
            code=child,
            by_id={"parent_code": parent_id, "code": child_id},
        )
    )


async def move_child(actor: Actor, child_id: int, move: Move) -> ChildMoved:
    """Move a child into another parent: unlink and link in one transaction, both audited.

    Raises:
        Problem: ``bag_not_found``, ``parent_not_found`` (404); ``bag_is_parent``, ``bag_is_child``,
            ``bag_in_other_area``, ``parent_locked`` (409); ``bad_code`` (422).
    """
    label = await read_site_label(move.parent_code)
    child = await _code_of(actor, child_id)
    return ChildMoved.model_validate(
        await _scan(actor, move, action="move", parent_code=label.code, code=child, by_id={"code": child_id})
    )


async def replace_label(actor: Actor, bag_id: int, new: NewLabel) -> Relabelled:
    """Give a bag with a damaged label a new code; the old one still finds it.

    Raises:
        Problem: ``bag_not_found`` (404), ``code_taken``, ``parent_locked`` (409), ``bad_code`` (422).
    """
    label = await read_site_label(new.code)
    return Relabelled.model_validate(
        await _scan(actor, new, action="replace_label", bag_id=bag_id, code=label.code)
    )


async def current_parent(actor: Actor) -> Bag | None:
    """The parent that the worker is packing, on whichever device it was scanned."""
    async with db.reading() as tx:
        parent_id = await tx.scalar(_CURRENT, {"user_id": actor.user_id})
        bag = await bag_queries.bag_by_id(tx, actor, parent_id) if parent_id else None
    return Bag.model_validate(bag) if bag else None


_CURRENT = text("select parent_id from packing where user_id = :user_id")
_FROM_DEVICE = text(
    "select scan_id, device_sequence as sequence, action, code, outcome, refused from scans"
    " where device_id = :device_id and user_id = :user_id and device_sequence > :after"
    " order by device_sequence limit :limit"
)
_CODE = text(
    "select code from bags where id = :id"
    " and (cast(:sees_area as bigint) is null or area_id = cast(:sees_area as bigint))"
)


async def _code_of(actor: Actor, bag_id: int) -> str:
    async with db.reading() as tx:
        code = await tx.scalar(_CODE, {"id": bag_id, "sees_area": actor.sees_area})
    if code is None:
        raise Problem("bag_not_found")
    return str(code)


async def _rights(actor: Actor) -> dict[str, Any]:
    """Whose scans one may take back, and for how long."""
    window = (await site_settings()).undo_minutes
    return {"anyones": actor.role is not Role.dispatcher, "window": window}


def _origin(scan: FromDevice) -> dict[str, Any]:
    """Which device it came from, as far as it says."""
    told = {"device_id": scan.device_id and str(scan.device_id), "sequence": scan.sequence}
    return {name: value for name, value in told.items() if value is not None}


async def _scan(actor: Actor, key: ParentScan | ChildScan | ChildrenScan | ScanKey, **scan: Any) -> Answer:
    """Send one scan to the floor's rules and return the answer.

    Raises:
        Problem: as the rules say.
    """
    scan |= {"scan_id": str(key.scan_id or uuid4()), **_origin(key)}
    if key.scanned_at:
        scan["scanned_at"] = key.scanned_at.isoformat()
    answer = await db.answer(_SCAN, *actor.values(), db.to_json(scan))
    _count(scan["action"], answer)
    if "problem" not in answer and "bag" not in answer and "results" not in answer:
        # It was done while the worker was in another area.
        raise Problem("bag_in_other_area")
    return _accepted(answer)


def _told_by_label(label: Label) -> dict[str, Any]:
    """What a label pattern tells beside the code; absent where none matched."""
    told = {"label_kind": label.kind, "bag_type_id": label.bag_type_id}
    return {name: value for name, value in told.items() if value is not None}


def _item(labels: Labels, text_: str) -> Answer:
    try:
        label = read_label(text_, labels)
    except Problem as problem:
        return {"code": text_, "problem": problem.code, "reason": problem.extra.get("reason")}
    return {"code": label.code, **_told_by_label(label)}


def _queued(labels: Labels, rights: dict[str, Any], scan: QueuedScan) -> Answer:
    """A queued scan as the rules take it, or its refusal where a code cannot be one."""
    queued: Answer = {"scan_id": str(scan.scan_id), "action": scan.action, **_origin(scan)}
    if scan.action in ("undo", "discard"):
        # These are about a scan, whatever the codes that came with them.
        queued |= {**rights, "about": str(scan.about), "reason": scan.reason}
        if scan.action == "discard" and scan.refused_with is not None:
            queued |= {
                "refused_with": scan.refused_with,
                "code": visible(scan.code or scan.parent_code or ""),
            }
        return queued
    if scan.scanned_at:
        queued["scanned_at"] = scan.scanned_at.isoformat()
    if scan.parent_code is not None:
        parent = _item(labels, scan.parent_code)
        if "problem" in parent:
            return {**queued, **parent}
        queued["parent_code"] = parent["code"]
    if scan.code is not None:
        queued |= _item(labels, scan.code)
    return queued


def _count(action: str, answer: Answer) -> None:
    SCANS.labels(action, answer.get("outcome") or answer.get("problem") or "mixed").inc()


def _accepted(answer: Answer) -> Answer:
    """The answer, unless it is a problem: then that is raised."""
    if "problem" in answer:
        extra = {name: value for name, value in answer.items() if name not in ("problem", "code")}
        raise Problem(answer["problem"], **extra)
    return answer


def _judged(answer: Answer) -> Answer:
    """One item's answer with its problem, if any, as a document of its own."""
    if "problem" not in answer:
        return answer
    kind = PROBLEMS[answer["problem"]]
    told = {
        name: value
        for name, value in answer.items()
        if name in ("bag", "parent", "linked_by", "linked_at", "bill", "reason") and value is not None
    }
    problem = {"code": answer["problem"], "title": kind.title, "detail": kind.en, **told}
    return {"code": answer.get("code", ""), "outcome": "refused", "problem": problem}
