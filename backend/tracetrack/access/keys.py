"""Keys of programs: a bearer that begins with ``ttk_`` instead of an access token.

A key is random, so a plain hash of it is enough to keep. What it may do is what its user may, and
it ends within a second of being revoked or its user being disabled, as a session does.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from uuid import UUID

from sqlalchemy import text

from tracetrack.access import tokens
from tracetrack.access.actor import Role
from tracetrack.access.sessions import SignedIn
from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.stamps import Remembered

BEGINNING = "ttk_"
USED_SECONDS = 20.0
"""How often it is written down which keys were used."""

_FOR_EVER = dt.datetime.max.replace(tzinfo=dt.UTC)

_KEY = text("""
    select k.id, k.key_hash, u.id as user_id, u.username, u.full_name, u.role, u.language, u.area_id,
        a.name as area_name
    from api_keys k join users u on u.id = k.user_id left join areas a on a.id = u.area_id
    where k.key_hash = :key_hash and k.revoked_at is null and u.disabled_at is null
""")
_LIVES = text("""
    select exists (select from api_keys k join users u on u.id = k.user_id
                   where k.id = :id and k.revoked_at is null and u.disabled_at is null)
""")
_USED = text("update api_keys set last_used_at = now() where id = any(:ids)")

_used: set[UUID] = set()


def new_key() -> str:
    """A key that nobody can guess."""
    return BEGINNING + tokens.random_secret()


def key_hash(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).digest()


async def _load(hashed: bytes) -> SignedIn | None:
    async with db.reading("floor") as connection:
        row = (await connection.execute(_KEY, {"key_hash": hashed})).one_or_none()
    if row is None:
        return None
    return SignedIn(
        session_id=row.id,
        expires_at=_FOR_EVER,
        user_id=row.user_id,
        username=row.username,
        full_name=row.full_name,
        role=Role(row.role),
        language=row.language,
        must_change_password=False,
        area_id=row.area_id,
        area_name=row.area_name,
    )


async def _alive(key_id: UUID) -> bool:
    async with db.reading("floor") as connection:
        return bool(await connection.scalar(_LIVES, {"id": key_id}))


_remembered: Remembered[bytes, SignedIn | None] = Remembered("access", _load)
_living: Remembered[UUID, bool] = Remembered("access", _alive)


async def signed_in_by_key(key: str) -> SignedIn:
    """Whose key it is; the key's id stands for the session.

    Raises:
        Problem: ``unauthorized`` for a key that there is not, or not any more.
    """
    if len(key) > 200 or not key.isascii():
        raise tokens.unauthorized()
    found = await _remembered.get(key_hash(key))
    if found is None:
        raise tokens.unauthorized()
    _used.add(found.session_id)
    return found


async def key_lives(key_id: UUID) -> bool:
    """Whether a key is still good, for what lasts longer than a request."""
    return await _living.get(key_id)


async def write_down_used() -> None:
    """Keep when each key was used last."""
    if not _used:
        return
    ids = list(_used)
    _used.clear()
    async with db.transaction() as tx:
        await tx.execute(_USED, {"ids": ids})


JOBS = (Job("keys used", USED_SECONDS, write_down_used),)
