"""Asking for a higher role: a person says why, an admin says yes or no, and the ledger keeps both."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access import again
from tracetrack.access.actor import Actor, Role
from tracetrack.ledger.service import record
from tracetrack.people import service
from tracetrack.people.schemas import (
    NewPromotion,
    PersonRef,
    Promotion,
    PromotionApproval,
    RegistrationState,
)
from tracetrack.platform import db
from tracetrack.platform.db import sqlstate
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import forget_stamps

HIGHER = {Role.dispatcher: (Role.biller, Role.admin), Role.biller: (Role.admin,), Role.admin: ()}

_COLUMNS = """
    select p.id, u.id as user_id, u.username, u.full_name, coalesce(p.from_role, u.role) as from_role,
        p.role, p.reason, p.created_at, p.decided_at, d.username as decided_by, p.answer,
        case when p.decided_at is null then 'waiting' when p.approved then 'approved' else 'declined' end
            as state
    from promotions p
    join users u on u.id = p.user_id
    left join users d on d.id = p.decided_by
"""
_ONE = text(_COLUMNS + " where p.id = :id")
_PAGE = text(f"""
    select * from ({_COLUMNS}) p
    where (cast(:only as bigint) is null or user_id = :only)
        and (cast(:state as text) is null or state = :state)
        and (cast(:after as bigint) is null or id < :after)
    order by id desc
    limit :limit
""")  # noqa: S608 - our own text
_ADD = text("insert into promotions (user_id, role, reason) values (:user_id, :role, :reason) returning id")
_WAITING = text("""
    select p.user_id, p.role, u.username, u.area_id, u.role as from_role,
        u.disabled_at is not null as disabled
    from promotions p join users u on u.id = p.user_id
    where p.id = :id and p.decided_at is null for update of p
""")
_DECIDE = text("""
    update promotions set decided_at = now(), decided_by = :by, approved = :approved, answer = :answer,
        from_role = :from_role
    where id = :id
""")
_WITHDRAW = text("""
    delete from promotions where id = :id and user_id = :user_id and decided_at is null returning role
""")


def _promotion(row: Row[Any]) -> Promotion:
    values = dict(row._mapping)
    user = PersonRef(
        id=values.pop("user_id"), username=values.pop("username"), full_name=values.pop("full_name")
    )
    return Promotion(**values, user=user)


async def ask(actor: Actor, asked: NewPromotion) -> Promotion:
    """Ask for a higher role.

    Raises:
        Problem: ``not_a_promotion`` (422), ``promotion_waiting`` (409) while one is undecided.
    """
    if asked.role not in HIGHER[actor.role]:
        raise Problem("not_a_promotion")
    values = {"user_id": actor.user_id, "role": asked.role, "reason": asked.reason}
    try:
        async with db.transaction() as tx:
            promotion_id = await tx.scalar(_ADD, values)
            await _record(tx, actor, "promotion_asked", actor.user_id, actor.username, actor.area_id, values)
            return _promotion((await tx.execute(_ONE, {"id": promotion_id})).one())
    except IntegrityError as error:
        if sqlstate(error) == "23505":
            raise Problem("promotion_waiting") from None
        raise


async def list_promotions(
    actor: Actor, state: RegistrationState | None, cursor: str | None, limit: int
) -> Page[Promotion]:
    """Who asked for a higher role, the newest first; who is no admin sees his own."""
    after = decode_cursor(cursor, int)
    values = {
        "only": None if actor.role is Role.admin else actor.user_id,
        "state": state,
        "after": after[0] if after else None,
        "limit": limit + 1,
    }
    async with db.reading() as connection:
        rows = (await connection.execute(_PAGE, values)).all()
    items = [_promotion(row) for row in rows[:limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(rows) > limit else None)


async def withdraw(actor: Actor, promotion_id: int) -> None:
    """Take one's own request back.

    Raises:
        Problem: ``promotion_not_found`` (404), also when it is decided already.
    """
    async with db.transaction() as tx:
        values = {"id": promotion_id, "user_id": actor.user_id}
        role = (await tx.execute(_WITHDRAW, values)).scalar_one_or_none()
        if role is None:
            raise Problem("promotion_not_found")
        await _record(
            tx, actor, "promotion_withdrawn", actor.user_id, actor.username, actor.area_id, {"role": role}
        )


async def approve(actor: Actor, promotion_id: int, approval: PromotionApproval) -> Promotion:
    """Give the role that was asked for; the user signs in again as what he is now.

    Raises:
        Problem: ``promotion_not_found`` (404), also when it is decided already; ``area_not_found`` (404),
            ``not_a_promotion`` (422) when the user has become something else since,
            ``reauthentication_required`` (403).
    """
    await again.prove_lately(actor)
    async with db.transaction() as tx:
        row = await _waiting(tx, promotion_id)
        if row.role not in HIGHER[Role(row.from_role)] or row.disabled:
            raise Problem("not_a_promotion")
        wanted: dict[str, Any] = {"role": row.role}
        if approval.area_id is not None:
            wanted["area_id"] = approval.area_id
        await service.apply(tx, actor, row.user_id, wanted, None)
        await _decide(tx, actor, promotion_id, row, approved=True, answer="")
        promotion = _promotion((await tx.execute(_ONE, {"id": promotion_id})).one())
    forget_stamps()
    return promotion


async def decline(actor: Actor, promotion_id: int, reason: str) -> Promotion:
    """Say no, and why; who asked reads it in his profile.

    Raises:
        Problem: ``promotion_not_found`` (404), also when it is decided already.
    """
    async with db.transaction() as tx:
        row = await _waiting(tx, promotion_id)
        await _decide(tx, actor, promotion_id, row, approved=False, answer=reason)
        return _promotion((await tx.execute(_ONE, {"id": promotion_id})).one())


async def _waiting(tx: AsyncConnection, promotion_id: int) -> Row[Any]:
    row: Row[Any] | None = (await tx.execute(_WAITING, {"id": promotion_id})).one_or_none()
    if row is None:
        raise Problem("promotion_not_found")
    return row


async def _decide(
    tx: AsyncConnection, actor: Actor, promotion_id: int, row: Row[Any], *, approved: bool, answer: str
) -> None:
    values = {
        "id": promotion_id,
        "by": actor.user_id,
        "approved": approved,
        "answer": answer or None,
        "from_role": row.from_role,
    }
    await tx.execute(_DECIDE, values)
    action = "promotion_approved" if approved else "promotion_declined"
    told = {"role": row.role} if approved else {"role": row.role, "reason": answer}
    await _record(tx, actor, action, row.user_id, row.username, row.area_id, told)


async def _record(
    tx: AsyncConnection,
    actor: Actor,
    action: str,
    user_id: int,
    username: str,
    area_id: int | None,
    after: dict[str, Any],
) -> None:
    await record(
        tx,
        actor,
        action=action,
        subject_type="user",
        subject_id=user_id,
        subject_code=username,
        area_id=area_id,
        after=after,
    )
