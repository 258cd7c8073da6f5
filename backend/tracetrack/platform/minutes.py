"""What this worker did since it was last asked: requests by route, its CPU, memory and loop lag."""

from __future__ import annotations

import asyncio
import bisect
import time
from dataclasses import dataclass, field

import psutil

BOUNDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the buckets, in seconds; what took longer is in one more."""
TICK_SECONDS = 0.5


@dataclass
class Tally:
    """Requests of one route."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))


@dataclass
class Taken:
    """What happened since the last time."""

    routes: dict[tuple[str, str], Tally]
    cpu_share: float
    """Of one core."""
    memory_bytes: int
    loop_lag_ms: float
    """The longest that the event loop was late."""


_routes: dict[tuple[str, str], Tally] = {}
_longest_lag = 0.0
_process = psutil.Process()
_cpu = (time.monotonic(), 0.0)


def count(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request."""
    tally = _routes.setdefault((method, route), Tally())
    tally.requests += 1
    tally.errors += status >= 500
    tally.seconds += seconds
    tally.buckets[bisect.bisect_left(BOUNDS, seconds)] += 1


async def tick() -> None:
    """Sleep a little, and see how late the loop wakes us."""
    global _longest_lag
    began = time.monotonic()
    await asyncio.sleep(TICK_SECONDS)
    _longest_lag = max(_longest_lag, time.monotonic() - began - TICK_SECONDS)


def take() -> Taken:
    """What happened since the last time, which begins anew."""
    global _longest_lag, _cpu, _routes
    used = _process.cpu_times()
    now = time.monotonic(), used.user + used.system
    share = (now[1] - _cpu[1]) / max(0.001, now[0] - _cpu[0])
    taken = Taken(_routes, share, _process.memory_info().rss, _longest_lag * 1000)
    _routes, _longest_lag, _cpu = {}, 0.0, now
    return taken


def give_back(taken: Taken) -> None:
    """What was taken could not be stored: it is taken again, later."""
    global _longest_lag
    for route, tally in taken.routes.items():
        mine = _routes.setdefault(route, Tally())
        mine.requests += tally.requests
        mine.errors += tally.errors
        mine.seconds += tally.seconds
        mine.buckets = [a + b for a, b in zip(mine.buckets, tally.buckets, strict=True)]
    _longest_lag = max(_longest_lag, taken.loop_lag_ms / 1000)


def percentile(buckets: list[int], share: float) -> float | None:
    """The milliseconds within which this share of the requests was answered; None of none.

    Between the ends of a bucket it is spread evenly, as Prometheus does.
    """
    wanted = sum(buckets) * share
    if not wanted:
        return None
    below = 0.0
    for place, found in enumerate(buckets):
        if found and below + found >= wanted:
            if place == len(BOUNDS):
                break
            low = BOUNDS[place - 1] if place else 0.0
            return round((low + (BOUNDS[place] - low) * (wanted - below) / found) * 1000, 2)
        below += found
    return BOUNDS[-1] * 1000
