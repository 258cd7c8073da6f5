"""A short memory for answers that many ask for: Redis first, shared by the workers, else this process.

Nothing authoritative lives here. Every call has a short time limit, and every caller does without:
when Redis fails it is left alone for a while, and each worker remembers by itself meanwhile.

What is remembered carries its own key, and is believed only under that key; the key says for whom
(role and area), so that nobody is told what is another's. It is at most as old as its caller
allows, counted from before it was asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tracetrack.platform.background import heard
from tracetrack.platform.breaker import Breaker, Resting, State
from tracetrack.platform.metrics import CACHE_READS, CACHE_SECONDS
from tracetrack.settings import Settings

FORM = 1
"""Of the keys and values: raised when their meaning changes, so that two versions can run at once."""
REDIS = Breaker("redis", rest=1.0, longest=5.0)
"""For all that this process asks of Redis."""
REMEMBERED = 500
"""Answers that a process keeps at most; the oldest go first."""

# uvloop says RuntimeError, which the client passes on, when a connection that lay idle was reset.
_FAILURES = (RedisError, OSError, TimeoutError, RuntimeError)

_redis: Redis | None = None
_own: dict[str, tuple[float, Any]] = {}
_asked: dict[str, asyncio.Task[Any]] = {}
_sharing: set[asyncio.Task[None]] = set()
_reads = _hits = 0


def open_cache(url: str | None, settings: Settings) -> None:
    """Make this process's client; a connection is opened when first needed."""
    global _redis
    _redis = _client(url, settings.redis_timeout_ms / 1000) if url else None
    REDIS.reset()
    _own.clear()


def _client(url: str, seconds: float) -> Redis:
    """A client of this Redis, or of the master that these Sentinels name whenever it connects anew."""
    patience: dict[str, Any] = {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
    }
    parts = urlsplit(url)
    if parts.scheme != "redis+sentinel":
        return Redis.from_url(url, **patience)
    login, _, places = parts.netloc.rpartition("@")
    hosts = [place.rpartition(":") for place in places.split(",")]
    patience["password"] = unquote(login.partition(":")[2]) or None
    # The Sentinels have the master's password.
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        [(host, int(port)) for host, _, port in hosts], sentinel_kwargs=dict(patience), **patience
    )
    master: Redis = sentinels.master_for(parts.path.strip("/"))
    return master


async def close_cache() -> None:
    """Close every connection of this process."""
    global _redis
    for task in (*_asked.values(), *_sharing):
        task.cancel()
    if _redis is not None:
        await _redis.aclose()
    _redis = None


async def cache_state() -> str:
    """``up``, ``down``, or ``none`` where no Redis is configured."""
    if _redis is None:
        return "none"
    try:
        await _redis.ping()
    except _FAILURES:
        return "down"
    return "up"


def cache_mode() -> str:
    """Where answers are remembered at this moment: ``redis`` or ``memory``."""
    return "redis" if _redis is not None and REDIS.state is State.closed else "memory"


def reads_and_hits() -> tuple[int, int]:
    """How often this process was asked, and how often it need not load."""
    return _reads, _hits


def _count(name: str, source: str) -> None:
    global _reads, _hits
    _reads += 1
    _hits += source != "loaded"
    CACHE_READS.labels(name, source).inc()


async def remembered(
    name: str, view: tuple[object, ...], load: Callable[[], Awaitable[Any]], *, seconds: float
) -> Any:
    """An answer that is at most ``seconds`` old; loaded once for all who ask at the same time.

    Args:
        name: of what is asked.
        view: everything that the answer depends on: for whom (role, area), and of what.
        load: asks for it anew; it must answer what JSON can hold.
        seconds: how old the answer may be.
    """
    key = f"tracetrack:{FORM}:{name}:{':'.join(map(str, view))}"
    task = _asked.get(key)
    if task is None or task.done():
        # A task of its own: a caller that is given up must not fail the others.
        task = asyncio.create_task(_find(name, key, load, seconds))
        _asked[key] = task
        task.add_done_callback(heard)
        task.add_done_callback(lambda done: _asked.pop(key, None) if _asked.get(key) is done else None)
    else:
        _count(name, "together")
    return await asyncio.shield(task)


async def _find(name: str, key: str, load: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    kept = _own.get(key)
    if kept is not None and time.time() - kept[0] < seconds:
        _count(name, "memory")
        return kept[1]
    shared = await _shared(key)
    if shared is not None and 0 <= time.time() - shared[0] < seconds:
        _count(name, "redis")
        _keep(key, *shared)
        return shared[1]
    # As old as the question, not as the answer.
    asked = time.time()
    value = await load()
    _count(name, "loaded")
    _keep(key, asked, value)
    left = seconds - (time.time() - asked)
    if left > 0:
        # Nobody waits until others know too.
        sharing = asyncio.create_task(_share(key, asked, value, left))
        _sharing.add(sharing)
        sharing.add_done_callback(_sharing.discard)
    return value


def _keep(key: str, asked: float, value: Any) -> None:
    _own.pop(key, None)
    while len(_own) >= REMEMBERED:
        _own.pop(next(iter(_own)))
    _own[key] = asked, value


async def _shared(key: str) -> tuple[float, Any] | None:
    if _redis is None:
        return None
    try:
        async with REDIS.guarding(*_FAILURES):
            with CACHE_SECONDS.time():
                text = await _redis.get(key)
    except (Resting, *_FAILURES):
        return None
    try:
        found = orjson.loads(text) if text else None
        # A connection whose last caller was cancelled may bring a stranger's answer.
        return (float(found["asked"]), found["value"]) if found and found["key"] == key else None
    except (ValueError, TypeError, KeyError):
        return None


async def _share(key: str, asked: float, value: Any, seconds: float) -> None:
    if _redis is None:
        return
    text = orjson.dumps({"key": key, "asked": asked, "value": value})
    with suppress(Resting, *_FAILURES):
        async with REDIS.guarding(*_FAILURES):
            with CACHE_SECONDS.time():
                await _redis.set(key, text, px=max(1, int(seconds * 1000)))
