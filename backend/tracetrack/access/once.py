"""``Idempotency-Key``: a request sent again gets the answer of the first, and has no second effect.

The key is claimed, the effect made and the answer kept in one transaction, so a key whose answer is kept is
one whose effect is stored, whatever happened in between. A second request with the key waits for the first.
An answer may hold a secret that is told once, so it is sealed with the key, of which only a hash is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Annotated, Any

import orjson
from cryptography.fernet import Fernet
from fastapi import Header
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import Actor
from tracetrack.platform import db
from tracetrack.platform.problems import Problem
from tracetrack.platform.upkeep import Chore

KEPT_DAYS = 7
"""How long an answer is given again, as for scans."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=16,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Made by the client, a UUID say. The same request with it within 7 days: the same answer,"
        " no second effect. Another request with it: 422 `idempotency_key_reused`.",
    ),
]

_CLAIM = text("""
    insert into answered_once (key_hash, request_hash) values (:key_hash, :request_hash)
    on conflict (key_hash) do nothing returning true
""")
_TOLD = text("select request_hash, answer from answered_once where key_hash = :key_hash")
_FORGET = text("delete from answered_once where key_hash = :key_hash")
_KEEP = text("update answered_once set answer = :answer where key_hash = :key_hash")


def _key_hash(actor: Actor, key: str) -> bytes:
    return hashlib.sha256(f"{actor.user_id} {key}".encode()).digest()


def _seal(actor: Actor, key: str) -> Fernet:
    secret = hashlib.sha256(f"answer {actor.user_id} {key}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(secret))


async def claim(tx: AsyncConnection, actor: Actor, key: str | None, request: Any) -> dict[str, Any] | None:
    """Claim a key before the effect.

    Args:
        tx: the transaction of the effect.
        actor: whose key it is; another's is another key.
        key: as it was sent; without one nothing is claimed.
        request: what is asked for, as JSON can hold it.

    Returns:
        The answer that was given before; None where the effect is to be made now.

    Raises:
        Problem: ``idempotency_key_reused`` (422) for a key that came with another request.
    """
    if key is None:
        return None
    key_hash = _key_hash(actor, key)
    # With the key, so that a password in the request cannot be guessed from it.
    request_hash = hmac.digest(key.encode(), orjson.dumps(request, option=orjson.OPT_SORT_KEYS), "sha256")
    claimed = await tx.execute(_CLAIM, {"key_hash": key_hash, "request_hash": request_hash})
    if claimed.scalar_one_or_none():
        return None
    told = (await tx.execute(_TOLD, {"key_hash": key_hash})).one()
    if not hmac.compare_digest(bytes(told.request_hash), request_hash):
        raise Problem("idempotency_key_reused")
    answer: dict[str, Any] = orjson.loads(_seal(actor, key).decrypt(bytes(told.answer)))
    return answer


async def keep(tx: AsyncConnection, actor: Actor, key: str | None, answer: Any) -> None:
    """Keep the answer of a claimed key, in the transaction of the effect."""
    if key is not None:
        sealed = _seal(actor, key).encrypt(orjson.dumps(answer))
        await tx.execute(_KEEP, {"key_hash": _key_hash(actor, key), "answer": sealed})


async def answer(actor: Actor, key: str | None, request: Any, sql: str, *values: Any) -> Any:
    """What a SQL function answers, asked once for a key; a problem is not kept, so it may be tried again.

    Args:
        actor: who asks; the function's first parameters.
        key: as it was sent, if there is one.
        request: what is asked for, as JSON can hold it.
        sql: as :func:`db.answer` takes it.
        values: of the parameters after the actor's.
    """
    if key is None:
        return await db.answer(sql, *actor.values(), *values)
    async with db.transaction() as tx:
        if (told := await claim(tx, actor, key, request)) is not None:
            return told
        driver: Any = (await tx.get_raw_connection()).driver_connection
        made = await driver.fetchval(sql, *actor.values(), *values)
        if "problem" in made:
            await tx.execute(_FORGET, {"key_hash": _key_hash(actor, key)})
        else:
            await keep(tx, actor, key, made)
    return made


UPKEEP = (
    Chore(
        "answers_forgotten",
        f"""
        with gone as (
            delete from answered_once where key_hash in (
                select key_hash from answered_once
                where answered_at < now() - interval '{KEPT_DAYS} days' limit 5000)
            returning 1)
        select count(*) from gone
        """,  # noqa: S608 - our own number
        batch=5000,
    ),
)
