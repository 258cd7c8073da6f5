"""The index of parts of codes: filled after commit, so that neither scans nor imports wait for it."""

from __future__ import annotations

from sqlalchemy import text

from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.upkeep import Chore

FILL_SECONDS = 2.0
BATCH = 20_000
"""Bags a transaction."""
LONGEST_SECONDS = 60
"""For one transaction."""

_FILL = text("select fill_bag_search(:most)")


async def fill() -> int:
    """Take over what is committed; how many ids those were."""
    done = 0
    while True:
        async with db.transaction() as tx, db.patiently(tx, LONGEST_SECONDS):
            count = int(await tx.scalar(_FILL, {"most": BATCH}) or 0)
        if count == 0:
            return done
        done += count


JOBS = (Job("search", FILL_SECONDS, fill),)
UPKEEP = (Chore("search_mended", "select mend_bag_search(5000)", batch=5000),)
