"""Keys of programs: a bearer that begins with ``ttk_`` instead of an access token.

A key is random, so a plain hash of it is enough to keep. What it may do is what its user may, and
of that its scopes; it ends when it expires, and within a second of being revoked or its user being
disabled, as a session does.

What has not the shape of a key is refused unseen. What has it and is none costs a query, so an address
that brings many of these is not listened to for the rest of the minute, but for keys that were right before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from tracetrack.access import limits, tokens
from tracetrack.access.actor import Role
from tracetrack.access.schemas import AreaRef, OwnKey, User
from tracetrack.access.sessions import SignedIn
from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.clock import now
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import Remembered

BEGINNING = "ttk_"
USED_SECONDS = 20.0
"""How often it is written down which keys were used."""

_FOR_EVER = dt.datetime.max.replace(tzinfo=dt.UTC)

# 256 random bits: the last character of 43 carries four of them.
_SHAPE = re.compile(BEGINNING + r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)

_GOOD = """
    select k.id, k.scopes, k.expires_at, u.id as user_id, u.username, u.full_name, u.role, u.language,
        u.area_id, a.name as area_name
    from api_keys k join users u on u.id = k.user_id left join areas a on a.id = u.area_id
    where k.revoked_at is null and u.disabled_at is null and (k.expires_at is null or k.expires_at > now())
"""

_ITSELF = text("""
    select k.id, k.name, k.beginning, k.scopes, k.expires_at, u.id as user_id, u.username, u.full_name,
        u.role, u.language, u.area_id, a.name as area_name
    from api_keys k join users u on u.id = k.user_id left join areas a on a.id = u.area_id
    where k.id = :id
""")
_OF_HASH = text(_GOOD + " and k.key_hash = :key_hash")
_OF_ID = text(_GOOD + " and k.id = :id")
_USED = text("update api_keys set last_used_at = now() where id = any(:ids)")

_used: set[UUID] = set()
_right: set[bytes] = set()
"""Hashes of the keys that were right in this process when they last came."""


def new_key() -> str:
    """A key that nobody can guess."""
    return BEGINNING + tokens.random_secret()


def key_hash(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).digest()


def _signed_in(row: Row[Any]) -> SignedIn:
    return SignedIn(
        session_id=row.id,
        expires_at=row.expires_at or _FOR_EVER,
        user_id=row.user_id,
        username=row.username,
        full_name=row.full_name,
        role=Role(row.role),
        language=row.language,
        must_change_password=False,
        area_id=row.area_id,
        area_name=row.area_name,
        scopes=None if row.scopes is None else frozenset(row.scopes),
    )


async def _load(hashed: bytes) -> SignedIn:
    async with db.reading("floor") as connection:
        row = (await connection.execute(_OF_HASH, {"key_hash": hashed})).one_or_none()
    if row is None:
        # Not answered but raised, so not remembered: guesses would push out the keys that are used.
        raise tokens.unauthorized()
    return _signed_in(row)


async def _load_living(key_id: UUID) -> SignedIn | None:
    async with db.reading("floor") as connection:
        row = (await connection.execute(_OF_ID, {"id": key_id})).one_or_none()
    return None if row is None else _signed_in(row)


_remembered: Remembered[bytes, SignedIn] = Remembered("access", _load)
_living: Remembered[UUID, SignedIn | None] = Remembered("access", _load_living)


def caller_of_token(token: str) -> str | None:
    """Whose places a request takes, by its bearer token alone; None for a token that is not ours."""
    if token.startswith(BEGINNING):
        return f"key {hashlib.sha256(token.encode()).hexdigest()[:16]}"
    try:
        return f"user {tokens.read_access_token(token).user_id}"
    except Problem:
        return None


async def signed_in_by_key(key: str, address: str) -> SignedIn:
    """Whose key it is; the key's id stands for the session.

    Args:
        key: as it was sent.
        address: where it came from.

    Raises:
        Problem: ``unauthorized`` for a key that there is not, or not any more, ``too_many_requests`` for
            a key that was not right before when many from this address were wrong.
    """
    if not _SHAPE.fullmatch(key):
        raise tokens.unauthorized()
    hashed = key_hash(key)
    if hashed not in _right:
        limits.refuse_guessed_key(address)
    try:
        found = await _remembered.get(hashed)
    except Problem as problem:
        if problem.code == "unauthorized":
            _right.discard(hashed)
            limits.count_wrong_key(address)
        raise
    if found.expires_at <= now():
        # Remembered from before its end.
        raise tokens.unauthorized()
    _right.add(hashed)
    _used.add(found.session_id)
    return found


async def itself(key_id: UUID) -> User:
    """What a key is told of itself."""
    async with db.reading("floor") as connection:
        row = (await connection.execute(_ITSELF, {"id": key_id})).one()
    return User(
        id=row.user_id,
        username=row.username,
        full_name=row.full_name,
        role=Role(row.role),
        area=AreaRef(id=row.area_id, name=row.area_name) if row.area_id is not None else None,
        must_change_password=False,
        must_set_up_totp=False,
        language=row.language,
        key=OwnKey(
            id=row.id,
            name=row.name,
            beginning=row.beginning,
            scopes=row.scopes,
            expires_at=row.expires_at,
        ),
    )


async def living(key_id: UUID) -> SignedIn | None:
    """A key's user as he is by now, for what lasts longer than a request; None when the key is over."""
    found = await _living.get(key_id)
    return None if found is None or found.expires_at <= now() else found


async def write_down_used() -> None:
    """Keep when each key was used last."""
    if not _used:
        return
    ids = list(_used)
    _used.clear()
    async with db.transaction() as tx:
        await tx.execute(_USED, {"ids": ids})


JOBS = (Job("keys used", USED_SECONDS, write_down_used),)
