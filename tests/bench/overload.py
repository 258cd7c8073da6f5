"""What is left when five times as many scans come as can be done: goodput, and how long accepted ones take.

First as fast as 50 users' scans are answered one after another (the peak), then scans arrive at
:data:`TIMES` that rate whether or not the ones before were answered, each on a connection of its own; then
a peak again, and so on, as a shared machine is not as fast now as it was a minute ago. A
scan's time runs from when it was due. Refused ones are not sent again. The generator runs on the same
machine, so its share of the processor is told: it is what the overload takes from the site. That share is
kept small: one loop over plain sockets, and requests that were made before.

``USERS``, ``SECONDS`` (of each part), ``TIMES`` and ``ROUNDS`` change the sizes.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import resource
import selectors
import socket
import statistics
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import orjson

from tests.bench.scans import Meter, urls
from tests.bench.wire import Wire
from tests.test_serve import PASSWORD, Site
from tracetrack.platform.embedded import postgres

USERS = int(os.environ.get("USERS", "50"))
SECONDS = float(os.environ.get("SECONDS", "10"))
TIMES = float(os.environ.get("TIMES", "5"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "1000"))
"""Of all users together; as many phones as send at once."""
ROUNDS = int(os.environ.get("ROUNDS", "3"))
"""Floods, each between two peaks."""


class Line:
    """A kept-alive connection for one small request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.due = 0.0
        self.read = b""

    def ask(self, request: bytes, due: float) -> None:
        """Send what was due then."""
        self.due = due
        self.socket.send(request)

    def status(self) -> int:
        """Read on; the status of the answer, 0 while it is not there whole."""
        data = self.socket.recv(65_536)
        assert data, "the site closed a connection"
        self.read += data
        head, found, body = self.read.partition(b"\r\n\r\n")
        at = head.find(b"content-length: ") + 16
        if not found or len(body) < int(head[at : at + 6].partition(b"\r")[0]):
            return 0
        self.read = b""
        return int(head[9:12])


class Lines:
    """Many of them, and which of them have an answer."""

    def __init__(self, port: int, count: int) -> None:
        self.all = [Line(port) for _ in range(count)]
        self.selector = selectors.DefaultSelector()
        for line in self.all:
            self.selector.register(line.socket, selectors.EVENT_READ, line)

    def answered(self, wait: float) -> Iterator[tuple[Line, int]]:
        """Those whose answer has come, and its status; waits for the first at most so many seconds."""
        for key, _ in self.selector.select(wait):
            status = key.data.status()
            if status:
                yield key.data, status

    def close(self) -> None:
        """Hang up."""
        self.selector.close()
        for line in self.all:
            line.socket.close()


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


def peak(phones: Phones, users: int, seconds: float) -> tuple[list[float], int]:
    """Scans one after another by so many at a time; seconds of each accepted one, and how many were refused.

    Whoever is refused comes again when he was told to.
    """
    times: list[float] = []
    refused: deque[tuple[float, Line]] = deque()
    lines = Lines(phones.port, users)
    until = time.perf_counter() + seconds
    for line in lines.all:
        line.ask(phones.request(), time.perf_counter())
    asking, count = users, 0
    while asking:
        for line, status in lines.answered(0.01 if refused else 1):
            now = time.perf_counter()
            if status != 200:
                count += 1
                refused.append((now + 1, line))
                continue
            times.append(now - line.due)
            if now < until:
                line.ask(phones.request(), now)
            else:
                asking -= 1
        while refused and (now := time.perf_counter()) >= min(until, refused[0][0]):
            _, line = refused.popleft()
            if now < until:
                line.ask(phones.request(), now)
            else:
                asking -= 1
    lines.close()
    return times, count


def overload(phones: Phones, rate: float, seconds: float) -> dict[int, list[float]]:
    """Arrivals at a rate; seconds that each took, by the status of its answer."""
    requests = [phones.request() for _ in range(round(rate * seconds))]
    lines = Lines(phones.port, CONNECTIONS)
    idle = deque(lines.all)
    times: dict[int, list[float]] = {200: [], 503: []}
    due = began = time.perf_counter()
    while (now := time.perf_counter()) < began + seconds or len(idle) < CONNECTIONS:
        while due <= now and idle and requests:
            idle.popleft().ask(requests.pop(), due)
            due += 1 / rate
        for line, status in lines.answered(0.001):
            times.setdefault(status, []).append(time.perf_counter() - line.due)
            idle.append(line)
    lines.close()
    return times


def used() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


def p(times: list[float], share: float) -> float:
    return statistics.quantiles(times, n=1000)[round(share * 1000) - 1] * 1000


class Health(threading.Thread):
    """Asks health and metrics meanwhile, on connections of their own."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.over = threading.Event()
        self.told: list[tuple[int, float]] = []

    def run(self) -> None:
        while not self.over.wait(0.3):
            for path in ("/healthz", "/readyz", "/metrics"):
                began = time.perf_counter()
                line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                line.request("GET", path)
                answer = line.getresponse()
                answer.read()
                self.told.append((answer.status, time.perf_counter() - began))
                line.close()

    def show(self) -> None:
        """Stop, and say how it went."""
        self.over.set()
        self.join()
        statuses = dict(Counter(status for status, _ in self.told))
        slowest = max(seconds for _, seconds in self.told) * 1000
        print(f"   health and metrics: {statuses}, slowest {slowest:.0f} ms", flush=True)


async def sign_in(site: Site, owner: asyncpg.Connection) -> Phones:
    """Users with a parent each."""
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
    return Phones(site.port, tokens)


async def measure(site: Site, folder: Path) -> None:
    """Peaks and floods in turns: each flood is measured against the peaks right before and after it."""
    owner = await asyncpg.connect(urls(folder)[postgres.OWNER], timeout=10)
    phones = await sign_in(site, owner)
    done = len(peak(phones, USERS, 3)[0])
    shares, late = [], []
    times = one_peak(site, phones)
    done += len(times)
    for _ in range(ROUNDS):
        before = len(times) / SECONDS
        accepted = flood(site, phones, TIMES * before)
        times = one_peak(site, phones)
        done += len(accepted) + len(times)
        shares.append(2 * len(accepted) / SECONDS / (before + len(times) / SECONDS))
        late.append(p(accepted, 0.99))
        print(f"   {shares[-1]:.0%} of the peaks before and after", flush=True)
    print(
        f"goodput {', '.join(f'{share:.0%}' for share in shares)}, median {statistics.median(shares):.0%};"
        f" p99 of accepted median {statistics.median(late):.0f} ms",
        flush=True,
    )
    # What was answered is there, and what was refused is not.
    linked = await owner.fetchval("select count(*) from bags where code like 'O-%' and parent_id is not null")
    print(f"   {linked} linked, {done} accepted", flush=True)
    assert linked == done
    await owner.close()


def one_peak(site: Site, phones: Phones) -> list[float]:
    meter = Meter(site)
    times, refused = peak(phones, USERS, SECONDS)
    print(
        f"peak, {USERS} at a time: {len(times) / SECONDS:6.0f} scans/s   p50 {p(times, 0.5):6.1f}"
        f"  p99 {p(times, 0.99):6.1f} ms  refused {refused}",
        flush=True,
    )
    meter.show()
    return times


def flood(site: Site, phones: Phones, rate: float) -> list[float]:
    """Seconds of each accepted scan."""
    meter, health = Meter(site), Health(site.port)
    health.start()
    answers = overload(phones, rate, SECONDS)
    meter.show()
    accepted, refused = answers[200], answers[503]
    statuses = {status: len(times) for status, times in answers.items()}
    print(
        f"{TIMES:g}x: {rate:.0f} due a second, {sum(statuses.values()) / SECONDS:.0f} sent; goodput"
        f" {len(accepted) / SECONDS:.0f} scans/s   p50 {p(accepted, 0.5):.1f}"
        f"  p99 {p(accepted, 0.99):.1f}  max {max(accepted) * 1000:.1f} ms",
        flush=True,
    )
    print(f"   answers by status {statuses}", flush=True)
    if refused:
        print(f"   refused: p50 {p(refused, 0.5):.1f}  p99 {p(refused, 0.99):.1f} ms", flush=True)
    health.show()
    return accepted


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tracetrack-bench-") as name:
        site = Site(Path(name), TRACETRACK_LOG_LEVEL="WARNING").until_ready()
        try:
            asyncio.run(measure(site, Path(name)))
        finally:
            site.stop()


if __name__ == "__main__":
    main()
