"""What the person at the terminal is told while the site starts, runs and stops."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


def say(text: str, *, end: str = "\n") -> None:
    """Tell the person at the terminal; a closed terminal is no reason to stop serving."""
    with contextlib.suppress(OSError):
        print(text, end=end, flush=True)  # noqa: T201


@contextlib.contextmanager
def step(name: str) -> Iterator[list[str]]:
    """One line of progress with the seconds it took; append to the list what came of it."""
    began = time.monotonic()
    outcome: list[str] = []
    say(f"  {name} ... ", end="")
    try:
        yield outcome
    except BaseException:
        say("")
        raise
    say(f"{', '.join(outcome) or 'done'} ({time.monotonic() - began:.1f} s)")
