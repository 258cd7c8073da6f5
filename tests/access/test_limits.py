"""How often somebody may try to sign in, with Redis, with a silent one, and without."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.floor import PASSWORD, Floor
from tracetrack.access import limits
from tracetrack.settings import Settings


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[Settings]:
    """The limits of a real installation."""
    real = settings.model_copy(
        update={
            name: Settings.model_fields[name].default
            for name in ("sign_ins_per_minute", "sign_ins_per_minute_address")
        }
    )
    yield real
    reopen(settings)


def reopen(settings: Settings) -> None:
    limits.close_limits()
    limits.open_limits(settings)


async def log_in(http: httpx.AsyncClient, username: str, password: str = PASSWORD) -> httpx.Response:
    return await http.post("/auth/login", json={"username": username, "password": password})


@pytest.mark.parametrize("with_redis", [True, False])
async def test_fifty_honest_sign_ins_from_one_address_pass_and_a_flood_does_not(
    floor: Floor, limited: Settings, with_redis: bool
) -> None:
    reopen(limited if with_redis else limited.model_copy(update={"redis_url": None}))
    # A name of its own: Redis remembers for a minute.
    name = f"worker-{with_redis}"
    await floor.person(name, "biller")
    answers = await asyncio.gather(*(log_in(floor.anyone, name) for _ in range(50)))
    assert {a.status_code for a in answers} == {200}
    flood = [await log_in(floor.anyone, name, "not the password") for _ in range(20)]
    refused = [a for a in flood if a.status_code == 429]
    assert refused
    assert all(a.json()["code"] == "too_many_requests" and a.headers["retry-after"] for a in refused)
    assert (await log_in(floor.anyone, "south")).status_code == 200, "others go on"
    assert (await floor.north.get("/auth/me")).status_code == 200


async def test_a_silent_redis_delays_nobody_and_memory_counts_instead(
    floor: Floor, limited: Settings
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        reopen(limited.model_copy(update={"redis_url": type(limited.database_url)(url)}))
        late: list[float] = []

        async def tick() -> None:
            while True:
                began = time.perf_counter()
                await asyncio.sleep(0.005)
                late.append(time.perf_counter() - began - 0.005)

        ticking = asyncio.create_task(tick())
        answers = [await log_in(floor.anyone, "north") for _ in range(10)]
        ticking.cancel()
        assert {a.status_code for a in answers} == {200}
        assert max(late) < 0.09, "the event loop waited for Redis"
        flood = await asyncio.gather(*(log_in(floor.anyone, "north", "wrong password") for _ in range(80)))
        assert 429 in {a.status_code for a in flood}


async def test_a_dead_redis_is_no_5xx(floor: Floor, limited: Settings) -> None:
    reopen(limited.model_copy(update={"redis_url": type(limited.database_url)("redis://127.0.0.1:1/0")}))
    answers = [await log_in(floor.anyone, "north") for _ in range(5)]
    assert {a.status_code for a in answers} == {200}
