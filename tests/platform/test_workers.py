"""Web workers are renewed without a moment in which none serves; a new one that fails changes nothing."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tracetrack.platform.supervisor import Workers
from tracetrack.settings import ROOT, Settings


async def page(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An application that says which process it is."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


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
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        made = Workers("tests.platform.test_workers:make", sock, environment, settings)
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
        return int(httpx.get(f"http://127.0.0.1:{workers.sock.getsockname()[1]}/", timeout=10).text)
    except httpx.HTTPError:
        return None


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
