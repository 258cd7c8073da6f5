"""What a site needs once a day: done by whichever worker comes first, one at a time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from tracetrack.platform import db
from tracetrack.platform.logs import get_logger

log = get_logger("upkeep")

DAY_SECONDS = 86_400.0
FIRST_SECONDS = 120.0
"""About how long after a worker's start the first round comes, so that a start is not burdened."""
AGAIN_SECONDS = 600.0
"""How long after a round that failed the next one comes."""
LONGEST_SECONDS = 60
"""For one batch."""
PAUSE_SECONDS = 0.05
"""Between two batches, so that scans come first."""

_ALONE = text("select pg_try_advisory_xact_lock(hashtext('tracetrack upkeep'))")


@dataclass(frozen=True)
class Chore:
    """Something to be done once a day for the whole site.

    ``sql`` answers how much it did; while that is a full ``batch``, it is done again.
    """

    name: str
    sql: str
    batch: int | None = None


async def do_chores(chores: Sequence[Chore]) -> dict[str, int]:
    """Do each chore, batch by batch, each batch its own transaction; how much each did.

    What another worker is doing at this moment is left to it. One chore that fails is logged and does not
    stop the others.

    Raises:
        ExceptionGroup: of what failed, after all of them were tried.
    """
    done: dict[str, int] = {}
    failed: list[Exception] = []
    for chore in chores:
        try:
            if not await _do(chore, done):
                break
        except Exception as error:
            log.warning("chore failed", chore=chore.name, error=str(error)[:200])
            failed.append(error)
    if failed:
        raise ExceptionGroup("chores failed", failed)
    return done


async def _do(chore: Chore, done: dict[str, int]) -> bool:
    """Do one chore and add up how much that was; False when another worker is at it."""
    while True:
        async with db.transaction() as tx, db.patiently(tx, LONGEST_SECONDS):
            if not await tx.scalar(_ALONE):
                return False
            count = int(await tx.scalar(text(chore.sql)) or 0)
        done[chore.name] = done.get(chore.name, 0) + count
        if chore.batch is None or count < chore.batch:
            return True
        await asyncio.sleep(PAUSE_SECONDS)


async def keep_up(
    chores: Sequence[Chore],
    *,
    first: float = FIRST_SECONDS,
    every: float = DAY_SECONDS,
    again: float = AGAIN_SECONDS,
) -> None:
    """Do the chores until cancelled; workers that start together do not come together."""
    wait = first
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5) * wait)  # noqa: S311 - jitter, not a secret
        try:
            done = await do_chores(chores)
        except Exception:
            # Tomorrow's scans need a database that is up, not this round.
            log.exception("upkeep failed")
            wait = again
        else:
            log.info("upkeep", **done)
            wait = every
