"""What the cluster suffers while eight people scan: nothing acknowledged is lost, no site is restarted."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from uuid import uuid4

import asyncpg
import httpx
import psutil
import pytest
from deploy.cluster.loopback import Cluster

from tests.cluster.conftest import cluster_whole
from tests.cluster.load import Load, until
from tests.cluster.relay import Relay
from tracetrack.platform.migrate import load_functions

ROUNDS = int(os.environ.get("ROUNDS", "10"))
SWITCHOVERS = int(os.environ.get("SWITCHOVERS", "5"))
FREEZES = int(os.environ.get("FREEZES", "5"))
BACK_SECONDS = 12.0

pytestmark = pytest.mark.slow


def kill_server(cluster: Cluster, number: int) -> None:
    """kill -9 a node's PostgreSQL, all of its processes."""
    postmaster = cluster.postmaster(number)
    assert postmaster is not None
    family = [postmaster, *postmaster.children()]
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def freeze(cluster: Cluster, number: int, sign: signal.Signals) -> None:
    """SIGSTOP or SIGCONT for a node's PostgreSQL."""
    postmaster = cluster.postmaster(number)
    assert postmaster is not None
    for process in [postmaster, *postmaster.children()]:
        process.send_signal(sign)


async def switch_over(cluster: Cluster, to: int) -> None:
    """A planned change of leaders, as ``patronictl switchover`` asks for it."""
    leader = cluster.leader()
    assert leader is not None
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(
            f"http://{cluster.address('rest', leader)}/switchover",
            json={"leader": f"pg{leader}", "candidate": f"pg{to}"},
        )
    assert answer.status_code == 200, answer.text


def tell(what: str, load: Load, seconds: list[float]) -> None:
    """One line for the books."""
    shown = ", ".join(f"{one:.1f}" for one in seconds)
    print(
        f"{what}: {len(load.acknowledged)} acknowledged, 0 lost, {load.failures} tries failed and were"
        f" repeated, {load.reads} lists right; seconds without an acknowledged scan: {shown}"
    )


async def test_the_leader_is_killed_again_and_again(cluster: Cluster, load: Load) -> None:
    silent = []
    for turn in range(ROUNDS):
        await cluster_whole(cluster)
        await load.more(20, 30)
        leader = cluster.leader()
        assert leader is not None
        began = time.monotonic()
        if turn % 2:
            # The whole node: nobody is left to tell the others.
            cluster.processes[f"patroni{leader}"].kill()
            cluster.processes.pop(f"patroni{leader}").wait()
        kill_server(cluster, leader)
        await load.more(20, 60)
        silent.append(load.silence(began))
        assert await load.lost() == []
        if turn % 2:
            cluster.start_one(f"patroni{leader}")
    tell(f"leader killed {ROUNDS} times, by turns the server and the whole node", load, silent)
    assert max(silent) <= BACK_SECONDS


async def test_a_planned_switchover_loses_nothing(cluster: Cluster, load: Load) -> None:
    silent = []
    for _ in range(SWITCHOVERS):
        await cluster_whole(cluster)
        await load.more(20, 30)
        to = cluster.synchronous()
        assert to is not None
        began = time.monotonic()
        await switch_over(cluster, to)
        await load.more(20, 60)
        silent.append(load.silence(began))
        assert await load.lost() == []
    tell(f"{SWITCHOVERS} planned switchovers", load, silent)


async def test_a_frozen_leader_wakes_when_another_has_its_place(cluster: Cluster, load: Load) -> None:
    """Its guardian slept through the change, and must not believe on waking that nothing happened."""
    silent = []
    for _ in range(FREEZES):
        await cluster_whole(cluster)
        await load.more(20, 30)
        leader = cluster.leader()
        assert leader is not None
        began = time.monotonic()
        cluster.processes[f"patroni{leader}"].send_signal(signal.SIGSTOP)
        kill_server(cluster, leader)
        try:
            await load.more(20, 60)
            silent.append(load.silence(began))
        finally:
            cluster.processes[f"patroni{leader}"].send_signal(signal.SIGCONT)
        await load.more(20, 60)
        assert await load.lost() == []
        # A replica of another past could not follow; all of them do.
        await cluster_whole(cluster)
    tell(f"the leader frozen and its server killed, {FREEZES} times", load, silent)


async def test_a_replica_is_killed(cluster: Cluster, load: Load) -> None:
    replica = cluster.synchronous()
    assert replica is not None
    began = time.monotonic()
    kill_server(cluster, replica)
    await load.more(40, 60)
    silent = load.silence(began)
    tell("the synchronous replica killed", load, [silent])
    assert silent <= BACK_SECONDS


async def test_the_leader_is_cut_off_from_etcd(
    cluster: Cluster, load: Load, relays: dict[int, Relay]
) -> None:
    leader = cluster.leader()
    assert leader is not None
    began = time.monotonic()
    relays[leader].cut()
    try:
        await until(lambda: cluster.leader() not in (leader, None), 60)
        await load.more(20, 60)
        silent = load.silence(began)
        # It cannot take a write any more, whoever asks it.
        alone = await asyncpg.connect(cluster.dsn(port=cluster.port("pg", leader)), timeout=10)
        assert await alone.fetchval("select pg_is_in_recovery()")
        await alone.close()
    finally:
        relays[leader].mend()
    await cluster_whole(cluster)
    tell("the leader cut off from etcd", load, [silent])
    assert silent <= BACK_SECONDS + 3


async def test_the_redis_master_is_killed(cluster: Cluster, load: Load) -> None:
    async with httpx.AsyncClient(timeout=5) as client:

        async def caches() -> list[str]:
            asked = [f"http://{cluster.address('host', number)}/readyz" for number in (1, 2)]
            return [(await client.get(url)).json()["redis"] for url in asked]

        assert await caches() == ["up", "up"]
        began = time.monotonic()
        cluster.processes["redis1"].kill()
        cluster.processes.pop("redis1").wait()
        back = None
        while time.monotonic() - began < 30:
            await asyncio.sleep(0.2)
            if await caches() == ["up", "up"]:
                back = time.monotonic() - began
                break
        silent = load.silence(began)
        cluster.start_one("redis1")
    assert back is not None
    tell(f"the Redis master killed, the next one in use after {back:.1f} s", load, [silent])
    assert silent < 2


UNGUARDED = (
    "create or replace function ledger_as_durable() returns void language sql as $$ select null::void $$"
)


@pytest.mark.parametrize("guarded", [True, False])
async def test_an_answer_is_given_again_only_when_a_second_server_has_it(
    cluster: Cluster, guarded: bool
) -> None:
    """A commit that was cut off while it waited stands on the leader alone: asking again must wait, too."""
    await cluster_whole(cluster)
    replicas = cluster.replicas()
    migrator, admin = await asyncpg.connect(cluster.dsn()), await asyncpg.connect(cluster.dsn("postgres"))
    body = {"code": f"P-{uuid4().hex[:8]}", "scan_id": str(uuid4())}
    async with httpx.AsyncClient(base_url=f"{cluster.url}/api/v1", timeout=30) as client:
        password = cluster.secrets.secret("admin")
        signed_in = await client.post("/auth/login", json={"username": "admin", "password": password})
        client.headers["authorization"] = f"Bearer {signed_in.json()['access_token']}"
        if not guarded:
            await migrator.execute(UNGUARDED)
        for number in replicas:
            freeze(cluster, number, signal.SIGSTOP)
        try:
            first = asyncio.create_task(client.post("/scans/parent", json=body))
            # As an admin may do who finds it hanging.
            await _terminate(admin, "wait_event = 'SyncRep' and query like '%floor_scan%'")
            assert (await first).status_code == 503
            assert await admin.fetchval("select count(*) from bags where code = $1", body["code"]) == 1
            again = asyncio.create_task(client.post("/scans/parent", json=body))
            await asyncio.sleep(1.5)
            early = again.done() and again.result().status_code == 200
        finally:
            for number in replicas:
                freeze(cluster, number, signal.SIGCONT)
        assert early is not guarded
        answer = await again
        for _ in range(30):
            if answer.status_code == 200:
                break
            await asyncio.sleep(1)
            answer = await client.post("/scans/parent", json=body)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "created")
    await load_functions(migrator)
    await migrator.close()
    await admin.close()


async def _terminate(admin: asyncpg.Connection, those: str) -> None:
    """End the first connection of this kind that there is within five seconds."""
    for _ in range(100):
        if await admin.fetch(f"select pg_terminate_backend(pid) from pg_stat_activity where {those}"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"no connection where {those}")
