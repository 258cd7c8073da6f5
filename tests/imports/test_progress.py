"""How far an import is: it moves on at least once a second, in every step, and never back."""

from __future__ import annotations

import itertools

import pytest

from tracetrack.imports import merge
from tracetrack.imports.merge import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, to be set."""
    now = [0.0]
    monkeypatch.setattr(merge.time, "monotonic", lambda: now[0])
    return now


def test_a_step_that_takes_a_hundred_times_as_long_still_moves_every_second(clock: list[float]) -> None:
    progress = Progress(rows_total=1_000_000)
    progress.expect(0.15, 0.166, 0.3)
    seen = []
    for clock[0] in range(31):
        seen.append(progress.rows_done)
    assert all(before < after for before, after in itertools.pairwise(seen))
    assert seen[-1] < 166_000
    # The next step begins where this one was to end.
    progress.expect(0.166, 0.182, 0.3)
    assert progress.rows_done == 166_000


def test_an_estimate_that_ran_ahead_is_never_taken_back_but_by_a_new_beginning(clock: list[float]) -> None:
    progress = Progress(rows_total=1_000)
    progress.expect(0.0, 0.1, 1)
    clock[0] = 9.0
    assert progress.rows_done == 90
    progress.expect(0.05, 0.1, 1)
    assert progress.rows_done == 90
    progress.expect(0.1, 0.2, 1)
    assert progress.rows_done == 100
    progress.begin_again()
    assert (progress.phase, progress.rows_done) == ("reading", 0)
