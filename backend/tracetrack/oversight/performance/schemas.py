"""What the performance dashboard shows; times in milliseconds."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel


class Period(StrEnum):
    """How far back: minutes of an hour, quarters of a day, or six-hour stretches of a month."""

    hour = "hour"
    day = "day"
    month = "month"


class RouteFigures(BaseModel):
    """One route over the period, the slowest first."""

    method: str
    route: str
    requests: int
    errors: int
    per_second: float
    mean_ms: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class Stretch(BaseModel):
    """All routes in a stretch of time that begins at ``at``."""

    at: dt.datetime
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class WorkerNow(BaseModel):
    """A worker as it last told."""

    worker: str
    at: dt.datetime
    cpu_share: float
    memory_bytes: int
    loop_lag_ms: float
    pool_used: int
    pool_size: int
    cache_mode: str
    breakers: dict[str, str]
    """Each breaker of the worker: closed, open or half_open."""


class SystemStretch(BaseModel):
    """All workers together in a stretch of time that begins at ``at``."""

    at: dt.datetime
    cpu_share: float
    """Of one core; two busy workers are 2."""
    memory_bytes: int
    loop_lag_ms: float
    """The longest that a loop was late."""
    pool_percent: float | None
    """The fullest that a worker's pool was."""
    cache_reads: int
    cache_hits: int


class CacheFigures(BaseModel):
    """The short memory over the period; ``hit_ratio`` is null where nothing was asked."""

    redis: str
    reads: int
    hits: int
    hit_ratio: float | None


class DatabaseFigures(BaseModel):
    """The database now."""

    connections: int
    max_connections: int
    size_bytes: int


class QueryFigures(BaseModel):
    """A statement that takes much time in all, where pg_stat_statements is there."""

    query: str
    calls: int
    mean_ms: float
    total_ms: float


class ImportRun(BaseModel):
    """How fast an import was."""

    id: int
    finished_at: dt.datetime
    rows: int
    rows_per_second: float


class Alert(BaseModel):
    """Something beyond what the settings allow, in the last five minutes."""

    name: str
    value: float
    limit: float


class Untold(BaseModel):
    """Alerts that a webhook or mail server does not take."""

    channel: Literal["webhook", "mail"]
    messages: int
    """How many were not taken; each is tried again, less and less often, for a day."""
    given_up: int
    since: dt.datetime
    error: str


class Limits(BaseModel):
    """What counts as too much, from the settings."""

    p95_ms: float
    errors_percent: float
    loop_lag_ms: float
    pool_percent: float


class PerformanceSummary(BaseModel):
    """How the site does."""

    period: Period
    since: dt.datetime
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    routes: list[RouteFigures]
    over_time: list[Stretch]
    """Of all routes, or of the one that was asked for."""
    system: list[SystemStretch]
    workers: list[WorkerNow]
    cache: CacheFigures
    database: DatabaseFigures
    queries: list[QueryFigures] | None
    """Null where pg_stat_statements is not there."""
    imports: list[ImportRun]
    alerts: list[Alert]
    untold: list[Untold]
    """Empty where all alerts reached whom they were for."""
    limits: Limits
