"""How often somebody may ask, and how long he waits after a wrong password.

- Tries to sign in, to prove oneself and to refresh are counted in PostgreSQL (``limits.sql``). Wrong
  ones make the next wait longer, and let one at a time try, for those who share what failed: a browser
  that has signed in as this user before counts by itself, so nobody can keep a supervisor out by
  failing in his name.
- Reports, exports and imports are counted by slowapi: moving windows in Redis, by user and
  by address, in this worker's memory while Redis is away. slowapi asks synchronously, so in a thread.
- All else has one generous limit a user, in this worker's memory: a scan pays no round trip for it.
  Wrong keys and refresh tokens are counted there too, by address: asking PostgreSQL would cost what
  a wrong one costs. Whoever brings a good token is not concerned by what his neighbours bring.
- Who asks for an account is counted by address, in PostgreSQL, whatever comes of it.
- Failed sign-ins are counted there by hour, so that the ledger, of which nobody can delete a row, tells
  of a thousand in some thirty.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import math
import re
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

from redis.backoff import NoBackoff
from redis.retry import Retry
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from tracetrack.access import passwords, tokens
from tracetrack.platform import db
from tracetrack.platform.breaker import State
from tracetrack.platform.cache import REDIS
from tracetrack.platform.problems import Problem
from tracetrack.platform.upkeep import Chore
from tracetrack.settings import Settings

WRONG = frozenset({"bad_credentials", "wrong_password"})
"""Problems that say that somebody guessed a password; codes of a second factor have waits of their own."""

BROWSER_COOKIE = "tt_browser"
BROWSER_DAYS = 180
MOST_USERS = 10
"""Of one browser; shared phones have several, and the oldest are forgotten."""
REGISTRATIONS_PER_MINUTE_ADDRESS = 20
"""Tries to ask for an account from one address, those that are refused too."""
REFRESHES_PER_MINUTE = 30
"""Of one session; a page that is loaded anew refreshes."""
AT_ONCE_AS_ONE = 2
"""Tries of strangers as one user from one address that a worker judges at a time."""
AT_ONCE_FROM_ADDRESS = 8
"""The same from one address."""
MOST_TRYING = 200
"""Tries with one key that wait for their turn in a worker."""
MOST_ADDRESSES = 10_000
"""Whose wrong keys and tokens are counted; the oldest are forgotten."""

UPKEEP = (
    Chore(
        "tries_forgotten",
        """
        with tries as (delete from sign_in_tries where minute < now() - interval '5 minutes' returning 1),
            failures as (delete from sign_in_failures where last_at < now() - interval '1 hour' returning 1)
        select (select count(*) from tries) + (select count(*) from failures)
        """,
    ),
)

_FAILED_SIGN_IN = text("""
    insert into sign_in_failures as f (key, failures, last_at) values (:key, 1, now())
    on conflict (key) do update set failures = f.failures + 1, last_at = now()
    returning failures
""")
_MAY_TRY = "select may_try($1, $2, $3)"
_ADMIT = "select admit_try($1, $2, $3, $4, $5)"
_RELEASE = "select release_try($1)"
_FAILED = "select try_failed($1, $2, $3)"
_SUCCEEDED = "select try_succeeded($1)"


_COSTLY = re.compile(r"^POST .*/(imports|labels)$|/(reports|exports)/|/(export|report|preview)$")
"""Files and reports made anew for each request. Looking on, as at a running import or at a list's next page,
costs little and is often repeated, by programs too."""


class _Guard(NamedTuple):
    """Whose failures make whom wait."""

    key: str
    free: int
    """Failures before the first wait."""
    longest: float
    """Seconds."""
    forgiven: bool = True
    """Whether a success makes the failures forgotten."""


class _Limits(NamedTuple):
    settings: Settings
    shared: Callable[[Request], None]
    """Counts a costly request in Redis."""
    own: Callable[[Request], None]
    """Counts it in memory."""
    thread: ThreadPoolExecutor
    asked: dict[int, int]
    """Requests of each user in this minute."""
    wrong_keys: dict[str, int]
    """Keys from each address in this minute that were none."""
    wrong_tokens: dict[str, int]
    """Refresh tokens, likewise."""


_limits: _Limits | None = None
_minute = 0


def _address(request: Request) -> str:
    return counted_address(request.client.host) if request.client else "unknown"


def _user(request: Request) -> str:
    return str(request.state.user_id)


def _counter(limiter: Limiter, settings: Settings) -> Callable[[Request], None]:
    # Two limits on one call, which has nothing to do itself; per user first, since many share an address.
    @limiter.limit(f"{settings.reports_per_minute_address}/minute", key_func=_address)
    @limiter.limit(f"{settings.reports_per_minute}/minute", key_func=_user)
    def costly(request: Request) -> None:
        pass

    counted: Callable[[Request], None] = costly
    return counted


def open_limits(settings: Settings) -> None:
    """Prepare the counters; nothing is asked of Redis yet."""
    global _limits
    own = _counter(Limiter(_address, strategy="moving-window"), settings)
    shared = own
    if settings.redis_url is not None:
        seconds = settings.redis_timeout_ms / 1000
        patience: dict[str, Any] = {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "retry": Retry(NoBackoff(), 0),
        }
        if settings.redis_url.get_secret_value().startswith("redis+sentinel"):
            # A replica may not know the last tries yet.
            patience["use_replicas"] = False
        limiter = Limiter(
            _address,
            strategy="moving-window",
            storage_uri=settings.redis_url.get_secret_value(),
            storage_options=patience,
            in_memory_fallback_enabled=True,
            key_prefix="tracetrack",
        )
        shared = _counter(limiter, settings)
    # One at a time: of two calls that find Redis gone together, slowapi lets the second one fail.
    _limits = _Limits(settings, shared, own, ThreadPoolExecutor(1, "limits"), {}, {}, {})


def close_limits() -> None:
    """Stop the threads."""
    global _limits
    if _limits is not None:
        _limits.thread.shutdown(wait=False, cancel_futures=True)
    _limits = None


def _opened() -> _Limits:
    if _limits is None:
        raise RuntimeError("limits are not open")
    return _limits


def _refuse(seconds: float) -> Problem:
    return Problem("too_many_requests", headers={"Retry-After": str(max(1, math.ceil(seconds)))})


def _this_minute() -> _Limits:
    """The counters, without what they counted in minutes before."""
    global _minute
    limits = _opened()
    minute = int(time.monotonic() / 60)
    if minute != _minute:
        _minute = minute
        limits.asked.clear()
        limits.wrong_keys.clear()
        limits.wrong_tokens.clear()
    return limits


async def count_request(request: Request, user_id: int) -> None:
    """Count one request of somebody who is signed in.

    Raises:
        Problem: ``too_many_requests``.
    """
    limits = _this_minute()
    asked = limits.asked.get(user_id, 0) + 1
    limits.asked[user_id] = asked
    if asked > limits.settings.requests_per_minute:
        raise _refuse(60 - time.monotonic() % 60)
    if not _COSTLY.search(f"{request.method} {request.url.path}"):
        return
    request.state.user_id = user_id
    try:
        if limits.shared is limits.own or REDIS.state is not State.closed:
            limits.own(request)
        else:
            await asyncio.wrap_future(limits.thread.submit(limits.shared, request))
    except RateLimitExceeded:
        raise _refuse(30) from None


def counted_address(host: str) -> str:
    """What is counted as one address: of IPv6 a network, for who has one address has 2^64 of them."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def refuse_guessed_key(address: str) -> None:
    """Refuse to look for one more key from an address that brought many wrong ones in this minute.

    Raises:
        Problem: ``too_many_requests``.
    """
    limits = _this_minute()
    if limits.wrong_keys.get(counted_address(address), 0) >= limits.settings.sign_ins_per_minute_address:
        raise _refuse(60 - time.monotonic() % 60)


def count_wrong_key(address: str) -> None:
    """Count a key that there is not, or not any more."""
    _count_wrong(_this_minute().wrong_keys, address)


def count_wrong_token(address: str) -> None:
    """Count a refresh token that there is not. Good ones from the same address are not concerned.

    Raises:
        Problem: ``too_many_requests``.
    """
    limits = _this_minute()
    if _count_wrong(limits.wrong_tokens, address) > limits.settings.refreshes_per_minute_address:
        raise _refuse(60 - time.monotonic() % 60)


def _count_wrong(wrong: dict[str, int], address: str) -> int:
    address = counted_address(address)
    if address not in wrong and len(wrong) >= MOST_ADDRESSES:
        wrong.pop(next(iter(wrong)))
    wrong[address] = wrong.get(address, 0) + 1
    return wrong[address]


def _key(*parts: object) -> str:
    """Of something that is counted: a hash, for a name may be a password in the wrong field."""
    return hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()[:32]


async def _found_by(username: str) -> str:
    """A name in the form by which its user is found, whose letters only the database folds so."""
    name = unicodedata.normalize("NFC", username).strip().replace("\0", "\ufffd")
    return name.lower() if name.isascii() else str(await db.answer("select lower($1)", name))


@asynccontextmanager
async def trying(request: Request, username: str, *, signed_in: bool = False) -> AsyncIterator[None]:
    """One try with a password or a code: counted before, and what came of it after.

    Args:
        request: who asks, and from where.
        username: as whom.
        signed_in: the try is to prove oneself again; only sessions of this user can fail at it.

    Raises:
        Problem: ``too_many_requests`` before anything is looked at.
    """
    settings = _opened().settings
    name = await _found_by(username)
    address, browser = _address(request), _browser_of(request, name)
    if signed_in:
        guards = [_Guard(_key("self", name), 10, 60)]
        windows = [(_key("self", name), settings.sign_ins_per_minute)]
    elif browser:
        guards = [_Guard(_key("browser", name, browser), 10, 30)]
        windows = [(_key("browser", name, browser), settings.sign_ins_per_minute)]
    else:
        guards = [
            _Guard(_key("pair", name, address), 5, 60),
            _Guard(_key("user", name), 100, 30, forgiven=False),
            _Guard(_key("address", address), 30, 15, forgiven=False),
        ]
        windows = [
            (_key("pair", name, address), settings.sign_ins_per_minute),
            (_key("address", address), settings.sign_ins_per_minute_address),
        ]
    strange = not (signed_in or browser)
    passwords.preferred.set(not strange)
    async with AsyncExitStack() as stack:
        if strange:
            # Of many that come together most wait until the first have failed, and are judged by that.
            await stack.enter_async_context(_at_once(guards[0].key, AT_ONCE_AS_ONE))
            await stack.enter_async_context(_at_once(guards[2].key, AT_ONCE_FROM_ADDRESS))
        wait, held = await db.answer(
            _ADMIT, *_told(guards), [key for key, _ in windows], [most for _, most in windows]
        )
        if wait:
            raise _refuse(wait)
        try:
            yield
        except Problem as problem:
            if problem.code not in WRONG:
                await _release(held)
            elif uncounted := [guard for guard in guards if guard.key not in (held or ())]:
                await db.answer(_FAILED, *_told(uncounted))
            raise
        await _release(held)
        if forgiven := [guard.key for guard in guards if guard.forgiven]:
            await db.answer(_SUCCEEDED, forgiven)


_trying: dict[str, list[Any]] = {}
"""Of each key with tries under way in this worker: a semaphore, and how many have it or wait for it."""


@asynccontextmanager
async def _at_once(key: str, most: int) -> AsyncIterator[None]:
    """Let so many tries with one key be judged at a time.

    Raises:
        Problem: ``too_many_requests`` when very many wait already.
    """
    entry = _trying.setdefault(key, [asyncio.Semaphore(most), 0])
    if entry[1] >= MOST_TRYING:
        raise _refuse(1)
    entry[1] += 1
    try:
        async with entry[0]:
            yield
    finally:
        entry[1] -= 1
        if not entry[1]:
            _trying.pop(key, None)


def _told(guards: list[_Guard]) -> tuple[list[str], list[int], list[float]]:
    """Guards as the database's functions want them: keys, free failures, longest waits."""
    return [g.key for g in guards], [g.free for g in guards], [float(g.longest) for g in guards]


async def _release(held: list[str] | None) -> None:
    """Count a try no longer that was counted as wrong when it was admitted."""
    if held:
        await db.answer(_RELEASE, held)


async def count_failed_sign_in(
    tx: AsyncConnection, why: str, user_id: int | None, address: str
) -> int | None:
    """Count one failed sign-in: by user, or where there is none of the name, by address.

    Args:
        why: the problem's code; the few who know a password do not drown among the many who guess.

    Returns:
        How many there were in this hour, when the ledger is to tell of it: of 1 to 9, of 10, 20 and so on
        to 90, of 100, 200 and so on; else None.
    """
    whose = user_id if user_id is not None else counted_address(address)
    key = _key("failed", why, whose, int(time.time() // 3_600))
    failures = (await tx.execute(_FAILED_SIGN_IN, {"key": key})).scalar_one()
    return None if str(failures)[1:].strip("0") else int(failures)


async def count_refresh(session_id: UUID) -> None:
    """Count one refresh of a session, whichever of its tokens it brings.

    Raises:
        Problem: ``too_many_requests``.
    """
    window = [_key("refresh", session_id)]
    wait = await db.answer(_MAY_TRY, [], window, [REFRESHES_PER_MINUTE])
    if wait:
        raise _refuse(wait)


async def count_registration(address: str) -> None:
    """Count one try to ask for an account, by address, whatever comes of it.

    Raises:
        Problem: ``too_many_requests``.
    """
    window = [_key("registrations", counted_address(address))]
    wait = await db.answer(_MAY_TRY, [], window, [REGISTRATIONS_PER_MINUTE_ADDRESS])
    if wait:
        raise _refuse(wait)


def _name_mark(name: str) -> str:
    return _key("user of a browser", name)[:12]


def _read(cookie: str) -> tuple[str, list[str]] | None:
    """The browser's own secret and the marks of its users, if the cookie is one of ours."""
    said, _, mac = cookie.rpartition(".")
    if len(cookie) > 400 or not cookie.isascii() or not tokens.is_derived("browser", said, mac):
        return None
    secret, _, marks = said.partition(".")
    return secret, marks.split("-")


def _browser_of(request: Request, name: str) -> str | None:
    """The secret of a browser in which this user has signed in before."""
    known = _read(
        request.cookies.get(BROWSER_COOKIE, "") or request.cookies.get(f"__Host-{BROWSER_COOKIE}", "")
    )
    return known[0] if known and _name_mark(name) in known[1] else None


async def browser_cookie(request: Request, username: str) -> str:
    """What a browser keeps after somebody has signed in with it; it gives no access to anything."""
    name = await _found_by(username)
    known = _read(
        request.cookies.get(BROWSER_COOKIE, "") or request.cookies.get(f"__Host-{BROWSER_COOKIE}", "")
    )
    secret, marks = known or (tokens.random_secret(), [])
    mark = _name_mark(name)
    said = f"{secret}.{'-'.join([mark, *(m for m in marks if m != mark)][:MOST_USERS])}"
    return f"{said}.{tokens.derived('browser', said)[0]}"
