"""Looking bags up, listing them, their history; deleting one; bag types and label patterns."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Table, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import Actor
from tracetrack.bags import queries
from tracetrack.bags.codes import clean, compile_pattern, near_codes
from tracetrack.bags.labels import read_site_label
from tracetrack.bags.schemas import (
    Bag,
    BagDetail,
    BagType,
    BagTypeChange,
    BagTypeIn,
    Event,
    LabelPattern,
    LabelPatternChange,
    LabelPatternIn,
    LinkedChild,
    ScanRecord,
)
from tracetrack.bags.tables import bag_types, label_patterns
from tracetrack.ledger.service import record
from tracetrack.platform import db
from tracetrack.platform.db import sqlstate
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import forget_stamps

CHILDREN_FIRST_PAGE = 50
SUGGESTIONS = 8


async def look_up(actor: Actor, label: str) -> BagDetail:
    """The bag that a label names, with what surrounds it.

    Raises:
        Problem: ``bag_not_found`` (404) with ``did_you_mean``, codes that look alike or begin alike;
            ``bad_code`` (422).
    """
    code = (await read_site_label(label)).code
    async with db.reading() as tx:
        bag = await queries.bag_by_code(tx, actor, code)
        if bag is None:
            raise Problem("bag_not_found", asked=code, did_you_mean=await _alike(tx, actor, code))
        return await _detail(tx, actor, bag, asked=code)


async def _alike(tx: AsyncConnection, actor: Actor, code: str) -> list[str]:
    """Codes that one may have meant: one slip away, else those with the longest common beginning."""
    found = await queries.existing_codes(tx, actor, near_codes(code), SUGGESTIONS)
    length = len(code)
    while not found and length > 2:
        found = await queries.codes_that_begin(tx, actor, code[:length], SUGGESTIONS)
        length -= 1
    return found


async def suggest(actor: Actor, start: str) -> list[str]:
    """Codes that begin with what was typed so far."""
    code = clean(start)
    async with db.reading() as tx:
        return await queries.codes_that_begin(tx, actor, code, SUGGESTIONS)


async def get_bag(actor: Actor, bag_id: int) -> BagDetail:
    """The bag with this id, with what surrounds it.

    Raises:
        Problem: ``bag_not_found`` (404), also for a bag of another area.
    """
    async with db.reading() as tx:
        bag = await queries.bag_by_id(tx, actor, bag_id)
        if bag is None:
            raise Problem("bag_not_found")
        return await _detail(tx, actor, bag)


async def _detail(
    tx: AsyncConnection, actor: Actor, bag: dict[str, Any], asked: str | None = None
) -> BagDetail:
    parent = await queries.bag_by_id(tx, actor, bag["parent"]["id"]) if bag["parent"] else None
    children = (
        await queries.children_page(tx, actor, bag["id"], None, CHILDREN_FIRST_PAGE)
        if bag["child_count"]
        else []
    )
    return BagDetail(
        bag=Bag.model_validate(bag),
        parent=Bag.model_validate(parent) if parent else None,
        children=_children(children, CHILDREN_FIRST_PAGE),
        bill=bag["bill"],
        scans=[
            ScanRecord.model_validate(row)
            for row in (await queries.scans_page(tx, actor, bag_id=bag["id"], limit=10))[:10]
        ],
        found_by_old_code=asked is not None and asked.lower() != bag["code"].lower(),
    )


def _children(rows: list[dict[str, Any]], limit: int) -> Page[LinkedChild]:
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[LinkedChild.model_validate(row) for row in rows[:limit]],
        next_cursor=encode_cursor(last["linked_at"].isoformat(), last["id"]) if last else None,
    )


async def list_children(actor: Actor, bag_id: int, cursor: str | None, limit: int) -> Page[LinkedChild]:
    """The children of a parent, the last linked first.

    Raises:
        Problem: ``bag_not_found`` (404).
    """
    after = decode_cursor(cursor, str, int)
    if after is not None:
        try:
            dt.datetime.fromisoformat(after[0])
        except ValueError:
            raise Problem("bad_cursor") from None
    async with db.reading() as tx:
        if await queries.bag_by_id(tx, actor, bag_id) is None:
            raise Problem("bag_not_found")
        return _children(await queries.children_page(tx, actor, bag_id, after, limit), limit)


async def list_bags(
    actor: Actor,
    *,
    kind: str | None,
    state: str | None,
    area_id: int | None,
    q: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> Page[Bag]:
    """One page of the bags that the actor may see."""
    after = decode_cursor(cursor, str if sort == "code" else int)
    async with db.reading() as tx:
        rows = await queries.bags_page(
            tx,
            actor,
            kind=kind,
            state=state,
            area_id=area_id,
            containing=clean(q) if q else None,
            since=since,
            until=until,
            sort=sort,
            after=after,
            limit=limit,
        )
    last = rows[limit - 1] if len(rows) > limit else None
    place = (last["code"].lower() if sort == "code" else last["id"]) if last else None
    return Page(
        items=[Bag.model_validate(row) for row in rows[:limit]],
        next_cursor=encode_cursor(place) if last else None,
    )


async def bag_history(actor: Actor, bag_id: int, cursor: str | None, limit: int) -> Page[Event]:
    """What happened to a bag and, if it is a parent, in it; newest first.

    Raises:
        Problem: ``bag_not_found`` (404).
    """
    after = decode_cursor(cursor, int)
    async with db.reading() as tx:
        if await queries.bag_by_id(tx, actor, bag_id) is None:
            raise Problem("bag_not_found")
        rows = await queries.history_page(tx, actor, bag_id, after, limit)
    return Page(
        items=[Event.model_validate(row) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None,
    )


async def list_scans(
    actor: Actor,
    *,
    user_id: int | None,
    area_id: int | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    cursor: str | None,
    limit: int,
) -> Page[ScanRecord]:
    """Recorded scans, newest first: one's own, unless a user, area or time is asked for."""
    after = decode_cursor(cursor, int)
    if user_id is None and area_id is None and since is None and until is None:
        user_id = actor.user_id
    async with db.reading() as tx:
        rows = await queries.scans_page(
            tx, actor, user_id=user_id, area_id=area_id, since=since, until=until, after=after, limit=limit
        )
    return Page(
        items=[ScanRecord.model_validate(row) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None,
    )


async def delete_bag(actor: Actor, bag_id: int) -> None:
    """Remove a bag that is in nothing and holds nothing; its history stays.

    Raises:
        Problem: ``bag_not_found`` (404); ``bag_in_use`` (409) while linked, billed or completed.
    """
    try:
        async with db.transaction() as tx:
            row = (
                await tx.execute(
                    text("select id, code, kind, area_id, state from bags where id = :id for update"),
                    {"id": bag_id},
                )
            ).one_or_none()
            if row is None or (actor.sees_area is not None and row.area_id != actor.sees_area):
                raise Problem("bag_not_found")
            if row.state not in ("open", "free"):
                raise Problem("bag_in_use")
            await tx.execute(text("delete from bags where id = :id"), {"id": bag_id})
            await record(
                tx,
                actor,
                action="bag_deleted",
                subject_type="bag",
                subject_id=bag_id,
                subject_code=row.code,
                area_id=row.area_id,
                before={"code": row.code, "kind": row.kind, "state": row.state},
            )
    except DBAPIError as error:
        # Children in it (foreign key), or linked meanwhile (the table's own trigger).
        if sqlstate(error) in ("23503", "23001", "TT002"):
            raise Problem("bag_in_use") from None
        raise


async def list_bag_types() -> list[BagType]:
    """All bag types, the default first."""
    async with db.reading() as tx:
        rows = await tx.execute(
            select(bag_types).order_by(bag_types.c.is_default.desc(), func.lower(bag_types.c.name))
        )
        return [BagType.model_validate(dict(row)) for row in rows.mappings()]


async def list_label_patterns() -> list[LabelPattern]:
    """All label patterns, in the order in which they are tried."""
    async with db.reading() as tx:
        rows = await tx.execute(
            select(label_patterns).order_by(label_patterns.c.position, label_patterns.c.id)
        )
        return [LabelPattern.model_validate(dict(row)) for row in rows.mappings()]


async def create_bag_type(actor: Actor, new: BagTypeIn) -> BagType:
    """Add a bag type; a new default takes the place of the old one.

    Raises:
        Problem: ``name_taken`` (409), ``bad_pattern`` (422).
    """
    return BagType.model_validate(await _create(actor, "bag_type", bag_types, new.model_dump()))


async def change_bag_type(actor: Actor, type_id: int, change: BagTypeChange) -> BagType:
    """Change a bag type; expected counts and weights of its bags follow at once.

    Raises:
        Problem: ``bag_type_not_found`` (404), ``name_taken`` (409), ``bad_pattern`` (422).
    """
    changes = change.model_dump(exclude_unset=True)
    return BagType.model_validate(await _change(actor, "bag_type", bag_types, type_id, changes))


async def create_label_pattern(actor: Actor, new: LabelPatternIn) -> LabelPattern:
    """Add a label pattern.

    Raises:
        Problem: ``name_taken`` (409), ``bad_pattern`` (422), ``bag_type_not_found`` (404).
    """
    return LabelPattern.model_validate(
        await _create(actor, "label_pattern", label_patterns, new.model_dump())
    )


async def change_label_pattern(actor: Actor, pattern_id: int, change: LabelPatternChange) -> LabelPattern:
    """Change a label pattern.

    Raises:
        Problem: ``label_pattern_not_found``, ``bag_type_not_found`` (404), ``name_taken`` (409),
            ``bad_pattern`` (422).
    """
    changes = change.model_dump(exclude_unset=True)
    return LabelPattern.model_validate(
        await _change(actor, "label_pattern", label_patterns, pattern_id, changes)
    )


async def remove_bag_type(actor: Actor, type_id: int) -> None:
    """Remove a bag type that no bag and no label pattern uses.

    Raises:
        Problem: ``bag_type_not_found`` (404), ``bag_type_in_use`` (409), also for the default.
    """
    await _remove(actor, "bag_type", bag_types, type_id)


async def remove_label_pattern(actor: Actor, pattern_id: int) -> None:
    """Remove a label pattern.

    Raises:
        Problem: ``label_pattern_not_found`` (404).
    """
    await _remove(actor, "label_pattern", label_patterns, pattern_id)


def _check_values(values: dict[str, Any]) -> None:
    for field in ("name", "expected_children", "child_weight_kg", "pattern", "position", "enabled"):
        if field in values and values[field] is None:
            raise Problem("invalid", errors=[{"loc": ["body", field], "msg": "must not be null"}])
    for field in ("pattern", "code_pattern"):
        if values.get(field) is not None:
            compile_pattern(values[field])
    if "name" in values:
        values["name"] = clean(values["name"])


async def _only_default(tx: AsyncConnection, values: dict[str, Any]) -> None:
    if values.get("is_default"):
        await tx.execute(update(bag_types).where(bag_types.c.is_default).values(is_default=False))


def _explain(error: IntegrityError) -> Problem:
    return Problem("name_taken") if sqlstate(error) == "23505" else Problem("bag_type_not_found")


async def _create(actor: Actor, subject: str, table: Table, values: dict[str, Any]) -> dict[str, Any]:
    _check_values(values)
    try:
        async with db.transaction() as tx:
            await _only_default(tx, values)
            row = dict((await tx.execute(insert(table).values(values).returning(table))).mappings().one())
            await record(
                tx,
                actor,
                action=f"{subject}_created",
                subject_type=subject,
                subject_id=row["id"],
                subject_code=row["name"],
                after=values,
            )
    except IntegrityError as error:
        raise _explain(error) from None
    forget_stamps()
    return row


async def _change(
    actor: Actor, subject: str, table: Table, row_id: int, values: dict[str, Any]
) -> dict[str, Any]:
    _check_values(values)
    try:
        async with db.transaction() as tx:
            was = (
                (await tx.execute(select(table).where(table.c.id == row_id).with_for_update()))
                .mappings()
                .one_or_none()
            )
            if was is None:
                raise Problem(f"{subject}_not_found")
            if not values:
                return dict(was)
            await _only_default(tx, values)
            row = dict(
                (
                    await tx.execute(
                        update(table)
                        .where(table.c.id == row_id)
                        .values(**values, updated_at=func.now())
                        .returning(table)
                    )
                )
                .mappings()
                .one()
            )
            await record(
                tx,
                actor,
                action=f"{subject}_changed",
                subject_type=subject,
                subject_id=row_id,
                subject_code=row["name"],
                before={name: was[name] for name in values},
                after=values,
            )
    except IntegrityError as error:
        raise _explain(error) from None
    forget_stamps()
    return row


async def _remove(actor: Actor, subject: str, table: Table, row_id: int) -> None:
    try:
        async with db.transaction() as tx:
            was = (
                (await tx.execute(delete(table).where(table.c.id == row_id).returning(table)))
                .mappings()
                .one_or_none()
            )
            if was is None:
                raise Problem(f"{subject}_not_found")
            if was.get("is_default"):
                raise Problem("bag_type_in_use", "The default bag type cannot be removed.")
            before = {str(name): value for name, value in was.items() if name != "updated_at"}
            await record(
                tx,
                actor,
                action=f"{subject}_removed",
                subject_type=subject,
                subject_id=row_id,
                subject_code=was["name"],
                before=before,
            )
    except IntegrityError:
        raise Problem("bag_type_in_use") from None
    forget_stamps()
