"""``make bench``: how long the site takes to start and to stop, in seconds, from the outside."""

from __future__ import annotations

import signal
import statistics
import tempfile
import time
from pathlib import Path

from tests.test_serve import Site, gone

ROUNDS = 5


def start(folder: Path) -> tuple[Site, float]:
    began = time.monotonic()
    return Site(folder).until_ready(), time.monotonic() - began


def show(name: str, seconds: list[float]) -> None:
    print(f"{name:32} median {statistics.median(seconds):5.2f} s  of {len(seconds)}: ", end="")
    print(" ".join(f"{second:.2f}" for second in seconds), flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tracetrack-bench-") as name:
        folder = Path(name)
        site, first = start(folder)
        show("first start, empty folder", [first])
        stops, starts, after_kill = [], [], []
        for _ in range(ROUNDS):
            began = time.monotonic()
            site.stop()
            stops.append(time.monotonic() - began)
            site, seconds = start(folder)
            starts.append(seconds)
        show("stop by SIGTERM", stops)
        show("start again", starts)
        for _ in range(ROUNDS):
            family = site.family()
            site.stop(signal.SIGKILL)
            site, seconds = start(folder)
            after_kill.append(seconds)
            assert gone(family)
        show("start after kill -9", after_kill)
        site.stop()


if __name__ == "__main__":
    main()
