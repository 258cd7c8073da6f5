"""Web workers share the port evenly, stand in for each other, and are renewed without a moment in which none
serves; a new one that fails changes nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tracetrack.platform.embedded.processes import StartError
from tracetrack.platform.sockets import listen
from tracetrack.platform.workers import Workers
from tracetrack.settings import ROOT, Settings


async def page(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An application that says which process it is."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = str(os.getpid()).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def make() -> Any:
    """The factory."""
    return page


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    monkeypatch.chdir(ROOT)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }
    settings = Settings(shutdown_seconds=2, _env_file=None)
    with contextlib.ExitStack() as stack:
        sockets = listen(stack, "127.0.0.1", 0, 2)
        made = Workers("tests.platform.test_workers:make", sockets, environment, settings)
        made.start(2)
        try:
            until(lambda: all(worker.serves() for worker in made.serving) or answering(made) is not None)
            yield made
        finally:
            made.stop()


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def answering(workers: Workers) -> int | None:
    """Which process answers; None where none does."""
    try:
        return int(httpx.get(f"http://127.0.0.1:{workers.sockets[0].getsockname()[1]}/", timeout=10).text)
    except httpx.HTTPError:
        return None


def told(workers: Workers, count: int) -> Counter[int]:
    """How many of so many new connections, open at once, each process answered; each within a second."""
    counts: Counter[int] = Counter()
    with contextlib.ExitStack() as stack:
        lines = [
            stack.enter_context(socket.create_connection(workers.sockets[0].getsockname(), timeout=1))
            for _ in range(count)
        ]
        for line in lines:
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        for line in lines:
            read = b""
            while more := line.recv(1_000):
                read += more
            counts[int(read.rpartition(b"\r\n\r\n")[2])] += 1
    return counts


def pids(workers: Workers) -> set[int]:
    return {worker.process.pid for worker in workers.serving}


def test_each_worker_is_replaced_and_some_always_answer(workers: Workers) -> None:
    before = pids(workers)
    workers.renew()

    def step() -> bool:
        workers.go_on_renewing()
        assert answering(workers) is not None
        return not pids(workers) & before and not workers._leaving

    until(step)
    assert len(pids(workers)) == 2
    assert answering(workers) in pids(workers)


def test_a_new_worker_that_does_not_start_leaves_the_old_ones_at_work(workers: Workers) -> None:
    before = pids(workers)
    workers.factory = "tests.platform.test_workers:no_such_thing"
    workers.renew()

    def step() -> bool:
        workers.go_on_renewing()
        return not workers._old

    until(step)
    assert pids(workers) == before
    assert answering(workers) in before


def test_an_old_worker_that_dies_meanwhile_is_replaced_once(workers: Workers) -> None:
    workers.renew()
    victim = workers.serving[0]
    victim.process.kill()
    victim.process.wait()
    victim.born -= 1

    def step() -> bool:
        workers.mend()
        workers.go_on_renewing()
        return not workers._old and workers._coming is None and not workers._leaving

    until(step)
    assert len(pids(workers)) == 2
    assert victim.process.pid not in pids(workers)
    assert answering(workers) in pids(workers)


@pytest.mark.skipif(sys.platform != "linux", reason="one socket for all")
def test_connections_are_spread_evenly(workers: Workers) -> None:
    until(lambda: set(told(workers, 20)) == pids(workers))
    rounds: list[Counter[int]] = []
    # A neighbour takes what a worker leaves waiting that a busy machine holds up, so one round says little.
    for _ in range(5):
        counts = told(workers, 200)
        assert set(counts) == pids(workers)
        # Of fair coins, one round in five million has fewer.
        if min(counts.values()) > 64:
            return
        rounds.append(counts)
    pytest.fail(f"never spread evenly: {rounds}")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_what_a_dead_or_hanging_worker_would_have_taken_its_neighbour_takes(
    workers: Workers, number: signal.Signals
) -> None:
    until(lambda: set(told(workers, 20)) == pids(workers))
    victim, other = workers.serving
    victim.process.send_signal(number)
    try:
        assert told(workers, 50) == {other.process.pid: 50}
    finally:
        victim.process.send_signal(signal.SIGCONT)
    if number is signal.SIGKILL:
        victim.process.wait()
        victim.born -= 1
        workers.mend()
        # In the place of the dead one, on its socket.
        until(lambda: set(told(workers, 20)) == pids(workers))


def test_two_sites_of_one_user_do_not_share_a_port() -> None:
    with contextlib.ExitStack() as stack:
        port = listen(stack, "127.0.0.1", 0, 2)[0].getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} cannot be used"):
            listen(stack, "127.0.0.1", port, 2)
    with contextlib.ExitStack() as stack:
        assert {one.getsockname()[1] for one in listen(stack, "127.0.0.1", port, 2)} == {port}
