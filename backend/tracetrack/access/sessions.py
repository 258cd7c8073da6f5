"""Sessions: rows in PostgreSQL, checked at every request, and the refresh tokens that carry them on.

Each worker remembers sessions while the database's ``access`` stamp is unchanged, so what ends
access (a session ended, a user disabled, another role, area or password) acts everywhere within
a second, with or without Redis, and a scan costs no query for it.

A refresh token is used once and replaced by a successor that is derived from it. So nothing but
hashes is stored, and an answer that was lost on the way can be given again. A replaced token
that comes back later was copied: its session ends.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access import queries, tokens
from tracetrack.access.actor import Role
from tracetrack.ledger.service import record
from tracetrack.platform import db
from tracetrack.platform.clock import now
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import Remembered, forget_stamps
from tracetrack.settings import Settings

RETRY_SECONDS = 10
"""How long a refresh whose answer was lost may be repeated."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A living session and the person in it."""

    session_id: UUID
    expires_at: dt.datetime
    user_id: int
    username: str
    full_name: str
    role: Role
    language: str
    must_change_password: bool
    area_id: int | None
    area_name: str | None
    must_set_up_totp: bool = False
    scopes: frozenset[str] | None = None
    """What a key may be used for; None for people, and for keys that may do all that their role may."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from, for the session list and the ledger; who it is, once known."""

    request_id: str
    address: str
    user_agent: str
    user_id: int | None = None

    def known_as(self, user_id: int) -> Caller:
        """The caller, whom we know by now."""
        return replace(self, user_id=user_id)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client gets to keep a session: for once, until it is replaced."""

    session_id: UUID
    user_id: int
    refresh_token: str
    expires_at: dt.datetime


async def _load(session_id: UUID) -> SignedIn | None:
    async with db.reading("floor") as connection:
        row = (await connection.execute(queries.SIGNED_IN, {"session_id": session_id})).one_or_none()
    return None if row is None else SignedIn(**{**row._mapping, "role": Role(row.role)})


_remembered: Remembered[UUID, SignedIn | None] = Remembered("access", _load)


async def signed_in(access_token: str, *, current: bool = False) -> SignedIn:
    """The living session of an access token; with ``current`` as it is now in the database.

    Raises:
        Problem: ``unauthorized`` for a token that is not ours or has expired,
            ``session_ended`` when its session has ended or its user may not come in any more.
    """
    claims = tokens.read_access_token(access_token)
    session = await _remembered.get(claims.session_id, current=current)
    if session is None or session.user_id != claims.user_id or session.expires_at <= now():
        raise tokens.unauthorized("session_ended")
    return session


async def living(session_id: UUID) -> SignedIn | None:
    """A session as it is by now, for what lasts longer than a request; None when it has ended."""
    session = await _remembered.get(session_id)
    return session if session is not None and session.expires_at > now() else None


def csrf_token(session_id: UUID) -> str:
    """What a page of ours can read and send back, and another site's cannot."""
    return tokens.derived("csrf", str(session_id))[0]


def refuse_forged(session_id: UUID, csrf: str) -> None:
    """Refuse a request whose ``X-CSRF-Token`` was not made for this session.

    Raises:
        Problem: ``csrf``.
    """
    if not tokens.is_derived("csrf", str(session_id), csrf):
        raise Problem("csrf")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def start(
    tx: AsyncConnection, user_id: int, password_hash: str, caller: Caller, settings: Settings
) -> Ticket | None:
    """Begin a session; None when the user or the password has changed since it was checked.

    Of very many sessions of one user those that were used longest ago end: else there could be more
    than can be ended at once when he is disabled.
    """
    row = (
        await tx.execute(
            queries.START_SESSION,
            {
                "user_id": user_id,
                "password_hash": password_hash,
                "seconds": settings.session_days * 86_400,
                "user_agent": caller.user_agent[:400],
                "address": caller.address,
            },
        )
    ).one_or_none()
    if row is None:
        return None
    token = tokens.random_secret()
    await tx.execute(queries.ADD_REFRESH, {"token_hash": _hash(token), "session_id": row.id})
    # Looked at first: the update makes every worker look again, even when it ends none.
    if await tx.scalar(queries.MANY_SESSIONS, {"user_id": user_id}):
        await tx.execute(queries.END_SURPLUS, {"user_id": user_id})
    return Ticket(row.id, user_id, token, row.expires_at)


async def of_refresh_token(refresh_token: str) -> UUID | None:
    """The session of a refresh token, which may have ended; None when there is no such token."""
    async with db.reading() as connection:
        values = {"token_hash": _hash(refresh_token)}
        row = (await connection.execute(queries.SESSION_OF_REFRESH, values)).one_or_none()
    return row.session_id if row is not None else None


async def refresh(refresh_token: str, csrf: str, caller: Caller, settings: Settings) -> Ticket:
    """Replace a refresh token by its successor.

    The idle time is checked here: an access token lives for minutes, so a session that is not
    refreshed is soon without one.

    Raises:
        Problem: ``session_ended``; a token that was replaced more than ten seconds ago, or whose
            successor is used already, was copied, and ends the session for everybody.
            ``csrf`` when the page that asks is not ours.
    """
    async with db.transaction() as tx:
        ticket = await _rotate(tx, refresh_token, csrf, caller, settings)
    if ticket is None:
        forget_stamps()
        raise tokens.unauthorized("session_ended")
    return ticket


async def _rotate(
    tx: AsyncConnection, refresh_token: str, csrf: str, caller: Caller, settings: Settings
) -> Ticket | None:
    """The next ticket; None when the token was a copy, and has ended its session."""
    presented = _hash(refresh_token)
    row = (
        await tx.execute(
            queries.REFRESH_TOKEN,
            {
                "token_hash": presented,
                "retry_seconds": RETRY_SECONDS,
                "idle_seconds": settings.session_idle_hours * 3_600,
            },
        )
    ).one_or_none()
    if row is None:
        raise tokens.unauthorized("session_ended")
    refuse_forged(row.session_id, csrf)
    if not row.alive:
        raise tokens.unauthorized("session_ended")
    successors = tokens.derived("refresh", refresh_token)
    if row.replaced_at is None:
        successor = successors[0]
        await tx.execute(queries.ADD_REFRESH, {"token_hash": _hash(successor), "session_id": row.session_id})
        await tx.execute(queries.REPLACE_REFRESH, {"token_hash": presented})
        await tx.execute(queries.SEEN, {"session_id": row.session_id})
        return Ticket(row.session_id, row.user_id, successor, row.expires_at)
    if row.just_replaced:
        by_hash = {_hash(successor): successor for successor in successors}
        current = (
            await tx.execute(
                queries.CURRENT_REFRESH, {"session_id": row.session_id, "candidates": list(by_hash)}
            )
        ).scalar_one_or_none()
        if current is not None:
            return Ticket(row.session_id, row.user_id, by_hash[bytes(current)], row.expires_at)
    await end(tx, row.session_id, row.user_id, "refresh_reused")
    await record(
        tx,
        caller.known_as(row.user_id),
        action="refresh_reused",
        subject_type="user",
        subject_id=row.user_id,
        area_id=row.area_id,
        after={"session_id": str(row.session_id)},
    )
    return None


async def end_by_refresh_token(refresh_token: str, csrf: str, caller: Caller) -> bool:
    """Sign out with the cookie alone; a session that has ended already stays so.

    For that nothing is written, nor looked at again: made-up and old cookies cost the floor nothing.

    Returns:
        Whether there is such a token.

    Raises:
        Problem: ``csrf`` when the page that asks is not ours.
    """
    async with db.transaction() as tx:
        row = (
            await tx.execute(queries.SESSION_OF_REFRESH, {"token_hash": _hash(refresh_token)})
        ).one_or_none()
        if row is None:
            return False
        refuse_forged(row.session_id, csrf)
        if row.ended:
            return True
        await sign_out(tx, row.session_id, row.user_id, row.area_id, caller)
    forget_stamps()
    return True


async def sign_out(
    tx: AsyncConnection, session_id: UUID, user_id: int, area_id: int | None, caller: Caller
) -> None:
    """End a session because its user said so."""
    if await end(tx, session_id, user_id, "signed_out"):
        await record(
            tx,
            caller.known_as(user_id),
            action="signed_out",
            subject_type="user",
            subject_id=user_id,
            area_id=area_id,
            after={"session_id": str(session_id)},
        )


async def end(tx: AsyncConnection, session_id: UUID, user_id: int, because: str) -> bool:
    """End one session of a user; False when there is no such living one."""
    ended = await tx.execute(
        queries.END_SESSION, {"session_id": session_id, "user_id": user_id, "because": because}
    )
    return ended.one_or_none() is not None


async def end_all(tx: AsyncConnection, user_id: int, because: str, but: UUID | None = None) -> int:
    """End every session of a user, but one if named; how many that were."""
    # Looked at first: the update makes every worker look again, even when it ends none.
    if not await tx.scalar(queries.HAS_SESSIONS, {"user_id": user_id, "but": but}):
        return 0
    ended = await tx.execute(queries.END_SESSIONS, {"user_id": user_id, "because": because, "but": but})
    return ended.rowcount
