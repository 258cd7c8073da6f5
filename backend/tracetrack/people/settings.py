"""The site's settings: one typed model; what differs from its defaults stands in the database."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from tracetrack.access import again, totp
from tracetrack.access.actor import Actor
from tracetrack.ledger.service import record
from tracetrack.people import queries
from tracetrack.people.schemas import SettingsChange, SiteSettings
from tracetrack.platform import db
from tracetrack.platform.logs import get_logger
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import Remembered, forget_stamps
from tracetrack.settings import get_settings

log = get_logger("people")

GUARDED = ("registration", "totp_for_admins", "audit_months", "alert_webhook", "alert_mail_to")
"""Who changes one of these has proved lately who he is."""


def _defaults() -> dict[str, Any]:
    """The environment may name the hosts before an admin does."""
    return {"code_hosts": get_settings().code_hosts}


def _model(stored: dict[str, Any]) -> SiteSettings:
    """The settings as stored; a value that this version does not understand gives way to the default."""
    values = _defaults() | stored
    while True:
        try:
            return SiteSettings.model_validate(values)
        except ValidationError as error:
            for wrong in error.errors():
                log.warning("setting ignored", setting=wrong["loc"][0], reason=wrong["msg"])
                values.pop(str(wrong["loc"][0]), None)


def _told(name: str, value: Any) -> Any:
    """A setting as the ledger tells it: the path of a webhook's address is often its password."""
    if name != "alert_webhook" or not value:
        return value
    address = urlsplit(value)
    return f"{address.scheme}://{address.hostname}/…"


async def _load(_: None) -> SiteSettings:
    async with db.reading("floor") as connection:
        rows = (await connection.execute(queries.SETTINGS)).all()
    return _model({row.name: row.value for row in rows})


_remembered: Remembered[None, SiteSettings] = Remembered("settings", _load)


async def site_settings() -> SiteSettings:
    """The site's settings, at most half a second old; costs no query while they stay the same."""
    return await _remembered.get(None)


async def change_settings(actor: Actor, change: SettingsChange) -> SiteSettings:
    """Change some of the site's settings.

    Raises:
        Problem: ``reauthentication_required`` (403) for those that guard the site,
            ``totp_missing`` (409) to ask for second factors without having one, ``invalid`` (422) for
            a time zone that the database does not know.
    """
    wanted = change.model_dump(exclude_none=True)
    now = (await site_settings()).model_dump()
    proved = any(name in wanted and wanted[name] != now[name] for name in GUARDED)
    if proved:
        await again.prove_lately(actor)
    if wanted.get("totp_for_admins") and not (await totp.state(actor)).enabled:
        # Else this very change would shut its author out.
        raise Problem("totp_missing")
    async with db.transaction() as tx:
        # Its days are counted there.
        if "time_zone" in wanted and not await tx.scalar(queries.KNOWN_ZONE, {"name": wanted["time_zone"]}):
            raise Problem("invalid", errors=[{"loc": ["body", "time_zone"], "msg": "not known here"}])
        await tx.execute(queries.LOCK_SETTINGS)
        rows = (await tx.execute(queries.SETTINGS)).all()
        stored = {row.name: row.value for row in rows}
        before = _model(stored).model_dump()
        changed = {name: value for name, value in wanted.items() if before[name] != value}
        if not proved and any(name in changed for name in GUARDED):
            # Changed since it was remembered, so that this would change it back.
            await again.prove_lately(actor)
        for name, value in changed.items():
            await tx.execute(queries.SET_SETTING, {"name": name, "value": value, "user_id": actor.user_id})
            await record(
                tx,
                actor,
                action="setting_changed",
                subject_type="setting",
                subject_id=None,
                subject_code=name,
                before={"value": _told(name, before[name])},
                after={"value": _told(name, value)},
            )
    forget_stamps()
    return _model(stored | changed)
