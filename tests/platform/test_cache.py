"""The short memory: fresh within its time, each to his own, and there whatever Redis does."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import uvloop

from tests.lengths import assert_fast
from tests.trust.proxy import proxy
from tracetrack.platform import cache
from tracetrack.settings import Settings


@contextlib.asynccontextmanager
async def opened(url: str | None) -> AsyncIterator[None]:
    """A cache of its own for a while, then the application's again."""
    kept = cache._redis
    cache.open_cache(url, Settings(_env_file=None))
    try:
        yield
    finally:
        await cache.close_cache()
        cache._redis = kept
        cache._own.clear()


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A Redis that takes connections and never answers."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


@contextlib.asynccontextmanager
async def kind_of_redis(kind: str, redis_url: str) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        url = {"up": redis_url, "none": None, "down": "redis://127.0.0.1:1/0"}.get(kind)
        if kind == "silent":
            url = await stack.enter_async_context(silent())
        await stack.enter_async_context(opened(url))
        yield


ALL = pytest.mark.parametrize("kind", ["up", "none", "down", "silent"])


@ALL
async def test_it_is_never_older_than_allowed_and_loaded_seldom(kind: str, redis_url: str) -> None:
    loads = 0

    async def load() -> float:
        nonlocal loads
        loads += 1
        return time.time()

    async with kind_of_redis(kind, redis_url):
        until = time.monotonic() + 1.0
        reads, oldest = 0, 0.0
        while time.monotonic() < until:
            told = await cache.remembered(f"age-{kind}", ("admin", None), load, seconds=0.3)
            oldest = max(oldest, time.time() - told)
            reads += 1
            await asyncio.sleep(0.005)
    assert loads < reads
    assert_fast(oldest, 0.45, "age of what is answered, s")
    assert_fast(loads, 7, "loads in a second")


@ALL
async def test_those_who_ask_together_load_once_and_one_who_gives_up_fails_no_other(
    kind: str, redis_url: str
) -> None:
    loads = 0

    async def load() -> int:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0.05)
        return loads

    async with kind_of_redis(kind, redis_url):
        asked = [
            asyncio.create_task(cache.remembered(f"once-{kind}", ("x",), load, seconds=0.5))
            for _ in range(50)
        ]
        await asyncio.sleep(0.01)
        asked[0].cancel()
        assert set(await asyncio.gather(*asked[1:])) == {1}
    assert loads == 1


@ALL
async def test_nobody_is_told_anothers_answer_whoever_gives_up(kind: str, redis_url: str) -> None:
    dice = random.Random(3)
    wrong = 0

    async def ask(role: str, area: int) -> None:
        nonlocal wrong

        async def load() -> dict[str, object]:
            await asyncio.sleep(dice.random() * 0.002)
            return {"role": role, "area": area}

        told = await cache.remembered(f"own-{kind}", (role, area), load, seconds=0.02)
        wrong += told != {"role": role, "area": area}

    async def one() -> None:
        role, area = dice.choice(("dispatcher", "biller")), dice.randrange(4)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(dice.choice((None, None, None, 0.001))):
                await ask(role, area)

    async with kind_of_redis(kind, redis_url):
        for _ in range(100):
            await asyncio.gather(*(one() for _ in range(25)))
    assert wrong == 0


async def test_two_workers_share_it_through_redis_and_a_stranger_under_the_key_is_not_believed(
    redis_url: str,
) -> None:
    loads = 0

    async def load() -> int:
        nonlocal loads
        loads += 1
        return loads

    async with opened(redis_url):
        assert await cache.remembered("shared", ("x",), load, seconds=1) == 1
        # Another worker has nothing of its own.
        cache._own.clear()
        assert await cache.remembered("shared", ("x",), load, seconds=1) == 1
        assert cache._redis is not None
        for text in (b"{}", b"nonsense", b'{"key": "another", "asked": 9e9, "value": 7}', b"[]"):
            cache._own.clear()
            await cache._redis.set("tracetrack:1:shared:x", text)
            assert await cache.remembered("shared", ("x",), load, seconds=1) == loads > 1


def test_a_connection_that_was_reset_while_it_lay_idle_is_not_noticed(redis_url: str) -> None:
    """As under uvicorn: uvloop says so with another exception than asyncio does."""

    async def load() -> int:
        return 7

    async def ask() -> None:
        async with proxy(urlsplit(redis_url).port or 0) as wire:
            url = redis_url.replace(f":{urlsplit(redis_url).port}/", f":{wire.port}/")
            async with opened(url):
                assert await cache.remembered("reset", (1,), load, seconds=1) == 7
                # Until it has been shared too, and the connection lies idle.
                await asyncio.sleep(0.1)
                wire.turn("reset")
                await asyncio.sleep(0.1)
                for view in (2, 3):
                    assert await cache.remembered("reset", (view,), load, seconds=1) == 7
                assert cache.cache_mode() == "memory"
                wire.turn("fine")
                cache.REDIS.reset()
                assert await cache.cache_state() == "up"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask())


async def test_it_is_bounded() -> None:
    async def load() -> int:
        return 1

    async with opened(None):
        for number in range(cache.REMEMBERED + 50):
            await cache.remembered("many", (number,), load, seconds=10)
        assert len(cache._own) == cache.REMEMBERED


async def test_what_fails_is_not_remembered() -> None:
    answers = iter([OSError("away"), 7])

    async def load() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with opened(None):
        with pytest.raises(OSError, match="away"):
            await cache.remembered("fails", ("x",), load, seconds=1)
        assert await cache.remembered("fails", ("x",), load, seconds=1) == 7
