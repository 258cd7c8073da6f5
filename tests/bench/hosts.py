"""What a second and a third host of the site add in the cluster: lists and scans a second.

``SECONDS`` of each part, ``PEOPLE`` who ask one after another. All hosts share this machine's cores, so the
gain ends where the cores do: the CPU that each kind of process takes stands beside the figures.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import psutil
from deploy.cluster.loopback import Cluster, install

from tests.bench import fill
from tests.bench.wire import Wire
from tests.cluster.load import until

SECONDS = int(os.environ.get("SECONDS", "15"))
PEOPLE = int(os.environ.get("PEOPLE", "24"))
BAGS = int(os.environ.get("BAGS", "100000"))


def cpu(cluster: Cluster) -> dict[str, float]:
    """CPU seconds so far, by kind of process."""
    used: dict[str, float] = defaultdict(float)
    for name, process in cluster.processes.items():
        try:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        except psutil.Error:
            continue
        for one in family:
            times = one.cpu_times()
            used[name.rstrip("0123456789")] += times.user + times.system
    for number in (1, 2, 3):
        postmaster = cluster.postmaster(number)
        for one in [postmaster, *postmaster.children()] if postmaster else []:
            times = one.cpu_times()
            used["PostgreSQL"] += times.user + times.system
    return used


async def rate(cluster: Cluster, tokens: list[str], what: str) -> float:
    """How many of these a second are answered."""
    done = 0
    until = time.monotonic() + SECONDS

    async def ask(wire: Wire) -> None:
        nonlocal done
        while time.monotonic() < until:
            if what == "lists":
                status, answer = await wire.call("GET", "/bags?limit=50")
            else:
                body = {"code": f"N-{uuid4().hex}", "scan_id": str(uuid4())}
                status, answer = await wire.call("POST", "/scans/parent", body)
            if status == 503:
                await asyncio.sleep(0.05)
                continue
            assert status == 200, answer
            done += 1

    await asyncio.gather(*(ask(Wire(cluster.site_port, token)) for token in tokens))
    return done / SECONDS


async def measure(cluster: Cluster) -> None:
    """One host, then two, then three."""
    owner = await asyncpg.connect(cluster.dsn(), command_timeout=600)
    area = await owner.fetchval("insert into areas (name) values ('Hosts') returning id")
    await fill.bags(owner, BAGS, area, 1)
    # Each person is one: what one user may scan a second is limited.
    await owner.execute(
        "insert into users (username, role, password_hash)"
        " select 'host-' || n, 'admin', password_hash from users, generate_series(1, $1) n"
        " where username = 'admin'",
        PEOPLE,
    )
    await owner.close()
    tokens = []
    async with httpx.AsyncClient(base_url=f"{cluster.url}/api/v1", timeout=30) as client:
        for number in range(1, PEOPLE + 1):
            body = {"username": f"host-{number}", "password": cluster.secrets.secret("admin")}
            tokens.append((await client.post("/auth/login", json=body)).json()["access_token"])
    for hosts in (1, 2, 3):
        if hosts > 1:
            cluster.start_one(f"pgbouncer{hosts}")
            cluster.start_one(f"host{hosts}")
            await until(partial(cluster.ready, hosts), 90)
            # And HAProxy has seen it.
            await asyncio.sleep(2)
        for what in ("lists", "scans"):
            before, began = cpu(cluster), time.monotonic()
            found = await rate(cluster, tokens, what)
            after, elapsed = cpu(cluster), time.monotonic() - began
            shares = ", ".join(
                f"{kind} {(after[kind] - before[kind]) / elapsed:.2f}"
                for kind in ("host", "PostgreSQL", "pgbouncer", "haproxy")
            )
            print(f"{hosts} host(s): {found:.0f} {what} a second; CPU, cores: {shares}", flush=True)


def main() -> None:
    """The whole run."""
    install()
    with tempfile.TemporaryDirectory(prefix="tracetrack-hosts-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        cluster = Cluster(folder, hosts=1, base=18200, site_port=18299)
        try:
            cluster.start()
            asyncio.run(measure(cluster))
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
