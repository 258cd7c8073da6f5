"""Whether a site stays as it was: memory, connections, open files and p99 under fifty users for long.

    python -m tests.trust.soak

``MINUTES`` (30), ``USERS`` (50) and ``ABORTED`` (0.01, the share of calls hung up on) change it. It
prints a sample every few seconds and the slope of each figure; the exit code is 1 when one is not flat.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.trust.meter import Meter, percentile
from tests.trust.record import Recorder, anomalies
from tests.trust.site import TrustSite, hire, site
from tests.trust.workload import Workload
from tracetrack.platform.embedded import postgres

MINUTES = float(os.environ.get("MINUTES", "30"))
USERS = int(os.environ.get("USERS", "50"))
ABORTED = float(os.environ.get("ABORTED", "0.01"))
REST = float(os.environ.get("REST", "0.3"))
SAMPLES = 120
"""At most; on a busy machine taking one may itself take a while."""
WARM = 0.2
"""The share of the time in which a site may still grow into its caches."""

MOST = {"memory_mb": 0.10, "files": 0.10, "connections": 0.10, "sessions": 0.25, "p99_ms": 0.50}
"""By how much each figure's line may rise from the end of the warm-up to the end, as a share."""


@dataclass
class Sample:
    """The site at one moment."""

    minutes: float
    memory_mb: float
    """Resident, of all web workers."""
    files: float
    """Open files and sockets of all web workers."""
    connections: float
    """TCP connections of all web workers."""
    sessions: float
    """Of the application in PostgreSQL."""
    p99_ms: float
    """Of the calls since the last sample."""
    calls: int


async def sample(running: TrustSite, meter: Meter, began: float) -> Sample:
    workers = running.workers()
    owner = await running.owner()
    sessions = await owner.fetchval(
        "select count(*) from pg_stat_activity where usename = $1 and datname = current_database()",
        postgres.APP,
    )
    await owner.close()
    times = [call.seconds * 1000 for call in meter.calls]
    meter.calls.clear()
    return Sample(
        minutes=(time.monotonic() - began) / 60,
        memory_mb=sum(worker.memory_info().rss for worker in workers) / 2**20,
        files=sum(worker.num_fds() for worker in workers),
        connections=sum(len(worker.net_connections("tcp4")) for worker in workers),
        sessions=sessions,
        p99_ms=percentile(times, 0.99) if times else 0.0,
        calls=len(times),
    )


def judge(samples: list[Sample]) -> bool:
    """Print the slope of each figure; whether all are flat."""
    kept = [one for one in samples if one.minutes >= WARM * MINUTES]
    minutes = [one.minutes for one in kept]
    flat = True
    for name, most in MOST.items():
        values = [float(getattr(one, name)) for one in kept]
        slope, start = statistics.linear_regression(minutes, values)
        first, last = start + slope * minutes[0], start + slope * minutes[-1]
        rise = (last - first) / max(first, 1.0)
        good = rise <= most
        flat &= good
        print(
            f"{name:12} {first:9.1f} -> {last:9.1f}  slope {slope:+8.3f} a minute"
            f" ({rise:+.1%}, at most {most:+.0%}) {'flat' if good else 'NOT FLAT'}",
            flush=True,
        )
    return flat


async def soak(running: TrustSite, folder: Path) -> bool:
    lines = await hire(running, USERS * 4 // 5, USERS - USERS * 4 // 5 - 1)
    meter = Meter()
    work = Workload(lines, Recorder(folder / "account.jsonl"), rest=REST)
    work.aborted = ABORTED
    for line in lines:
        line.meter = meter
    began = time.monotonic()
    working = asyncio.create_task(work.run(10**9))
    samples: list[Sample] = []
    while time.monotonic() - began < MINUTES * 60:
        await asyncio.sleep(MINUTES * 60 / SAMPLES)
        samples.append(await sample(running, meter, began))
        print(samples[-1], flush=True)
    work.over = True
    await working
    work.over = False
    await work.settle()
    owner = await running.owner()
    wrong = await anomalies(work.recorder.path, owner)
    await owner.close()
    print(f"{sum(one.calls for one in samples):,} calls in {MINUTES:g} minutes, {work.recorder.answers}")
    print(f"{len(wrong)} anomalies {wrong[:3]}")
    return judge(samples) and not wrong


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tracetrack-soak-") as name:
        folder = Path(name)
        with site(folder, TRACETRACK_WORKERS=str(psutil.cpu_count() or 2)) as running:
            flat = asyncio.run(soak(running, folder))
    sys.exit(0 if flat else 1)


if __name__ == "__main__":
    main()
