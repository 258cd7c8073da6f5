"""How often somebody may try to sign in: moving windows, in Redis, else in this worker's memory.

slowapi asks Redis synchronously, so it is asked in a thread: a silent Redis must not stop scans.
After the first failure it counts in memory, and looks for Redis again by itself.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from starlette.requests import Request

from tracetrack.platform.problems import Problem
from tracetrack.settings import Settings

_count: Callable[[Request], None] | None = None
_thread: ThreadPoolExecutor | None = None


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _user_and_address(request: Request) -> str:
    return f"{request.state.sign_in_as} {_address(request)}"


def open_limits(settings: Settings) -> None:
    """Prepare the counters; nothing is asked of Redis yet."""
    global _count, _thread
    if settings.redis_url is None:
        limiter = Limiter(_address, strategy="moving-window")
    else:
        seconds = settings.redis_timeout_ms / 1000
        patience: dict[str, Any] = {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "retry": Retry(NoBackoff(), 0),
        }
        if settings.redis_url.get_secret_value().startswith("redis+sentinel"):
            # A replica may not know the last tries yet.
            patience["use_replicas"] = False
        limiter = Limiter(
            _address,
            strategy="moving-window",
            storage_uri=settings.redis_url.get_secret_value(),
            storage_options=patience,
            in_memory_fallback_enabled=True,
            key_prefix="tracetrack",
        )

    # Two limits on one call, which has nothing to do itself; per user first, since many share an address.
    @limiter.limit(f"{settings.sign_ins_per_minute_address}/minute")
    @limiter.limit(f"{settings.sign_ins_per_minute}/minute", key_func=_user_and_address)
    def sign_in(request: Request) -> None:
        pass

    _count = sign_in
    # One at a time: of two calls that find Redis gone together, slowapi lets the second one fail.
    _thread = ThreadPoolExecutor(1, "limits")


def close_limits() -> None:
    """Stop the threads."""
    global _thread
    if _thread is not None:
        _thread.shutdown(wait=False, cancel_futures=True)
    _thread = None


async def count_sign_in(request: Request, username: str) -> None:
    """Count one try to sign in.

    Raises:
        Problem: ``too_many_requests``.
    """
    if _count is None or _thread is None:
        raise RuntimeError("limits are not open")
    request.state.sign_in_as = unicodedata.normalize("NFC", username).strip().casefold()
    try:
        await asyncio.wrap_future(_thread.submit(_count, request))
    except RateLimitExceeded:
        raise Problem("too_many_requests", headers={"Retry-After": "30"}) from None
