"""How fast scans are answered, with many bags stored, everything on this one machine.

50 dispatchers pack parents of 30 new children each. First at a steady rate of arrivals, where a
scan's time runs from when it was due, so that waiting is not hidden; then as fast as the site
answers; and in the same run the same SQL straight through asyncpg.

``BAGS``, ``USERS``, ``RATE`` (scans a second) and ``SECONDS`` (of each part) change the sizes.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import orjson
import psutil

from tests.bench.wire import Wire
from tests.test_serve import PASSWORD, Site
from tracetrack.platform.embedded import postgres
from tracetrack.platform.embedded.processes import Remembered

BAGS = int(os.environ.get("BAGS", "1000000"))
USERS = int(os.environ.get("USERS", "50"))
RATE = int(os.environ.get("RATE", "200"))
SECONDS = int(os.environ.get("SECONDS", "20"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "16"))
"""Of the straight run."""
CHILDREN = 30

Scan = Callable[[], Awaitable[None]]

FILL = """
    insert into bags (code, kind, area_id, bag_type_id, created_by, created_at)
    select 'SP' || lpad(p::text, 9, '0'), 'parent', $2, (select id from bag_types where is_default), $3,
           now() - interval '1 day'
    from generate_series(1, $1::integer) p
"""
FILL_CHILDREN = """
    insert into bags (code, kind, area_id, parent_id, linked_by, linked_at, created_by, created_at)
    select 'SC' || lpad((p.id * 100 + c)::text, 12, '0'), 'child', p.area_id, p.id, p.created_by,
           p.created_at, p.created_by, p.created_at
    from bags p cross join generate_series(1, $1::integer) c where p.kind = 'parent'
"""
STRAIGHT = "select floor_scan(row($1::bigint, $2::bigint, $2::bigint, $3, $4)::floor_actor, $5::jsonb)"


def urls(folder: Path) -> dict[str, str]:
    addresses = postgres.attach(folder / "data", Remembered(folder / "data" / "secrets.json"))
    assert addresses
    return addresses


async def fill(owner: asyncpg.Connection, area: int, user: int) -> None:
    parents = BAGS // (CHILDREN + 1)
    began = time.monotonic()
    await owner.execute(FILL, parents, area, user)
    await owner.execute(FILL_CHILDREN, CHILDREN)
    # A floor that has its bags for long: the search has taken them over, and statistics are known.
    behind = "select indexed_to < (select max(id) from bags) from bag_search_progress"
    for _ in range(300):
        if not await owner.fetchval(behind):
            break
        await asyncio.sleep(1)
    await owner.execute("vacuum analyze bags")
    await owner.execute("vacuum analyze bag_search")
    total = await owner.fetchval("select count(*) from bags")
    print(f"filled {total:,} bags in {time.monotonic() - began:.0f} s", flush=True)


def scans_of(user: int, run: str) -> Iterator[dict[str, str]]:
    """What one dispatcher scans: a new parent, its 30 children, the next parent."""
    parent = 0
    while True:
        parent += 1
        code = f"{run}-{user}-{parent}"
        yield {"action": "parent", "code": code, "scan_id": str(uuid4())}
        for child in range(CHILDREN):
            yield {
                "action": "child",
                "parent_code": code,
                "code": f"{code}-{child}",
                "scan_id": str(uuid4()),
            }


def over_http(wire: Wire, scans: Iterator[dict[str, str]]) -> Scan:
    async def scan() -> None:
        body = next(scans)
        action = body.pop("action")
        await send(wire, action, body)

    return scan


async def send(wire: Wire, action: str, body: dict[str, str]) -> None:
    """Send a scan; where the site is busy, again a little later, as the screens do."""
    while (answer := await wire.call("POST", f"/scans/{action}", body))[0] == 503:  # noqa: ASYNC110 - a pause between tries
        await asyncio.sleep(0.3)
    assert answer[0] == 200, answer


def over_sql(connection: asyncpg.Connection, user: int, area: int, scans: Iterator[dict[str, str]]) -> Scan:
    async def scan() -> None:
        body = orjson.dumps(next(scans)).decode()
        await connection.fetchval(STRAIGHT, user, area, "bench", "127.0.0.1", body)

    return scan


async def steady(users: list[Scan], rate: int, seconds: int) -> list[float]:
    """Scans due at a fixed rate, each user one at a time; times in ms from when each was due."""
    times: list[float] = []
    began = time.perf_counter() + 0.1

    async def work(number: int, scan: Scan) -> None:
        # Users take turns, so each scans every len(users) / rate seconds.
        due = began + number / rate
        while due < began + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await scan()
            times.append((time.perf_counter() - due) * 1000)
            due += len(users) / rate

    await asyncio.gather(*(work(number, scan) for number, scan in enumerate(users)))
    return times


async def saturated(users: list[Scan], seconds: int) -> list[float]:
    """Scans one after another by each user; times in ms."""
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def work(scan: Scan) -> None:
        while (began := time.perf_counter()) < until:
            await scan()
            times.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*map(work, users))
    return times


def show(name: str, times: list[float], seconds: int) -> float:
    cuts = statistics.quantiles(times, n=1000)
    rate = len(times) / seconds
    print(
        f"{name:34} {rate:7.0f} scans/s   p50 {cuts[499]:6.1f}  p95 {cuts[949]:6.1f}"
        f"  p99 {cuts[989]:6.1f}  max {max(times):6.1f} ms",
        flush=True,
    )
    return rate


class Meter:
    """CPU seconds of each process of the site, by its kind, and of this generator."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.before = self.read()
        self.began = time.monotonic()

    def read(self) -> dict[str, float]:
        used: dict[str, float] = {}
        for process in self.site.family():
            words = " ".join(process.cmdline()) or process.name()
            kind = "PostgreSQL" if "postgres" in words else "Valkey" if "valkey" in words else "web workers"
            times = process.cpu_times()
            used[kind] = used.get(kind, 0) + times.user + times.system
        own = resource.getrusage(resource.RUSAGE_SELF)
        used["generator"] = own.ru_utime + own.ru_stime
        return used

    def show(self) -> None:
        elapsed = time.monotonic() - self.began
        after = self.read()
        shares = {kind: (after[kind] - self.before.get(kind, 0)) / elapsed for kind in after}
        total = psutil.cpu_count() or 1
        print(
            "   CPU: " + ", ".join(f"{kind} {share:.2f}" for kind, share in shares.items()),
            f"of {total} cores",
            flush=True,
        )


async def measure(site: Site, folder: Path) -> None:
    addresses = urls(folder)
    owner = await asyncpg.connect(addresses[postgres.OWNER], timeout=10, command_timeout=600)
    await owner.execute("set statement_timeout = 0")
    area = await owner.fetchval("insert into areas (name) values ('Bench') returning id")
    hashed = await owner.fetchval("select password_hash from users where username = 'admin'")
    users = [
        await owner.fetchval(
            "insert into users (username, role, area_id, password_hash) values ($1, 'dispatcher', $2, $3)"
            " returning id",
            f"bench-{number}",
            area,
            hashed,
        )
        for number in range(USERS)
    ]
    await fill(owner, area, users[0])
    wires = []
    for number in range(USERS):
        wire = Wire(site.port)
        status, body = await wire.call(
            "POST", "/auth/login", {"username": f"bench-{number}", "password": PASSWORD}
        )
        assert status == 200, body
        wire.close()
        wires.append(Wire(site.port, orjson.loads(body)["access_token"]))
    http = [over_http(wire, scans_of(n, "H")) for n, wire in enumerate(wires)]
    # As many connections as answer fastest on this machine, without queueing for one another.
    straight = [
        over_sql(await asyncpg.connect(addresses[postgres.APP]), users[n], area, scans_of(n, "S"))
        for n in range(CONNECTIONS)
    ]
    await saturated(http, 3)
    meter = Meter(site)
    show(f"site, {RATE} due a second", await steady(http, RATE, SECONDS), SECONDS)
    meter.show()
    rates: dict[str, list[float]] = {"site": [], "straight": []}
    for _ in range(3):
        meter = Meter(site)
        rates["site"].append(show("site, as fast as it goes", await saturated(http, SECONDS), SECONDS))
        meter.show()
        rates["straight"].append(
            show("the same SQL through asyncpg", await saturated(straight, SECONDS), SECONDS)
        )
    ratio = statistics.median(a / b for a, b in zip(rates["site"], rates["straight"], strict=True))
    print(f"site / straight: {ratio:.2f} (median of 3 pairs)", flush=True)
    wrong = await owner.fetchval("""
        select count(*) from bags p where kind = 'parent'
        and child_count <> (select count(*) from bags c where c.parent_id = p.id)""")
    assert wrong == 0, f"{wrong} parents have a wrong count"
    await owner.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tracetrack-bench-") as name:
        folder = Path(name)
        # The defaults of the product: durable commits, as many workers as the machine has cores.
        site = Site(folder, TRACETRACK_LOG_LEVEL="WARNING").until_ready()
        try:
            asyncio.run(measure(site, folder))
        finally:
            site.stop()


if __name__ == "__main__":
    main()
