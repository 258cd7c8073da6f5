"""Bills: what is done with them. The rules of scanning and completing are SQL, in ``bills.sql``."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access import once
from tracetrack.access.actor import Actor
from tracetrack.bags.codes import clean, read_label, visible
from tracetrack.bags.labels import read_site_label, site_labels
from tracetrack.bags.schemas import Event
from tracetrack.billing import queries
from tracetrack.billing.schemas import (
    Attached,
    Bill,
    BillChange,
    BillCodeResult,
    BilledBag,
    BillScan,
    BillScanned,
    BillScans,
    Completion,
    Detached,
    NewBill,
    Snapshot,
    SnapshotParent,
    refused,
)
from tracetrack.ledger.service import record
from tracetrack.people.settings import site_settings
from tracetrack.platform import db, replica
from tracetrack.platform.clock import now
from tracetrack.platform.db import sqlstate
from tracetrack.platform.metrics import SCANS
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem

Answer = dict[str, Any]

_ETAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*')


def known_tags(if_match: str | None) -> list[str] | None:
    """The tags that an ``If-Match`` header names, without quotes; None for ``*``, which any bill matches.

    Marks of weakness, which proxies add when they compress, are overlooked.

    Raises:
        Problem: ``precondition_required`` (428) without the header.
    """
    if if_match is None or not if_match.strip():
        raise Problem("precondition_required")
    if if_match.strip() == "*":
        return None
    return [match.group(1) for match in _ETAG.finditer(if_match)]


async def create_bill(actor: Actor, new: NewBill, key: str | None = None) -> Bill:
    """Make a bill; without a number it is the next of the day in the site's time zone.

    Raises:
        Problem: ``number_taken`` (409), whatever the case of its letters; ``area_not_found`` (404);
            ``idempotency_key_reused`` (422).
    """
    site = await site_settings()
    day = now().astimezone(ZoneInfo(site.time_zone)).date()
    wanted = db.to_json(new.model_dump(exclude_none=True))
    made = await once.answer(actor, key, ["bill", new.model_dump()], queries.CREATE, wanted, day)
    return Bill.model_validate(accepted(made))


async def get_bill(actor: Actor, bill_id: int) -> Bill:
    """A bill with its totals as they are now.

    Raises:
        Problem: ``bill_not_found`` (404), also for a bill of another area.
    """
    async with db.reading() as tx:
        return _bill(await visible_bill(tx, actor, bill_id))


async def list_bills(
    actor: Actor,
    *,
    state: str | None,
    area_id: int | None,
    destination_area_id: int | None,
    q: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    updated_since: dt.datetime | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> Page[Bill]:
    """One page of the bills that the actor may see."""
    after = decode_cursor(cursor, int)
    async with replica.browsing() as tx:
        rows = await queries.bills_page(
            tx,
            actor,
            state=state,
            area_id=area_id,
            destination_area_id=destination_area_id,
            containing=q.strip() if q else None,
            since=since,
            until=until,
            updated_since=updated_since,
            sort=sort,
            after=after,
            limit=limit,
        )
    return Page(
        items=[Bill.model_validate(row) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None,
    )


async def change_bill(actor: Actor, bill_id: int, change: BillChange, if_match: str | None) -> Bill:
    """Change a bill that is not completed; of several who knew the same version, one wins.

    Raises:
        Problem: ``bill_not_found``, ``area_not_found`` (404); ``precondition_required`` (428);
            ``stale`` (412) with the bill as it is;
            ``bill_completed``, ``number_taken`` (409).
    """
    wanted = change.model_dump(exclude_unset=True)
    for field in ("number", "description", "destination", "vehicle"):
        if field in wanted and wanted[field] is None:
            raise Problem("invalid", errors=[{"loc": ["body", field], "msg": "must not be null"}])
    try:
        async with db.transaction() as tx:
            row = await _for_change(tx, actor, bill_id, if_match)
            if row.completed:
                raise Problem("bill_completed")
            was = {name: row._mapping[name] for name in BillChange.model_fields}
            changed = {name: value for name, value in wanted.items() if was[name] != value}
            for field in ("area_id", "destination_area_id"):
                if (
                    changed.get(field)
                    and not (
                        await tx.execute(queries.WORKING_AREA, {"area_id": changed[field]})
                    ).one_or_none()
                ):
                    raise Problem("area_not_found")
            await tx.execute(queries.CHANGE_BILL, {"bill_id": bill_id, **was, **changed})
            if changed:
                await record(
                    tx,
                    actor,
                    action="bill_changed",
                    subject_type="bill",
                    subject_id=bill_id,
                    subject_code=changed.get("number", row.number),
                    area_id=changed.get("area_id", row.area_id),
                    before={name: was[name] for name in changed},
                    after=changed,
                )
            answer = _bill(await visible_bill(tx, actor, bill_id))
    except IntegrityError as error:
        if sqlstate(error) == "23505":
            raise Problem("number_taken", number=wanted.get("number")) from None
        raise
    return answer


async def delete_bill(actor: Actor, bill_id: int, if_match: str | None) -> None:
    """Remove a bill that has no bags and was never completed; its history stays.

    Raises:
        Problem: ``bill_not_found`` (404), ``precondition_required`` (428), ``stale`` (412),
            ``bill_in_use`` (409).
    """
    async with db.transaction() as tx:
        row = await _for_change(tx, actor, bill_id, if_match)
        if row.completed or row.has_bags or row.was_completed:
            raise Problem("bill_in_use")
        await tx.execute(queries.DELETE_BILL, {"bill_id": bill_id})
        await record(
            tx,
            actor,
            action="bill_deleted",
            subject_type="bill",
            subject_id=bill_id,
            subject_code=row.number,
            area_id=row.area_id,
            before={name: row._mapping[name] for name in BillChange.model_fields},
        )


async def attach(actor: Actor, bill_id: int, scan: BillScan) -> Attached:
    """Put a parent on a bill, whatever its child count.

    Already on this bill is a success that changes nothing (``already_attached``).

    Raises:
        Problem: ``bill_not_found``, ``bag_not_found`` (404); ``bag_on_other_bill`` with that bill,
            ``bag_is_child``, ``bill_completed`` (409); ``bad_code`` (422).
    """
    label = await read_site_label(scan.code)
    return Attached.model_validate(await _scan(actor, scan, "attach", bill_id=bill_id, code=label.code))


async def detach(actor: Actor, bill_id: int, scan: BillScan) -> Detached:
    """Take a parent off a bill by its code.

    Raises:
        Problem: ``bill_not_found``, ``bag_not_found`` (404); ``bag_not_on_bill``,
            ``bill_completed`` (409); ``bad_code`` (422).
    """
    label = await read_site_label(scan.code)
    return Detached.model_validate(await _scan(actor, scan, "detach", bill_id=bill_id, code=label.code))


async def detach_bag(actor: Actor, bill_id: int, bag_id: int, scan_id: UUID | None) -> Detached:
    """Take a parent off a bill.

    Raises:
        Problem: ``bill_not_found``, ``bag_not_found`` (404); ``bag_not_on_bill``, ``bill_completed`` (409).
    """
    scan = {"scan_id": str(scan_id or uuid4()), "action": "detach", "bill_id": bill_id, "bag_id": bag_id}
    answer = await db.answer(queries.SCAN, *actor.values(), db.to_json(scan))
    return Detached.model_validate(accepted(answer, "detach"))


async def scan_many(actor: Actor, bill_id: int, scans: BillScans, action: str) -> BillScanned:
    """Put many parents on a bill, or take them off it, in one transaction; each is judged by itself.

    Raises:
        Problem: ``bill_not_found`` (404).
    """
    labels = await site_labels()
    codes: list[Answer] = []
    for text in scans.codes:
        try:
            codes.append({"code": read_label(text, labels).code})
        except Problem as problem:
            codes.append(
                {"code": visible(text), "problem": problem.code, "reason": problem.extra.get("reason")}
            )
    answer = await _scan(actor, scans, action, bill_id=bill_id, codes=codes)
    return BillScanned(
        scan_id=answer["scan_id"],
        bill=Bill.model_validate(answer["bill"]),
        results=[
            refused(item["code"], item) if "problem" in item else BillCodeResult.model_validate(item)
            for item in answer["results"]
        ],
    )


async def list_bags(
    actor: Actor, bill_id: int, q: str | None, cursor: str | None, limit: int
) -> Page[BilledBag]:
    """The parents of a bill, the last attached first.

    Raises:
        Problem: ``bill_not_found`` (404).
    """
    after = decode_cursor(cursor, str, int)
    if after is not None:
        try:
            dt.datetime.fromisoformat(after[0])
        except ValueError:
            raise Problem("bad_cursor") from None
    async with replica.browsing() as tx:
        bill = await visible_bill(tx, actor, bill_id)
        rows = await queries.bags_page(
            tx, actor, bill, containing=clean(q) if q else None, after=after, limit=limit
        )
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[_billed_bag(row) for row in rows[:limit]],
        next_cursor=encode_cursor(last["billed_at"].isoformat(), last["id"]) if last else None,
    )


def _billed_bag(row: dict[str, Any]) -> BilledBag:
    frozen = {
        name: row[name]
        for name in ("weight_kg", "expected_weight_kg", "expected_children")
        if row[name] is not None
    }
    return BilledBag.model_validate(
        {
            **row["bag"],
            **frozen,
            "attached_at": row["billed_at"],
            "attached_by": row["attached_by"],
            "warnings": row["warnings"],
        }
    )


async def complete(actor: Actor, bill_id: int, seen: Completion, tags: list[str] | None) -> Bill:
    """Complete a bill: its bags and totals are frozen as a snapshot. Completing it again changes nothing.

    Raises:
        Problem: ``bill_not_found`` (404); ``bill_empty``, ``totals_changed`` with the bill as it
            is (409); ``stale`` (412).
    """
    checked = db.to_json(seen.model_dump(exclude_none=True))
    answer = await db.answer(queries.COMPLETE, *actor.values(), bill_id, tags, checked)
    return Bill.model_validate(accepted(answer))


async def reopen(actor: Actor, bill_id: int, reason: str, tags: list[str] | None) -> Bill:
    """Open a completed bill again; its snapshot is kept, with the reason.

    Raises:
        Problem: ``bill_not_found`` (404), ``bill_not_completed`` (409), ``stale`` (412).
    """
    answer = await db.answer(queries.REOPEN, *actor.values(), bill_id, tags, reason)
    return Bill.model_validate(accepted(answer))


async def list_snapshots(actor: Actor, bill_id: int) -> list[Snapshot]:
    """What a bill said each time it was completed, the last first.

    Raises:
        Problem: ``bill_not_found`` (404).
    """
    async with replica.browsing() as tx:
        await visible_bill(tx, actor, bill_id)
        rows = (await tx.execute(queries.SNAPSHOTS, {"bill_id": bill_id})).mappings()
        return [Snapshot.model_validate(dict(row)) for row in rows]


async def snapshot_parents(
    actor: Actor, bill_id: int, revision: int, cursor: str | None, limit: int
) -> Page[SnapshotParent]:
    """The parents that a snapshot keeps, in the order in which they were attached.

    Raises:
        Problem: ``bill_not_found`` (404).
    """
    after = decode_cursor(cursor, int)
    async with replica.browsing() as tx:
        bill = await visible_bill(tx, actor, bill_id)
        rows = await queries.snapshot_parents_page(tx, actor, bill, revision, after, limit)
    return Page(
        items=[SnapshotParent.model_validate(row) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["position"]) if len(rows) > limit else None,
    )


async def bill_history(actor: Actor, bill_id: int, cursor: str | None, limit: int) -> Page[Event]:
    """What happened to a bill and on it, newest first.

    Raises:
        Problem: ``bill_not_found`` (404).
    """
    after = decode_cursor(cursor, int)
    async with replica.browsing() as tx:
        bill = await visible_bill(tx, actor, bill_id)
        rows = await queries.history_page(tx, actor, bill, after, limit)
    return Page(
        items=[Event.model_validate(row) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None,
    )


async def look_up(actor: Actor, number: str) -> Bill:
    """The bill with this number, as its QR code says it, whatever the case of its letters.

    Raises:
        Problem: ``bill_not_found`` (404), also for a bill of another area.
    """
    async with db.reading() as tx:
        bill_id = await tx.scalar(queries.BY_NUMBER, {"number": " ".join(number.split())})
        return _bill(await visible_bill(tx, actor, bill_id or 0))


async def visible_bill(tx: AsyncConnection, actor: Actor, bill_id: int) -> Row[Any]:
    """A bill that the actor may see, as a row of ``bill_cards``.

    Raises:
        Problem: ``bill_not_found`` (404).
    """
    bill = await queries.bill_by_id(tx, actor, bill_id)
    if bill is None:
        raise Problem("bill_not_found")
    return bill


def _bill(row: Row[Any]) -> Bill:
    return Bill.model_validate(dict(row._mapping))


async def _for_change(tx: AsyncConnection, actor: Actor, bill_id: int, if_match: str | None) -> Row[Any]:
    row = (await tx.execute(queries.BILL_FOR_CHANGE, {"bill_id": bill_id})).one_or_none()
    if row is None:
        raise Problem("bill_not_found")
    tags = known_tags(if_match)
    # Its bags may come and go while somebody changes its own fields.
    if tags is not None and str(row.version) not in {tag.partition("-")[0] for tag in tags}:
        bill = _bill(await visible_bill(tx, actor, bill_id))
        raise Problem("stale", bill=bill.model_dump(mode="json"))
    return row


async def _scan(actor: Actor, key: BillScan | BillScans, action: str, **scan: Any) -> Answer:
    """Send one scan to the rules of bills and return the answer.

    Raises:
        Problem: as the rules say.
    """
    scan |= {"scan_id": str(key.scan_id or uuid4()), "action": action}
    if key.scanned_at:
        scan["scanned_at"] = key.scanned_at.isoformat()
    return accepted(await db.answer(queries.SCAN, *actor.values(), db.to_json(scan)), action)


def accepted(answer: Answer, action: str | None = None) -> Answer:
    """The answer, unless it is a problem: then that is raised."""
    if action:
        SCANS.labels(action, answer.get("outcome") or answer.get("problem") or "mixed").inc()
    if "problem" in answer:
        extra = {name: value for name, value in answer.items() if name not in ("problem", "code")}
        raise Problem(answer["problem"], **extra)
    return answer
