"""PostgreSQL or Redis gone, silent or full: quick honest answers, nothing lost, and back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import httpx
import psutil
import pytest

from tests.api import is_problem
from tests.floor import PASSWORD, outcomes
from tests.lengths import assert_fast
from tests.retrying import single_attempts
from tests.serving import Served, fill, worker
from tracetrack.platform.embedded import postgres, valkey
from tracetrack.platform.embedded.processes import Remembered, stop
from tracetrack.platform.migrate import migrate_async

pytestmark = pytest.mark.slow


def honest(answer: httpx.Response, began: float) -> None:
    """Busy, said within two seconds, with when to come again."""
    assert (answer.status_code, answer.json()["code"], is_problem(answer)) == (503, "busy", True), answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert_fast(time.monotonic() - began, 3, "busy is said, s")


@pytest.fixture(scope="module")
async def own_server() -> AsyncIterator[postgres.Postgres]:
    """A filled PostgreSQL that may be stopped."""
    with postgres.throwaway(connections=60) as running:
        await migrate_async(running.url(postgres.OWNER))
        await fill(running.url(postgres.OWNER))
        yield running


@pytest.fixture(scope="module")
async def served(own_server: postgres.Postgres) -> AsyncIterator[Served]:
    """A worker on it, with a pool of four."""
    with worker(own_server, postgres.DATABASE, TRACETRACK_POOL_SIZE="4") as running:
        await running.sign_in()
        yield running
        assert "unhandled error" not in running.log.read_text("utf-8")


async def until_ready(client: httpx.AsyncClient, seconds: float = 60) -> float:
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if (await client.get("/scans/current")).status_code == 200:
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    pytest.fail(f"not back after {seconds} seconds")


@contextlib.contextmanager
def stopped(server: postgres.Postgres, how: signal.Signals) -> Iterator[None]:
    """The database is stopped for the block."""
    stop(server.process, how, 10)
    try:
        yield
    finally:
        server.restart()


async def until_not_ready(client: httpx.AsyncClient, served: Served) -> None:
    """Wait until ``/readyz`` says so: it keeps a good answer for a second."""
    until = time.monotonic() + 10
    while (await client.get(f"{served.url}/readyz")).status_code != 503:
        assert time.monotonic() < until
        await asyncio.sleep(0.1)


async def test_a_stopped_database_is_told_at_once_and_its_return_is_noticed(
    own_server: postgres.Postgres, served: Served
) -> None:
    async with served.client("dispatcher") as client:
        await client.post("/scans/parent", json={"code": "P1"})
        # Every connection of the pool has been used.
        await asyncio.gather(*(client.get("/bags") for _ in range(20)))
        for how in (signal.SIGINT, signal.SIGQUIT):
            with stopped(own_server, how), single_attempts():
                for method, path, body in (
                    ("POST", "/scans/child", {"parent_code": "P1", "code": "C1"}),
                    ("POST", "/scans/sync", {"scans": [_queued("P1")]}),
                    ("GET", "/bags", None),
                    ("GET", "/scans", None),
                    ("GET", "/auth/me", None),
                    ("POST", "/auth/login", {"username": "admin", "password": PASSWORD}),
                ):
                    for _ in range(3):
                        began = time.monotonic()
                        honest(await client.request(method, path, json=body), began)
                began = time.monotonic()
                answers = await asyncio.gather(*(client.get("/bags") for _ in range(30)))
                for answer in answers:
                    honest(answer, began)
                assert (await client.get(f"{served.url}/healthz")).status_code == 200
                await until_not_ready(client, served)
                assert (await client.get(f"{served.url}/metrics")).status_code == 200
            assert_fast(await until_ready(client), 5, "back after a restart, s")
            assert (await client.get(f"{served.url}/readyz")).status_code == 200
            answers = await asyncio.gather(*(client.get("/bags") for _ in range(20)))
            assert {answer.status_code for answer in answers} == {200}


def _queued(code: str) -> dict[str, str]:
    at = "2026-11-24T06:00:00Z"
    return {"scan_id": str(uuid4()), "action": "parent", "code": code, "scanned_at": at}


async def test_what_was_answered_while_the_database_died_is_there(
    own_server: postgres.Postgres, served: Served
) -> None:
    """Scans go on while it is stopped hard: each answered link is there, each other one may be retried."""
    async with served.client("dispatcher") as client:
        await client.post("/scans/parent", json={"code": "P9"})
        linked: list[tuple[str, str]] = []
        failed: list[tuple[str, str]] = []

        async def scanning(n: int) -> None:
            for m in itertools.count():
                if back.is_set():
                    return
                code, scan_id = f"K{n}-{m}", str(uuid4())
                body = {"parent_code": "P9", "code": code, "scan_id": scan_id}
                answer = await client.post("/scans/child", json=body)
                assert answer.status_code in (200, 503), answer.text
                (linked if answer.status_code == 200 else failed).append((code, scan_id))
                if answer.status_code == 503:
                    await asyncio.sleep(0.02)

        back = asyncio.Event()
        with single_attempts():
            workers = [asyncio.create_task(scanning(n)) for n in range(4)]
        await asyncio.sleep(0.5)
        # Not SIGKILL: this server is careless about power, and would lose what it has not written.
        # In a thread, so that scans go on and meet the closed door.
        await asyncio.to_thread(stop, own_server.process, signal.SIGINT, 10)
        await asyncio.to_thread(own_server.restart)
        await asyncio.sleep(0.5)
        back.set()
        await asyncio.gather(*workers)
        await until_ready(client)
        assert linked
        assert failed
        for code, scan_id in failed:
            body = {"parent_code": "P9", "code": code, "scan_id": scan_id}
            answer = await client.post("/scans/child", json=body)
            assert answer.json()["outcome"] == "linked"
        owner = await asyncpg.connect(own_server.url(postgres.OWNER))
        assert await owner.fetchval("select child_count from bags where code = 'P9'") == len(linked + failed)
        assert await owner.fetchval("select count(*) from scans where code like 'K%'") == len(linked + failed)
        await owner.close()


async def test_a_database_that_hangs_is_told_to_all_that_wait_for_it(
    own_server: postgres.Postgres, served: Served
) -> None:
    """It takes connections and questions, and answers none: no time limit of its own helps."""
    async with served.client("dispatcher") as client:
        await until_ready(client)
        await client.post("/scans/parent", json={"code": "HUNG"})
        server = psutil.Process(own_server.process.pid)
        family = [server, *server.children(recursive=True)]
        for process in family:
            process.suspend()
        try:
            with single_attempts():
                began = time.monotonic()
                calls = [
                    *(
                        client.post("/scans/child", json={"parent_code": "HUNG", "code": f"U{n}"})
                        for n in range(8)
                    ),
                    *(client.get("/bags") for _ in range(8)),
                    client.post("/auth/login", json={"username": "admin", "password": PASSWORD}),
                ]
                for answer in await asyncio.gather(*calls):
                    honest(answer, began)
                # By now it is known, and said without a try.
                for path in ("/bags", "/scans/current", "/reports/areas"):
                    began = time.monotonic()
                    honest(await client.get(path), began)
                await until_not_ready(client, served)
                assert (await client.get(f"{served.url}/healthz")).status_code == 200
                assert "tracetrack_breaker_open" in (await client.get(f"{served.url}/metrics")).text
        finally:
            for process in reversed(family):
                process.resume()
        assert_fast(await until_ready(client), 10, "back after hanging, s")
        answers = await asyncio.gather(*(client.get("/bags") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        # What was cut may have been done; sent again it is done once.
        again = [
            await client.post("/scans/child", json={"parent_code": "HUNG", "code": f"U{n}"}) for n in range(8)
        ]
        assert {answer.json()["outcome"] for answer in again} <= {"linked", "already_linked"}
    owner = await asyncpg.connect(own_server.url(postgres.OWNER))
    # Connections to the server that hung were let go.
    until = time.monotonic() + 60
    while await owner.fetchval("select count(*) from pg_stat_activity where usename = 'tracetrack_app'") > 12:
        assert time.monotonic() < until
        await asyncio.sleep(0.2)
    await owner.close()


async def test_an_exhausted_pool_is_busy_and_not_broken(
    own_server: postgres.Postgres, served: Served
) -> None:
    """All four connections wait for a row that somebody holds: those behind them are told soon."""
    owner = await asyncpg.connect(own_server.url(postgres.OWNER))
    try:
        async with served.client("dispatcher") as client:
            await client.post("/scans/parent", json={"code": "HELD"})
            await until_ready(client)
            async with owner.transaction():
                await owner.execute("select from bags where code = 'HELD' for update")
                with single_attempts():
                    began = time.monotonic()
                    stuck = [
                        asyncio.create_task(
                            client.post("/scans/child", json={"parent_code": "HELD", "code": f"H{n}"})
                        )
                        for n in range(40)
                    ]
                    await asyncio.sleep(0.3)
                    waiting = await asyncio.gather(*(client.get("/bags") for _ in range(10)))
                    held = await asyncio.gather(*stuck)
                    for answer in [*waiting, *held]:
                        assert answer.status_code in (200, 503), answer.text
                        if answer.status_code == 503:
                            assert answer.json()["code"] == "busy"
                            assert "retry-after" in answer.headers
                    assert_fast(time.monotonic() - began, 15, "all that waited are answered, s")
                    assert 503 in {answer.status_code for answer in held}
            await until_ready(client)
            answers = [
                await client.post("/scans/child", json={"parent_code": "HELD", "code": f"H{n}"})
                for n in range(12)
            ]
            assert outcomes(answers) == {"linked": 12}
    finally:
        await owner.close()


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """The address of what takes connections and says nothing."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(128)
        yield f"redis://127.0.0.1:{sock.getsockname()[1]}/0"


async def test_redis_gone_or_silent_is_not_noticed_at_the_scanner(
    server: postgres.Postgres, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server.create_database("tracetrack_no_redis", "tracetrack_template")
    await fill(server.url(postgres.OWNER, "tracetrack_no_redis"))
    folder = tmp_path_factory.mktemp("redis")
    redis = valkey.start(folder, Remembered(folder / "secrets.json"))
    try:
        with worker(server, "tracetrack_no_redis", TRACETRACK_REDIS_URL=redis.url) as served:
            await served.sign_in()
            await _works(served, "with it")
            redis.process.send_signal(signal.SIGSTOP)
            await _works(served, "while it hangs")
            redis.process.send_signal(signal.SIGCONT)
            redis.stop()
            await _works(served, "after it has gone")
            redis.restart()
            await _works(served, "when it is back")
        with silent() as url, worker(server, "tracetrack_no_redis", TRACETRACK_REDIS_URL=url) as served:
            await served.sign_in()
            await _works(served, "when it never spoke")
    finally:
        redis.stop()
        server.drop_database("tracetrack_no_redis")


async def _works(served: Served, when: str) -> None:
    """Signing in, scanning and looking up, by many at once: no 5xx, and no long wait."""
    began = time.monotonic()
    async with served.client("dispatcher") as client:
        parent = f"P {when}"
        assert (await client.post("/scans/parent", json={"code": parent})).status_code == 200, when
        answers = await asyncio.gather(
            *(
                client.post("/scans/child", json={"parent_code": parent, "code": f"C{n} {when}"})
                for n in range(20)
            ),
            *(
                client.post("/auth/login", json={"username": "biller", "password": PASSWORD})
                for _ in range(5)
            ),
            *(client.get("/bags/lookup", params={"code": parent}) for _ in range(5)),
        )
        wrong = [line for line in served.log.read_text("utf-8").splitlines() if '"level":"error"' in line]
        assert {answer.status_code for answer in answers} == {200}, (when, wrong[-1:])
        assert (await client.get("/auth/me")).status_code == 200
        ready = await client.get(f"{served.url}/readyz")
    assert (ready.status_code, ready.json().get("status")) == (200, "ready"), (when, ready.text)
    assert_fast(time.monotonic() - began, 15, f"{when}, s")
