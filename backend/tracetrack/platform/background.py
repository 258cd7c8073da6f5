"""What a worker does beside answering: small jobs, again and again, every few seconds.

A job that may run in one worker only takes an advisory lock itself; the others find nothing to do.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tracetrack.platform.logs import get_logger

log = get_logger("background")

LONGEST_SECONDS = 60.0
"""How long a job that fails, again and again, is left alone at most."""


def heard(task: asyncio.Task[Any]) -> None:
    """Take note of how a task ended that several wait for: where all were given up, nobody else does."""
    if not task.cancelled():
        task.exception()


@dataclass(frozen=True)
class Job:
    """Something to be done every so many seconds."""

    name: str
    seconds: float
    do: Callable[[], Awaitable[object]]


async def _repeat(job: Job) -> None:
    failures = 0
    while True:
        wait = job.seconds if not failures else min(LONGEST_SECONDS, job.seconds * 2**failures)
        await asyncio.sleep(random.uniform(0.8, 1.2) * wait)  # noqa: S311 - jitter, not a secret
        try:
            await job.do()
        except Exception as error:
            failures = min(failures + 1, 10)
            # The database may be away for a while: once with all the words, then briefly.
            log.warning("job failed", job=job.name, error=str(error)[:200], exc_info=failures == 1)
        else:
            failures = 0


async def run_jobs(jobs: Sequence[Job]) -> None:
    """Do all of them until cancelled; one that fails is tried again later and stops no other."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_repeat(job), name=f"job {job.name}")
