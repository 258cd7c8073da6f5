"""What is left when five times as many scans come as can be done: goodput, and how long accepted ones take.

First as fast as 50 users' scans are answered one after another (the peak), then scans arrive at
:data:`TIMES` that rate whether or not the ones before were answered, each on a connection of its own. A
scan's time runs from when it was due. Refused ones are not sent again. The generator runs on the same
machine, so its share of the processor is told: it is what the overload takes from the site.

``USERS``, ``SECONDS`` (of each part) and ``TIMES`` change the sizes.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections import deque
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import orjson

from tests.bench.scans import urls
from tests.bench.wire import Wire
from tests.test_serve import PASSWORD, Site
from tracetrack.platform.embedded import postgres

USERS = int(os.environ.get("USERS", "50"))
SECONDS = float(os.environ.get("SECONDS", "10"))
TIMES = float(os.environ.get("TIMES", "5"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "1000"))
"""Of all users together; as many phones as send at once."""


class Line(asyncio.Protocol):
    """A kept-alive connection for small requests, as cheap as can be."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[int] | None = None
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """Send; the status of the answer."""
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answered

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.find(b"content-length: ") + 16
        end = head.find(b"\r\n", at)
        if len(body) >= int(head[at : end if end > 0 else len(head)]):
            self.buffer = b""
            if self.answered is not None and not self.answered.done():
                self.answered.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(0)


class Phones:
    """Users with parents open, who make requests for new children."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        self.port = port
        self.heads = [
            f"POST /api/v1/scans/child HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
            "content-type: application/json\r\n"
            f"authorization: Bearer {token}\r\n".encode()
            for token in tokens
        ]
        self.made = 0

    def request(self) -> bytes:
        """The next user's next scan."""
        self.made += 1
        user = self.made % len(self.heads)
        body = orjson.dumps(
            {"parent_code": f"OVER-{user}", "code": f"O-{user}-{self.made}", "scan_id": str(uuid4())}
        )
        return self.heads[user] + b"content-length: %d\r\n\r\n%b" % (len(body), body)


async def peak(phones: Phones, users: int, seconds: float) -> list[float]:
    """Scans one after another by so many at a time; seconds of each accepted one."""
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def work() -> None:
        _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", phones.port)
        while (began := time.perf_counter()) < until:
            if await line.ask(phones.request()) == 200:
                times.append(time.perf_counter() - began)
        line.transport.close()

    await asyncio.gather(*(work() for _ in range(users)))
    return times


async def overload(
    phones: Phones, rate: float, seconds: float
) -> tuple[list[float], list[float], dict[int, int]]:
    """Arrivals at a rate; seconds of accepted and of refused ones, and how many had each status."""
    loop = asyncio.get_running_loop()
    idle = deque(
        [(await loop.create_connection(Line, "127.0.0.1", phones.port))[1] for _ in range(CONNECTIONS)]
    )
    accepted: list[float] = []
    refused: list[float] = []
    statuses: dict[int, int] = {}
    asking: set[asyncio.Task[None]] = set()
    due = began = time.perf_counter()

    async def scan(line: Line, due: float) -> None:
        status = await line.ask(phones.request())
        took = time.perf_counter() - due
        statuses[status] = statuses.get(status, 0) + 1
        (accepted if status == 200 else refused).append(took)
        idle.append(line)

    while time.perf_counter() < began + seconds:
        while due <= time.perf_counter() and idle:
            task = asyncio.create_task(scan(idle.popleft(), due))
            asking.add(task)
            task.add_done_callback(asking.discard)
            due += 1 / rate
        await asyncio.sleep(0.001)
    await asyncio.gather(*asking)
    for line in idle:
        line.transport.close()
    return accepted, refused, statuses


def used() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


def p(times: list[float], share: float) -> float:
    return statistics.quantiles(times, n=1000)[round(share * 1000) - 1] * 1000


async def health(port: int, stop: asyncio.Event) -> list[tuple[int, float]]:
    """Whether health and metrics answer meanwhile."""
    told = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        while not stop.is_set():
            for path in ("/healthz", "/readyz", "/metrics"):
                began = time.perf_counter()
                answer = await client.get(path)
                told.append((answer.status_code, time.perf_counter() - began))
            await asyncio.sleep(0.3)
    return told


async def measure(site: Site, folder: Path) -> None:
    owner = await asyncpg.connect(urls(folder)[postgres.OWNER], timeout=10)
    area = await owner.fetchval("insert into areas (name) values ('Bench') returning id")
    await owner.execute(
        "insert into users (username, role, area_id, password_hash)"
        " select 'phone-' || n, 'dispatcher', $1, (select password_hash from users where username = 'admin')"
        " from generate_series(0, $2::integer - 1) n",
        area,
        USERS,
    )
    tokens = []
    for user in range(USERS):
        wire = Wire(site.port)
        body = {"username": f"phone-{user}", "password": PASSWORD}
        status, answer = await wire.call("POST", "/auth/login", body)
        assert status == 200, answer
        wire.close()
        tokens.append(orjson.loads(answer)["access_token"])
        wire = Wire(site.port, tokens[-1])
        assert (await wire.call("POST", "/scans/parent", {"code": f"OVER-{user}"}))[0] == 200
        wire.close()
    phones = Phones(site.port, tokens)
    await peak(phones, USERS, 3)
    peaks = []
    for _ in range(2):
        before = used()
        times = await peak(phones, USERS, SECONDS)
        peaks.append(len(times) / SECONDS)
        print(
            f"peak, {USERS} at a time: {peaks[-1]:6.0f} scans/s   p50 {p(times, 0.5):6.1f}"
            f"  p99 {p(times, 0.99):6.1f} ms   generator {(used() - before) / SECONDS:.2f} cores",
            flush=True,
        )
    rate = TIMES * max(peaks)
    before, stop = used(), asyncio.Event()
    told = asyncio.create_task(health(site.port, stop))
    accepted, refused, statuses = await overload(phones, rate, SECONDS)
    stop.set()
    goodput = len(accepted) / SECONDS
    print(
        f"{TIMES:g}x: {rate:.0f} due a second, {sum(statuses.values()) / SECONDS:.0f} sent; goodput"
        f" {goodput:.0f} scans/s, {goodput / max(peaks):.0%} of the peak   p50 {p(accepted, 0.5):.1f}"
        f"  p99 {p(accepted, 0.99):.1f}  max {max(accepted) * 1000:.1f} ms"
        f"   generator {(used() - before) / SECONDS:.2f} cores",
        flush=True,
    )
    print(f"   answers by status {statuses}", flush=True)
    if refused:
        print(f"   refused: p50 {p(refused, 0.5):.1f}  p99 {p(refused, 0.99):.1f} ms", flush=True)
    seen = {status for status, _ in await told}
    slowest = max(took for _, took in await told) * 1000
    print(f"   health and metrics: {len(told.result())} asked, {seen}, slowest {slowest:.0f} ms")
    # What was answered is there, and what was refused is not.
    linked = await owner.fetchval("select count(*) from bags where code like 'O-%' and parent_id is not null")
    print(f"   {linked} linked", flush=True)
    await owner.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tracetrack-bench-") as name:
        site = Site(Path(name), TRACETRACK_LOG_LEVEL="WARNING").until_ready()
        try:
            asyncio.run(measure(site, Path(name)))
        finally:
            site.stop()


if __name__ == "__main__":
    main()
