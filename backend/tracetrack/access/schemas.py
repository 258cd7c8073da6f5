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


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_max_length=10_000)


class Credentials(Body):
    """Who signs in."""

    username: Annotated[str, Field(max_length=256)]
    password: Password


class PasswordChange(Body):
    """A new password, with proof that it is oneself."""

    current_password: Password
    new_password: Password


class OwnProfile(Body):
    """What everybody may change about himself."""

    language: Language


class AreaRef(BaseModel):
    """An area by name."""

    id: int
    name: str


class User(BaseModel):
    """The person who is signed in."""

    id: int
    username: str
    full_name: str
    role: Role
    area: AreaRef | None
    must_change_password: bool
    language: str


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
