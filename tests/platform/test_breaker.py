"""What fails is left alone, tried again by one, and longer each time."""

from __future__ import annotations

import pytest

from tracetrack.platform.breaker import Breaker, Resting, State, breaker, states


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_opens_after_so_many_failures_in_a_row_and_one_tries_after_the_rest(clock: Clock) -> None:
    one = Breaker("tested", failures=2, rest=10, longest=15, clock=clock)
    one.failed()
    one.succeeded()
    one.failed()
    assert (one.state, one.allows()) == (State.closed, True)
    one.failed()
    assert (one.state, one.allows()) == (State.open, False)
    one.failed("what was under way when it opened")
    clock.now += 11.1
    assert one.state is State.half_open
    assert [one.allows() for _ in range(3)] == [True, False, False]
    one.failed()
    # Twice as long now, but not beyond the longest.
    clock.now += 11.1
    assert one.state is State.open
    clock.now += 6
    assert one.allows()
    one.succeeded()
    assert (one.state, one.allows(), one.allows()) == (State.closed, True, True)


def test_a_try_that_never_tells_does_not_keep_others_out(clock: Clock) -> None:
    one = Breaker("tested", rest=10, clock=clock, longest=10)
    one.failed()
    clock.now += 11.1
    assert one.allows()
    assert not one.allows()
    clock.now += 11.1
    assert one.allows()


async def test_guarding_tells_failures_from_refusals(clock: Clock) -> None:
    one = Breaker("tested", rest=10, longest=10, clock=clock)
    with pytest.raises(ValueError):
        async with one.guarding(OSError):
            raise ValueError("the other side said no")
    assert one.state is State.closed
    with pytest.raises(OSError):
        async with one.guarding(OSError):
            raise ConnectionError
    with pytest.raises(Resting) as resting:
        async with one.guarding(OSError):
            pytest.fail("called")
    assert 8 < resting.value.seconds < 12
    assert states()["tested"] is State.open


def test_a_name_has_one_breaker() -> None:
    assert breaker("webhook example.org") is breaker("webhook example.org", failures=9)
