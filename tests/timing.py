"""Time per test module: printed after each run, recorded by ``make test-times``, limited by ``make check``.

``python -m tests.timing`` compares the recorded times with the budgets in ``pyproject.toml``.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "tests" / "times.json"
"""Seconds of each module, as last recorded on a machine that did nothing else."""

SLOWEST = 20

_by_test: dict[str, float] = defaultdict(float)


def budgets() -> dict[str, float]:
    """Seconds that each module may take, ``total`` for all of them, ``default`` for those not named."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["tracetrack"]["test-budget"]
    return {name: float(seconds) for name, seconds in table.items()}


def recorded() -> dict[str, float]:
    """The recorded seconds by module."""
    return dict(json.loads(RECORDED.read_text())) if RECORDED.exists() else {}


def per_module(by_test: dict[str, float]) -> dict[str, float]:
    """Seconds by module, the longest first."""
    total: dict[str, float] = defaultdict(float)
    for test, seconds in by_test.items():
        total[test.split("::")[0]] += seconds
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add the set-up, the call and the teardown of a test."""
    _by_test[report.nodeid] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the slowest tests and the time of each module; write the times where they are to be recorded."""
    if len(_by_test) < 2 or os.environ.get("PYTEST_XDIST_WORKER"):
        return
    modules = per_module(_by_test)
    terminalreporter.section("time per module", sep="-")
    for module, seconds in modules.items():
        terminalreporter.write_line(f"{seconds:8.1f} s  {module}")
    terminalreporter.section(f"{SLOWEST} slowest tests", sep="-")
    for test, seconds in sorted(_by_test.items(), key=lambda item: -item[1])[:SLOWEST]:
        terminalreporter.write_line(f"{seconds:8.1f} s  {test}")
    if os.environ.get("TRACETRACK_RECORD_TIMES"):
        lines = json.dumps({module: round(seconds, 1) for module, seconds in modules.items()}, indent=0)
        RECORDED.write_text(lines + "\n")


def longest_first(items: list[pytest.Item]) -> None:
    """Order modules by their recorded time, so that no worker starts a long one last; new ones come first."""
    seconds = recorded()
    items.sort(key=lambda item: -seconds.get(item.nodeid.split("::")[0], float("inf")))


def over_budget() -> list[str]:
    """A sentence for each module that is over its budget or does not exist."""
    allowed, seconds = budgets(), recorded()
    found = [
        f"{module} takes {taken} s of {allowed.get(module, allowed['default'])} s"
        for module, taken in seconds.items()
        if taken > allowed.get(module, allowed["default"])
    ]
    modules = {str(path.relative_to(ROOT)) for path in ROOT.glob("tests/**/test_*.py")}
    modules -= {module for module in modules if module.startswith("tests/cluster/")}
    gone = (seconds.keys() | allowed.keys()) - modules - {"total", "default"}
    found += [f"{module} does not exist" for module in gone]
    if (total := sum(seconds.values())) > allowed["total"]:
        found.append(f"all modules together take {total:.0f} s of {allowed['total']:.0f} s")
    return found


if __name__ == "__main__":
    if problems := over_budget():
        sys.exit(
            "The test suite is over its time budget ([tool.tracetrack.test-budget]):\n" + "\n".join(problems)
        )
