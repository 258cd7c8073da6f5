"""What goes in and out of signing in."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tracetrack.access.actor import Role

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$", max_length=12)]
"""A language of the screens: ``en``, ``hi``, or one more that a file was added for."""

Password = Annotated[str, Field(json_schema_extra={"format": "password"})]
"""A password as typed; its rules are in :mod:`tracetrack.access.passwords`."""


Code = Annotated[str, Field(min_length=1, max_length=40)]
"""Of the second factor as typed: six digits, or a recovery code; spaces and dashes do not count."""


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_max_length=10_000)


class Credentials(Body):
    """Who signs in."""

    username: Annotated[str, Field(max_length=256)]
    password: Password
    totp: Code | None = None
    """Where the answer was ``totp_required``: the six digits on the phone, or a recovery code."""


class PasswordChange(Body):
    """A new password, with proof that it is oneself."""

    current_password: Password
    new_password: Password


class Proof(Body):
    """Who one is, once more: by the password, and where there is a second factor by a code of it too."""

    password: Password
    totp: Code | None = None


class FirstCode(Body):
    """A code from the phone that was given the secret."""

    code: Code


class OwnProfile(Body):
    """What everybody may change about himself."""

    language: Language


class AreaRef(BaseModel):
    """An area by name."""

    id: int
    name: str


class OwnKey(BaseModel):
    """The API key that a request came with."""

    id: UUID
    name: str
    beginning: str
    """The first characters of the key, to know it by."""
    scopes: list[str] | None
    """What the key may be used for, of what its role may do; null: all of it."""
    expires_at: dt.datetime | None
    """When the key ends by itself; null: never."""


class User(BaseModel):
    """The person who is signed in, or the user in whose name a key acts."""

    id: int
    username: str
    full_name: str
    role: Role
    area: AreaRef | None
    must_change_password: bool
    must_set_up_totp: bool
    """The site asks admins for a second factor, and this one has none yet."""
    language: str
    key: OwnKey | None = None
    """The key that asks; null for people."""


class Tokens(BaseModel):
    """A short-lived access token, to be kept in memory; ``expires_in`` is in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the scheme's name
    expires_in: int
    user: User


class Session(BaseModel):
    """One place where the user is signed in."""

    id: UUID
    created_at: dt.datetime
    last_seen_at: dt.datetime
    expires_at: dt.datetime
    user_agent: str
    address: str
    current: bool


class SecondFactor(BaseModel):
    """One's own second factor."""

    enabled: bool
    since: dt.datetime | None
    recovery_codes_left: int
    required: bool
    """The site asks it of this role."""


class SecondFactorSecret(BaseModel):
    """What an authenticator app is given; told this once, and worth nothing before it is confirmed."""

    secret: str
    uri: str
    qr: list[str]
    """The address as a QR code: rows of modules, ``1`` dark and ``0`` light, without the quiet zone."""


class RecoveryCodes(BaseModel):
    """Each signs one in once, when the phone is gone; told this once."""

    recovery_codes: list[str]


class SessionsEnded(BaseModel):
    """How many sessions that were."""

    sessions_ended: int
