"""Small jobs beside the requests: one that fails stops no other, and is tried again later."""

from __future__ import annotations

import asyncio

from tracetrack.platform.background import Job, run_jobs


async def test_a_job_that_fails_waits_longer_each_time_and_stops_no_other() -> None:
    done = {"right": 0, "wrong": 0}

    enough = asyncio.Event()

    async def right() -> None:
        done["right"] += 1
        if done["right"] == 30:
            enough.set()

    async def wrong() -> None:
        done["wrong"] += 1
        raise OSError("away")

    task = asyncio.create_task(run_jobs([Job("right", 0.01, right), Job("wrong", 0.01, wrong)]))
    async with asyncio.timeout(10):
        await enough.wait()
    task.cancel()
    await asyncio.wait((task,))
    assert 1 <= done["wrong"] < done["right"] / 2
