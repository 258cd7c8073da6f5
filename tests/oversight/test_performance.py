"""The performance dashboard: stored minutes of all workers add up, percentiles are right, alerts tell."""

from __future__ import annotations

import asyncio
import json
import random
import re
import statistics
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from tests.floor import Floor
from tracetrack.oversight.performance import service as performance
from tracetrack.oversight.performance.service import store
from tracetrack.platform import metrics, minutes
from tracetrack.platform.minutes import BOUNDS, Tally, percentile
from tracetrack.settings import ROOT


@pytest.fixture(autouse=True)
def from_now_on() -> None:
    minutes.take()


async def summary(floor: Floor, **query: Any) -> dict[str, Any]:
    answer = await floor.admin.get("/performance/summary", **query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_it_tells_of_each_route_by_its_template(floor: Floor) -> None:
    minutes.take()
    for number in range(5):
        bag = (await floor.north.scan_parent(f"P{number}")).json()["bag"]
        await floor.north.get(f"/bags/{bag['id']}")
    await store()
    told = await summary(floor)
    routes = {(r["method"], r["route"]): r for r in told["routes"]}
    scans = routes["POST", "/api/v1/scans/parent"]
    assert (scans["requests"], scans["errors"]) == (5, 0)
    assert 0 < scans["p50_ms"] <= scans["p95_ms"] <= scans["p99_ms"]
    assert routes["GET", "/api/v1/bags/{bag_id}"]["requests"] == 5
    assert sum(s["requests"] for s in told["over_time"]) == told["requests"] == 10
    [worker] = told["workers"]
    assert worker["memory_bytes"] > 10_000_000
    assert (worker["pool_size"] >= 1, told["cache"]["redis"]) == (True, "up")
    assert worker["breakers"] | {"redis": "closed"} == worker["breakers"]
    [stretch] = told["system"]
    assert (stretch["memory_bytes"], stretch["loop_lag_ms"]) == (
        worker["memory_bytes"],
        worker["loop_lag_ms"],
    )
    assert told["database"]["connections"] >= 1
    asked = await summary(floor, route="GET /api/v1/bags/{bag_id}")
    assert (sum(s["requests"] for s in asked["over_time"]), asked["requests"]) == (5, 10)
    for period in ("day", "month"):
        assert (await summary(floor, period=period))["requests"] == 10


async def test_what_cannot_be_stored_now_is_stored_later(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes.take()
    await floor.north.scan_parent("P1")
    with monkeypatch.context() as away:
        away.setattr(performance.db, "connections_in_use", _away)
        with pytest.raises(ConnectionError):
            await store()
    await floor.north.scan_parent("P2")
    await store()
    assert (await summary(floor))["requests"] == 2
    scraped = generate_latest().decode()
    assert float(re.findall(r"^tracetrack_memory_bytes (.+)$", scraped, re.MULTILINE)[0]) > 10_000_000
    for name in ("tracetrack_cpu_cores", "tracetrack_loop_lag_seconds"):
        assert re.search(rf"^{name} \d", scraped, re.MULTILINE), name


def _away() -> int:
    raise ConnectionError("the database is away")


async def test_what_several_workers_store_at_once_adds_up(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = iter([1, 2, 3, 4])

    def taken() -> minutes.Taken:
        number = next(seen)
        slow = Tally(number, 1, 0.1, [number, *[0] * len(BOUNDS)])
        return minutes.Taken({("GET", f"/r{n}"): slow for n in range(5)}, 0.1, 1_000, 5.0)

    monkeypatch.setattr(minutes, "take", taken)
    await asyncio.gather(*(store() for _ in range(4)))
    told = await summary(floor)
    assert {(r["route"], r["requests"], r["errors"]) for r in told["routes"]} == {
        (f"/r{n}", 10, 4) for n in range(5)
    }


async def test_alerts_tell_what_is_beyond_its_limit(floor: Floor) -> None:
    assert (await summary(floor))["alerts"] == []
    for _ in range(10):
        minutes.count("GET", "/slow", 200, 3.0)
        minutes.count("GET", "/slow", 500, 3.0)
    await store()
    assert {a["name"] for a in (await summary(floor))["alerts"]} >= {"p95_ms", "errors_percent"}
    change = {"alert_p95_ms": 60_000, "alert_errors_percent": 60, "alert_loop_lag_ms": 60_000}
    assert (await floor.admin.patch("/settings", change)).status_code == 200
    assert (await summary(floor))["alerts"] == []


def test_percentiles_from_buckets_are_near_the_true_ones() -> None:
    dice = random.Random(5)
    times = [dice.lognormvariate(-4, 1) for _ in range(20_000)]
    minutes.take()
    for seconds in times:
        minutes.count("GET", "/x", 200, seconds)
    buckets = minutes.take().routes["GET", "/x"].buckets
    cuts = statistics.quantiles(times, n=100)
    for share in (50, 95, 99):
        found = percentile(buckets, share / 100)
        assert found is not None
        true = cuts[share - 1] * 1000
        # Within the bucket that it is in.
        ends = [0.0, *(bound * 1000 for bound in BOUNDS)]
        low = max(end for end in ends if end <= true)
        high = min(end for end in ends if end > true)
        assert low <= found <= high
    assert percentile([0] * 13, 0.5) is None
    assert percentile([0] * 12 + [4], 0.5) == 10_000


async def test_a_loop_that_is_held_up_is_seen(floor: Floor) -> None:
    minutes.take()
    tick = asyncio.create_task(minutes.tick())
    await asyncio.sleep(0.05)
    time.sleep(0.7)  # noqa: ASYNC251 - this is the thing itself
    await tick
    assert minutes.take().loop_lag_ms > 100


def test_prometheus_and_grafana_ask_for_metrics_that_there_are() -> None:
    platform = Path(metrics.__file__).parent.glob("*.py")
    there = {name for file in platform for name in re.findall(r'"(tracetrack_\w+)"', file.read_text("utf-8"))}
    rules = yaml.safe_load((ROOT / "deploy/alerts.yml").read_text("utf-8"))
    board = json.loads((ROOT / "deploy/grafana/dashboards/tracetrack.json").read_text("utf-8"))
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    asked += [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    assert len(asked) > 10
    for expression in asked:
        for name in re.findall(r"tracetrack_\w+", expression):
            assert re.sub(r"_(bucket|count|sum)$", "", name) in there, name
