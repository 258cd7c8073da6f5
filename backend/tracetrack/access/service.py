"""Signing in and out, one's own password, language and sessions."""

from __future__ import annotations

import datetime as dt
import unicodedata
from typing import Any
from uuid import UUID

from tracetrack.access import again, passwords, queries, sessions, tokens, totp
from tracetrack.access.actor import Actor, Role
from tracetrack.access.limits import count_failed_sign_in
from tracetrack.access.schemas import AreaRef, Credentials, Session, SessionsEnded, Tokens, User
from tracetrack.access.sessions import Caller, Ticket
from tracetrack.ledger.service import record
from tracetrack.platform import db
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import forget_stamps
from tracetrack.settings import Settings


async def sign_in(given: Credentials, caller: Caller, settings: Settings) -> tuple[Tokens, Ticket]:
    """Begin a session.

    An unknown name, a wrong password and a disabled user get the same answer after the same time. Only
    who knows the password learns whether a second factor is asked for.

    Raises:
        Problem: ``bad_credentials`` (401), ``totp_required`` (401) when the same call must bring a code
            of the second factor, ``totp_wrong`` (401), ``too_many_requests`` (429) after wrong codes,
            ``busy`` (503) when too many sign in at once.
    """
    name = unicodedata.normalize("NFC", given.username).strip()
    # No connection is held while the password is hashed.
    async with db.reading() as connection:
        # PostgreSQL has no NUL, so neither has a name.
        found = await connection.execute(queries.SIGN_IN_USER, {"username": name.replace("\0", "\ufffd")})
        user = found.one_or_none()
    right = await passwords.verify_password(given.password, user.password_hash if user else None)
    wrong = "bad_credentials"
    if user is not None and right and not user.disabled and user.second_factor:
        if given.totp is None:
            raise tokens.unauthorized("totp_required")
        right = await totp.check(caller, user.id, given.totp)
        wrong = "totp_wrong"
    ticket: Ticket | None = None
    async with db.transaction() as tx:
        if user is not None and right and not user.disabled:
            ticket = await sessions.start(tx, user.id, user.password_hash, caller, settings)
        told: dict[str, Any] | None = None
        if ticket is not None:
            told = {"session_id": str(ticket.session_id)}
        elif failures := await count_failed_sign_in(tx, wrong, user.id if user else None, caller.address):
            told = {"failures_this_hour": failures}
            if wrong == "totp_wrong":
                told["because"] = wrong
        if told is not None:
            # A wrong name may be a password in the wrong field: only names that exist are written down.
            await record(
                tx,
                caller.known_as(ticket.user_id) if ticket else caller,
                action="signed_in" if ticket else "sign_in_failed",
                subject_type="user",
                subject_id=user.id if user else None,
                subject_code=user.username if user else None,
                area_id=user.area_id if user else None,
                after=told,
            )
    if ticket is None:
        raise tokens.unauthorized(wrong)
    return await _tokens(ticket, settings), ticket


async def refresh(refresh_token: str, csrf: str, caller: Caller, settings: Settings) -> tuple[Tokens, Ticket]:
    """Carry a session on with a new access token; see :func:`sessions.refresh`."""
    ticket = await sessions.refresh(refresh_token, csrf, caller, settings)
    return await _tokens(ticket, settings), ticket


async def _tokens(ticket: Ticket, settings: Settings) -> Tokens:
    return Tokens(
        access_token=tokens.access_token(ticket.user_id, ticket.session_id),
        expires_in=settings.access_token_seconds,
        user=await who(ticket.session_id),
    )


async def who(session_id: UUID) -> User:
    """The person in a session, as stored this moment.

    Raises:
        Problem: ``session_ended``.
    """
    async with db.reading() as connection:
        row = (await connection.execute(queries.SIGNED_IN, {"session_id": session_id})).one_or_none()
    if row is None:
        raise tokens.unauthorized("session_ended")
    return User(
        id=row.user_id,
        username=row.username,
        full_name=row.full_name,
        role=Role(row.role),
        area=AreaRef(id=row.area_id, name=row.area_name) if row.area_id is not None else None,
        must_change_password=row.must_change_password,
        must_set_up_totp=row.must_set_up_totp,
        language=row.language,
    )


async def sign_out(actor: Actor, caller: Caller) -> None:
    """End the session of the access token."""
    async with db.transaction() as tx:
        await sessions.sign_out(tx, actor.session_id, actor.user_id, actor.area_id, caller)
    forget_stamps()


async def change_password(actor: Actor, current: str, new: str) -> User:
    """Choose a new password; every other session of the user ends.

    It proves who one is, as :func:`again.prove` does, for who has no second factor.

    Raises:
        Problem: ``wrong_password`` (422), ``weak_password`` (422), ``busy`` (503).
    """
    async with db.reading() as connection:
        was = (await connection.execute(queries.PASSWORD_HASH, {"user_id": actor.user_id})).scalar_one()
    if not await passwords.verify_password(current, was):
        raise Problem("wrong_password")
    await passwords.refuse_weak(new, actor.username)
    if new == current:
        raise Problem("weak_password", "The new password is the old one.", reason="same")
    hashed = await passwords.hash_password(new)
    async with db.transaction() as tx:
        values = {"user_id": actor.user_id, "password_hash": hashed, "was": was}
        if (await tx.execute(queries.SET_PASSWORD, values)).one_or_none() is None:
            # Somebody changed it while we hashed.
            raise Problem("wrong_password")
        ended = await sessions.end_all(tx, actor.user_id, "password_changed", but=actor.session_id)
        await again.authenticated_by_password(tx, actor.session_id)
        await record(
            tx,
            actor,
            action="password_changed",
            subject_type="user",
            subject_id=actor.user_id,
            subject_code=actor.username,
            area_id=actor.area_id,
            after={"sessions_ended": ended},
        )
    forget_stamps()
    return await who(actor.session_id)


async def change_language(actor: Actor, language: str) -> User:
    """Choose the language of one's screens."""
    async with db.transaction() as tx:
        before = await tx.scalar(queries.LANGUAGE, {"user_id": actor.user_id})
        # Not even an update that changes nothing: every worker would look again for it.
        if before != language:
            await tx.execute(queries.SET_LANGUAGE, {"user_id": actor.user_id, "language": language})
            await record(
                tx,
                actor,
                action="user_changed",
                subject_type="user",
                subject_id=actor.user_id,
                subject_code=actor.username,
                area_id=actor.area_id,
                before={"language": before},
                after={"language": language},
            )
    if before != language:
        forget_stamps()
    return await who(actor.session_id)


async def own_sessions(actor: Actor, cursor: str | None, limit: int, settings: Settings) -> Page[Session]:
    """Where the user is signed in, newest first."""
    place = decode_cursor(cursor, str, str)
    try:
        before = (dt.datetime.fromisoformat(place[0]), UUID(place[1])) if place else (None, None)
    except ValueError:
        raise Problem("bad_cursor") from None
    async with db.reading() as connection:
        rows = (
            await connection.execute(
                queries.OWN_SESSIONS,
                {
                    "user_id": actor.user_id,
                    "idle_seconds": settings.session_idle_hours * 3_600,
                    "before": before[0],
                    "before_id": before[1],
                    "limit": limit + 1,
                },
            )
        ).all()
    items = [Session(**row._mapping, current=row.id == actor.session_id) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    return Page(
        items=items,
        next_cursor=encode_cursor(last.created_at.isoformat(), str(last.id)) if last else None,
    )


async def end_own_session(actor: Actor, session_id: UUID) -> None:
    """Sign out somewhere else.

    Raises:
        Problem: ``session_not_found`` (404), for other people's sessions too.
    """
    async with db.transaction() as tx:
        if not await sessions.end(tx, session_id, actor.user_id, "ended_by_user"):
            raise Problem("session_not_found")
        await record(
            tx,
            actor,
            action="session_ended",
            subject_type="user",
            subject_id=actor.user_id,
            subject_code=actor.username,
            area_id=actor.area_id,
            after={"session_id": str(session_id)},
        )
    forget_stamps()


async def end_own_sessions(actor: Actor) -> SessionsEnded:
    """Sign out everywhere else."""
    async with db.transaction() as tx:
        ended = await sessions.end_all(tx, actor.user_id, "ended_by_user", but=actor.session_id)
        if ended:
            await record(
                tx,
                actor,
                action="session_ended",
                subject_type="user",
                subject_id=actor.user_id,
                subject_code=actor.username,
                area_id=actor.area_id,
                after={"sessions_ended": ended},
            )
    if ended:
        forget_stamps()
    return SessionsEnded(sessions_ended=ended)
