"""Reading bags, their scans and their history; every statement obeys the area rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Label,
    Select,
    Text,
    and_,
    any_,
    asc,
    bindparam,
    case,
    cast,
    column,
    desc,
    func,
    literal_column,
    null,
    or_,
    select,
    text,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import Actor, within_area
from tracetrack.bags.codes import Kind
from tracetrack.bags.tables import areas, audit_events, bag_cards, scans, users

SORTS = {
    "newest": (bag_cards.c.id, desc),
    "oldest": (bag_cards.c.id, asc),
    "code": (func.lower(bag_cards.c.code), asc),
}

_HIDDEN = (
    "completed_at",
    "linked_at",
    "area_id",
    "parent_id",
    "bill_id",
    "bill_area_id",
    "created_by",
    "linked_by",
)


def _visible(actor: Actor, area: ColumnElement[Any]) -> ColumnElement[bool]:
    """The area rule for bags: one's own area's, and those without an area."""
    return or_(within_area(actor, area), area.is_(None))


def _bag_columns(actor: Actor) -> list[ColumnElement[Any]]:
    """A bag's columns as the API shows them; a bill of an area the actor may not see is not named."""
    shown: list[ColumnElement[Any]] = [
        column for column in bag_cards.c if column.name not in _HIDDEN and column.name != "bill"
    ]
    bill = case((within_area(actor, bag_cards.c.bill_area_id), bag_cards.c.bill), else_=null()).label("bill")
    return [*shown, bill]


def _ref(name: str, id_column: ColumnElement[Any], key: str, value: ColumnElement[Any]) -> Label[Any]:
    """``{id, key}`` of a joined row, or null where there is none."""
    return case((id_column.is_not(None), func.jsonb_build_object("id", id_column, key, value))).label(name)


async def bag_by_code(tx: AsyncConnection, actor: Actor, code: str) -> dict[str, Any] | None:
    """The bag that ``code`` finds, by its own code or one it had before."""
    found = text("select id from find_bag(:code)").columns(bag_cards.c.id).bindparams(code=code)
    statement = select(*_bag_columns(actor)).where(
        bag_cards.c.id.in_(select(found.subquery().c.id)), _visible(actor, bag_cards.c.area_id)
    )
    row = (await tx.execute(statement)).mappings().one_or_none()
    return dict(row) if row else None


async def bag_by_id(tx: AsyncConnection, actor: Actor, bag_id: int) -> dict[str, Any] | None:
    """The bag with this id."""
    statement = select(*_bag_columns(actor)).where(
        bag_cards.c.id == bag_id, _visible(actor, bag_cards.c.area_id)
    )
    row = (await tx.execute(statement)).mappings().one_or_none()
    return dict(row) if row else None


async def existing_codes(tx: AsyncConnection, actor: Actor, codes: Sequence[str], limit: int) -> list[str]:
    """Which of these codes there are, in the order given."""
    wanted = (
        func.unnest(bindparam("codes", list(codes), type_=ARRAY(Text)))
        .table_valued("code", with_ordinality="place")
        .render_derived(name="wanted")
    )
    statement = (
        select(bag_cards.c.code)
        .join(wanted, func.lower(bag_cards.c.code) == func.lower(wanted.c.code))
        .where(_visible(actor, bag_cards.c.area_id))
        .group_by(bag_cards.c.code)
        .order_by(func.min(wanted.c.place))
        .limit(limit)
    )
    return list((await tx.execute(statement)).scalars())


LOOKED_AT = literal_column("500", Integer)
"""So many codes in a row are looked at, whosever they are, for those that somebody may see and that are of
the kind asked for: all bags of a site may begin alike. What lies further is not found, and how long looking
takes tells nothing of other areas. Part of the statement, so that every plan reckons with it."""


async def codes_that_begin(
    tx: AsyncConnection, actor: Actor, start: str, limit: int, kind: Kind | None = None
) -> list[str]:
    """Codes that begin with ``start``, in order, of one kind or both, among the first 500 that do."""
    lowest, key = start.lower(), func.lower(bag_cards.c.code)
    first = (
        select(bag_cards.c.code, bag_cards.c.kind, bag_cards.c.area_id)
        .where(key >= lowest, key < lowest + chr(0x10FFFF))
        .order_by(key)
        .limit(LOOKED_AT)
    ).subquery()
    statement = select(first.c.code).where(_visible(actor, first.c.area_id))
    if kind is not None:
        statement = statement.where(first.c.kind == kind)
    return list((await tx.execute(statement.order_by(func.lower(first.c.code)).limit(limit))).scalars())


async def codes_beside(tx: AsyncConnection, actor: Actor, code: str) -> list[str]:
    """Codes among the 500 before and the 500 after where ``code`` would stand, in order.

    In that order whatever begins most like ``code`` stands next to it.
    """
    low, key = code.lower(), func.lower(bag_cards.c.code)
    looked_at = select(bag_cards.c.code, bag_cards.c.area_id).limit(LOOKED_AT)
    sides = (
        looked_at.where(key < low).order_by(key.desc()).subquery(),
        looked_at.where(key >= low).order_by(key).subquery(),
    )
    beside = union_all(
        *(select(side.c.code).where(_visible(actor, side.c.area_id)) for side in sides)
    ).subquery()
    return list((await tx.execute(select(beside.c.code).order_by(func.lower(beside.c.code)))).scalars())


_CONTAINING = text("""
    select bags_containing(cast(:part as text), cast(:sees_area as bigint), cast(:kind as text),
        cast(:state as text), cast(:area_id as bigint), cast(:since as timestamptz),
        cast(:until as timestamptz), cast(:sort as text), cast(:after as text), cast(:limit as integer)) as id
""")

# What has the word as its code, then what begins with it.
_BEGINNING = text("""
    select id from (
        select id, 0 as place, null as code from find_bag(:low)
            where cast(:sees_area as bigint) is null or area_id = :sees_area or area_id is null
        union all
        (select id, 1, lower(code) from bags where lower(code) >= :low and lower(code) < :high
            and (cast(:sees_area as bigint) is null or area_id = :sees_area or area_id is null)
            order by lower(code) limit :limit)
    ) found
    group by id order by min(place), min(code) limit :limit
""")


async def bags_like(tx: AsyncConnection, actor: Actor, word: str, limit: int) -> list[dict[str, Any]]:
    """Bags with ``word`` as their code, at its beginning or, from three characters on, in it."""
    low = word.lower()
    values = {"low": low, "high": low + chr(0x10FFFF), "sees_area": actor.sees_area, "limit": limit}
    ids = list((await tx.execute(_BEGINNING, values)).scalars())
    if len(ids) < limit and len(low) > 2:
        nothing = dict.fromkeys(("kind", "state", "area_id", "since", "until", "after"))
        asked = {**nothing, "part": low, "sees_area": actor.sees_area, "sort": "newest", "limit": limit}
        inside = (await tx.execute(_CONTAINING, asked)).scalars()
        ids = list(dict.fromkeys([*ids, *inside]))[:limit]
    return await bags_by_id(tx, actor, ids)


async def bags_by_id(tx: AsyncConnection, actor: Actor, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The bags with these ids that the actor may see, in the order given."""
    wanted = bindparam("ids", list(ids), type_=ARRAY(BigInteger))
    statement = select(*_bag_columns(actor)).where(
        bag_cards.c.id == any_(wanted), _visible(actor, bag_cards.c.area_id)
    )
    rows = {row["id"]: dict(row) for row in (await tx.execute(statement)).mappings()}
    return [rows[bag_id] for bag_id in ids if bag_id in rows]


# A code that a bag had before its label was replaced still finds it.
_FOUND = text("""
    select w.place, coalesce(b.id, r.bag_id) as id
    from unnest(cast(:codes as text[])) with ordinality w (code, place)
    left join bags b on lower(b.code) = lower(w.code)
    left join retired_codes r on b.id is null and lower(r.code) = lower(w.code)
    where coalesce(b.id, r.bag_id) is not null
""")


async def bags_by_codes(tx: AsyncConnection, actor: Actor, codes: Sequence[str]) -> dict[int, dict[str, Any]]:
    """The bags that these codes find, by the place of the code in the list, from 0."""
    found = {row.place - 1: row.id for row in await tx.execute(_FOUND, {"codes": list(codes)})}
    bags = {bag["id"]: bag for bag in await bags_by_id(tx, actor, list(set(found.values())))}
    return {place: bags[bag_id] for place, bag_id in found.items() if bag_id in bags}


async def bags_page(
    tx: AsyncConnection,
    actor: Actor,
    *,
    kind: str | None,
    state: str | None,
    area_id: int | None,
    containing: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    updated_since: dt.datetime | None,
    sort: str,
    after: list[Any] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """One page of bags, one row more than ``limit`` where there is a next."""
    key, order = SORTS[sort]
    statement: Select[Any] = select(*_bag_columns(actor)).where(_visible(actor, bag_cards.c.area_id))
    if updated_since:
        statement = statement.where(bag_cards.c.updated_at >= updated_since)
        if containing:
            statement = statement.where(func.strpos(func.lower(bag_cards.c.code), containing.lower()) > 0)
    elif containing:
        # One statement, so that the page and where it ends are of one snapshot.
        found = _CONTAINING.columns(column("id", BigInteger)).bindparams(
            part=containing,
            sees_area=actor.sees_area,
            kind=kind,
            state=state,
            area_id=area_id,
            since=since,
            until=until,
            sort=sort,
            after=None if after is None else str(after[0]),
            limit=limit + 1,
        )
        page = func.array(select(found.subquery().c.id).scalar_subquery(), type_=ARRAY(BigInteger))
        statement = statement.where(bag_cards.c.id == any_(page)).order_by(order(key))
        return [dict(row) for row in (await tx.execute(statement)).mappings()]
    if kind:
        statement = statement.where(bag_cards.c.kind == kind)
    if state:
        statement = statement.where(bag_cards.c.state == state)
    if area_id:
        statement = statement.where(bag_cards.c.area_id == area_id)
    if since:
        statement = statement.where(bag_cards.c.created_at >= since)
    if until:
        statement = statement.where(bag_cards.c.created_at < until)
    if after is not None:
        statement = statement.where(key > after[0] if order is asc else key < after[0])
    rows = (await tx.execute(statement.order_by(order(key)).limit(limit + 1))).mappings()
    return [dict(row) for row in rows]


async def children_page(
    tx: AsyncConnection, actor: Actor, parent_id: int, after: list[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """The children of a parent, the last linked first."""
    place = tuple_(bag_cards.c.linked_at, bag_cards.c.id)
    statement = (
        select(
            *_bag_columns(actor),
            bag_cards.c.linked_at,
            _ref("linked_by", users.c.id, "username", users.c.username),
        )
        .join(users, users.c.id == bag_cards.c.linked_by, isouter=True)
        .where(bag_cards.c.parent_id == parent_id, _visible(actor, bag_cards.c.area_id))
    )
    if after is not None:
        statement = statement.where(place < tuple_(dt.datetime.fromisoformat(after[0]), after[1]))
    statement = statement.order_by(bag_cards.c.linked_at.desc(), bag_cards.c.id.desc()).limit(limit + 1)
    return [dict(row) for row in (await tx.execute(statement)).mappings()]


async def scans_page(
    tx: AsyncConnection,
    actor: Actor,
    *,
    bag_id: int | None = None,
    user_id: int | None = None,
    area_id: int | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    after: list[Any] | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Recorded scans, newest first."""
    values = {
        "sees_area": actor.sees_area,
        "bag_id": bag_id,
        "user_id": user_id,
        "area_id": area_id,
        "since": since,
        "until": until,
        "after": after[0] if after else None,
    }
    given = {name: value for name, value in values.items() if value is not None}
    rows = await tx.execute(_scans_where(frozenset(given)), {**given, "limit": limit + 1})
    return [dict(row) for row in rows.mappings()]


@cache
def _scans_where(given: frozenset[str]) -> Select[Any]:
    """The statement for these conditions: putting it together takes longer than PostgreSQL takes for it."""

    def seen(area: ColumnElement[Any]) -> ColumnElement[bool]:
        # The area rule, as access/actor.py has it, with the area as a value that is given later.
        return area == bindparam("sees_area", type_=BigInteger) if "sees_area" in given else true()

    conditions = {
        "user_id": scans.c.user_id == bindparam("user_id"),
        "area_id": scans.c.area_id == bindparam("area_id"),
        "since": scans.c.received_at >= bindparam("since"),
        "until": scans.c.received_at < bindparam("until"),
        "after": scans.c.id < bindparam("after"),
    }
    wanted = [seen(scans.c.area_id), *(conditions[name] for name in conditions if name in given)]
    limit = bindparam("limit", type_=Integer)

    def newest(*more: ColumnElement[bool]) -> Select[Any]:
        return select(scans).where(*wanted, *more).order_by(scans.c.id.desc()).limit(limit)

    # First the few scans, then what they name: so many joins are made in the order in which they are written,
    # and would be made for every scan there is.
    if "bag_id" in given:
        # As itself, or as the parent: two index scans, one a column, which have no row in common.
        itself, parent_of = (column == bindparam("bag_id") for column in (scans.c.bag_id, scans.c.parent_id))
        scan = newest(itself).union_all(newest(parent_of)).subquery("scan")
    else:
        scan = newest().subquery("scan")
    bag = bag_cards.alias("bag")
    parent = bag_cards.alias("parent")
    undo = scans.alias("undo")
    return (
        select(
            scan.c.id,
            cast(scan.c.scan_id, Text).label("scan_id"),
            scan.c.action,
            scan.c.outcome,
            scan.c.refused,
            scan.c.code,
            scan.c.scanned_at,
            scan.c.device_id,
            scan.c.device_sequence.label("sequence"),
            scan.c.received_at,
            _ref("bag", bag.c.id, "code", bag.c.code),
            _ref("parent", parent.c.id, "code", parent.c.code),
            _ref("user", users.c.id, "username", users.c.username),
            _ref("area", areas.c.id, "name", areas.c.name),
            # With a limit it is looked up scan by scan, rather than by reading all that undo something.
            (
                select(undo.c.id)
                .where(undo.c.undoes == scan.c.scan_id)
                .limit(1)
                .scalar_subquery()
                .is_not(None)
            ).label("undone"),
        )
        .join(users, users.c.id == scan.c.user_id)
        .join(areas, areas.c.id == scan.c.area_id, isouter=True)
        # A bag that has moved to another area is not named.
        .join(bag, and_(bag.c.id == scan.c.bag_id, seen(bag.c.area_id)), isouter=True)
        .join(parent, and_(parent.c.id == scan.c.parent_id, seen(parent.c.area_id)), isouter=True)
        .order_by(scan.c.id.desc())
        .limit(limit)
    )


async def history_page(
    tx: AsyncConnection, actor: Actor, bag_id: int, after: list[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """What happened to a bag, and in it if it is a parent; newest first."""
    event = audit_events.c
    statement = (
        select(
            event.id,
            event.at,
            event.action,
            event.subject_id,
            event.subject_code.label("code"),
            event.before,
            # Of the many children that an import may have put in, the count is enough.
            case(
                (event.action == "children_imported", event.after.op("-")("children")), else_=event.after
            ).label("after"),
            _ref("actor", users.c.id, "username", users.c.username),
        )
        .join(users, users.c.id == event.actor_id, isouter=True)
        .where(
            event.action != "access_denied",
            or_(
                and_(event.subject_type == "bag", event.subject_id == bag_id),
                event.parent_id == bag_id,
                event.id == any_(func.bag_import_events(bag_id)),
            ),
            within_area(actor, event.area_id),
        )
    )
    if after is not None:
        statement = statement.where(event.id < after[0])
    rows = (await tx.execute(statement.order_by(event.id.desc()).limit(limit + 1))).mappings()
    return [dict(row) for row in rows]
