"""The statements of bills; every read obeys the area rule."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Row,
    and_,
    asc,
    case,
    desc,
    func,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import ACTOR, Actor, within_area
from tracetrack.bags.tables import audit_events, bag_cards, users
from tracetrack.billing.tables import bill_cards, bill_snapshot_parents, bill_snapshots, billed_bags

SORTS = {"newest": desc, "oldest": asc}

_HIDDEN = ("area_id", "destination_area_id", "version", "snapshot_id")
SHOWN = [column for column in bill_cards.c if column.name not in _HIDDEN]


CREATE = f"select bill_create({ACTOR}, $6, $7)"
SCAN = f"select bill_scan({ACTOR}, $6)"
COMPLETE = f"select bill_complete({ACTOR}, $6, $7, $8)"
REOPEN = f"select bill_reopen({ACTOR}, $6, $7, $8)"
"""What the rules of ``bills.sql`` are asked, for :func:`tracetrack.platform.db.answer`."""

BILL_FOR_CHANGE = text("""
    select id, number, description, destination, vehicle, target_parents, area_id, destination_area_id,
        version, completed_at is not null as completed,
        exists (select from bags where bill_id = bills.id) as has_bags,
        exists (select from bill_snapshots where bill_id = bills.id) as was_completed
    from bills where id = :bill_id for update
""")

CHANGE_BILL = text("""
    update bills set number = :number, description = :description, destination = :destination,
        vehicle = :vehicle, target_parents = :target_parents, area_id = :area_id,
        destination_area_id = :destination_area_id, updated_at = now(), version = version + 1
    where id = :bill_id
""")

BY_NUMBER = text("select id from bills where lower(number) = lower(:number)")

DELETE_BILL = text("delete from bills where id = :bill_id")

# Held against being disabled until the bill that names it is stored.
WORKING_AREA = text("select id from areas where id = :area_id and disabled_at is null for share")


def visible(actor: Actor) -> ColumnElement[bool]:
    """The area rule for bills: one's own area's, and the completed ones that come to it."""
    if actor.sees_area is None:
        return true()
    return or_(
        within_area(actor, bill_cards.c.area_id),
        and_(bill_cards.c.completed_at.is_not(None), within_area(actor, bill_cards.c.destination_area_id)),
    )


def may_see_every_parent(actor: Actor, bill: Row[Any]) -> bool:
    """Whether all parents that are on a bill may be named to the actor: he sees all areas, or receives it."""
    return actor.sees_area is None or (
        bill.completed_at is not None and bill.destination_area_id == actor.sees_area
    )


def _may_be_named(actor: Actor, bill: Row[Any], parent_id: Any, area_id: Any) -> ColumnElement[bool]:
    """Parents of the actor's area; and to who receives a bill those of the paper that came with it, but none
    of an earlier revision, or that was never on any."""
    own = within_area(actor, area_id)
    if not may_see_every_parent(actor, bill):
        return own
    kept = select(bill_snapshot_parents.c.bag_id).where(
        bill_snapshot_parents.c.snapshot_id == bill.snapshot_id
    )
    return or_(own, parent_id.in_(kept))


async def bill_by_id(tx: AsyncConnection, actor: Actor, bill_id: int) -> Row[Any] | None:
    """A bill that the actor may see."""
    statement = select(bill_cards).where(bill_cards.c.id == bill_id, visible(actor))
    return (await tx.execute(statement)).one_or_none()


async def bills_page(
    tx: AsyncConnection,
    actor: Actor,
    *,
    state: str | None,
    area_id: int | None,
    destination_area_id: int | None,
    containing: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    updated_since: dt.datetime | None,
    sort: str,
    after: list[Any] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """One page of bills, one row more than ``limit`` where there is a next."""
    bill = bill_cards.c
    order = SORTS[sort]
    statement = select(*SHOWN).where(visible(actor))
    if state:
        statement = statement.where(bill.state == state)
    if area_id:
        statement = statement.where(bill.area_id == area_id)
    if destination_area_id:
        statement = statement.where(bill.destination_area_id == destination_area_id)
    if containing:
        statement = statement.where(
            func.bill_has(containing, bill.number, bill.destination, bill.vehicle, bill.description)
        )
    if since:
        statement = statement.where(bill.created_at >= since)
    if until:
        statement = statement.where(bill.created_at < until)
    if updated_since:
        changed = func.bills_changed_since(updated_since).column_valued()
        statement = statement.where(bill.id.in_(select(changed)))
    if after is not None:
        statement = statement.where(bill.id > after[0] if order is asc else bill.id < after[0])
    rows = (await tx.execute(statement.order_by(order(bill.id)).limit(limit + 1))).mappings()
    return [dict(row) for row in rows]


async def bags_page(
    tx: AsyncConnection,
    actor: Actor,
    bill: Row[Any],
    *,
    containing: str | None,
    after: list[Any] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """The parents of a bill, the last attached first, as JSON bags with what the bill adds."""
    bag, kept = billed_bags.c, bill_snapshot_parents.c
    statement = (
        select(
            bag.id,
            func.bag_card(bag.id, actor.sees_area, type_=JSONB).label("bag"),
            bag.billed_at,
            _user(users.c.id, users.c.username).label("attached_by"),
            func.bill_warnings(bag_cards.c.child_count, bag_cards.c.expected_children, type_=JSONB).label(
                "warnings"
            ),
            kept.weight_kg,
            kept.expected_weight_kg,
            kept.expected_children,
        )
        .join(bag_cards, bag_cards.c.id == bag.id)
        .join(users, users.c.id == bag.billed_by, isouter=True)
        .join(
            bill_snapshot_parents,
            and_(kept.snapshot_id == bill.snapshot_id, kept.bag_id == bag.id),
            isouter=True,
        )
        .where(bag.bill_id == bill.id)
    )
    if not may_see_every_parent(actor, bill):
        statement = statement.where(within_area(actor, bag_cards.c.area_id))
    if containing:
        statement = statement.where(
            func.lower(bag_cards.c.code).contains(containing.lower(), autoescape=True)
        )
    if after is not None:
        place = tuple_(
            dt.datetime.fromisoformat(after[0]), after[1], types=[DateTime(timezone=True), bag.id.type]
        )
        statement = statement.where(tuple_(bag.billed_at, bag.id) < place)
    statement = statement.order_by(bag.billed_at.desc(), bag.id.desc()).limit(limit + 1)
    return [dict(row) for row in (await tx.execute(statement)).mappings()]


def _user(id_column: ColumnElement[Any], name: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((id_column.is_not(None), func.jsonb_build_object("id", id_column, "username", name)))


SNAPSHOTS = text("""
    select s.id, s.revision, s.reason, s.taken_at, s.parent_count, s.child_count,
        s.weight_kg::float8 as weight_kg, s.expected_weight_kg::float8 as expected_weight_kg,
        jsonb_build_object('id', t.id, 'username', t.username) as taken_by,
        r.reopened_at, r.reason as reopened_because,
        case when u.id is not null
            then jsonb_build_object('id', u.id, 'username', u.username) end as reopened_by
    from bill_snapshots s
    join users t on t.id = s.taken_by
    left join bill_reopenings r on r.snapshot_id = s.id
    left join users u on u.id = r.reopened_by
    where s.bill_id = :bill_id order by s.revision desc
""").columns(taken_by=JSONB, reopened_by=JSONB)


async def snapshot_parents_page(
    tx: AsyncConnection,
    actor: Actor,
    bill: Row[Any],
    revision: int,
    after: list[Any] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """The parents that a snapshot keeps, in the order in which they were attached."""
    kept = bill_snapshot_parents.c
    statement = (
        select(*(column for column in kept if column.name not in ("snapshot_id", "area_id", "attached_by")))
        .join(bill_snapshots, bill_snapshots.c.id == kept.snapshot_id)
        .where(bill_snapshots.c.bill_id == bill.id, bill_snapshots.c.revision == revision)
    )
    if actor.sees_area is not None:
        statement = statement.where(_may_be_named(actor, bill, kept.bag_id, kept.area_id))
    if after is not None:
        statement = statement.where(kept.position > after[0])
    statement = statement.order_by(kept.position).limit(limit + 1)
    return [dict(row) for row in (await tx.execute(statement)).mappings()]


async def history_page(
    tx: AsyncConnection, actor: Actor, bill: Row[Any], after: list[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """What happened to a bill and on it, newest first."""
    event = audit_events.c
    statement = (
        select(
            event.id,
            event.at,
            event.action,
            event.subject_id,
            func.coalesce(
                event.after["code"].as_string(), event.before["code"].as_string(), event.subject_code
            ).label("code"),
            event.before,
            event.after,
            _user(users.c.id, users.c.username).label("actor"),
        )
        .join(users, users.c.id == event.actor_id, isouter=True)
        .where(event.subject_type == "bill", event.subject_id == bill.id, event.action != "access_denied")
    )
    if actor.sees_area is not None:
        # Parents of another area are not named.
        statement = statement.join(bag_cards, bag_cards.c.id == event.parent_id, isouter=True).where(
            or_(
                event.parent_id.is_(None),
                _may_be_named(actor, bill, event.parent_id, bag_cards.c.area_id),
            )
        )
    if after is not None:
        statement = statement.where(event.id < after[0])
    rows = (await tx.execute(statement.order_by(event.id.desc()).limit(limit + 1))).mappings()
    return [dict(row) for row in rows]
