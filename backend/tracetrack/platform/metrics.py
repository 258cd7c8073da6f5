"""Prometheus metrics, right under several workers.

With ``PROMETHEUS_MULTIPROC_DIR`` set (``tracetrack serve`` sets and empties it) each worker
writes to a file there and any worker's ``/metrics`` adds them all up.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from tracetrack.platform import db, disks
from tracetrack.platform.background import heard
from tracetrack.platform.minutes import BOUNDS
from tracetrack.platform.problems import Problem

REQUEST_SECONDS = Histogram(
    "tracetrack_request_seconds",
    "Time from the first byte of a request to the last of its answer.",
    ("method", "route", "status"),
    buckets=BOUNDS,
)
IN_FLIGHT = Gauge("tracetrack_requests_in_flight", "Requests being served.", multiprocess_mode="livesum")
SCANS = Counter("tracetrack_scans_total", "Scans by action and outcome.", ("action", "outcome"))
SCAN_QUESTIONS = Counter(
    "tracetrack_scan_questions_total", "Questions that a scan was answered with, by reason.", ("reason",)
)
POOL_IN_USE = Gauge(
    "tracetrack_db_connections_in_use", "Database connections in use.", multiprocess_mode="livesum"
)

LOOP_LAG = Gauge(
    "tracetrack_loop_lag_seconds",
    "The longest that a worker was busy with one thing, of the last quarter of a minute.",
    multiprocess_mode="livemax",
)
CPU_CORES = Gauge(
    "tracetrack_cpu_cores", "Processor cores that the workers keep busy.", multiprocess_mode="livesum"
)
MEMORY_BYTES = Gauge("tracetrack_memory_bytes", "Memory that the workers hold.", multiprocess_mode="livesum")

STREAMS = Gauge("tracetrack_streams", "Open event streams.", multiprocess_mode="livesum")

ALERTS_GIVEN_UP = Counter(
    "tracetrack_alerts_given_up_total", "Alerts that nobody took for a day: webhook or mail.", ("channel",)
)

REPLICA_READS = Counter(
    "tracetrack_replica_reads_total",
    "Lists and reports by who answered: replica; or the leader, as the replica was late, away, or resting.",
    ("source",),
)
CACHE_READS = Counter(
    "tracetrack_cache_reads_total",
    "Answers asked of the cache, by where they came from: redis, memory, together (with another), loaded.",
    ("name", "source"),
)
CACHE_SECONDS = Histogram(
    "tracetrack_cache_seconds",
    "Time of one call of Redis.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
)


BELIEVED_SECONDS = 0.5
"""How old the figures may be: where no token is set anybody may ask, as often as he likes."""
_asked: asyncio.Task[bytes] | None = None
_asked_at = 0.0


async def metrics(request: Request) -> Response:
    """``GET /metrics``: all workers' figures in Prometheus' text format, if need be for a token."""
    token: SecretStr | None = request.app.state.settings.metrics_token
    if token is not None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode()):
            return Problem("unauthorized", headers={"WWW-Authenticate": "Bearer"}).response(request)
    return Response(await _figures(), media_type=CONTENT_TYPE_LATEST)


async def _figures() -> bytes:
    global _asked_at, _asked
    if _asked is None or time.monotonic() - _asked_at > BELIEVED_SECONDS:
        _asked_at = time.monotonic()
        POOL_IN_USE.set(db.connections_in_use())
        disks.disks()
        # All workers' files are read: not in the loop.
        _asked = asyncio.create_task(asyncio.to_thread(_gather))
        _asked.add_done_callback(heard)
    return await asyncio.shield(_asked)


def _gather() -> bytes:
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget_this_worker() -> None:
    """Drop the live gauges of this process; called when a worker stops."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
