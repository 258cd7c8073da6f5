"""The floor: a scan in, an answer out. The rules themselves are SQL, in ``floor.sql``.

Each scan is one statement, so one round trip and one transaction, and is committed before it
is answered.
"""

from __future__ import annotations

import datetime as dt
from hashlib import md5
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from tracetrack.access.actor import ACTOR, Actor, Role
from tracetrack.bags import queries as bag_queries
from tracetrack.bags.codes import Label, Labels, foreign_kind, plain_text, read_label, visible
from tracetrack.bags.labels import read_site_label, site_labels
from tracetrack.bags.schemas import Bag
from tracetrack.people.schemas import SiteSettings
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.clock import now
from tracetrack.platform.metrics import SCAN_QUESTIONS, SCANS
from tracetrack.platform.problems import PROBLEMS, Problem
from tracetrack.platform.upkeep import Chore
from tracetrack.scanning.schemas import (
    Answer,
    CameraFormats,
    ChildMoved,
    ChildrenScan,
    ChildrenScanned,
    ChildScan,
    ChildScanned,
    ChildUnlinked,
    CodeResult,
    CodeScan,
    CurrentParent,
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
    Scanned,
    ScanQuestion,
    ScanQuestions,
    Synced,
    SyncResult,
    Undone,
)

SYNC_BATCH = 50
"""Queued scans a transaction: few enough that nobody waits long for the rows it holds."""

RECEIPT_DAYS = 7
"""How long the same ``scan_id`` gives the same answer."""

QUESTION_DAYS = 400
"""How long it is known which questions were asked of scans."""

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
    Chore(
        "questions_forgotten",
        f"""
        with gone as (
            delete from scan_questions where asked_at < now() - interval '{QUESTION_DAYS} days' returning 1)
        select count(*) from gone
        """,  # noqa: S608 - our own number
    ),
    # Codes without any order have a shape each, which tells nothing.
    Chore(
        "shapes_forgotten",
        """
        with gone as (
            delete from bag_shapes where n = 1 and (select count(*) from bag_shapes) > 100000 returning 1)
        select count(*) from gone
        """,
    ),
)

CONFLICTS = frozenset(
    {
        "bag_in_other_area",
        "child_in_other_parent",
        "no_current_parent",
        "parent_locked",
        "parent_not_found",
        "undo_superseded",
        "undo_too_late",
    }
)
"""Problems after which a bag is elsewhere than the record says, so that somebody must decide. Whatever else
is refused was no act, changed nothing, and needs no more than to be seen."""

_TOLD = (
    "bag",
    "parent",
    "wanted_parent",
    "linked_by",
    "linked_at",
    "bill",
    "reason",
    "as_parent",
    "as_child",
)
"""What an item's problem tells beside its code."""

_SCAN = f"select floor_scan({ACTOR}, $6)"
_SCANS = f"select floor_scans({ACTOR}, $6)"
_UNDO = f"select floor_undo({ACTOR}, $6)"
_DISCARD = f"select floor_discard({ACTOR}, $6)"


async def scan_code(actor: Actor, scan: CodeScan) -> Scanned:
    """Decide what a scanned code means, in the order of scanning, and do it (``decide.sql``).

    Raises:
        Problem: ``kind_uncertain``, ``parent_completed``, ``previous_missing`` (409) and ``bad_code`` (422),
            of which nothing is kept under the ``scan_id``; ``no_current_parent``,
            ``child_in_other_parent``, ``bag_is_parent``, ``bag_is_child``, ``bag_in_other_area``,
            ``parent_locked`` (409), ``parent_not_found`` (404).
    """
    decided = _accepted(_to_decide(await site_labels(), await site_settings(), scan.code))
    return Scanned.model_validate(
        await _scan(actor, scan, action="scan", **decided, **_link(scan.previous, scan.said))
    )


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
        codes=[{k: v for k, v in _item(labels, code).items() if k != "unmatched"} for code in scan.codes],
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
    chosen = await site_settings()
    results: list[SyncResult] = []
    for start in range(0, len(queue.scans), SYNC_BATCH):
        batch = [_queued(labels, rights, chosen, scan) for scan in queue.scans[start : start + SYNC_BATCH]]
        readable = [scan for scan in batch if "problem" not in scan]
        given: list[Answer] = []
        if readable:
            given = await db.answer(_SCANS, *actor.values(), db.to_json(readable))
        answers = iter(given)
        for scan in batch:
            answer = scan if "problem" in scan else next(answers)
            _count(scan["action"], answer)
            results.append(SyncResult.model_validate({**_judged(answer), "scan_id": scan["scan_id"]}))
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


async def questions(actor: Actor, since: dt.datetime | None, until: dt.datetime | None) -> ScanQuestions:
    """How often each question was asked of scans, and how it was answered; of the last 30 days by default."""
    async with db.reading() as tx:
        asked = {
            "sees_area": actor.sees_area,
            "since": since or now() - dt.timedelta(days=30),
            "until": until or now(),
        }
        rows = (await tx.execute(_QUESTIONS, asked)).mappings().all()
    return ScanQuestions(items=[ScanQuestion.model_validate(dict(row)) for row in rows])


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


async def current_parent(actor: Actor) -> CurrentParent:
    """The parent that the worker is packing, on whichever device, and the scan after which it is."""
    async with db.reading() as tx:
        row = (await tx.execute(_CURRENT, {"user_id": actor.user_id})).one()
        bag = await bag_queries.bag_by_id(tx, actor, row.parent_id) if row.parent_id else None
    return CurrentParent(parent=Bag.model_validate(bag) if bag else None, last_scan_id=row.scan_id)


async def camera_formats() -> CameraFormats:
    """Return the kinds of codes that the site's cameras read."""
    return CameraFormats(formats=(await site_settings()).camera_formats)


# Where there is no scan with a current parent yet, the one that was opened last.
_CURRENT = text("""
    select case when l.scan_id is null then (select parent_id from packing where user_id = :user_id)
                else l.context_parent_id end as parent_id, l.scan_id
    from (values (1)) v left join lateral (
        select scan_id, context_parent_id from scans where user_id = :user_id and in_chain
        order by id desc limit 1) l on true
""")
_QUESTIONS = text("""
    select reason, count(*) as asked, count(*) filter (where answer = 'parent') as parent,
        count(*) filter (where answer = 'child') as child,
        count(*) filter (where answer = 'reopened') as reopened,
        count(*) filter (where answer is null) as unanswered
    from scan_questions
    where asked_at >= :since and asked_at <= :until
      and (cast(:sees_area as bigint) is null or area_id = cast(:sees_area as bigint))
    group by reason order by reason
""")
_FROM_DEVICE = text(
    "select scan_id, device_sequence as sequence, action, code, outcome, refused from scans"
    " where device_id = :device_id and user_id = :user_id and device_sequence > :after"
    " order by device_sequence limit :limit"
)
_CODE = text(
    "select code from bags where id = :id"
    " and (cast(:sees_area as bigint) is null or area_id is null or area_id = cast(:sees_area as bigint))"
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


def _link(previous: UUID | None, said: str | None) -> dict[str, Any]:
    """A scan's place in its chain, and what the worker said that it is."""
    link: dict[str, Any] = {"previous": previous and str(previous)}
    return link | ({"as": said} if said else {})


def _to_decide(labels: Labels, chosen: SiteSettings, label_text: str) -> Answer:
    """A code whose meaning is to be decided, as the rules take it; a problem where it cannot be a code."""
    item = _item(labels, label_text)
    if "problem" in item:
        return item
    unmatched = item.pop("unmatched", False)
    if unmatched and foreign_kind(item["code"], labels):
        item["asks"] = "not_a_bag_code"
    elif unmatched and labels.tell_both_kinds:
        if chosen.unmatched_labels == "reject":
            return {"problem": "bad_code", "reason": "no_pattern_matches"}
        if chosen.unmatched_labels == "ask":
            item["asks"] = "no_pattern_matches"
    # Read otherwise the next time, it is the same scan: its text counts.
    item["label"] = md5(plain_text(label_text).encode(), usedforsecurity=False).hexdigest()
    return {**item, "auto_complete": chosen.complete_when_full}


async def _scan(
    actor: Actor, key: CodeScan | ParentScan | ChildScan | ChildrenScan | ScanKey, **scan: Any
) -> Answer:
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
        return {"code": visible(text_), "problem": problem.code, "reason": problem.extra.get("reason")}
    return {"code": label.code, "unmatched": label.pattern_id is None, **_told_by_label(label)}


def _queued(labels: Labels, rights: dict[str, Any], chosen: SiteSettings, scan: QueuedScan) -> Answer:
    """A queued scan as the rules take it, or its refusal where a code cannot be one."""
    queued: Answer = {"scan_id": str(scan.scan_id), "action": scan.action, **_origin(scan)}
    if "previous" in scan.model_fields_set:
        queued |= _link(scan.previous, scan.said if scan.action == "scan" else None)
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
    if scan.action == "scan":
        return queued | _to_decide(labels, chosen, scan.code or "")
    if scan.parent_code is not None:
        parent = _item(labels, scan.parent_code)
        if "problem" in parent:
            return {**queued, **parent}
        queued["parent_code"] = parent["code"]
    if scan.code is not None:
        queued |= _item(labels, scan.code)
    queued.pop("unmatched", None)
    return queued


def _count(action: str, answer: Answer) -> None:
    if answer.get("problem") in ("kind_uncertain", "parent_completed"):
        SCAN_QUESTIONS.labels(answer.get("reason", answer["problem"])).inc()
    SCANS.labels(action, answer.get("outcome") or answer.get("problem") or "mixed").inc()


def _accepted(answer: Answer) -> Answer:
    """The answer, unless it is a problem: then that is raised."""
    if "problem" in answer:
        extra = {name: value for name, value in answer.items() if name not in ("problem", "code")}
        raise Problem(answer["problem"], **extra, conflict=answer["problem"] in CONFLICTS)
    return answer


def _judged(answer: Answer) -> Answer:
    """One item's answer with its problem, if any, as a document of its own."""
    if "problem" not in answer:
        return answer
    kind = PROBLEMS[answer["problem"]]
    told = {name: value for name, value in answer.items() if name in _TOLD and value is not None}
    problem = {
        "code": answer["problem"],
        "title": kind.title,
        "detail": kind.en,
        "conflict": answer["problem"] in CONFLICTS,
        **told,
    }
    return {
        "code": answer.get("code", ""),
        "outcome": "refused",
        "problem": problem,
        "kind": answer.get("kind"),
        "current_parent": answer.get("current_parent"),
    }
