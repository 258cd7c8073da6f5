"""The first start: somebody must be able to sign in, and no password stands in the code."""

from __future__ import annotations

import secrets

from sqlalchemy import pool, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tracetrack.access.passwords import hash_now, refuse_weak_now
from tracetrack.ledger.service import record
from tracetrack.people import queries
from tracetrack.platform.db import sqlalchemy_url
from tracetrack.settings import get_settings

ADMIN = "admin"

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are mistaken for one another on paper."""

# Of two first starts at once, the second waits and then finds the first one's admin.
_ALONE = text("lock table users in share row exclusive mode")
_ANYBODY = text("select exists (select from users)")


def readable_password() -> str:
    """A random password of 79 bits that can be read from a screen and typed: ``k7mw-p3xd-9rtc-hq4v``."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def short_lived(database_url: str) -> AsyncEngine:
    """Connections for one command, closed as soon as they are given back."""
    return create_async_engine(sqlalchemy_url(database_url), poolclass=pool.NullPool)


async def ensure_admin(database_url: str, password: str | None = None) -> str:
    """Make the user ``admin`` if there is no user at all; safe to run at every start.

    Args:
        database_url: the database, as its owner or as the application.
        password: the admin's password, then not to be changed; None: a one-time password is
            made, which must be changed at the first sign-in.

    Returns:
        What came of it, for the progress line; the one-time password stands only there.

    Raises:
        Problem: ``weak_password`` where the given password is no good one and would be used.
    """
    one_time = readable_password()
    engine = short_lived(database_url)
    async with engine.begin() as tx:
        await tx.execute(_ALONE)
        if (await tx.execute(_ANYBODY)).scalar_one():
            return "there already"
        if password is not None:
            refuse_weak_now(password, ADMIN)
        values = {
            "username": ADMIN,
            "full_name": "",
            "role": "admin",
            "area_id": None,
            "must_change_password": password is None,
            "language": "en",
        }
        hashed = hash_now(password or one_time, get_settings().bcrypt_rounds)
        user_id = (await tx.execute(queries.ADD_USER, {**values, "password_hash": hashed})).scalar_one()
        await record(
            tx,
            None,
            action="user_created",
            subject_type="user",
            subject_id=user_id,
            subject_code=ADMIN,
            after=values,
        )
    if password is not None:
        return f'user "{ADMIN}" with the password of TRACETRACK_ADMIN_PASSWORD'
    return f'sign in as "{ADMIN}" with the one-time password {one_time}'
