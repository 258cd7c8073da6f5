"""Receiving bills: billers everywhere, dispatchers in the area that a bill goes to."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import ACTOR, Actor
from tracetrack.bags.labels import read_site_label
from tracetrack.billing.receiving.schemas import (
    Receipt,
    ReceiptItem,
    ReceiptScan,
    ReceiptScanned,
    ReceiptStarted,
)
from tracetrack.billing.service import accepted, visible_bill
from tracetrack.platform import db, replica
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem

_START = f"select receipt_start({ACTOR}, $6, $7)"
_SCAN = f"select receipt_scan({ACTOR}, $6, $7, $8, $9, $10)"
_UNSCAN = f"select receipt_unscan({ACTOR}, $6, $7, $8)"
_FINISH = f"select receipt_finish({ACTOR}, $6, $7, $8)"

# Of a revision that went elsewhere, who receives this one learns nothing.
_CARD = (
    "select * from receipt_cards where bill_id = :bill_id"
    " and (cast(:snapshot_id as bigint) is null or snapshot_id = :snapshot_id)"
)
_JSON = {"started_by": JSONB, "finished_by": JSONB}
_RECEIPTS = text(_CARD + " order by id desc limit 200").columns(**_JSON)
_RECEIPT = text(_CARD + " and id = :receipt_id").columns(**_JSON)

# On the bill or scanned: found, short and excess, in the order of their codes.
_ITEMS = text("""
    select * from (
        select case when c.receipt_id is null then 'short' when s.bag_id is null then 'excess'
                else 'found' end as result, coalesce(s.code, c.code) as code, s.child_count, c.scanned_at,
            case when u.id is not null then jsonb_build_object('id', u.id, 'username', u.username) end
                as scanned_by
        from (select * from bill_snapshot_parents where snapshot_id = :snapshot_id) s
        full join (select * from bill_receipt_scans where receipt_id = :receipt_id) c on c.bag_id = s.bag_id
        left join users u on u.id = c.scanned_by
    ) items
    where (cast(:result as text) is null or result = :result)
      and (cast(:after as text) is null or lower(code) > :after)
    order by lower(code) limit :limit
""").columns(scanned_by=JSONB)


async def _receivable(actor: Actor, bill_id: int) -> Row[Any]:
    """The bill, if the actor may receive it.

    Raises:
        Problem: ``bill_not_found`` (404); ``forbidden`` (403) where it goes to another area,
            ``bill_not_completed`` (409) where it would.
    """
    async with db.reading() as tx:
        bill = await visible_bill(tx, actor, bill_id)
    if actor.sees_area is not None and bill.destination_area_id != actor.sees_area:
        raise Problem("bill_not_completed" if bill.completed_at is None else "forbidden")
    return bill


async def start(actor: Actor, bill_id: int, note: str) -> ReceiptStarted:
    """Begin to receive a completed bill, or go on with the receipt that somebody has begun.

    Raises:
        Problem: ``bill_not_found`` (404), ``bill_not_completed`` (409), ``forbidden`` (403).
    """
    await _receivable(actor, bill_id)
    answer = await db.answer(_START, *actor.values(), bill_id, note)
    return ReceiptStarted.model_validate(accepted(answer))


async def scan(actor: Actor, bill_id: int, receipt_id: int, scanned: ReceiptScan) -> ReceiptScanned:
    """Say what one bag is: on the bill (found), or not (excess), of which nothing more is told.

    Raises:
        Problem: ``bill_not_found``, ``receipt_not_found`` (404), ``receipt_finished``,
            ``bill_not_completed`` (409), ``bad_code`` (422), ``forbidden`` (403).
    """
    label = await read_site_label(scanned.code)
    await _receivable(actor, bill_id)
    answer = await db.answer(
        _SCAN,
        *actor.values(),
        bill_id,
        receipt_id,
        scanned.scan_id or uuid4(),
        label.code,
        scanned.scanned_at,
    )
    return ReceiptScanned.model_validate(accepted(answer, "receive"))


async def unscan(actor: Actor, bill_id: int, receipt_id: int, code: str) -> Receipt:
    """Take back a scan that was a mistake; taking back what is not there changes nothing.

    Raises:
        Problem: as :func:`scan`.
    """
    label = await read_site_label(code)
    await _receivable(actor, bill_id)
    answer = await db.answer(_UNSCAN, *actor.values(), bill_id, receipt_id, label.code)
    return Receipt.model_validate(accepted(answer))


async def finish(actor: Actor, bill_id: int, receipt_id: int, note: str | None) -> Receipt:
    """Close a receipt: its counts are kept. Closing it again changes nothing.

    Raises:
        Problem: ``bill_not_found``, ``receipt_not_found`` (404), ``bill_not_completed`` (409),
            ``forbidden`` (403).
    """
    await _receivable(actor, bill_id)
    answer = await db.answer(_FINISH, *actor.values(), bill_id, receipt_id, note)
    return Receipt.model_validate(accepted(answer))


async def list_receipts(actor: Actor, bill_id: int) -> list[Receipt]:
    """The receipts of a bill, the last first.

    Raises:
        Problem: ``bill_not_found`` (404).
    """
    async with replica.browsing() as tx:
        bill = await visible_bill(tx, actor, bill_id)
        rows = (await tx.execute(_RECEIPTS, _of(actor, bill))).mappings()
        return [Receipt.model_validate(dict(row)) for row in rows]


def _of(actor: Actor, bill: Row[Any]) -> dict[str, Any]:
    """Which receipts the actor may see: of his own bill, or a biller, all of them."""
    all_ = actor.sees_area is None or bill.area_id == actor.sees_area
    return {"bill_id": bill.id, "snapshot_id": None if all_ else bill.snapshot_id}


async def _receipt(tx: AsyncConnection, actor: Actor, bill: Row[Any], receipt_id: int) -> Row[Any]:
    asked = {**_of(actor, bill), "receipt_id": receipt_id}
    row = (await tx.execute(_RECEIPT, asked)).one_or_none()
    if row is None:
        raise Problem("receipt_not_found")
    return row


async def get_receipt(actor: Actor, bill_id: int, receipt_id: int) -> Receipt:
    """One receipt.

    Raises:
        Problem: ``bill_not_found``, ``receipt_not_found`` (404).
    """
    async with db.reading() as tx:
        bill = await visible_bill(tx, actor, bill_id)
        return Receipt.model_validate(dict((await _receipt(tx, actor, bill, receipt_id))._mapping))


async def list_items(
    actor: Actor, bill_id: int, receipt_id: int, result: str | None, cursor: str | None, limit: int
) -> Page[ReceiptItem]:
    """Found, short and excess parents of a receipt by code.

    Raises:
        Problem: ``bill_not_found``, ``receipt_not_found`` (404); ``forbidden`` (403).
    """
    after = decode_cursor(cursor, str)
    bill = await _receivable(actor, bill_id)
    async with replica.browsing() as tx:
        receipt = await _receipt(tx, actor, bill, receipt_id)
        values = {
            "snapshot_id": receipt.snapshot_id,
            "receipt_id": receipt_id,
            "result": result,
            "after": after[0] if after else None,
            "limit": limit + 1,
        }
        rows = (await tx.execute(_ITEMS, values)).mappings().all()
    return Page(
        items=[ReceiptItem.model_validate(dict(row)) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["code"].lower()) if len(rows) > limit else None,
    )
