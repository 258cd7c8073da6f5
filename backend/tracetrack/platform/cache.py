"""Redis: a fast memory shared by the workers. Nothing authoritative lives there.

Every call has a short time limit, and every caller must do without.
"""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tracetrack.settings import Settings

_redis: Redis | None = None


def open_cache(url: str | None, settings: Settings) -> None:
    """Make this process's client; a connection is opened when first needed."""
    global _redis
    seconds = settings.redis_timeout_ms / 1000
    _redis = (
        Redis.from_url(
            url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
        )
        if url
        else None
    )


async def close_cache() -> None:
    """Close every connection of this process."""
    global _redis
    if _redis is not None:
        await _redis.aclose()
    _redis = None


async def cache_state() -> str:
    """``up``, ``down``, or ``none`` where no Redis is configured."""
    if _redis is None:
        return "none"
    try:
        await _redis.ping()
    except (RedisError, OSError, TimeoutError):
        return "down"
    return "up"
