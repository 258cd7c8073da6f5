"""The lengths of a test, and where its times are asserted.

One body is short in ``make test`` and long in ``make soak``. Times depend on what else the machine does, so
only ``make bench`` asserts them.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

SOAK: Final = bool(os.environ.get("TRACETRACK_SOAK"))
"""Whether the long form runs."""

QUIET: Final = bool(os.environ.get("TRACETRACK_QUIET"))
"""Whether nothing else uses this machine, so that times can be asserted."""

FIGURES: Final = Path(__file__).parents[1] / "docs" / "soak.md"
"""Where ``make soak`` writes what it measured."""

_HEAD = """# Figures of the long runs

Written by `make soak`; each row is the newest run of one test. `make test` runs the same tests, shorter.

| test | date | figures |
| --- | --- | --- |
"""


def length(test: T, soak: T) -> T:
    """A number of rounds, rows or seconds: ``test`` in ``make test``, ``soak`` in ``make soak``."""
    return soak if SOAK else test


def assert_fast(measured: float, limit: float, what: str = "") -> None:
    """Fail on a quiet machine when ``measured`` reaches ``limit`` (same unit); print both on any other."""
    print(f"{what or 'measured'}: {measured:.3f} (below {limit:g})")
    assert measured < limit or not QUIET, f"{what}: {measured:.3f} is not below {limit:g}"


def figure(name: str, text: str) -> None:
    """Print what a test measured; a long run also keeps it in ``docs/soak.md``, one row a name."""
    print(f"{name}: {text}")
    if not SOAK:
        return
    lines = FIGURES.read_text("utf-8").splitlines() if FIGURES.exists() else []
    rows = {line.split(" | ")[0]: line for line in lines if line.startswith("| ")}
    rows = {key: row for key, row in rows.items() if key not in ("| test", "| ---")}
    today = dt.datetime.now(dt.UTC).date()
    rows[f"| {name}"] = f"| {name} | {today} | {text.replace('|', '/')} |"
    FIGURES.write_text(_HEAD + "\n".join(rows[key] for key in sorted(rows)) + "\n", "utf-8")
