"""Alerts that reach people: each is told once when it begins and once when it is over.

What is to be told is written down in the transaction that notices it, and sent afterwards: again and
again, less and less often, for a day; that it was given up then is told by the performance dashboard.
So an alert is told by whichever worker is alive, and once a channel, unless a sender dies between
sending and noting it.
"""

from __future__ import annotations

import asyncio
import random
import urllib.error
import urllib.request
from email.message import EmailMessage
from typing import Any

import orjson

from tracetrack.access.actor import Actor
from tracetrack.ledger.service import record
from tracetrack.oversight.alerts import queries
from tracetrack.oversight.alerts.schemas import Tried
from tracetrack.oversight.performance.service import beyond_limits
from tracetrack.people.schemas import SiteSettings
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.breaker import PATIENCE, breaker
from tracetrack.platform.clock import now
from tracetrack.platform.logs import get_logger
from tracetrack.platform.mail import send_mail, sender
from tracetrack.platform.metrics import ALERTS_GIVEN_UP as GIVEN_UP
from tracetrack.platform.upkeep import Chore
from tracetrack.settings import Settings, get_settings

log = get_logger("alerts")

JUDGE_SECONDS = 15.0
SEND_SECONDS = 5.0
OVER_SECONDS = 300.0
"""How long it must have been well for an alert to be over: one that comes and goes is told once."""
WEBHOOK_SECONDS = 10
LONGEST_PAUSE = 3600.0

NAMES = {
    "p95_ms": "One request in twenty takes longer than {limit:g} ms: {value:g} ms",
    "errors_percent": "More than {limit:g} % of requests fail: {value:g} %",
    "loop_lag_ms": "A worker was busy with one thing for longer than {limit:g} ms: {value:g} ms",
    "pool_percent": "More than {limit:g} % of a worker's database connections are in use: {value:g} %",
    "disk_free_percent": "Less than {limit:g} % of a disk of the site is free: {value:g} %",
    "disk_left_percent": "Less than {limit:g} % of a disk is free, writing ends soon: {value:g} %",
}


async def judge() -> int:
    """Notice what has gone beyond its limit, and what is over; how many that were."""
    site = await site_settings()
    beyond = await beyond_limits()
    async with db.transaction() as tx:
        if not await tx.scalar(queries.ALONE):
            return 0
        told: list[dict[str, Any]] = []
        for alert in beyond:
            values = {"name": alert.name, "value": alert.value, "limit": alert.limit}
            if await tx.scalar(queries.SEEN, values):
                told.append({**values, "state": "raised"})
        over = (await tx.execute(queries.OVER, {"seconds": OVER_SECONDS})).mappings()
        told += [{**row, "state": "over"} for row in over]
        for one in told:
            log.warning("alert", name=one["name"], state=one["state"], value=one["value"], limit=one["limit"])
            for channel in _channels(site):
                await tx.execute(queries.WRITE, {"channel": channel, "body": _body(site, one)})
    return len(told)


def _channels(site: SiteSettings) -> list[str]:
    return [
        *(["webhook"] if site.alert_webhook else []),
        *(["mail"] if site.alert_mail_to else []),
    ]


def _body(site: SiteSettings, alert: dict[str, Any]) -> dict[str, Any]:
    """What a webhook is posted; ``text`` is what chat programs show."""
    word = "Over" if alert["state"] == "over" else "Alert"
    said = NAMES[alert["name"]].format(**alert)
    return {
        **alert,
        "site": site.site_name,
        "at": now().isoformat(),
        "text": f"{site.site_name}: {word}: {said}",
    }


async def send_due(settings: Settings | None = None) -> int:
    """Send what waits, one after another, until one cannot be sent; how many were."""
    sent = 0
    async with db.transaction() as tx:
        for lost in (await tx.execute(queries.GIVE_UP)).mappings():
            log.error("alert given up", **lost)
            GIVEN_UP.labels(lost["channel"]).inc()
    while True:
        async with db.transaction() as tx:
            row = (await tx.execute(queries.TAKE)).one_or_none()
        if row is None:
            return sent
        try:
            await _send(settings or get_settings(), row.channel, row.body)
        except Exception as error:
            pause = min(LONGEST_PAUSE, 5.0 * 2 ** min(row.tries, 16))
            # After an outage of theirs, not all that waits at the same moment.
            pause *= random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
            log.warning("alert not sent", channel=row.channel, error=_words(error), again_in=round(pause))
            async with db.transaction() as tx:
                await tx.execute(queries.FAILED, {"id": row.id, "error": _words(error), "seconds": pause})
            return sent
        async with db.transaction() as tx:
            await tx.execute(queries.SENT, {"id": row.id})
        sent += 1


async def _send(settings: Settings, channel: str, body: dict[str, Any]) -> None:
    """Send a message to where the settings say now; to nobody where they name nobody any more."""
    site = await site_settings()
    if channel in _channels(site):
        async with breaker(channel, **PATIENCE).guarding(OSError):
            await _carry(settings, site, channel, body)


async def _carry(settings: Settings, site: SiteSettings, channel: str, body: dict[str, Any]) -> None:
    if channel == "webhook":
        await asyncio.to_thread(_post, site.alert_webhook, orjson.dumps(body))
        return
    if settings.smtp_host is None:
        raise OSError("TRACETRACK_SMTP_HOST is not set")
    message = EmailMessage()
    message["Subject"] = body["text"]
    message["From"] = sender(settings)
    message["To"] = ", ".join(site.alert_mail_to)
    message.set_content(f"{body['text']}\n{body['at']}\n")
    await asyncio.to_thread(send_mail, settings, message)


async def try_out(actor: Actor, settings: Settings) -> list[Tried]:
    """Send a message of trial by each way that the settings name, at once and once; what came of it."""
    site = await site_settings()
    body = {"name": "trial", "state": "trial", "site": site.site_name, "at": now().isoformat()}
    body["text"] = f"{site.site_name}: Trial: alerts reach you here"
    tried = []
    for channel in _channels(site):
        error: str | None = None
        try:
            await _carry(settings, site, channel, body)
        except Exception as failure:
            error = _words(failure)
        tried.append(Tried.model_validate({"channel": channel, "error": error}))
    async with db.transaction() as tx:
        await record(
            tx,
            actor,
            action="alerts_tried",
            subject_type="setting",
            subject_id=None,
            subject_code="alerts",
            after={one.channel: one.error or "sent" for one in tried},
        )
    return tried


def _words(failure: Exception) -> str:
    """What went wrong, as an admin reads it."""
    # urllib wraps what happened into "<urlopen error ...>".
    reason = failure if isinstance(failure, urllib.error.HTTPError) else getattr(failure, "reason", failure)
    return str(reason)[:300] or type(failure).__name__


class _Straight(urllib.request.HTTPRedirectHandler):
    """A webhook answers itself: a redirect could lead anywhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(  # noqa: S310 - the setting takes http and https alone
        url,
        data=body,
        headers={"Content-Type": "application/json", "User-Agent": "TraceTrack"},
        method="POST",
    )
    with urllib.request.build_opener(_Straight()).open(request, timeout=WEBHOOK_SECONDS):
        pass


JOBS = (Job("alerts", JUDGE_SECONDS, judge), Job("alert messages", SEND_SECONDS, send_due))
UPKEEP = (Chore("alerts_forgotten", queries.FORGET),)
