"""What goes in and out of users, areas and site settings."""

from __future__ import annotations

import datetime as dt
import unicodedata
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tracetrack.access.actor import Role
from tracetrack.access.schemas import AreaRef, Body, Language, Password

Id = Annotated[int, Field(ge=1, lt=2**63)]


def one_line(text: str) -> str:
    """A name as people write it: NFC, no white space around it, nothing that cannot be seen."""
    text = unicodedata.normalize("NFC", text).strip()
    for character in text:
        if unicodedata.category(character) in (
            "Cc",
            "Cf",
            "Cs",
            "Co",
            "Cn",
            "Zl",
            "Zp",
        ) and character not in (
            # Indian scripts join and part letters with these.
            "\u200c",
            "\u200d",
        ):
            raise ValueError("must hold no control, direction or unknown characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip("\u200c\u200d"):
        raise ValueError("must not be blank")
    return text


OneLine = Annotated[str, AfterValidator(one_line)]
Username = Annotated[str, Field(max_length=64), AfterValidator(one_line), AfterValidator(_not_blank)]
AreaName = Annotated[str, Field(max_length=80), AfterValidator(one_line), AfterValidator(_not_blank)]
KeyName = Annotated[str, Field(max_length=60), AfterValidator(one_line), AfterValidator(_not_blank)]
FullName = Annotated[str, Field(max_length=120), AfterValidator(one_line)]


class NewUser(Body):
    """A user to make."""

    username: Username
    password: Password
    role: Role
    area_id: Id | None = None
    full_name: FullName = ""
    language: Language = "en"
    must_change_password: bool = False


class UserChange(Body):
    """What changes about a user; what is absent stays."""

    role: Role | None = None
    area_id: Id | None = None
    disabled: bool | None = None
    password: Password | None = None
    full_name: FullName | None = None
    language: Language | None = None
    must_change_password: bool | None = None


class UserRecord(BaseModel):
    """A user as admins see one."""

    id: int
    username: str
    full_name: str
    role: Role
    area: AreaRef | None
    language: str
    must_change_password: bool
    disabled: bool
    created_at: dt.datetime
    last_seen_at: dt.datetime | None
    """When a session of the user was last carried on; null before the first sign-in."""


class NewArea(Body):
    """An area to make."""

    name: AreaName


class AreaChange(Body):
    """What changes about an area; what is absent stays."""

    name: AreaName | None = None
    disabled: bool | None = None


class Area(BaseModel):
    """A dispatch area."""

    id: int
    name: str
    disabled: bool
    created_at: dt.datetime


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be a time zone such as Asia/Kolkata")
    return name


def _host(name: str) -> str:
    name = name.strip().lower()
    if not name or any(character in name for character in "/:@?# "):
        raise ValueError("must be a host name such as bags.example.com")
    return name


TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]
SiteName = Annotated[str, Field(max_length=80), AfterValidator(one_line), AfterValidator(_not_blank)]
UndoMinutes = Annotated[int, Field(ge=0, le=1_440)]
AlertMs = Annotated[int, Field(ge=1, le=600_000)]
AlertPercent = Annotated[int, Field(ge=1, le=100)]
CodeHosts = Annotated[
    list[Annotated[str, Field(max_length=253), AfterValidator(_host)]], Field(max_length=50)
]


class SiteSettings(BaseModel):
    """What an admin sets for the whole site while it runs."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    site_name: SiteName = "TraceTrack"
    time_zone: TimeZone = "Asia/Kolkata"
    """Days are counted in it."""
    undo_minutes: UndoMinutes = 30
    """How long a dispatcher may take back his own scans."""
    code_hosts: CodeHosts = []
    """Hosts whose URLs on labels stand for their last path segment."""
    alert_p95_ms: AlertMs = 500
    """Warn when one request in twenty takes longer."""
    alert_errors_percent: AlertPercent = 1
    alert_loop_lag_ms: AlertMs = 250
    """Warn when a worker is busy with one thing for longer."""
    alert_pool_percent: AlertPercent = 90
    """Warn when so much of a worker's database connections is in use."""


class SettingsChange(Body):
    """What changes; what is absent stays."""

    site_name: SiteName | None = None
    time_zone: TimeZone | None = None
    undo_minutes: UndoMinutes | None = None
    code_hosts: CodeHosts | None = None
    alert_p95_ms: AlertMs | None = None
    alert_errors_percent: AlertPercent | None = None
    alert_loop_lag_ms: AlertMs | None = None
    alert_pool_percent: AlertPercent | None = None
