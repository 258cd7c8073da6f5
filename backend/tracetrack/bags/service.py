"""Looking bags up, listing them, their history; deleting one."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import ACTOR, Actor
from tracetrack.bags import queries
from tracetrack.bags.codes import Kind, clean, near_codes, read_label, without_secret
from tracetrack.bags.labels import read_site_label, site_labels
from tracetrack.bags.schemas import (
    AreaGiven,
    Bag,
    BagDetail,
    BagsGiven,
    CodeState,
    Event,
    LinkedChild,
    ScanRecord,
)
from tracetrack.ledger.service import record
from tracetrack.platform import db, replica
from tracetrack.platform.db import sqlstate
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.spreadsheet import Cell, csv_of, xlsx_of

CHILDREN_FIRST_PAGE = 50
SUGGESTIONS = 8
LEAST_COMMON = 3
"""Characters at the beginning that a code has in common with one that is suggested for it."""

_BRIEFLY = text("set local statement_timeout = '250ms'")
TOOK_LONG = "57014"
"""SQLSTATE of a statement that its time limit ended."""


async def look_up(actor: Actor, label: str) -> BagDetail:
    """The bag that a label names, with what surrounds it.

    Raises:
        Problem: ``bag_not_found`` (404) with ``did_you_mean``, codes that look alike or begin alike;
            ``bad_code`` (422).
    """
    code = (await read_site_label(label)).code
    async with db.reading() as tx:
        bag = await queries.bag_by_code(tx, actor, code)
        if bag is not None:
            return await _detail(tx, actor, bag, asked=code)
    raise Problem("bag_not_found", asked=code, did_you_mean=await _alike(actor, code))


async def _alike(actor: Actor, code: str) -> list[str]:
    """Codes that one may have meant: one slip away, else those with the longest common beginning.

    None where looking for them takes long, for scans wait for the same connections.
    """
    try:
        async with db.transaction() as tx:
            await tx.execute(_BRIEFLY)
            if found := await queries.existing_codes(tx, actor, near_codes(code), SUGGESTIONS):
                return found
            beside = await queries.codes_beside(tx, actor, code)
    except DBAPIError as error:
        if sqlstate(error) != TOOK_LONG:
            raise
        return []
    longest = max((_in_common(one, code) for one in beside), default=0)
    if longest < LEAST_COMMON:
        return []
    return [one for one in beside if _in_common(one, code) == longest][:SUGGESTIONS]


def _in_common(one: str, other: str) -> int:
    """How many characters two codes have in common at their beginning."""
    pairs = enumerate(zip(one.lower(), other.lower(), strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


async def suggest(actor: Actor, start: str, kind: Kind | None) -> list[str]:
    """Codes that begin with what was typed so far, of one kind or both."""
    code = clean(start)
    async with db.reading() as tx:
        return await queries.codes_that_begin(tx, actor, code, SUGGESTIONS, kind)


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
    async with replica.browsing() as tx:
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
    updated_since: dt.datetime | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> Page[Bag]:
    """One page of the bags that the actor may see."""
    after = decode_cursor(cursor, str if sort == "code" else int)
    async with replica.browsing() as tx:
        rows = await queries.bags_page(
            tx,
            actor,
            kind=kind,
            state=state,
            area_id=area_id,
            containing=clean(q) if q else None,
            since=since,
            until=until,
            updated_since=updated_since,
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


AT_A_TIME = 250
"""Codes of a list that are read before others have their turn: thousands would hold up a scan."""


async def states(actor: Actor, asked: list[str]) -> list[CodeState]:
    """The state of each code of a list, in its order; what is elsewhere and what is not answer alike."""
    labels = await site_labels()
    asked = list(asked)
    codes: list[str] = []
    for place, text_ in enumerate(asked):
        if place % AT_A_TIME == 0:
            await asyncio.sleep(0)
        asked[place] = without_secret(text_)
        try:
            codes.append(read_label(text_, labels).code)
        except Problem:
            codes.append("")
    async with db.reading() as tx:
        found = await queries.bags_by_codes(tx, actor, codes)
    results = []
    for place, (text_, code) in enumerate(zip(asked, codes, strict=True)):
        if place % AT_A_TIME == 0:
            await asyncio.sleep(0)
        if bag := found.get(place):
            results.append(CodeState(asked=text_, problem=None, **{name: bag[name] for name in _TOLD}))
        else:
            results.append(CodeState(asked=text_, problem="bag_not_found" if code else "bad_code"))
    return results


_HEADINGS = ("asked", "problem", "code", "kind", "state", "area", "children", "parent", "bill")


async def states_file(actor: Actor, asked: list[str], kind: str) -> AsyncGenerator[bytes, None]:
    """The same as an xlsx or csv file, a line a code."""

    async def lines() -> AsyncIterator[list[tuple[Cell, ...]]]:
        yield [
            _HEADINGS,
            *(
                (
                    *(one.asked, one.problem, one.code, one.kind, one.state),
                    one.area.name if one.area else None,
                    one.child_count if one.kind == "parent" else None,
                    one.parent.code if one.parent else None,
                    one.bill.number if one.bill else None,
                )
                for one in await states(actor, asked)
            ),
        ]

    return xlsx_of(lines(), "bags") if kind == "xlsx" else csv_of(lines())


_TOLD = ("id", "code", "kind", "state", "area", "child_count", "expected_children", "parent", "bill")


async def bag_history(actor: Actor, bag_id: int, cursor: str | None, limit: int) -> Page[Event]:
    """What happened to a bag and, if it is a parent, in it; newest first.

    Raises:
        Problem: ``bag_not_found`` (404).
    """
    after = decode_cursor(cursor, int)
    async with replica.browsing() as tx:
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
    async with replica.browsing() as tx:
        rows = await queries.scans_page(
            tx, actor, user_id=user_id, area_id=area_id, since=since, until=until, after=after, limit=limit
        )
    return Page(
        items=[ScanRecord.model_validate(row) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None,
    )


_OF_IMPORT = text(
    "select coalesce(array_agg(id), '{}') from bags where import_id = :id and parent_id is null"
)
_BAGS = text("select coalesce(array_agg(id), '{}') from bags where id = any (:ids)")
_GIVE = f"select bags_give_area({ACTOR}, $6, $7)"


async def give_area(actor: Actor, given: AreaGiven) -> BagsGiven:
    """Give an area to bags, in one transaction; a child goes with its parent.

    Raises:
        Problem: ``area_not_found``, ``bag_not_found``, ``import_not_found`` (404).
    """
    async with db.reading() as tx:
        area = text("select 1 from areas where id = :id and disabled_at is null")
        if await tx.scalar(area, {"id": given.area_id}) is None:
            raise Problem("area_not_found")
        if given.import_id is None:
            ids = await tx.scalar(_BAGS, {"ids": given.bag_ids})
            if set(ids) != set(given.bag_ids):
                raise Problem("bag_not_found")
        else:
            if await tx.scalar(text("select 1 from imports where id = :id"), {"id": given.import_id}) is None:
                raise Problem("import_not_found")
            ids = await tx.scalar(_OF_IMPORT, {"id": given.import_id})
    return BagsGiven(bags=await db.answer(_GIVE, *actor.values(), ids, given.area_id))


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
