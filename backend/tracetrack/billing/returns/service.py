"""Returns: what is done with tickets. The rules are SQL, in ``returns.sql``."""

from __future__ import annotations

from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from tracetrack.access import once
from tracetrack.access.actor import ACTOR, Actor
from tracetrack.bags.labels import read_site_label
from tracetrack.billing.returns.schemas import (
    BillReturn,
    NewReturn,
    Return,
    ReturnedBag,
    ReturnScan,
    ReturnScanned,
)
from tracetrack.billing.service import accepted, visible_bill
from tracetrack.ledger.service import record
from tracetrack.people.settings import site_settings
from tracetrack.platform import db, replica
from tracetrack.platform.clock import now
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem

_CREATE = f"select return_create({ACTOR}, $6, $7)"
_SCAN = f"select return_scan({ACTOR}, $6, $7, $8, $9)"
_CONFIRM = f"select return_confirm({ACTOR}, $6)"
_CANCEL = f"select return_cancel({ACTOR}, $6, $7)"

_JSON = {"area": JSONB, "created_by": JSONB, "confirmed_by": JSONB, "cancelled_by": JSONB}
_RETURN = text("select * from return_cards where id = :return_id").columns(**_JSON)
_RETURNS = text("""
    select * from return_cards
    where (cast(:state as text) is null or state = :state) and (cast(:after as bigint) is null or id < :after)
    order by id desc limit :limit
""").columns(**_JSON)
_BAGS = text("""
    select r.bag_id, r.code, coalesce(r.child_count, g.child_count, 0) as child_count, r.added_at,
        jsonb_build_object('id', u.id, 'username', u.username) as added_by,
        case when b.id is not null then jsonb_build_object('id', b.id, 'number', b.number, 'state',
            case when b.completed_at is null then 'processing' else 'completed' end) end as bill
    from return_bags r
    join users u on u.id = r.added_by
    left join bags g on g.id = r.bag_id
    left join bills b on b.id = coalesce(r.bill_id, g.bill_id)
    where r.return_id = :return_id and (cast(:after as bigint) is null or r.bag_id > :after)
    order by r.bag_id limit :limit
""").columns(added_by=JSONB, bill=JSONB)
_TICKET_FOR_CHANGE = text("select state, number, area_id from returns where id = :return_id for update")
_REMOVE = text(
    "delete from return_bags where return_id = :return_id and bag_id = :bag_id returning code, added_by"
)
_OF_BILL = text("""
    select n.return_id, r.number, n.action, n.at, n.reason, n.parents, n.before, n.after,
        jsonb_build_object('id', u.id, 'username', u.username) as by
    from bill_returns n join returns r on r.id = n.return_id join users u on u.id = n.by_user
    where n.bill_id = :bill_id order by n.id desc
""").columns(by=JSONB, before=JSONB, after=JSONB)


async def create(actor: Actor, new: NewReturn, key: str | None = None) -> Return:
    """Open a return ticket."""
    day = now().astimezone(ZoneInfo((await site_settings()).time_zone)).date()
    asked = new.model_dump()
    answer = await once.answer(actor, key, ["return", asked], _CREATE, db.to_json(asked), day)
    return Return.model_validate(accepted(answer))


async def get(return_id: int) -> Return:
    """A return ticket.

    Raises:
        Problem: ``return_not_found`` (404).
    """
    async with db.reading() as tx:
        row = (await tx.execute(_RETURN, {"return_id": return_id})).mappings().one_or_none()
    if row is None:
        raise Problem("return_not_found")
    return Return.model_validate(dict(row))


async def list_returns(state: str | None, cursor: str | None, limit: int) -> Page[Return]:
    """Return tickets, newest first."""
    after = decode_cursor(cursor, int)
    values = {"state": state, "after": after[0] if after else None, "limit": limit + 1}
    async with replica.browsing() as tx:
        rows = (await tx.execute(_RETURNS, values)).mappings().all()
    return Page(
        items=[Return.model_validate(dict(row)) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None,
    )


async def scan(actor: Actor, return_id: int, scanned: ReturnScan) -> ReturnScanned:
    """Put a parent on an open ticket.

    Raises:
        Problem: ``return_not_found``, ``bag_not_found`` (404); ``return_closed``, ``bag_is_child``,
            ``bag_not_dispatched`` (409); ``bad_code`` (422).
    """
    label = await read_site_label(scanned.code)
    values = (return_id, scanned.scan_id or uuid4(), label.code, scanned.scanned_at)
    answer = await db.answer(_SCAN, *actor.values(), *values)
    return ReturnScanned.model_validate(accepted(answer, "return"))


async def list_bags(return_id: int, cursor: str | None, limit: int) -> Page[ReturnedBag]:
    """The parents of a ticket.

    Raises:
        Problem: ``return_not_found`` (404).
    """
    after = decode_cursor(cursor, int)
    await get(return_id)
    values = {"return_id": return_id, "after": after[0] if after else None, "limit": limit + 1}
    async with replica.browsing() as tx:
        rows = (await tx.execute(_BAGS, values)).mappings().all()
    return Page(
        items=[ReturnedBag.model_validate(dict(row)) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["bag_id"]) if len(rows) > limit else None,
    )


async def remove_bag(actor: Actor, return_id: int, bag_id: int) -> None:
    """Take a parent off an open ticket; its bill was not touched yet.

    Raises:
        Problem: ``return_not_found``, ``bag_not_found`` (404), ``return_closed`` (409).
    """
    async with db.transaction() as tx:
        ticket = (await tx.execute(_TICKET_FOR_CHANGE, {"return_id": return_id})).one_or_none()
        if ticket is None:
            raise Problem("return_not_found")
        if ticket.state != "open":
            raise Problem("return_closed")
        values = {"return_id": return_id, "bag_id": bag_id}
        gone = (await tx.execute(_REMOVE, values)).one_or_none()
        if gone is None:
            raise Problem("bag_not_found")
        await record(
            tx,
            actor,
            action="return_bag_removed",
            subject_type="return",
            subject_id=return_id,
            subject_code=ticket.number,
            area_id=ticket.area_id,
            before={"bag_id": bag_id, "code": gone.code, "added_by": gone.added_by},
            parent_id=bag_id,
        )


async def confirm(actor: Actor, return_id: int) -> Return:
    """Take the ticket's parents off their completed bills and free them; again it changes nothing.

    Raises:
        Problem: ``return_not_found`` (404); ``return_closed``, ``return_empty``, ``return_changed``
            with the ``codes`` that are on no completed bill any more (409).
    """
    return Return.model_validate(accepted(await db.answer(_CONFIRM, *actor.values(), return_id)))


async def cancel(actor: Actor, return_id: int, reason: str) -> Return:
    """Give up a ticket; a confirmed one puts every parent back on its bill as it was.

    Raises:
        Problem: ``return_not_found`` (404); ``return_changed`` (409) with the ``codes`` of parents
            that are on another bill or hold other children now.
    """
    return Return.model_validate(accepted(await db.answer(_CANCEL, *actor.values(), return_id, reason)))


async def returns_of_bill(actor: Actor, bill_id: int) -> list[BillReturn]:
    """What returns did to a bill, the last first.

    Raises:
        Problem: ``bill_not_found`` (404).
    """
    async with replica.browsing() as tx:
        await visible_bill(tx, actor, bill_id)
        rows = (await tx.execute(_OF_BILL, {"bill_id": bill_id})).mappings()
        return [BillReturn.model_validate(dict(row)) for row in rows]
