"""The dashboard's figures, and the job that keeps their tallies small."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from tracetrack.access.actor import Actor, Role, sees
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.cache import remembered
from tracetrack.platform.clock import now
from tracetrack.platform.problems import Problem

FOLD_SECONDS = 3.0
FOLD_LONGEST_SECONDS = 60
"""For folding once."""
SEEN_SECONDS = 0.3
"""How old the figures may be that somebody is shown."""

_FOLD = text("select fold_tallies()")
_SUMMARY = "select dashboard_summary($1, $2, $3, $4)"
# An event bears the time at which its transaction began.
_WROTE_LATELY = (
    "select exists (select from audit_events where actor_id = $1 and at > now() - interval '5 seconds')"
)


async def fold() -> int:
    """Fold what has changed into the tallies; how many changes those were."""
    async with db.transaction() as tx, db.patiently(tx, FOLD_LONGEST_SECONDS):
        return int(await tx.scalar(_FOLD) or 0)


JOBS = (Job("tallies", FOLD_SECONDS, fold),)


def day_began(zone: str) -> dt.datetime:
    """When today began by the site's clock."""
    return now().astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)


def area_in_sight(actor: Actor, area_id: int | None) -> int | None:
    """The one area to be told of, or None for all.

    Raises:
        Problem: ``area_not_found`` (404) for an area that the actor may not see.
    """
    if area_id is not None and not sees(actor, area_id):
        raise Problem("area_not_found")
    return area_id or actor.sees_area


async def summary(actor: Actor, area_id: int | None = None) -> dict[str, Any]:
    """The warehouse now, at most :data:`SEEN_SECONDS` old; with all that the actor himself has done.

    Args:
        actor: whose view it is: all that he may see.
        area_id: of this area only.

    Raises:
        Problem: ``area_not_found`` (404).
    """
    if await db.answer(_WROTE_LATELY, actor.user_id):
        return _of_an_area(await count(actor, area_in_sight(actor, area_id)), area_id)
    return await shared_summary(actor, area_id)


async def shared_summary(actor: Actor, area_id: int | None = None) -> dict[str, Any]:
    """The warehouse at most :data:`SEEN_SECONDS` ago, for who is told again and again.

    Raises:
        Problem: ``area_not_found`` (404).
    """
    # By role and area, which is all that it depends on.
    area = area_in_sight(actor, area_id)
    told = await remembered("dashboard", (actor.role, area), lambda: count(actor, area), seconds=SEEN_SECONDS)
    return _of_an_area(told, area_id)


def _of_an_area(told: dict[str, Any], area_id: int | None) -> dict[str, Any]:
    if area_id is not None and not told["areas"]:
        raise Problem("area_not_found")
    return told


async def count(actor: Actor, area: int | None) -> dict[str, Any]:
    """The warehouse, or one area of it, at this moment, from the database."""
    zone = (await site_settings()).time_zone
    office = actor.role is not Role.dispatcher
    told: dict[str, Any] = await db.answer(_SUMMARY, area, office, day_began(zone), zone)
    return told
