"""How long calls took, by route and by what was wrong at the time."""

from __future__ import annotations

import re
import statistics
import time
from dataclasses import dataclass


@dataclass
class Call:
    """One call that was answered."""

    at: float
    """When it was sent, by the monotonic clock."""
    route: str
    status: int
    word: str
    seconds: float
    retry_after: bool


def route_of(method: str, path: str) -> str:
    """A path without its ids and its query."""
    path = path.partition("?")[0]
    return f"{method} " + re.sub(r"/(\d+|[0-9a-f]{8}-[0-9a-f-]{27})(?=/|$)", "/{id}", path)


def percentile(values: list[float], share: float) -> float:
    """Of some values, in their unit."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Meter:
    """Keeps every answered call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def count(self, method: str, path: str, status: int, word: str, seconds: float, retry: bool) -> None:
        """One answer."""
        at = time.monotonic() - seconds
        self.calls.append(Call(at, route_of(method, path), status, word, seconds, retry))

    def between(self, since: float, until: float) -> list[Call]:
        """Those sent in a while."""
        return [call for call in self.calls if since <= call.at < until]


def by_route(calls: list[Call], least: int) -> dict[str, list[float]]:
    """Milliseconds by route, of routes asked at least so often."""
    found: dict[str, list[float]] = {}
    for call in calls:
        found.setdefault(call.route, []).append(call.seconds * 1000)
    return {route: times for route, times in found.items() if len(times) >= least}


def slowed(fine: list[Call], faulty: list[Call], least: int) -> dict[str, float]:
    """By how many milliseconds the median of each route was slower when something was wrong."""
    before, after = by_route(fine, least), by_route(faulty, least)
    return {
        route: statistics.median(after[route]) - statistics.median(before[route])
        for route in before.keys() & after.keys()
    }
