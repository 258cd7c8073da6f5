"""Users: made, changed and disabled by admins; never deleted, so that the past keeps its names."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access import passwords, sessions
from tracetrack.access.actor import Actor, Role
from tracetrack.access.schemas import AreaRef
from tracetrack.ledger.service import record
from tracetrack.people import queries
from tracetrack.people.schemas import NewUser, UserChange, UserRecord
from tracetrack.platform import db
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import forget_stamps

ENDS_ACCESS = ("role", "area_id", "disabled", "password")
"""A change of one of these ends the user's sessions: he signs in again as what he is now."""


def _user(row: Row[Any]) -> UserRecord:
    values = dict(row._mapping)
    area_id, area_name = values.pop("area_id"), values.pop("area_name")
    return UserRecord(**values, area=AreaRef(id=area_id, name=area_name) if area_id is not None else None)


async def list_users(
    *,
    role: Role | None,
    area_id: int | None,
    disabled: bool | None,
    q: str | None,
    cursor: str | None,
    limit: int,
) -> Page[UserRecord]:
    """Users by name."""
    place = decode_cursor(cursor, str)
    values = {
        "role": role,
        "area_id": area_id,
        "disabled": disabled,
        "q": q or None,
        "after": place[0] if place else None,
        "limit": limit + 1,
    }
    async with db.reading() as connection:
        rows = (await connection.execute(queries.USERS, values)).all()
    items = [_user(row) for row in rows[:limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].username) if len(rows) > limit else None)


async def create_user(actor: Actor, new: NewUser) -> UserRecord:
    """Make a user.

    Raises:
        Problem: ``name_taken`` (409), ``weak_password`` (422), ``area_required`` (422) for a
            dispatcher without an area, ``area_not_found`` (404), ``busy`` (503).
    """
    passwords.refuse_weak(new.password, new.username)
    hashed = await passwords.hash_password(new.password)
    values = new.model_dump(exclude={"password"})
    async with db.transaction() as tx:
        await _check_area(tx, new.role, new.area_id)
        user_id = (
            await tx.execute(queries.ADD_USER, {**values, "password_hash": hashed})
        ).scalar_one_or_none()
        if user_id is None:
            raise Problem("name_taken", name=new.username)
        await record(
            tx,
            actor,
            action="user_created",
            subject_type="user",
            subject_id=user_id,
            subject_code=new.username,
            area_id=new.area_id,
            after=values,
        )
        row = (await tx.execute(queries.USER, {"user_id": user_id})).one()
    return _user(row)


async def change_user(actor: Actor, user_id: int, change: UserChange) -> UserRecord:
    """Change a user. Another role, area or password, or being disabled, ends his sessions.

    Raises:
        Problem: ``user_not_found`` (404), ``last_admin`` (409), ``weak_password`` (422),
            ``area_required`` (422), ``area_not_found`` (404), ``busy`` (503).
    """
    wanted = change.model_dump(exclude_unset=True)
    # Null takes the area away; for anything else it says nothing.
    wanted = {name: value for name, value in wanted.items() if value is not None or name == "area_id"}
    password = wanted.pop("password", None)
    hashed = None
    if password is not None:
        async with db.reading() as connection:
            known = (await connection.execute(queries.USER, {"user_id": user_id})).one_or_none()
        if known is None:
            raise Problem("user_not_found")
        passwords.refuse_weak(password, known.username)
        # Before the transaction: no lock is held while it takes its time.
        hashed = await passwords.hash_password(password)
    async with db.transaction() as tx:
        await _apply(tx, actor, user_id, wanted, hashed)
        row = (await tx.execute(queries.USER, {"user_id": user_id})).one()
    forget_stamps()
    return _user(row)


async def _apply(
    tx: AsyncConnection, actor: Actor, user_id: int, wanted: dict[str, Any], hashed: str | None
) -> None:
    admins: set[int] = set()
    if wanted.get("disabled") or wanted.get("role", Role.admin) is not Role.admin:
        admins = set((await tx.execute(queries.ADMINS)).scalars())
    row = (await tx.execute(queries.USER_FOR_CHANGE, {"user_id": user_id})).one_or_none()
    if row is None:
        raise Problem("user_not_found")
    was = dict(row._mapping)
    changed = {name: value for name, value in wanted.items() if was[name] != value}
    if not changed and hashed is None:
        return
    now = was | changed
    if admins == {user_id} and (now["disabled"] or now["role"] != Role.admin):
        raise Problem("last_admin")
    if {"role", "area_id"} & changed.keys() or changed.get("disabled") is False:
        await _check_area(tx, now["role"], now["area_id"])
    await tx.execute(queries.CHANGE_USER, {**now, "password_hash": hashed, "user_id": user_id})
    told: dict[str, Any] = dict(changed)
    if hashed is not None:
        told |= {"password": "changed"}
    if any(name in told for name in ENDS_ACCESS):
        # An admin who changes himself goes on here, with what he may do from now on.
        ended = await sessions.end_all(tx, user_id, "changed_by_admin", but=actor.session_id)
        told["sessions_ended"] = ended
    await record(
        tx,
        actor,
        action="user_changed",
        subject_type="user",
        subject_id=user_id,
        subject_code=was["username"],
        area_id=now["area_id"],
        before={name: was[name] for name in changed},
        after=told,
    )


async def _check_area(tx: AsyncConnection, role: str, area_id: int | None) -> None:
    if area_id is None:
        if role == Role.dispatcher:
            raise Problem("area_required")
        return
    if (await tx.execute(queries.WORKING_AREA, {"area_id": area_id})).one_or_none() is None:
        raise Problem("area_not_found")
