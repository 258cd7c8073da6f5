"""Breakers: what fails is left alone for a while instead of being waited for again and again.

A breaker is closed (calls go through), open (calls are refused at once) or half open (its rest is
over and one call tries). Each rest is twice the one before, up to a longest, until a call succeeds.
Each worker has its own: what one cannot reach another may.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TypedDict

from prometheus_client import Counter, Gauge

from tracetrack.platform.logs import get_logger

log = get_logger("breaker")

OPEN = Gauge(
    "tracetrack_breaker_open", "Whether a breaker is not closed.", ("name",), multiprocess_mode="livemax"
)
OPENED = Counter("tracetrack_breaker_opened_total", "How often a breaker opened.", ("name",))


class Patience(TypedDict):
    """With what fails."""

    failures: int
    rest: float
    longest: float


PATIENCE: Patience = {"failures": 3, "rest": 15.0, "longest": 600.0}
"""With mail servers and webhooks: they are far away, and what they are told can wait."""


class State(StrEnum):
    """Of a breaker."""

    closed = "closed"
    open = "open"
    half_open = "half_open"


class Resting(Exception):  # noqa: N818 - what it does, not what went wrong
    """Refused without a try: the other side failed a moment ago."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"{name} is left alone for {seconds:.1f} more seconds")
        self.seconds = seconds
        """Until it is tried again."""


class Breaker:
    """Of one thing that may fail.

    Args:
        name: of what is called, for people and metrics: ``redis``, ``mail``, ``webhook example.org``.
        failures: how many in a row open it.
        rest: seconds of the first rest.
        longest: seconds of the longest rest.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 1,
        rest: float = 1.0,
        longest: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.failures = failures
        self.rest = rest
        self.longest = longest
        self._clock = clock
        self._failed = 0
        self._opened = 0
        self._trying = False
        self._rest_until = 0.0
        _all[name] = self

    @property
    def state(self) -> State:
        """At this moment."""
        if not self._opened:
            return State.closed
        return State.open if self._clock() < self._rest_until else State.half_open

    def allows(self) -> bool:
        """Whether a call may go through now; when half open, yes to the first who asks.

        Whoever is let through must tell :meth:`succeeded` or :meth:`failed`. One who never does
        has had his turn: after another rest somebody else may try.
        """
        if not self._opened:
            return True
        now = self._clock()
        if now < self._rest_until:
            return False
        self._trying = True
        self._rest_until = now + self._rest_seconds()
        return True

    def succeeded(self) -> None:
        """The call worked: closed from now on."""
        self._failed = 0
        if self._opened:
            self._opened = 0
            OPEN.labels(self.name).set(0)
            log.info("breaker closed", name=self.name)

    def failed(self, why: object = "") -> None:
        """The call did not work."""
        self._failed += 1
        if self._opened:
            # What was under way when it opened says nothing new.
            if not self._trying:
                return
        elif self._failed < self.failures:
            return
        else:
            OPENED.labels(self.name).inc()
            OPEN.labels(self.name).set(1)
            log.warning("breaker opened", name=self.name, why=str(why)[:200])
        self._trying = False
        self._opened += 1
        # Workers that lost the same thing together should not all come back to it together.
        self._rest_until = self._clock() + self._rest_seconds() * random.uniform(0.9, 1.1)  # noqa: S311

    def _rest_seconds(self) -> float:
        return min(self.longest, self.rest * 2.0 ** min(30, max(0, self._opened - 1)))

    @asynccontextmanager
    async def guarding(self, *failures: type[BaseException]) -> AsyncIterator[None]:
        """One call: ``async with breaker.guarding(OSError, TimeoutError): await send()``.

        Args:
            failures: what counts as one; other exceptions say that the other side answered.

        Raises:
            Resting: it was not tried.
        """
        if not self.allows():
            raise Resting(self.name, max(0.0, self._rest_until - self._clock()))
        try:
            yield
        except failures as error:
            self.failed(error)
            raise
        except Exception:
            self.succeeded()
            raise
        else:
            self.succeeded()

    def reset(self) -> None:
        """Closed, as at the start."""
        self._failed = self._opened = 0
        self._trying = False
        self._rest_until = 0.0
        OPEN.labels(self.name).set(0)


_all: dict[str, Breaker] = {}


def breaker(name: str, *, failures: int = 1, rest: float = 1.0, longest: float = 5.0) -> Breaker:
    """The breaker of this name, made at the first call; for things that come and go, such as webhooks."""
    return _all.get(name) or Breaker(name, failures=failures, rest=rest, longest=longest)


def reset_all() -> None:
    """Close every breaker, as at the start."""
    for one in _all.values():
        one.reset()


def states() -> dict[str, State]:
    """Every breaker of this worker."""
    return {name: one.state for name, one in _all.items()}
