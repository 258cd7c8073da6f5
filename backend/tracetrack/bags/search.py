"""The index of parts of codes: filled after commit, so that neither scans nor imports wait for it."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.upkeep import Chore

FILL_SECONDS = 2.0
BATCH = 2_000
"""Bags a transaction: scans wait for the disk that a longer one keeps busy."""
REST = 1.5
"""Rest between two batches, as a multiple of the time that the last one took."""
LONGEST_SECONDS = 60
"""For one transaction."""

_FILL = text("select fill_bag_search(:most)")


async def fill() -> int:
    """Take over what is committed; how many ids those were."""
    done = 0
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        async with db.transaction() as tx, db.patiently(tx, LONGEST_SECONDS):
            count = int(await tx.scalar(_FILL, {"most": BATCH}) or 0)
        if count == 0:
            return done
        done += count
        if count == BATCH:
            await asyncio.sleep(REST * (clock() - began))


JOBS = (Job("search", FILL_SECONDS, fill),)
UPKEEP = (Chore("search_mended", "select mend_bag_search(5000)", batch=5000),)
