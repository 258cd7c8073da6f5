"""The dashboard's figures, and the job that keeps their tallies small."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from tracetrack.access.actor import Actor, Role
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.cache import remembered
from tracetrack.platform.clock import now

FOLD_SECONDS = 3.0
SEEN_SECONDS = 0.5
"""How old the figures may be that somebody is shown."""

_PATIENTLY = text("set local statement_timeout = '60s'")
_FOLD = text("select fold_tallies()")
_SUMMARY = "select dashboard_summary($1, $2, $3, $4)"


async def fold() -> int:
    """Fold what has changed into the tallies; how many changes those were."""
    async with db.transaction() as tx:
        await tx.execute(_PATIENTLY)
        return int(await tx.scalar(_FOLD) or 0)


JOBS = (Job("tallies", FOLD_SECONDS, fold),)


def day_began(zone: str) -> dt.datetime:
    """When today began by the site's clock."""
    return now().astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)


async def summary(actor: Actor) -> dict[str, Any]:
    """The warehouse now, as far as the actor may see it, at most :data:`SEEN_SECONDS` old."""
    # By role and area, which is all that it depends on.
    view = (actor.role, actor.sees_area)
    told: dict[str, Any] = await remembered("dashboard", view, lambda: count(actor), seconds=SEEN_SECONDS)
    return told


async def count(actor: Actor) -> dict[str, Any]:
    """The warehouse at this moment, from the database."""
    zone = (await site_settings()).time_zone
    office = actor.role is not Role.dispatcher
    told: dict[str, Any] = await db.answer(_SUMMARY, actor.sees_area, office, day_began(zone), zone)
    return told
