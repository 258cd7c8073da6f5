"""Access tokens: short-lived JSON web tokens, and the only place that touches the JOSE library.

A token says who and which session; everything else is looked up, so that it can be revoked.
One algorithm, our own headers only, every claim required: whatever is odd is a 401.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import time
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from jose import jwt

from tracetrack.access.keyring import Keyring
from tracetrack.platform.background import Job
from tracetrack.platform.problems import Problem
from tracetrack.settings import Settings, get_settings

ALGORITHM = "HS256"
ISSUER = "tracetrack"
AUDIENCE = "tracetrack-api"
MIN_KEY_CHARACTERS = 32
CLOCK_SKEW_SECONDS = 5
"""How far another worker's clock may be ahead of ours."""
REMEMBERED_TOKENS = 10_000
"""How many tokens that were read are remembered; reading one takes a tenth of a millisecond."""

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}", re.ASCII)
_OPTIONS = {f"require_{claim}": True for claim in ("exp", "iat", "sub", "iss", "aud")}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says."""

    user_id: int
    session_id: UUID


@dataclass(frozen=True, slots=True)
class _Keys:
    current: str
    by_id: dict[str, str]
    seconds: int
    read: dict[str, tuple[Claims, int]] = field(default_factory=dict)


LOOK_SECONDS = 1.0
"""How often a worker looks whether the keys were changed."""

_keys: _Keys | None = None
_ring: Keyring | None = None
_stamp = 0
_next_since = float("inf")
_looked_at = float("-inf")


def _key_id(key: str) -> str:
    return hashlib.sha256(b"tracetrack key id:" + key.encode()).hexdigest()[:16]


def open_tokens(settings: Settings) -> None:
    """Load the signing keys: those of the environment, else those of the data folder.

    Raises:
        ValueError: a key has fewer than 32 characters.
    """
    global _keys, _ring
    if settings.secret_key is None:
        _ring = Keyring(settings.data)
        _keys = _of_ring(_ring, settings.access_token_seconds)
        return
    _ring = None
    keys = [settings.secret_key.get_secret_value()]
    if settings.secret_key_previous:
        keys.append(settings.secret_key_previous.get_secret_value())
    _keys = _made_of(keys, settings.access_token_seconds)


def _made_of(keys: list[str], seconds: int) -> _Keys:
    if any(len(key) < MIN_KEY_CHARACTERS for key in keys):
        raise ValueError(f"the secret key must have at least {MIN_KEY_CHARACTERS} characters")
    return _Keys(keys[0], {_key_id(key): key for key in keys}, seconds)


def _of_ring(ring: Keyring, seconds: int) -> _Keys:
    """The newest key that may sign already, then all others: what another worker signs is good here."""
    global _stamp, _next_since
    _stamp, now = ring.stamp(), time.time()
    keys = ring.load()
    # By a clock that is behind none may sign yet, and the site is to start all the same.
    signing = next((key for key in keys if key.since <= now), keys[-1])
    _next_since = min((key.since for key in keys if key.since > now), default=float("inf"))
    return _made_of([signing.key, *(key.key for key in keys if key is not signing)], seconds)


def _opened() -> _Keys:
    global _keys, _looked_at
    if _keys is None:
        raise RuntimeError("tokens are not open")
    if _ring is not None and time.monotonic() - _looked_at > LOOK_SECONDS:
        _looked_at = time.monotonic()
        if _ring.stamp() != _stamp or time.time() >= _next_since:
            _keys = _of_ring(_ring, _keys.seconds)
    return _keys


async def renew_key(settings: Settings | None = None) -> None:
    """Make a new signing key when the one in the data folder is old."""
    settings = settings or get_settings()
    if _ring is not None:
        await asyncio.to_thread(_ring.rotate_if_older, settings.signing_key_days, settings.session_days)


JOBS = (Job("signing key", 3_600.0, renew_key),)


def access_token(user_id: int, session_id: UUID) -> str:
    """A token for one session, valid for :attr:`Settings.access_token_seconds`."""
    keys = _opened()
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "typ": "access",
        "sub": str(user_id),
        "sid": str(session_id),
        "iat": now,
        "exp": now + keys.seconds,
    }
    return jwt.encode(claims, keys.current, ALGORITHM, headers={"kid": _key_id(keys.current)})


def unauthorized(code: str = "unauthorized") -> Problem:
    """A 401 that names the scheme, as HTTP asks for."""
    return Problem(code, headers={"WWW-Authenticate": "Bearer"})


def read_access_token(token: str) -> Claims:
    """What a token says, if every part of it is right.

    Raises:
        Problem: ``unauthorized`` for anything else.
    """
    keys = _opened()
    try:
        # The same text was right before; only the time can have made it wrong.
        claims, expires = keys.read.get(token) or _read(token, keys)
    except Exception:  # the library raises more than its own errors, and none may be a 500
        raise unauthorized() from None
    if expires <= time.time():
        keys.read.pop(token, None)
        raise unauthorized()
    return claims


def _read(token: str, keys: _Keys) -> tuple[Claims, int]:
    if len(token) > 2_000 or not _SHAPE.fullmatch(token):
        raise ValueError("shape")
    # The last character of 43 carries two bits that decode to nothing: one spelling only.
    if token[-1] not in "AEIMQUYcgkosw048":
        raise ValueError("spelling")
    header = jwt.get_unverified_header(token)
    key = keys.by_id[header["kid"]]
    if header != {"alg": ALGORITHM, "typ": "JWT", "kid": _key_id(key)}:
        raise ValueError("header")
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=_OPTIONS
    )
    issued, expires, now = claims["iat"], claims["exp"], time.time()
    if type(issued) is not int or type(expires) is not int or claims["aud"] != AUDIENCE:
        raise ValueError("types")
    if expires > issued + keys.seconds or issued > now + CLOCK_SKEW_SECONDS:
        raise ValueError("times")
    if claims["typ"] != "access" or not claims["sub"].isdecimal():
        raise ValueError("type")
    said = Claims(int(claims["sub"]), UUID(claims["sid"]))
    while len(keys.read) >= REMEMBERED_TOKENS:
        keys.read.pop(next(iter(keys.read)))
    keys.read[token] = said, expires
    return said, expires


def random_secret() -> str:
    """256 random bits as text: the first refresh token of a session."""
    return token_urlsafe(32)


def derived(purpose: str, text: str) -> list[str]:
    """What our keys make of a text, 256 bits each: by the current key first, then the previous."""
    return [
        base64.urlsafe_b64encode(hmac.digest(key.encode(), f"{purpose}:{text}".encode(), "sha256"))
        .decode()
        .rstrip("=")
        for key in _opened().by_id.values()
    ]


def is_derived(purpose: str, text: str, given: str) -> bool:
    """Whether ``given`` is what one of our keys makes of the text."""
    # Every key is compared, so that the time says nothing.
    return sum(hmac.compare_digest(own.encode(), given.encode()) for own in derived(purpose, text)) > 0
