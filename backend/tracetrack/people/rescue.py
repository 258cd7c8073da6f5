"""A way in for who has none left: the only admin forgot the password, or lost the phone and its codes.

For who holds the machine, who could change the database anyway; the ledger says that it was done.
"""

from __future__ import annotations

from sqlalchemy import text

from tracetrack.access import sessions, totp
from tracetrack.access.passwords import hash_now
from tracetrack.ledger.service import record
from tracetrack.people.first_run import readable_password, short_lived
from tracetrack.settings import get_settings

_USER = text("""
    select u.id, u.username, u.area_id from users u
    where lower(u.username) = lower(:username) and not exists (select from api_keys k where k.user_id = u.id)
    for no key update of u
""")
_LET_IN = text("""
    update users set password_hash = :password_hash, must_change_password = true, disabled_at = null,
        updated_at = now()
    where id = :user_id
""")


async def let_in(database_url: str, username: str) -> str | None:
    """Give a user a one-time password, take a second factor off, and end all sessions.

    Args:
        database_url: the database, as its owner or as the application.
        username: whose, in any case of its letters.

    Returns:
        The one-time password, which stands only there; None where there is no such user.
    """
    one_time = readable_password()
    hashed = hash_now(one_time, get_settings().bcrypt_rounds)
    engine = short_lived(database_url)
    async with engine.begin() as tx:
        user = (await tx.execute(_USER, {"username": username})).one_or_none()
        if user is None:
            return None
        await tx.execute(_LET_IN, {"user_id": user.id, "password_hash": hashed})
        await totp.remove(tx, None, user.id, user.username, user.area_id)
        ended = await sessions.end_all(tx, user.id, "let_in_by_command")
        await record(
            tx,
            None,
            action="user_changed",
            subject_type="user",
            subject_id=user.id,
            subject_code=user.username,
            area_id=user.area_id,
            after={
                "password": "changed",
                "must_change_password": True,
                "disabled": False,
                "sessions_ended": ended,
                "by": "tracetrack let-in",
            },
        )
    return one_time
