"""Asking for an account: anybody may, where the site allows it, and an admin decides what comes of it.

The answer is the same whether or not a user has the name, so that nobody learns who works here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access import again, passwords
from tracetrack.access.actor import Actor, Role
from tracetrack.access.limits import count_registration
from tracetrack.access.sessions import Caller
from tracetrack.ledger.service import record
from tracetrack.people import service
from tracetrack.people.schemas import (
    Approval,
    NewRegistration,
    Registration,
    RegistrationState,
    UserRecord,
)
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.upkeep import Chore

AN_HOUR_FROM_ADDRESS = 20
"""A whole warehouse may share an address, and on the first day everybody asks."""
MOST_WAITING = 500

# One at a time, so that the limits hold; nobody scans by this.
_ALONE = text("select pg_advisory_xact_lock(hashtext('tracetrack registrations'))")
_FULL = text("""
    select count(*) filter (where address = :address and created_at > now() - interval '1 hour') >= :an_hour
        or count(*) filter (where decided_at is null) >= :waiting
    from registrations
    where created_at > now() - interval '1 hour' or decided_at is null
""")
_ADD = text("""
    insert into registrations (username, full_name, note, language, password_hash, address)
    values (:username, :full_name, :note, :language, :password_hash, :address)
    returning id
""")
_COLUMNS = """
    select r.id, r.username, r.full_name, r.note, r.language, r.address, r.created_at, r.decided_at,
        case when r.decided_at is null then 'waiting' when r.user_id is null then 'declined'
            else 'approved' end as state,
        r.decided_at is null and exists (select from users u where lower(u.username) = lower(r.username))
            as name_taken,
        d.username as decided_by
    from registrations r
    left join users d on d.id = r.decided_by
"""
_PAGE = text(f"""
    select * from ({_COLUMNS}) r
    where (cast(:state as text) is null or state = :state)
        and (cast(:after as bigint) is null or id < :after)
    order by id desc
    limit :limit
""")  # noqa: S608 - our own text
_WAITING = text("""
    select username, full_name, language, password_hash from registrations
    where id = :id and decided_at is null for update
""")
_DECIDE = text("""
    update registrations set decided_at = now(), decided_by = :by, user_id = :user_id, reason = :reason,
        password_hash = null
    where id = :id
""")

UPKEEP = (
    # The ledger keeps what came of them.
    Chore(
        "registrations_forgotten",
        """
        with gone as (
            delete from registrations where coalesce(decided_at, created_at) < now() - interval '90 days'
            returning 1)
        select count(*) from gone
        """,
    ),
)


async def ask(caller: Caller, asked: NewRegistration) -> None:
    """Ask for an account.

    Raises:
        Problem: ``not_found`` (404) where the site does not allow it, ``weak_password`` (422),
            ``too_many_requests`` (429) from one address, or when very many wait already, ``busy`` (503).
    """
    if not (await site_settings()).registration:
        raise Problem("not_found")
    # Before anything that takes its time: a password that is refused counts as well.
    await count_registration(caller.address)
    limits = {"address": caller.address, "an_hour": AN_HOUR_FROM_ADDRESS, "waiting": MOST_WAITING}
    async with db.reading() as connection:
        full = await connection.scalar(_FULL, limits)
    if full:
        raise _too_many()
    await passwords.refuse_weak(asked.password, asked.username)
    hashed = await passwords.hash_password(asked.password)
    async with db.transaction() as tx:
        await tx.execute(_ALONE)
        # Others may have asked while it was hashed.
        if await tx.scalar(_FULL, limits):
            raise _too_many()
        values = asked.model_dump(exclude={"password"})
        registration_id = await tx.scalar(
            _ADD, {**values, "password_hash": hashed, "address": caller.address}
        )
        await record(
            tx,
            caller,
            action="registration_asked",
            subject_type="registration",
            subject_id=registration_id,
            subject_code=asked.username,
            after=values,
        )


def _too_many() -> Problem:
    return Problem("too_many_requests", headers={"Retry-After": "600"})


async def list_registrations(
    state: RegistrationState | None, cursor: str | None, limit: int
) -> Page[Registration]:
    """Who asked for an account, the newest first."""
    after = decode_cursor(cursor, int)
    values = {"state": state, "after": after[0] if after else None, "limit": limit + 1}
    async with db.reading() as connection:
        rows = (await connection.execute(_PAGE, values)).all()
    items = [Registration(**row._mapping) for row in rows[:limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(rows) > limit else None)


async def approve(actor: Actor, registration_id: int, approval: Approval) -> UserRecord:
    """Make the user who asked.

    Raises:
        Problem: ``registration_not_found`` (404), also when it is decided already; ``name_taken`` (409),
            ``area_required`` (422), ``area_not_found`` (404), ``reauthentication_required`` (403) for any
            role but a dispatcher's.
    """
    if approval.role is not Role.dispatcher:
        await again.prove_lately(actor)
    async with db.transaction() as tx:
        asked = await _waiting(tx, registration_id)
        values = {
            "username": approval.username or asked.username,
            "full_name": asked.full_name,
            "role": approval.role,
            "area_id": approval.area_id,
            "language": asked.language,
            "must_change_password": False,
        }
        user = await service.add_user(
            tx, actor, values, asked.password_hash, {"registration_id": registration_id}
        )
        decided = {"id": registration_id, "by": actor.user_id, "user_id": user.id, "reason": None}
        await tx.execute(_DECIDE, decided)
    return user


async def decline(actor: Actor, registration_id: int, reason: str) -> None:
    """Say no.

    Raises:
        Problem: ``registration_not_found`` (404), also when it is decided already.
    """
    async with db.transaction() as tx:
        asked = await _waiting(tx, registration_id)
        decided = {"id": registration_id, "by": actor.user_id, "user_id": None, "reason": reason or None}
        await tx.execute(_DECIDE, decided)
        await record(
            tx,
            actor,
            action="registration_declined",
            subject_type="registration",
            subject_id=registration_id,
            subject_code=asked.username,
            after={"reason": reason},
        )


async def _waiting(tx: AsyncConnection, registration_id: int) -> Row[Any]:
    row: Row[Any] | None = (await tx.execute(_WAITING, {"id": registration_id})).one_or_none()
    if row is None:
        raise Problem("registration_not_found")
    return row
