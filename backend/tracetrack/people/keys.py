"""Keys for integrators, made and revoked by admins; a key is told once and kept only as a hash."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Row, text

from tracetrack.access import again, keys, passwords, tokens
from tracetrack.access.actor import Actor, Role
from tracetrack.access.schemas import AreaRef, Body
from tracetrack.access.scopes import Scope
from tracetrack.ledger.service import record
from tracetrack.people import queries
from tracetrack.people.names import refuse_lookalike
from tracetrack.people.schemas import Id, KeyName
from tracetrack.platform import db
from tracetrack.platform.clock import Moment, now
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import forget_stamps

_COLUMNS = """
    select k.id, k.name, k.beginning, u.id as user_id, u.role, u.area_id, a.name as area_name, k.created_at,
        k.scopes, k.expires_at, k.last_used_at, coalesce(k.revoked_at, u.disabled_at) as revoked_at
    from api_keys k join users u on u.id = k.user_id left join areas a on a.id = u.area_id
"""
_ONE = text(_COLUMNS + " where k.id = :id")
_PAGE = text(
    _COLUMNS
    + """
    where cast(:after as bigint) is null or u.id < :after order by u.id desc limit :limit
"""
)
_ADD = text("""
    insert into api_keys (user_id, name, beginning, key_hash, created_by, scopes, expires_at)
    values (:user_id, :name, :beginning, :key_hash, :created_by, :scopes, :expires_at) returning id
""")
_REVOKE = text("""
    update api_keys k set revoked_at = now() from users u
    where k.id = :id and u.id = k.user_id and k.revoked_at is null
    returning k.user_id, k.name, u.area_id
""")
# Two spaces are in no name that anybody gives, and 64 characters is what a name may have.
_DISABLE = text("""
    update users set disabled_at = coalesce(disabled_at, now()),
        username = left(username, 61 - length(id::text)) || '  #' || id
    where id = :user_id
""")


class NewKey(Body):
    """A key to make: for dispatchers' or billers' work, in one area or (billers) in all."""

    name: KeyName
    role: Role = Field(description="`dispatcher` or `biller`: keys do no admin's work")
    area_id: Id | None = None
    scopes: list[Scope] | None = Field(default=None, min_length=1, max_length=len(Scope))
    """What the key may be used for, of what its role may do; null: all of it."""
    expires_at: Moment | None = None
    """When the key ends by itself; null: never."""


class ApiKey(BaseModel):
    """A key as admins see it; of the key itself only the beginning."""

    id: UUID
    name: str
    beginning: str
    user_id: int
    """The user in whose name the key acts."""
    role: Role
    area: AreaRef | None
    scopes: list[Scope] | None
    """What the key may be used for, of what its role may do; null: all of it."""
    expires_at: dt.datetime | None
    """When the key ends by itself; null: never."""
    created_at: dt.datetime
    last_used_at: dt.datetime | None
    """When it was last used, written down every 20 seconds."""
    revoked_at: dt.datetime | None
    """When it was revoked, or its user was disabled."""


class MadeKey(ApiKey):
    """A key just made: this is the only time that it is told."""

    key: str


def _shown(row: Row[Any]) -> dict[str, Any]:
    values = dict(row._mapping)
    area_id, area_name = values.pop("area_id"), values.pop("area_name")
    return {**values, "area": AreaRef(id=area_id, name=area_name) if area_id is not None else None}


async def create_key(actor: Actor, new: NewKey) -> MadeKey:
    """Make a key and the user in whose name it acts.

    Raises:
        Problem: ``name_taken`` (409), ``area_required`` (422), ``area_not_found`` (404),
            ``invalid`` (422) for an admin's role or an end that is past, ``reauthentication_required`` (403).
    """
    if new.role is Role.admin:
        raise Problem("invalid", errors=[{"loc": ["body", "role"], "msg": "must not be admin"}])
    if new.expires_at is not None and new.expires_at <= now():
        raise Problem("invalid", errors=[{"loc": ["body", "expires_at"], "msg": "must be in the future"}])
    scopes = None if new.scopes is None else sorted(set(new.scopes))
    if new.role is Role.dispatcher and new.area_id is None:
        raise Problem("area_required")
    await again.prove_lately(actor)
    key = keys.new_key()
    # Nobody knows it, so nobody signs in as this user.
    hashed = await passwords.hash_password(tokens.random_secret())
    async with db.transaction() as tx:
        if new.area_id is not None:
            area = await tx.execute(queries.WORKING_AREA, {"area_id": new.area_id})
            if area.one_or_none() is None:
                raise Problem("area_not_found")
        user = {
            "username": f"key {new.name}",
            "full_name": "",
            "role": new.role,
            "area_id": new.area_id,
            "password_hash": hashed,
            "must_change_password": False,
            "language": "en",
        }
        await refuse_lookalike(tx, "users", f"key {new.name}")
        user_id = (await tx.execute(queries.ADD_USER, user)).scalar_one_or_none()
        if user_id is None:
            raise Problem("name_taken", name=new.name)
        added = {
            "user_id": user_id,
            "name": new.name,
            "beginning": key[:10],
            "key_hash": keys.key_hash(key),
            "created_by": actor.user_id,
            "scopes": scopes,
            "expires_at": new.expires_at,
        }
        key_id = await tx.scalar(_ADD, added)
        await record(
            tx,
            actor,
            action="api_key_created",
            subject_type="user",
            subject_id=user_id,
            subject_code=f"key {new.name}",
            area_id=new.area_id,
            after={
                "key_id": str(key_id),
                "role": new.role,
                "area_id": new.area_id,
                "scopes": scopes,
                "expires_at": new.expires_at and new.expires_at.isoformat(),
            },
        )
        row = (await tx.execute(_ONE, {"id": key_id})).one()
    return MadeKey(**_shown(row), key=key)


async def list_keys(cursor: str | None, limit: int) -> Page[ApiKey]:
    """All keys, the newest first, revoked ones too."""
    after = decode_cursor(cursor, int)
    async with db.reading() as tx:
        asked = {"after": after[0] if after else None, "limit": limit + 1}
        rows = (await tx.execute(_PAGE, asked)).all()
    items = [ApiKey(**_shown(row)) for row in rows[:limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].user_id) if len(rows) > limit else None)


async def revoke_key(actor: Actor, key_id: UUID) -> None:
    """End a key, everywhere within a second; again changes nothing. Its name is free for another key.

    Raises:
        Problem: ``api_key_not_found`` (404).
    """
    async with db.transaction() as tx:
        if (await tx.execute(_ONE, {"id": key_id})).one_or_none() is None:
            raise Problem("api_key_not_found")
        row = (await tx.execute(_REVOKE, {"id": key_id})).one_or_none()
        if row is not None:
            await tx.execute(_DISABLE, {"user_id": row.user_id})
            await record(
                tx,
                actor,
                action="api_key_revoked",
                subject_type="user",
                subject_id=row.user_id,
                subject_code=f"key {row.name}",
                area_id=row.area_id,
                after={"key_id": str(key_id)},
            )
    forget_stamps()
