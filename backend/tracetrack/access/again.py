"""Proving again who one is, before what would let a thief of a session stay.

A session that signed in, or proved itself, lately may do everything. Later the dangerous acts (another's
role, area or password, disabling an admin, ending somebody's sessions, a new user who is more than a
dispatcher, a new key, a setting that guards the site) ask for the password once more, and where there is a
second factor for its code too: the phone that has the codes may be the phone that was found.
A key never may: it has no password to give, so nobody can widen what a stolen key is good for.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access import passwords, queries, totp
from tracetrack.access.actor import Actor
from tracetrack.ledger.service import record
from tracetrack.platform import db
from tracetrack.platform.problems import Problem
from tracetrack.settings import Settings

_LATELY = text("""
    select authenticated_at > now() - make_interval(secs => :seconds) from sessions where id = :session_id
""")
_AUTHENTICATED = text("update sessions set authenticated_at = now() where id = :session_id")
_BY_PASSWORD = text("""
    update sessions s set authenticated_at = now()
    where id = :session_id and not exists (
        select from second_factors f where f.user_id = s.user_id and f.confirmed_at is not null)
""")

_seconds = 0.0


def open_again(settings: Settings) -> None:
    """Learn for how long a proof counts."""
    global _seconds
    _seconds = settings.reauthentication_minutes * 60


async def prove_lately(actor: Actor) -> None:
    """Refuse who has not proved lately who he is.

    Raises:
        Problem: ``reauthentication_required`` (403); after ``POST /auth/reauthenticate`` the same call
            goes through.
    """
    values = {"session_id": actor.session_id, "seconds": _seconds}
    async with db.reading() as connection:
        lately = await connection.scalar(_LATELY, values)
    if not lately:
        raise Problem("reauthentication_required")


async def authenticated(tx: AsyncConnection, session_id: UUID) -> None:
    """Write down that the person in this session has proved just now who he is."""
    await tx.execute(_AUTHENTICATED, {"session_id": session_id})


async def authenticated_by_password(tx: AsyncConnection, session_id: UUID) -> None:
    """Write down that he has given his password just now.

    Where he has a second factor that is half a proof, and changes nothing.
    """
    await tx.execute(_BY_PASSWORD, {"session_id": session_id})


async def prove(actor: Actor, password: str, code: str | None) -> None:
    """Prove who one is, as when signing in: by the password, and by a code where there is a second factor.

    Raises:
        Problem: ``wrong_password``, ``code_required``, ``wrong_code`` (422), ``too_many_requests`` (429),
            ``busy`` (503).
    """
    async with db.reading() as connection:
        hashed = (await connection.execute(queries.PASSWORD_HASH, {"user_id": actor.user_id})).scalar_one()
    wrong = None if await passwords.verify_password(password, hashed) else "wrong_password"
    second = wrong is None and (await totp.state(actor)).enabled
    if second and code is None:
        raise Problem("code_required")
    if second and not await totp.check(actor, actor.user_id, code or ""):
        wrong = "wrong_code"
    async with db.transaction() as tx:
        if wrong is None:
            await authenticated(tx, actor.session_id)
        await record(
            tx,
            actor,
            action="reauthenticated" if wrong is None else "reauthentication_failed",
            subject_type="user",
            subject_id=actor.user_id,
            subject_code=actor.username,
            area_id=actor.area_id,
            after={"by": "password and totp" if second else "password"},
        )
    if wrong is not None:
        raise Problem(wrong)
