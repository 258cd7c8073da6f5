"""Users: made, changed and disabled by admins; never deleted, so that the past keeps its names."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access import again, once, passwords, sessions, totp
from tracetrack.access.actor import Actor, Role
from tracetrack.access.schemas import AreaRef, SessionsEnded
from tracetrack.ledger.service import record
from tracetrack.people import queries
from tracetrack.people.first_run import readable_password
from tracetrack.people.names import refuse_lookalike
from tracetrack.people.schemas import MadeUser, NewUser, OneTimePassword, UserChange, UserRecord
from tracetrack.platform import db
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import forget_stamps

GUARDED = ("role", "area_id", "password")
"""Who changes one of these of somebody else has proved lately who they are."""

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
    keys: bool | None,
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
        "keys": keys,
        "q": q or None,
        "after": place[0] if place else None,
        "limit": limit + 1,
    }
    async with db.reading() as connection:
        rows = (await connection.execute(queries.USERS, values)).all()
    items = [_user(row) for row in rows[:limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].username) if len(rows) > limit else None)


async def get_user(user_id: int) -> UserRecord:
    """One user.

    Raises:
        Problem: ``user_not_found`` (404).
    """
    async with db.reading() as connection:
        row = (await connection.execute(queries.USER, {"user_id": user_id})).one_or_none()
    if row is None:
        raise Problem("user_not_found")
    return _user(row)


async def create_user(actor: Actor, new: NewUser, key: str | None = None) -> MadeUser:
    """Make a user, with a one-time password unless one is given.

    Raises:
        Problem: ``name_taken`` (409), ``weak_password`` (422), ``area_required`` (422) for a
            dispatcher without an area, ``area_not_found`` (404), ``busy`` (503),
            ``reauthentication_required`` (403) for any role but a dispatcher's,
            ``idempotency_key_reused`` (422).
    """
    if new.role is not Role.dispatcher:
        await again.prove_lately(actor)
    one_time = None
    if new.password is None:
        one_time = readable_password()
    else:
        await passwords.refuse_weak(new.password, new.username)
    hashed = await passwords.hash_password(new.password or one_time or "")
    values = new.model_dump(exclude={"password"})
    if one_time is not None:
        values["must_change_password"] = True
    async with db.transaction() as tx:
        told = await once.claim(tx, actor, key, ["user", new.model_dump(mode="json")])
        if told is not None:
            return MadeUser.model_validate(told)
        user = await add_user(tx, actor, values, hashed, {})
        made = MadeUser(**user.model_dump(), one_time_password=one_time)
        await once.keep(tx, actor, key, made.model_dump(mode="json"))
    return made


async def add_user(
    tx: AsyncConnection, actor: Actor, values: dict[str, Any], hashed: str, beside: dict[str, Any]
) -> UserRecord:
    """Add a user, and write it down with what stands beside.

    Raises:
        Problem: as :func:`create_user`.
    """
    await _check_area(tx, values["role"], values["area_id"])
    await refuse_lookalike(tx, "users", values["username"])
    added = await tx.execute(queries.ADD_USER, {**values, "password_hash": hashed})
    user_id = added.scalar_one_or_none()
    if user_id is None:
        raise Problem("name_taken", name=values["username"])
    await record(
        tx,
        actor,
        action="user_created",
        subject_type="user",
        subject_id=user_id,
        subject_code=values["username"],
        area_id=values["area_id"],
        after=values | beside,
    )
    return _user((await tx.execute(queries.USER, {"user_id": user_id})).one())


async def change_user(actor: Actor, user_id: int, change: UserChange) -> UserRecord:
    """Change a user. Another role, area or password, or being disabled, ends his sessions.

    Raises:
        Problem: ``user_not_found`` (404), ``last_admin`` (409), ``weak_password`` (422),
            ``area_required`` (422), ``area_not_found`` (404), ``busy`` (503),
            ``reauthentication_required`` (403) for a role, an area or a password, to disable another
            admin, or to let somebody in again, ``invalid`` (422) for a
            password or an admin's role of a program's user.
    """
    wanted = change.model_dump(exclude_unset=True)
    # Null takes the area away; for anything else it says nothing.
    wanted = {name: value for name, value in wanted.items() if value is not None or name == "area_id"}
    known = await get_user(user_id)
    area_id = known.area.id if known.area else None
    moved = "area_id" in wanted and wanted["area_id"] != area_id
    if (
        any(name in wanted for name in GUARDED if name != "area_id")
        or moved
        or wanted.get("disabled") is False
        or (wanted.get("disabled") and known.role is Role.admin and user_id != actor.user_id)
    ):
        await again.prove_lately(actor)
    password = wanted.pop("password", None)
    hashed = None
    if password is not None:
        await passwords.refuse_weak(password, known.username)
        # Before the transaction: no lock is held while it takes its time.
        hashed = await passwords.hash_password(password)
    async with db.transaction() as tx:
        await apply(tx, actor, user_id, wanted, hashed)
        row = (await tx.execute(queries.USER, {"user_id": user_id})).one()
    forget_stamps()
    return _user(row)


async def reset_password(actor: Actor, user_id: int) -> OneTimePassword:
    """Give a user a one-time password, and end his sessions; he must choose another at the next sign-in.

    Raises:
        Problem: ``user_not_found`` (404), also for a program's user, ``busy`` (503),
            ``reauthentication_required`` (403).
    """
    await again.prove_lately(actor)
    if (await get_user(user_id)).is_key:
        raise Problem("user_not_found")
    one_time = readable_password()
    hashed = await passwords.hash_password(one_time)
    async with db.transaction() as tx:
        await apply(tx, actor, user_id, {"must_change_password": True}, hashed)
    forget_stamps()
    return OneTimePassword(password=one_time)


async def end_sessions(actor: Actor, user_id: int) -> SessionsEnded:
    """Sign a user out everywhere; of oneself, everywhere else.

    Raises:
        Problem: ``user_not_found`` (404), ``reauthentication_required`` (403) for another's.
    """
    if user_id != actor.user_id:
        await again.prove_lately(actor)
    user = await get_user(user_id)
    async with db.transaction() as tx:
        ended = await sessions.end_all(tx, user_id, "ended_by_admin", but=actor.session_id)
        if ended:
            await record(
                tx,
                actor,
                action="session_ended",
                subject_type="user",
                subject_id=user_id,
                subject_code=user.username,
                area_id=user.area.id if user.area else None,
                after={"sessions_ended": ended},
            )
    forget_stamps()
    return SessionsEnded(sessions_ended=ended)


async def remove_second_factor(actor: Actor, user_id: int) -> None:
    """Take the second factor off a user who has lost his phone; again changes nothing.

    Raises:
        Problem: ``user_not_found`` (404), ``reauthentication_required`` (403).
    """
    await again.prove_lately(actor)
    user = await get_user(user_id)
    async with db.transaction() as tx:
        await totp.remove(tx, actor, user_id, user.username, user.area.id if user.area else None)
    forget_stamps()


async def apply(
    tx: AsyncConnection, actor: Actor, user_id: int, wanted: dict[str, Any], hashed: str | None
) -> None:
    """Make these changes to a user, end his sessions where they end his access, and write it all down.

    Raises:
        Problem: as :func:`change_user`.
    """
    admins: set[int] = set()
    if wanted.get("disabled") or wanted.get("role", Role.admin) is not Role.admin:
        admins = set((await tx.execute(queries.ADMINS)).scalars())
    row = (await tx.execute(queries.USER_FOR_CHANGE, {"user_id": user_id})).one_or_none()
    if row is None:
        raise Problem("user_not_found")
    was = dict(row._mapping)
    if was.pop("is_key"):
        _refuse_for_key(wanted, hashed)
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


def _refuse_for_key(wanted: dict[str, Any], hashed: str | None) -> None:
    # Else somebody could sign in as the program, or its key do an admin's work.
    if hashed is not None or wanted.get("must_change_password"):
        raise Problem("invalid", errors=[{"loc": ["body", "password"], "msg": "a program has no password"}])
    if wanted.get("role") is Role.admin:
        raise Problem("invalid", errors=[{"loc": ["body", "role"], "msg": "must not be admin"}])


async def _check_area(tx: AsyncConnection, role: str, area_id: int | None) -> None:
    if area_id is None:
        if role == Role.dispatcher:
            raise Problem("area_required")
        return
    if (await tx.execute(queries.WORKING_AREA, {"area_id": area_id})).one_or_none() is None:
        raise Problem("area_not_found")
