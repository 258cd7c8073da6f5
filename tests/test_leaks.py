"""What one area does leaves no trace in anything that another area's dispatcher reads.

Not only where he asks for it: every list, count, search, suggestion and figure is read before and
after a busy day in North, and must not have changed by a byte. And a foreign thing takes as long to
be refused as one that is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import statistics
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from tests.api import operations
from tests.billing.bills import attach, new_bill, packed
from tests.conftest import empty
from tests.floor import Floor, Person
from tests.imports.files import rows_in
from tests.lengths import SOAK, assert_fast, length
from tests.test_routes import OF_THE_SITE, Things, may, missing, send
from tracetrack.bags import search
from tracetrack.platform import stamps

READ = [one for one in operations() if one.method == "GET" and not one.streams and "dispatcher" in may(one)]
TIMES = length(15, 150)
"""How often each is asked for, of each of the two."""
MOST_MS = 0.5
"""By which they may differ: less than a network would show."""
clock = time.perf_counter if SOAK else time.thread_time
"""What a quiet machine's clock shows; on a busy one the time that the application itself worked."""


@pytest.fixture(scope="module")
async def warehouse(application: httpx.ASGITransport, owner: asyncpg.Connection) -> AsyncIterator[Floor]:
    await empty(owner)
    stamps.forget_stamps()
    async with contextlib.AsyncExitStack() as stack:
        yield await Floor.set_up(application, owner, stack)


async def all_that_is_read(person: Person) -> dict[str, str]:
    """Every answer to a question without an id, and to those that name what is North's."""
    found = {}
    named = {
        "code": "NORTHERN-1",
        "q": "NORTH",
        "number": "NORTHERN-BILL",
        "area_id": None,
        "user_id": None,
        "start": "NORTH",
    }
    for operation in READ:
        asked = operation.parameters("query")
        for query in ({}, {name: value for name, value in named.items() if name in asked and value}):
            answer = await send(person.http, operation, missing(operation), query)
            assert answer.status_code < 500, (operation, answer.text)
            # The moment of asking is nobody's secret.
            text = re.sub(r'"\d{4}-\d\d-\d\dT[^"]+"', '"AT"', answer.text)
            # A series by hour or day moves on by one empty slot when the clock strikes in between.
            text = re.sub(r'\{"at":"AT"(,"\w+":0)+\},?', "", text).replace("},]", "}]")
            found[f"{operation} {query}"] = f"{answer.status_code} {text}"
    return found


async def a_busy_day(floor: Floor) -> None:
    """Scans, moves, undos, bills, an import and refusals, all of North."""
    for n in range(6):
        await packed(floor, f"NORTHERN-{n}", 5)
    child = (await floor.north.bag("NORTHERN-1-0"))["id"]
    await floor.north.post(f"/bags/{child}/move", {"parent_code": "NORTHERN-2"})
    await floor.north.scan_child("NORTHERN-1", "NORTHERN-2-1")
    done = (await floor.north.scan_child("NORTHERN-3", "NORTHERN-NEW")).json()["scan_id"]
    await floor.north.undo(done)
    parent = (await floor.north.bag("NORTHERN-4"))["id"]
    await floor.north.post(f"/bags/{parent}/complete")
    bill = await new_bill(floor.biller, number="NORTHERN-BILL", area_id=floor.areas["North"])
    for n in (4, 5):
        await attach(floor.biller, bill["id"], f"NORTHERN-{n}")
    await floor.biller.post(f"/bills/{bill['id']}/complete")
    rows = [["parent", "child"], *([f"NORTHERN-I{n % 3}", f"NORTHERN-IC{n}"] for n in range(30))]
    shown = await rows_in(floor.admin, rows, area_id=floor.areas["North"])
    assert shown["links_created"] == 30, shown
    for job in search.JOBS:
        await job.do()


async def test_a_busy_day_in_north_changes_nothing_that_south_reads(warehouse: Floor) -> None:
    await warehouse.south.scan_parent("SOUTHERN")
    await warehouse.south.scan_child("SOUTHERN", "SOUTHERN-1")
    seen = [await all_that_is_read(warehouse.south)]
    of_north = [await all_that_is_read(warehouse.north)]
    await a_busy_day(warehouse)
    # Answers may be remembered for a moment.
    stamps.forget_stamps()
    await wait_out_the_cache()
    seen.append(await all_that_is_read(warehouse.south))
    of_north.append(await all_that_is_read(warehouse.north))
    told = {name for name, text in seen[0].items() if text != seen[1][name]}
    assert not told, {name: (seen[0][name][:300], seen[1][name][:300]) for name in told}
    assert not any("NORTHERN" in text.replace('"asked":"NORTHERN-1"', "") for text in seen[1].values())
    # A control: the same day is seen in North, in lists, counts and searches.
    changed = {name.partition(" {")[0] for name, text in of_north[0].items() if text != of_north[1][name]}
    assert changed >= {"GET /bags", "GET /bills", "GET /dashboard/summary", "GET /search", "GET /bags/lookup"}


async def wait_out_the_cache() -> None:
    """Until nothing that was remembered before is still answered."""
    await asyncio.sleep(1.1)


BY_ID = [
    one
    for one in operations()
    if "{" in one.path and "dispatcher" in may(one) and not OF_THE_SITE.match(one.path)
]


async def seconds(person: Person, operation: Any, place: dict[str, Any], body: dict[str, Any]) -> float:
    began = clock()
    answer = await send(person.http, operation, place, **body)
    took = clock() - began
    assert answer.status_code == 404, (operation, answer.text)
    return took


def quick(times: list[float]) -> float:
    """The mean of the quicker third: what a call takes when nothing else is in its way."""
    return statistics.mean(sorted(times)[: max(1, len(times) // 3)])


async def test_a_foreign_thing_is_refused_as_soon_as_a_missing_one(warehouse: Floor) -> None:
    """In turns, so that whatever else the machine does weighs on both alike."""
    await warehouse.south.scan_parent("SOUTHERN")

    async def measured(operation: Any, theirs: dict[str, Any], body: dict[str, Any]) -> float:
        foreign, absent = [], []
        for turn in range(TIMES):
            pair = [(foreign, theirs), (absent, missing(operation))]
            for times, place in pair if turn % 2 else reversed(pair):
                times.append(await seconds(warehouse.south, operation, place, body))
        return (quick(foreign) - quick(absent)) * 1000

    apart = {}
    for operation in BY_ID:
        theirs, body = await Things(warehouse).fill(operation, warehouse.north), {"parent_code": "SOUTHERN"}
        if "session_id" in theirs:
            continue
        found = await measured(operation, theirs, body)
        if abs(found) >= MOST_MS:
            # What tells them apart does so again; what the machine did meanwhile does not.
            found = min(found, await measured(operation, theirs, body), key=abs)
        apart[str(operation)] = found
    farthest = max(apart, key=lambda name: abs(apart[name]))
    print(f"{len(apart)} operations, {TIMES} pairs: at most {apart[farthest]:+.2f} ms apart ({farthest})")
    assert_fast(abs(apart[farthest]), MOST_MS, f"{farthest}, ms apart")
