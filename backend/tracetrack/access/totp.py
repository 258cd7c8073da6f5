"""The second factor of billers and admins: six digits from a phone (TOTP, RFC 6238), or a recovery code.

The secret lies encrypted by a key derived from the site's, so a copy of the database alone makes no
codes. A code is taken once. Whoever knows the password and guesses codes waits longer after each try.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access import tokens
from tracetrack.access.actor import Actor
from tracetrack.access.schemas import RecoveryCodes, SecondFactor, SecondFactorSecret
from tracetrack.ledger.service import Acting, record
from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.clock import now
from tracetrack.platform.logs import get_logger
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import forget_stamps

log = get_logger("access")

ISSUER = "TraceTrack"
STEP_SECONDS = 30
STEPS_EITHER_SIDE = 1
"""Phones' clocks go wrong: the code before and the one after count too."""
RECOVERY_CODES = 10
FREE_TRIES = 5
FIRST_WAIT_SECONDS = 15
LONGEST_WAIT_SECONDS = 900
RESEAL_SECONDS = 3_600.0

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_DIGITS = re.compile(r"\d{6}", re.ASCII)

_BEGIN = text("""
    insert into second_factors (user_id, secret) values (:user_id, :secret)
    on conflict (user_id) do update set secret = excluded.secret, created_at = now(), last_step = 0
        where second_factors.confirmed_at is null
    returning user_id
""")
_UNCONFIRMED = text("""
    select secret from second_factors where user_id = :user_id and confirmed_at is null for update
""")
_CONFIRM = text("""
    update second_factors set confirmed_at = now(), last_step = :step, failures = 0 where user_id = :user_id
""")
_FACTOR = text("""
    select secret, last_step, failures, failed_at, now() as now from second_factors
    where user_id = :user_id and confirmed_at is not null for update
""")
_USED = text("update second_factors set last_step = :step, failures = 0 where user_id = :user_id")
_FAILED = text(
    "update second_factors set failures = failures + 1, failed_at = now() where user_id = :user_id"
)
_STATE = text("""
    select f.confirmed_at,
        (select count(*) from recovery_codes where user_id = f.user_id and used_at is null) as codes_left,
        u.role = 'admin'
            and exists (select from site_settings where name = 'totp_for_admins' and value = 'true')
            as required
    from users u
    left join second_factors f on f.user_id = u.id and f.confirmed_at is not null
    where u.id = :user_id
""")
_REMOVE = text("""
    delete from second_factors where user_id = :user_id returning confirmed_at is not null as was_on
""")
_FORGET_CODES = text("delete from recovery_codes where user_id = :user_id")
_ADD_CODES = text("""
    insert into recovery_codes (user_id, code_hash) select :user_id, unnest(cast(:hashes as bytea[]))
""")
_USE_CODE = text("""
    update recovery_codes set used_at = now()
    where user_id = :user_id and code_hash = :code_hash and used_at is null returning 1
""")
_SECRETS = text("""
    select f.user_id, u.username, f.secret from second_factors f join users u on u.id = f.user_id
    order by u.username for update of f
""")
_RESEAL = text("update second_factors set secret = :secret where user_id = :user_id")


def _boxes() -> list[Fernet]:
    """What seals the secrets: the current key's first, then the previous key's."""
    return [Fernet(key + "=") for key in tokens.derived("second factors", "")]


def _open(sealed: str) -> str:
    try:
        return MultiFernet(_boxes()).decrypt(sealed.encode()).decode()
    except InvalidToken:
        # Sealed by a key that is gone; recovery codes still work, and an admin can take it off.
        log.warning("second factor sealed by an unknown key")
        raise Problem("wrong_code") from None


def _seal(secret: str) -> str:
    return MultiFernet(_boxes()).encrypt(secret.encode()).decode()


def _step_of(secret: str, code: str, after: int) -> int | None:
    """The step later than ``after`` whose code this is."""
    made = pyotp.TOTP(secret)
    current = int(now().timestamp()) // STEP_SECONDS
    # What somebody types may be no digits at all.
    given = code.encode("utf-8", "replace")
    found = None
    for step in range(current - STEPS_EITHER_SIDE, current + STEPS_EITHER_SIDE + 1):
        # Every one is compared, so that the time says nothing.
        if hmac.compare_digest(made.at(step * STEP_SECONDS).encode(), given) and step > after:
            found = step
    return found


def _typed(code: str) -> str:
    """A code as people copy it: spaces, dashes and case do not count."""
    return re.sub(r"[\s-]", "", code).lower()


def _recovery_hash(code: str) -> bytes:
    # 118 random bits: a plain hash gives nothing away.
    return hashlib.sha256(b"tracetrack recovery code:" + _typed(code).encode("utf-8", "replace")).digest()


async def state(actor: Actor) -> SecondFactor:
    """Whether one has a second factor, and how many recovery codes are left."""
    async with db.reading() as connection:
        row = (await connection.execute(_STATE, {"user_id": actor.user_id})).one()
    return SecondFactor(
        enabled=row.confirmed_at is not None,
        since=row.confirmed_at,
        recovery_codes_left=row.codes_left or 0,
        required=row.required,
    )


async def begin(actor: Actor) -> SecondFactorSecret:
    """A secret for the phone; it counts only after a code made from it has come back.

    Raises:
        Problem: ``totp_already_on`` (409).
    """
    secret = pyotp.random_base32()
    async with db.transaction() as tx:
        values = {"user_id": actor.user_id, "secret": _seal(secret)}
        if (await tx.execute(_BEGIN, values)).one_or_none() is None:
            raise Problem("totp_already_on")
    uri = pyotp.TOTP(secret).provisioning_uri(name=actor.username, issuer_name=ISSUER)
    rows = segno.make(uri, error="m", micro=False).matrix
    return SecondFactorSecret(
        secret=secret, uri=uri, qr=["".join("1" if dark else "0" for dark in row) for row in rows]
    )


async def confirm(actor: Actor, code: str) -> RecoveryCodes:
    """Take the second factor into use with a first code from the phone.

    Raises:
        Problem: ``totp_not_begun`` (409), ``wrong_code`` (422).
    """
    async with db.transaction() as tx:
        sealed = (await tx.execute(_UNCONFIRMED, {"user_id": actor.user_id})).scalar_one_or_none()
        if sealed is None:
            raise Problem("totp_not_begun")
        step = _step_of(_open(sealed), _typed(code), 0)
        if step is None:
            raise Problem("wrong_code")
        await tx.execute(_CONFIRM, {"user_id": actor.user_id, "step": step})
        codes = await _new_codes(tx, actor.user_id)
        await _record(tx, actor, "second_factor_on", actor.user_id, actor.username, actor.area_id)
    forget_stamps()
    return codes


async def new_recovery_codes(actor: Actor) -> RecoveryCodes:
    """Other recovery codes; those before count no longer.

    Raises:
        Problem: ``totp_not_begun`` (409).
    """
    async with db.transaction() as tx:
        if (await tx.execute(_FACTOR, {"user_id": actor.user_id})).one_or_none() is None:
            raise Problem("totp_not_begun")
        codes = await _new_codes(tx, actor.user_id)
        await _record(tx, actor, "recovery_codes_made", actor.user_id, actor.username, actor.area_id)
    return codes


async def _new_codes(tx: AsyncConnection, user_id: int) -> RecoveryCodes:
    codes = [
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(6))
        for _ in range(RECOVERY_CODES)
    ]
    await tx.execute(_FORGET_CODES, {"user_id": user_id})
    await tx.execute(_ADD_CODES, {"user_id": user_id, "hashes": [_recovery_hash(code) for code in codes]})
    return RecoveryCodes(recovery_codes=codes)


async def check(caller: Acting, user_id: int, code: str) -> bool:
    """Whether this is a code of the user's second factor; then it is used up.

    Raises:
        Problem: ``too_many_requests`` (429) while wrong codes keep one waiting.
    """
    typed = _typed(code)
    async with db.transaction() as tx:
        factor = (await tx.execute(_FACTOR, {"user_id": user_id})).one_or_none()
        if factor is None:
            return False
        left = _wait(factor.failures, factor.failed_at, factor.now)
        if left > 0:
            raise Problem("too_many_requests", headers={"Retry-After": str(left)})
        if _DIGITS.fullmatch(typed):
            step = _step_of(_open(factor.secret), typed, factor.last_step)
        else:
            used = await tx.execute(_USE_CODE, {"user_id": user_id, "code_hash": _recovery_hash(code)})
            step = factor.last_step if used.one_or_none() is not None else None
            if step is not None:
                await _record(tx, caller, "recovery_code_used", user_id)
        if step is None:
            await tx.execute(_FAILED, {"user_id": user_id})
            return False
        await tx.execute(_USED, {"user_id": user_id, "step": step})
        return True


def _wait(failures: int, failed_at: dt.datetime | None, moment: dt.datetime) -> int:
    """Seconds until the next try is looked at: none for a few, then twice as long each time."""
    if failed_at is None or failures < FREE_TRIES:
        return 0
    wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(failures - FREE_TRIES, 10))
    return max(0, int(wait - (moment - failed_at).total_seconds() + 0.999))


async def remove(
    tx: AsyncConnection, caller: Acting | None, user_id: int, username: str, area_id: int | None
) -> bool:
    """Take the second factor off; False when there was none."""
    was_on = (await tx.execute(_REMOVE, {"user_id": user_id})).scalar_one_or_none()
    if was_on:
        await _record(tx, caller, "second_factor_off", user_id, username, area_id)
    return bool(was_on)


async def remove_own(actor: Actor) -> None:
    """Take one's own second factor off; again changes nothing."""
    async with db.transaction() as tx:
        await remove(tx, actor, actor.user_id, actor.username, actor.area_id)
    forget_stamps()


async def _record(
    tx: AsyncConnection,
    caller: Acting | None,
    action: str,
    user_id: int,
    username: str | None = None,
    area_id: int | None = None,
) -> None:
    await record(
        tx,
        caller,
        action=action,
        subject_type="user",
        subject_id=user_id,
        subject_code=username,
        area_id=area_id,
    )


async def unopened() -> list[str]:
    """The users whose second factor no key opens."""
    box = MultiFernet(_boxes())
    closed = []
    async with db.transaction() as tx:
        for row in (await tx.execute(_SECRETS)).all():
            try:
                box.decrypt(row.secret.encode())
            except InvalidToken:
                closed.append(row.username)
    return closed


async def reseal() -> list[str]:
    """Seal every secret by the current key, so that the previous one may go; whose no key opens."""
    boxes = _boxes()
    closed = []
    async with db.transaction() as tx:
        for row in (await tx.execute(_SECRETS)).all():
            try:
                boxes[0].decrypt(row.secret.encode())
            except InvalidToken:
                try:
                    sealed = MultiFernet(boxes).rotate(row.secret.encode()).decode()
                except InvalidToken:
                    closed.append(row.username)
                    continue
                await tx.execute(_RESEAL, {"user_id": row.user_id, "secret": sealed})
    return closed


async def _reseal_where_several() -> None:
    if len(_boxes()) > 1:
        await reseal()


JOBS = (Job("second factors sealed", RESEAL_SECONDS, _reseal_where_several),)
