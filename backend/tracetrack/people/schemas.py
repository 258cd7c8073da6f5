"""What goes in and out of users, areas and site settings."""

from __future__ import annotations

import datetime as dt
import unicodedata
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tracetrack.access.actor import Role
from tracetrack.access.schemas import AreaRef, Body, Language, Password
from tracetrack.people.names import mixes_scripts

Id = Annotated[int, Field(ge=1, lt=2**63)]


def one_line(text: str) -> str:
    """A name as people write it: NFC, single spaces, none around it, nothing that cannot be seen."""
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
    return " ".join(text.split())


def _one_script(text: str) -> str:
    if mixes_scripts(text):
        raise ValueError("must not mix letters of several scripts that look alike, or in one word")
    return text


def _not_blank(text: str) -> str:
    if not text.strip("\u200c\u200d"):
        raise ValueError("must not be blank")
    return text


OneLine = Annotated[str, AfterValidator(one_line)]
# As long as it is when it is stored: some letters of Devanagari become two.
Username = Annotated[
    str,
    AfterValidator(one_line),
    Field(max_length=64),
    AfterValidator(_not_blank),
    AfterValidator(_one_script),
]
ThingName = Annotated[
    str,
    AfterValidator(one_line),
    Field(max_length=80),
    AfterValidator(_not_blank),
    AfterValidator(_one_script),
]
"""Of an area, a bag type or a label pattern."""
Note = Annotated[str, AfterValidator(one_line), Field(max_length=500)]
KeyName = Annotated[
    str,
    AfterValidator(one_line),
    Field(max_length=60),
    AfterValidator(_not_blank),
    AfterValidator(_one_script),
]
DealerName = Annotated[str, AfterValidator(one_line), Field(max_length=200), AfterValidator(_one_script)]
FullName = Annotated[str, AfterValidator(one_line), Field(max_length=120)]


class NewUser(Body):
    """A user to make."""

    username: Username
    password: Password | None = None
    """Absent: a one-time password is made and answered, which must be changed at the first sign-in."""
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


class PersonRef(BaseModel):
    """A user by name."""

    id: int
    username: str
    full_name: str


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
    """When a session of the user was last carried on, or his key used; null before the first time."""
    sessions: int
    """In how many places the user is signed in."""
    totp: bool
    """Whether the user has a second factor."""
    is_key: bool
    """A program's user, who has a key and no password."""


class MadeUser(UserRecord):
    """A user just made: this is the only time that a one-time password is told."""

    one_time_password: str | None


class OneTimePassword(BaseModel):
    """A password to hand over, told this once; its user must choose another at the next sign-in."""

    password: str


class NewRegistration(Body):
    """Somebody asks for an account, with the password that is to be his."""

    username: Username
    password: Password
    full_name: FullName = ""
    note: Note = ""
    """Who one is and where one works, for the admin who decides."""
    language: Language = "en"


class RegistrationState(StrEnum):
    """Where a request stands."""

    waiting = "waiting"
    approved = "approved"
    declined = "declined"


class Registration(BaseModel):
    """Somebody who asks for an account, as admins see it."""

    id: int
    username: str
    full_name: str
    note: str
    language: str
    address: str
    created_at: dt.datetime
    state: RegistrationState
    name_taken: bool
    """A user has this name already: it can only be approved under another."""
    decided_at: dt.datetime | None
    decided_by: str | None


class Approval(Body):
    """What somebody becomes who asked for an account."""

    role: Role
    area_id: Id | None = None
    username: Username | None = None
    """Absent: the one asked for."""


class Decline(Body):
    """Why not; the reason is kept, and shown to who asked for a role."""

    reason: Note = ""


class NewPromotion(Body):
    """One asks for a higher role."""

    role: Role
    reason: Annotated[str, AfterValidator(one_line), Field(max_length=500), AfterValidator(_not_blank)]


class Promotion(BaseModel):
    """Somebody who asks for a higher role."""

    id: int
    user: PersonRef
    from_role: Role
    """The role now; of a decided one, the role then."""
    role: Role
    reason: str
    created_at: dt.datetime
    state: RegistrationState
    decided_at: dt.datetime | None
    decided_by: str | None
    answer: str | None


class PromotionApproval(Body):
    """Yes to a higher role."""

    area_id: Id | None = None
    """Absent: the area stays."""


class Site(BaseModel):
    """What everybody may know before signing in."""

    name: str
    registration: bool
    """Whether one may ask for an account."""
    version: str
    """The version of TraceTrack that answers, such as `1.0.0`."""


class NewArea(Body):
    """An area to make."""

    name: ThingName


class AreaChange(Body):
    """What changes about an area; what is absent stays."""

    name: ThingName | None = None
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
SiteName = Annotated[str, AfterValidator(one_line), Field(max_length=80), AfterValidator(_not_blank)]
UndoMinutes = Annotated[int, Field(ge=0, le=1_440)]
AlertMs = Annotated[int, Field(ge=1, le=600_000)]
AlertPercent = Annotated[int, Field(ge=1, le=100)]
CodeHosts = Annotated[
    list[Annotated[str, Field(max_length=253), AfterValidator(_host)]], Field(max_length=50)
]

ShiftStarts = Annotated[
    list[Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):(00|15|30|45)$")]],
    Field(max_length=12),
    AfterValidator(lambda starts: sorted(set(starts))),
]
"""Hours and quarters by the site's clock: scans are counted by quarters of an hour."""
LEAST_AUDIT_MONTHS = 12
"""Who could have the record forgotten sooner could hide what he did."""
AuditMonths = Annotated[int, Field(ge=0, le=1_200)]


def _webhook(url: str) -> str:
    url = url.strip()
    # Where Python finds no port in it, it says so by a ValueError too.
    parts, port = urlsplit(url), urlsplit(url).port
    if url and (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == 0
        or any(character.isspace() or not character.isprintable() for character in url)
    ):
        raise ValueError("must be an http or https address")
    return url


Webhook = Annotated[str, Field(max_length=500), AfterValidator(_webhook)]
MailAddress = Annotated[str, Field(max_length=254, pattern=r"^[^@\s,<>]+@[^@\s,<>]+$")]
AlertMails = Annotated[list[MailAddress], Field(max_length=20)]


UnmatchedLabels = Literal["ask", "accept", "reject"]
CodeFormat = Literal[
    "qr_code", "data_matrix", "code_128", "ean_13", "ean_8", "code_39", "itf", "pdf417", "aztec"
]
"""Kinds of codes, by the names of the browsers' Barcode Detection API."""
CodeFormats = Annotated[list[CodeFormat], Field(min_length=1, max_length=9)]


class SiteSettings(BaseModel):
    """What an admin sets for the whole site while it runs."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    site_name: SiteName = "TraceTrack"
    time_zone: TimeZone = "Asia/Kolkata"
    """Days are counted in it."""
    registration: bool = False
    """Whether people may ask for an account at the sign-in page; an admin decides about each."""
    totp_for_admins: bool = False
    """Whether admins must have a second factor."""
    undo_minutes: UndoMinutes = 30
    """How long a dispatcher may take back his own scans."""
    complete_when_full: bool = True
    """Whether scanning the next parent completes the one before, where that has its expected children."""
    unmatched_labels: UnmatchedLabels = "ask"
    """Where patterns for both kinds are set: what becomes of an unknown code that none of them matches."""
    code_hosts: CodeHosts = []
    """Hosts whose URLs on labels stand for their last path segment."""
    camera_formats: CodeFormats = ["qr_code", "data_matrix", "code_128", "ean_13", "ean_8"]
    """Kinds of codes that cameras read; of any other one they say that it is not read here."""
    shift_starts: ShiftStarts = ["06:00", "14:00", "22:00"]
    """When shifts begin; each ends with the next. None: a day is one shift, from midnight on."""
    audit_months: AuditMonths = 0
    """Whole months of the audit log that are kept, besides this one; 0 keeps all."""
    alert_p95_ms: AlertMs = 500
    """Warn when one request in twenty takes longer."""
    alert_errors_percent: AlertPercent = 1
    alert_loop_lag_ms: AlertMs = 250
    """Warn when a worker is busy with one thing for longer."""
    alert_pool_percent: AlertPercent = 90
    """Warn when so much of a worker's database connections is in use."""
    alert_webhook: Webhook = ""
    """Where alerts are posted to, as JSON; empty: nowhere."""
    alert_mail_to: AlertMails = []
    """Who gets alerts by mail, where SMTP is set up."""


def _long_enough(months: int) -> int:
    if 0 < months < LEAST_AUDIT_MONTHS:
        raise ValueError(f"must be 0 or at least {LEAST_AUDIT_MONTHS}")
    return months


class SettingsChange(Body):
    """What changes; what is absent stays."""

    site_name: SiteName | None = None
    time_zone: TimeZone | None = None
    registration: bool | None = None
    totp_for_admins: bool | None = None
    undo_minutes: UndoMinutes | None = None
    complete_when_full: bool | None = None
    unmatched_labels: UnmatchedLabels | None = None
    code_hosts: CodeHosts | None = None
    camera_formats: CodeFormats | None = None
    shift_starts: ShiftStarts | None = None
    audit_months: Annotated[AuditMonths, AfterValidator(_long_enough)] | None = None
    alert_p95_ms: AlertMs | None = None
    alert_errors_percent: AlertPercent | None = None
    alert_loop_lag_ms: AlertMs | None = None
    alert_pool_percent: AlertPercent | None = None
    alert_webhook: Webhook | None = None
    alert_mail_to: AlertMails | None = None
