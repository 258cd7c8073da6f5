"""Who is served, who waits and who is refused: kinds of requests, places, queues, and the lost database."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.api import operations
from tracetrack.platform.admission import (
    FLOOD_SECONDS,
    FLOOD_SERVED_SECONDS,
    FLOOD_SHARE,
    LEAST_SHARE,
    SERVED_SECONDS,
    Admission,
    Gate,
    Kind,
    _kind_of,
    kind_of,
    kinds,
)
from tracetrack.platform.http import API, protective_headers
from tracetrack.platform.reach import DATABASE
from tracetrack.settings import Settings

FLOOR = Kind("floor", "floor", places=2, queue=2, patience=0.1)
REPORT = Kind("report", "desk", places=2, queue=2, patience=0.1)


def gate() -> Gate:
    return Gate({"floor": FLOOR, "report": REPORT})


async def enter(one: Gate, kind: Kind) -> str | None:
    """Take a place; or why there is none."""
    turn = one.ask(kind)
    if turn is None:
        return "full"
    return None if await one.wait(kind, turn) else "late"


def test_what_strangers_send_is_not_remembered() -> None:
    before = _kind_of.cache_info().currsize
    for number in range(20):
        assert kind_of("GET", f"{API}/{number}{'a' * 1_000}") == "desk"
    assert _kind_of.cache_info().currsize == before


def test_every_operation_has_a_kind_and_the_floor_comes_first() -> None:
    for one in operations():
        path = one.path.replace("{", "").replace("}", "")
        path = "/".join("7" if part.endswith("_id") else part for part in path.split("/"))
        assert kind_of(one.method, API + path), one
    wanted = {
        ("POST", "/scans/child"): "floor",
        ("GET", "/bags/lookup"): "floor",
        ("GET", "/scans/current"): "floor",
        ("POST", "/bills/7/bags"): "floor",
        ("POST", "/auth/refresh"): "floor",
        ("POST", "/scans/sync"): "batch",
        ("GET", "/bags"): "desk",
        ("POST", "/bags/states"): "report",
        ("GET", "/dashboard/summary"): "desk",
        ("GET", "/reports/bills"): "report",
        ("GET", "/exports/bags"): "download",
        ("POST", "/imports"): "upload",
        ("GET", "/bills/7/export"): "download",
        ("POST", "/auth/login"): "sign_in",
        ("POST", "/auth/reauthenticate"): "sign_in",
        ("POST", "/registrations"): "sign_in",
        ("GET", "/registrations"): "desk",
        ("POST", "/registrations/7/approve"): "desk",
        ("POST", "/users/7/one-time-password"): "sign_in",
        ("POST", "/users"): "desk",
        ("GET", "/events"): "stream",
    }
    assert {key: kind_of(key[0], API + key[1]) for key in wanted} == wanted
    assert [kind_of("GET", path) for path in ("/", "/healthz", "/readyz", "/metrics", "/scan")] == [None] * 5
    assert next(iter(kinds(Settings(_env_file=None)))) == "floor"


async def test_a_full_queue_refuses_at_once_and_a_long_wait_later() -> None:
    one = gate()
    assert [await enter(one, FLOOR) for _ in range(2)] == [None, None]
    waiting = [asyncio.create_task(enter(one, FLOOR)) for _ in range(2)]
    await asyncio.sleep(0)
    assert await enter(one, FLOOR) == "full"
    one.leave(FLOOR)
    assert await waiting[0] is None
    assert await waiting[1] == "late"
    assert one.running["floor"] == 2
    assert not one.waiting["floor"]


async def test_all_of_a_burst_may_wait_and_few_of_a_flood() -> None:
    clock = 100.0
    floor = replace(FLOOR, places=4, queue=20, patience=60.0)
    one = Gate({"floor": floor}, clock=lambda: clock)
    assert [await enter(one, floor) for _ in range(4)] == [None] * 4
    burst = [asyncio.create_task(enter(one, floor)) for _ in range(20)]
    await asyncio.sleep(0)
    assert await enter(one, floor) == "full"
    # Those that wait are served, and meanwhile few others may begin to.
    for task in burst[:18]:
        one.leave(floor)
        assert await task is None
    assert await enter(one, floor) == "full"
    for task in burst[18:]:
        one.leave(floor)
        assert await task is None
    flood = [asyncio.create_task(enter(one, floor)) for _ in range(20)]
    await asyncio.sleep(0)
    assert len(one.waiting["floor"]) == 4 * FLOOD_SHARE
    for _ in range(2):
        one.leave(floor)
    await asyncio.gather(*flood)
    # Nobody was refused for a while, so the next burst may wait again.
    clock += FLOOD_SECONDS
    again = [asyncio.create_task(enter(one, floor)) for _ in range(20)]
    await asyncio.sleep(0)
    assert len(one.waiting["floor"]) == 20
    for task in again:
        task.cancel()


async def test_one_that_is_late_just_as_a_place_is_free_is_passed_over() -> None:
    one = gate()
    for _ in range(2):
        await enter(one, FLOOR)
    late, next_one = (asyncio.create_task(enter(one, FLOOR)) for _ in range(2))
    await asyncio.sleep(0)
    one.waiting["floor"][0].cancel()
    # Before the late one runs again.
    one.leave(FLOOR)
    assert [await late, await next_one] == ["late", None]
    assert one.running["floor"] == 2


def test_a_slow_worker_serves_fewer_scans_at_a_time_and_a_quick_one_all_again() -> None:
    one = Gate(kinds(Settings(_env_file=None)))
    floor = one.kinds["floor"]
    for _ in range(200):
        one.served(floor, 0.5)
    assert one.places["floor"] == floor.places * LEAST_SHARE
    one.served(one.kinds["report"], 5.0)
    assert one.places["report"] == one.kinds["report"].places
    for _ in range(300):
        one.served(floor, 0.01)
    assert one.places["floor"] == floor.places


def test_in_a_flood_scans_are_to_be_quicker() -> None:
    one = Gate(kinds(Settings(_env_file=None)))
    floor = one.kinds["floor"]
    between = (FLOOD_SERVED_SECONDS + SERVED_SECONDS) / 2
    one.served(floor, between)
    assert one.places["floor"] == floor.places
    one.refused_at = time.monotonic()
    one.served(floor, between)
    assert one.places["floor"] < floor.places


async def test_while_scans_wait_only_one_report_runs() -> None:
    one = gate()
    for _ in range(2):
        await enter(one, FLOOR)
        await enter(one, REPORT)
    scan = asyncio.create_task(enter(one, FLOOR))
    reports = [asyncio.create_task(enter(one, REPORT)) for _ in range(2)]
    await asyncio.sleep(0)
    one.leave(REPORT)
    await asyncio.sleep(0)
    assert [task.done() for task in (scan, *reports)] == [False, False, False]
    one.leave(FLOOR)
    assert await scan is None
    one.leave(FLOOR)
    # No scan waits any more.
    await asyncio.gather(*reports)
    assert one.running["report"] >= 1


async def test_a_busy_floor_turns_no_sign_in_away() -> None:
    """Sign-ins have no queue here to wait in: the threads that hash have one."""
    everything = kinds(Settings(_env_file=None))
    one, floor, sign_in = Gate(everything), everything["floor"], everything["sign_in"]
    scans = [asyncio.create_task(enter(one, floor)) for _ in range(floor.places + 1)]
    await asyncio.sleep(0)
    assert one.waiting["floor"]
    assert [await enter(one, sign_in) for _ in range(3)] == [None] * 3
    for task in scans:
        task.cancel()


async def test_streams_that_go_on_keep_no_new_one_out(settings: Settings) -> None:
    done = asyncio.Event()

    async def for_long(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await done.wait()
        await send({"type": "http.response.body", "body": b""})

    middleware = Admission(for_long, settings, protective_headers(True))
    try:
        places = middleware.gate.kinds["stream"].places
        streams = [Asked(middleware, "/events") for _ in range(3 * places)]
        await asyncio.sleep(0.05)
        assert [one.status for one in streams] == [200] * len(streams)
        done.set()
        await asyncio.gather(*(one.task for one in streams))
        assert middleware.gate.running["stream"] == 0
    finally:
        DATABASE.on_lost.remove(middleware.database_lost)


async def test_the_floor_leaves_something_for_reports() -> None:
    """Scans that never cease must not stop everything else for ever."""
    one = gate()
    for _ in range(2):
        await enter(one, FLOOR)
    scans = [asyncio.create_task(enter(one, FLOOR)) for _ in range(2)]
    await asyncio.sleep(0)
    assert await enter(one, REPORT) is None
    assert one.running["report"] == 1
    for task in scans:
        task.cancel()


async def test_who_gives_up_while_waiting_leaves_no_place_taken() -> None:
    one = gate()
    for _ in range(2):
        await enter(one, FLOOR)
    gone = asyncio.create_task(enter(one, FLOOR))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    granted = asyncio.create_task(enter(one, FLOOR))
    await asyncio.sleep(0)
    one.leave(FLOOR)
    granted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await granted
    one.leave(FLOOR)
    assert one.running["floor"] == 0


class Asked:
    """One request to the middleware, and what it sent."""

    def __init__(self, middleware: Admission, path: str = "/scans/child", **headers: str) -> None:
        self.sent: list[Any] = []
        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": API + path, "headers": named}
        self.task = asyncio.create_task(middleware(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        return {"type": "http.request"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


async def answer(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_a_lost_database_is_told_to_who_waits_and_who_comes(settings: Settings) -> None:
    held, cleaned = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        try:
            await held.wait()
        finally:
            # As when a connection is given back: the caller has his answer before.
            await asyncio.sleep(0.05)
            cleaned.set()
        await answer(scope, receive, send)

    middleware = Admission(slow, settings, protective_headers(True))
    try:
        waiting = Asked(middleware, x_request_id="r-1", accept_language="hi")
        await asyncio.sleep(0)
        await DATABASE.lost("tested")
        assert waiting.status == 503
        assert not cleaned.is_set()
        after = Asked(middleware, x_request_id="r-2")
        await after.task
        assert (after.status, after.sent[1]["body"][:1]) == (503, b"{")
        headers = dict(after.sent[0]["headers"])
        assert headers[b"retry-after"] == b"1"
        assert headers[b"x-request-id"] == b"r-2"
        assert b"strict-transport-security" in headers
        await waiting.task
        assert len(waiting.sent) == 2, "answered once"
        DATABASE.succeeded()
        held.set()
        again = Asked(middleware)
        await again.task
        assert again.status == 200
    finally:
        DATABASE.reset()
        DATABASE.on_lost.remove(middleware.database_lost)
    assert set(middleware.gate.running.values()) == {0}


SHARED = Kind("report", "desk", places=4, queue=8, patience=0.5, share=2)


async def test_one_caller_has_a_share_of_the_places_and_of_the_queue() -> None:
    one = Gate({"floor": FLOOR, "report": SHARED})
    mine = [one.ask(SHARED, "greedy") for _ in range(20)]
    running = [turn for turn in mine if turn is not None and turn.done()]
    waiting = [turn for turn in mine if turn is not None and not turn.done()]
    assert (len(running), len(waiting)) == (2, 4)
    # Others come in beside those that wait, whoever they are.
    for other in ("a", "b"):
        turn = one.ask(SHARED, other)
        assert turn is not None
        assert turn.done()
    # The places are full now: they wait in the half of the queue that is left.
    late = [one.ask(SHARED, f"c{n}") for n in range(5)]
    assert [turn is not None for turn in late] == [True] * 4 + [False]


async def test_a_free_place_goes_to_whoever_has_fewest() -> None:
    one = Gate({"floor": FLOOR, "report": SHARED})
    for caller in ("greedy", "greedy", "a", "b"):
        assert one.ask(SHARED, caller) is not None
    waiting = [one.ask(SHARED, caller) for caller in ("greedy", "greedy", "a", "c")]
    order = []
    for leaving in ("b", "a", "greedy", "greedy"):
        one.leave(SHARED, leaving)
        order += [n for n, turn in enumerate(waiting) if turn is not None and turn.done() and n not in order]
    assert order == [3, 2, 0, 1]
    for leaving in ("c", "a", "greedy", "greedy"):
        one.leave(SHARED, leaving)
    assert (one.running["report"], one.held, sum(map(len, one.waiting.values()))) == (0, {}, 0)


def test_every_kind_but_the_floors_scans_is_shared() -> None:
    shared = {kind.name for kind in kinds(Settings(_env_file=None)).values() if kind.share is not None}
    assert shared == {"batch", "desk", "report", "download", "upload"}
    for path in ("/exports/links", "/labels", "/bills/1/export", "/bags/states/export", "/imports/1/report"):
        assert kind_of("GET", f"/api/v1{path}") == "download"
