"""How the site does: each worker stores its minutes, and anyone of them tells about all."""

from __future__ import annotations

import datetime as dt
import os
import socket
from typing import Any

from tracetrack.oversight.performance import queries
from tracetrack.oversight.performance.schemas import Alert, Limits, PerformanceSummary, Period
from tracetrack.people.settings import site_settings
from tracetrack.platform import breaker, cache, db, disks, metrics, minutes
from tracetrack.platform.background import Job
from tracetrack.platform.clock import now
from tracetrack.platform.minutes import percentile

STORE_SECONDS = 15.0
LOOKED_BACK = dt.timedelta(minutes=5)
"""What alerts are about."""

LENGTHS = {
    Period.hour: (dt.timedelta(hours=1), dt.timedelta(minutes=1)),
    Period.day: (dt.timedelta(days=1), dt.timedelta(minutes=15)),
    Period.month: (dt.timedelta(days=30), dt.timedelta(hours=6)),
}
"""Of a period, and of the stretches it is shown in."""

_WORKER = f"{socket.gethostname()}:{os.getpid()}"
_cache_told = (0, 0)


async def store() -> None:
    """Add what this worker did since the last time to the stored minutes.

    While the database is away it is kept, and told of the minute in which it is back: the errors of
    an outage are what people look for.
    """
    taken = minutes.take()
    metrics.LOOP_LAG.set(taken.loop_lag_ms / 1000)
    metrics.CPU_CORES.set(taken.cpu_share)
    metrics.MEMORY_BYTES.set(taken.memory_bytes)
    try:
        await _store(taken)
    except BaseException:
        minutes.give_back(taken)
        raise


async def _store(taken: minutes.Taken) -> None:
    global _cache_told
    reads, hits = cache.reads_and_hits()
    async with db.transaction() as tx:
        # In one order, so that workers wait for each other and never in a circle.
        for (method, route), tally in sorted(taken.routes.items()):
            await tx.execute(queries.ADD_MINUTE, {"method": method, "route": route, **vars(tally)})
        await tx.execute(
            queries.ADD_WORKER,
            {
                "worker": _WORKER,
                "cpu_share": taken.cpu_share,
                "memory_bytes": taken.memory_bytes,
                "loop_lag_ms": taken.loop_lag_ms,
                "pool_used": db.connections_in_use(),
                "pool_size": db.pool_size(),
                "cache_mode": cache.cache_mode(),
                "cache_reads": reads - _cache_told[0],
                "cache_hits": hits - _cache_told[1],
                "breakers": breaker.states(),
            },
        )
    _cache_told = reads, hits


JOBS = (Job("loop lag", 0.5, minutes.tick), Job("minutes", STORE_SECONDS, store))
UPKEEP = queries.UPKEEP


def _percentiles(buckets: list[int]) -> dict[str, float | None]:
    return {f"p{share}_ms": percentile(buckets, share / 100) for share in (50, 95, 99)}


def _added(rows: list[Any]) -> list[int]:
    return [sum(places) for places in zip(*(row.buckets for row in rows), strict=True)]


async def summary(period: Period, route: str | None = None) -> PerformanceSummary:
    """How the site did over a period, and does now.

    Args:
        period: how far back.
        route: method and template of the route whose times over time are told; None: of all.
    """
    length, stretch = LENGTHS[period]
    asked = {"seconds": length.total_seconds(), "stretch": stretch.total_seconds()}
    recent = {"seconds": LOOKED_BACK.total_seconds(), "stretch": LOOKED_BACK.total_seconds()}
    limits = await _limits()
    async with db.reading() as tx:
        by_route = (await tx.execute(queries.BY_ROUTE, asked)).all()
        over_time = (await tx.execute(queries.OVER_TIME, {**asked, "route": route})).all()
        system = [dict(row) for row in (await tx.execute(queries.SYSTEM, asked)).mappings()]
        lately = (await tx.execute(queries.BY_ROUTE, recent)).all()
        workers = [dict(row) for row in (await tx.execute(queries.WORKERS)).mappings()]
        remembered = (await tx.execute(queries.CACHE, {"seconds": asked["seconds"]})).one()
        database = dict((await tx.execute(queries.DATABASE)).mappings().one())
        statements: list[dict[str, Any]] | None = None
        if await tx.scalar(queries.HAS_STATEMENTS):
            statements = [dict(row) for row in (await tx.execute(queries.STATEMENTS)).mappings()]
        imports = [dict(row) for row in (await tx.execute(queries.IMPORTS)).mappings()]
        untold = [dict(row) for row in (await tx.execute(queries.UNTOLD)).mappings()]
    routes = [
        {
            **{name: getattr(row, name) for name in ("method", "route", "requests", "errors")},
            "per_second": round(row.requests / length.total_seconds(), 3),
            "mean_ms": round(row.seconds / row.requests * 1000, 2),
            **_percentiles(row.buckets),
        }
        for row in by_route
    ]
    routes.sort(key=lambda route: route["p95_ms"] or 0, reverse=True)
    return PerformanceSummary.model_validate(
        {
            "period": period,
            "since": now() - length,
            "requests": sum(row.requests for row in by_route),
            "errors": sum(row.errors for row in by_route),
            **_percentiles(_added(list(by_route))),
            "routes": routes,
            "over_time": [
                {
                    "at": row.at,
                    "requests": row.requests,
                    "errors": row.errors,
                    **_percentiles(row.buckets),
                }
                for row in over_time
            ],
            "system": system,
            "workers": workers,
            "cache": {
                "redis": await cache.cache_state(),
                "reads": remembered.reads,
                "hits": remembered.hits,
                "hit_ratio": round(remembered.hits / remembered.reads, 4) if remembered.reads else None,
            },
            "database": database,
            "queries": statements,
            "imports": imports,
            "alerts": _alerts(list(lately), workers, limits),
            "untold": untold,
            "limits": limits,
        }
    )


ENOUGH = 20
"""Requests, below which one in twenty of them says nothing: the first page after a start is slow."""


async def beyond_limits() -> list[Alert]:
    """What is beyond its limit now."""
    recent = {"seconds": LOOKED_BACK.total_seconds(), "stretch": LOOKED_BACK.total_seconds()}
    async with db.reading() as tx:
        lately = (await tx.execute(queries.BY_ROUTE, recent)).all()
        workers = [dict(row) for row in (await tx.execute(queries.WORKERS)).mappings()]
    return [*_alerts(list(lately), workers, await _limits()), *full_disks()]


DISK_LIMITS = {"disk_free_percent": 10.0, "disk_left_percent": 3.0}
"""How much of a disk must be free before somebody is told, and told once more."""


def full_disks() -> list[Alert]:
    """The disk with the least room, where that is too little."""
    least = min((disk.free_percent for disk in disks.disks()), default=100.0)
    return [
        Alert(name=name, value=round(least, 2), limit=limit)
        for name, limit in DISK_LIMITS.items()
        if least < limit
    ]


async def _limits() -> dict[str, float]:
    settings = await site_settings()
    return {name: getattr(settings, f"alert_{name}") for name in Limits.model_fields}


def _alerts(lately: list[Any], workers: list[dict[str, Any]], limits: dict[str, float]) -> list[Alert]:
    """What is beyond its limit."""
    requests = sum(row.requests for row in lately)
    errors = sum(row.errors for row in lately)
    enough = requests >= ENOUGH
    measured = {
        "p95_ms": (percentile(_added(lately), 0.95) or 0) if enough else 0,
        "errors_percent": 100 * errors / requests if enough else 0,
        "loop_lag_ms": max((w["loop_lag_ms"] for w in workers), default=0),
        "pool_percent": max(
            (100 * w["pool_used"] / w["pool_size"] for w in workers if w["pool_size"]), default=0
        ),
    }
    return [
        Alert(name=name, value=round(value, 2), limit=limits[name])
        for name, value in measured.items()
        if value > limits[name]
    ]
