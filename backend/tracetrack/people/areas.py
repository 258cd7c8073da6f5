"""Areas: made, renamed and disabled by admins; never deleted."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import Actor
from tracetrack.ledger.service import record
from tracetrack.people import queries
from tracetrack.people.names import refuse_lookalike
from tracetrack.people.schemas import Area, AreaChange
from tracetrack.platform import db
from tracetrack.platform.db import sqlstate
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import forget_stamps


async def list_areas(actor: Actor, cursor: str | None, limit: int) -> Page[Area]:
    """Areas by name; a dispatcher sees his own only."""
    place = decode_cursor(cursor, str)
    values = {"only": actor.sees_area, "after": place[0] if place else None, "limit": limit + 1}
    async with db.reading() as connection:
        rows = (await connection.execute(queries.AREAS, values)).all()
    items = [Area(**row._mapping) for row in rows[:limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].name) if len(rows) > limit else None)


async def create_area(actor: Actor, name: str) -> Area:
    """Make an area.

    Raises:
        Problem: ``name_taken`` (409), whatever the case of its letters.
    """
    async with db.transaction() as tx:
        await refuse_lookalike(tx, "areas", name)
        area_id = (await tx.execute(queries.ADD_AREA, {"name": name})).scalar_one_or_none()
        if area_id is None:
            raise Problem("name_taken", name=name)
        await _record(tx, actor, "area_created", area_id, name, None, {"name": name})
        row = (await tx.execute(queries.AREA, {"area_id": area_id})).one()
    return Area(**row._mapping)


async def change_area(actor: Actor, area_id: int, change: AreaChange) -> Area:
    """Rename an area, disable it, or take it back into use.

    Raises:
        Problem: ``area_not_found`` (404), ``name_taken`` (409), ``area_in_use`` (409) when it is
            to be disabled while people who may sign in belong to it.
    """
    wanted = change.model_dump(exclude_none=True)
    async with db.transaction() as tx:
        row = (await tx.execute(queries.AREA_FOR_CHANGE, {"area_id": area_id})).one_or_none()
        if row is None:
            raise Problem("area_not_found")
        was = {"name": row.name, "disabled": row.disabled}
        changed = {name: value for name, value in wanted.items() if was[name] != value}
        if changed:
            if (
                changed.get("disabled")
                and (await tx.execute(queries.WORKERS_IN_AREA, {"area_id": area_id})).scalar_one()
            ):
                raise Problem("area_in_use")
            if "name" in changed:
                await refuse_lookalike(tx, "areas", changed["name"], but=area_id)
            try:
                await tx.execute(queries.CHANGE_AREA, {"area_id": area_id, **was, **changed})
            except IntegrityError as error:
                if sqlstate(error) == "23505":
                    raise Problem("name_taken", name=changed.get("name")) from None
                raise
            before = {name: was[name] for name in changed}
            await _record(tx, actor, "area_changed", area_id, row.name, before, changed)
            row = (await tx.execute(queries.AREA, {"area_id": area_id})).one()
    forget_stamps()
    return Area(**row._mapping)


async def _record(
    tx: AsyncConnection,
    actor: Actor,
    action: str,
    area_id: int,
    name: str,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    await record(
        tx,
        actor,
        action=action,
        subject_type="area",
        subject_id=area_id,
        subject_code=name,
        area_id=area_id,
        before=before,
        after=after,
    )
