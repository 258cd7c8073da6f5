"""The live stream over real workers: complete, in one's area only, resumable, and soon ended."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.floor import PASSWORD
from tests.lengths import assert_fast
from tests.oversight.streams import Stream, listening
from tests.serving import Served, fill, worker
from tracetrack.access.actor import Actor, Role
from tracetrack.oversight.stream.follow import QUEUE, Listener, View
from tracetrack.platform.embedded import postgres

DATABASE = "tracetrack_stream"


@pytest.fixture(scope="module")
async def site(server: postgres.Postgres) -> AsyncIterator[tuple[Served, Served, asyncpg.Connection]]:
    """Two workers on one database, without Redis; the second has two connections only."""
    server.create_database(DATABASE, "tracetrack_template")
    await fill(server.url(postgres.OWNER, DATABASE))
    owner = await asyncpg.connect(server.url(postgres.OWNER, DATABASE))
    await owner.execute("insert into areas (name) values ('South')")
    with worker(server, DATABASE) as one, worker(server, DATABASE, TRACETRACK_POOL_SIZE="2") as two:
        for served in (one, two):
            await served.sign_in()
        yield one, two, owner
    await owner.close()
    server.drop_database(DATABASE)


async def scan(client: httpx.AsyncClient, code: str) -> None:
    answer = await client.post("/scans/parent", json={"code": code, "scan_id": str(uuid4())})
    assert answer.status_code == 200, answer.text


Site = tuple[Served, Served, asyncpg.Connection]


async def test_a_scan_at_one_worker_is_told_by_the_other_within_a_second(site: Site) -> None:
    one, two, _ = site
    async with (
        one.client("dispatcher") as scanner,
        two.client("admin") as admin,
        two.client("dispatcher") as dispatcher,
        listening(admin) as all_areas,
        listening(dispatcher) as own,
    ):
        assert (await all_areas.message())[0] == (await own.message())[0] == "hello"
        began = time.monotonic()
        await scan(scanner, "TOLD-1")
        for stream in (all_areas, own):
            async with asyncio.timeout(60):
                [event] = await stream.events(1)
            assert (event["action"], event["code"]) == ("bag_created", "TOLD-1")
            assert event["actor"]["username"] == "dispatcher"
        assert_fast(time.monotonic() - began, 2, "a scan reaches both streams, s")


async def test_nobody_is_told_of_another_area_nor_of_what_his_role_may_not_see(site: Site) -> None:
    one, _, owner = site
    south = await owner.fetchval("select id from areas where name = 'South'")
    async with (
        one.client("dispatcher") as dispatcher,
        one.client("biller") as biller,
        listening(dispatcher) as own,
        listening(biller) as office,
    ):
        await own.message(), await office.message()
        for subject in ("bag", "bill", "import", "user"):
            await owner.execute(
                "insert into audit_events (action, subject_type, subject_code, area_id)"
                " values ('x', $1, 'SOUTHERN', $2), ('x', $1, 'NOWHERE', null)",
                subject,
                south,
            )
        await owner.execute(
            "insert into audit_events (action, subject_type, subject_code, area_id)"
            " select 'x', s, 'NORTHERN', id from areas, unnest(array['bag', 'user']) s where name = 'North'"
        )
        await scan(dispatcher, "LAST")
        async with asyncio.timeout(60):
            assert [e["code"] for e in await own.events(2)] == ["NORTHERN", "LAST"]
            told = await office.events(8)
        assert {(e["subject_type"], e["code"]) for e in told[:-2]} == {
            (subject, code) for subject in ("bag", "bill", "import") for code in ("SOUTHERN", "NOWHERE")
        }


async def test_coming_back_anywhere_there_is_no_gap_and_no_double(site: Site) -> None:
    one, two, owner = site
    count = 400
    told: list[int] = []
    # A transaction that began before them all and commits in the middle holds nobody up.
    long = owner.transaction()
    await long.start()
    late = await owner.fetchval(
        "insert into audit_events (action, subject_type, subject_code, area_id)"
        " select 'late', 'bag', 'LATE', id from areas where name = 'North' returning id"
    )

    async def listen() -> None:
        seen: str | None = None
        choose = random.Random(7)
        while len(told) < count + 1:
            served = choose.choice((one, two))
            async with served.client("dispatcher") as client, listening(client, seen) as stream:
                until = time.monotonic() + choose.uniform(0.05, 0.4)
                if seen is None:
                    ready.set()
                with contextlib.suppress(TimeoutError):
                    while len(told) < count + 1:
                        async with asyncio.timeout_at(
                            asyncio.get_running_loop().time() + max(0.0, until - time.monotonic())
                        ):
                            kind, value = await stream.message()
                        # Cut off only between messages: a message comes whole or not at all.
                        seen = stream.seen
                        assert kind != "reset"
                        told.extend(e["id"] for e in value.get("events", ()))

    ready = asyncio.Event()
    listener = asyncio.create_task(listen())
    await ready.wait()
    await asyncio.sleep(0.5)
    async with one.client("dispatcher") as client:
        for start in range(0, count, 20):
            await asyncio.gather(*(scan(client, f"GAPLESS-{n}") for n in range(start, start + 20)))
            if start == count // 2:
                await long.commit()
    async with asyncio.timeout(30):
        await listener
    rows = await owner.fetch(
        "select id from audit_events where subject_code like 'GAPLESS-%' union select $1::bigint", late
    )
    assert len(told) == len(set(told)), "told twice"
    assert set(told) == {row["id"] for row in rows}


@pytest.mark.parametrize("seen", ["x", "1:2", "9:1:", "1:1:", "99999999999:99999999999:"])
async def test_who_comes_with_no_position_of_ours_is_told_to_look_anew(site: Site, seen: str) -> None:
    async with site[0].client("dispatcher") as client, listening(client, seen) as stream:
        kind, _ = await stream.message()
        # From the very beginning there may be few enough events to tell.
        assert kind == "reset" or seen == "1:1:"
        assert stream.seen != seen


async def test_streams_hold_no_connection(site: Site) -> None:
    _, two, owner = site
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(two.client("dispatcher"))
        for _ in range(30):
            stream = await stack.enter_async_context(listening(client))
            await stream.message()
        # Its pool has two connections, and so it serves or lets wait ten scans at a time.
        for start in range(0, 20, 5):
            await asyncio.gather(*(scan(client, f"POOL-{n}") for n in range(start, start + 5)))
        # A background task may be between two statements of a transaction; a stream would stay there.
        until = time.monotonic() + 30
        while await owner.fetchval(
            "select count(*) from pg_stat_activity where datname = $1 and state like 'idle in%'", DATABASE
        ):
            assert time.monotonic() < until
            await asyncio.sleep(0.05)


async def test_the_stream_ends_with_the_session(site: Site) -> None:
    one, two, _ = site
    async with one.client() as anyone:
        answer = await anyone.post("/auth/login", json={"username": "biller", "password": PASSWORD})
        headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    async with two.client() as client:
        client.headers.update(headers)
        async with listening(client) as stream:
            await stream.message()
            began = time.monotonic()
            async with one.client() as other:
                assert (await other.post("/auth/logout", headers=headers)).status_code == 204
            async with asyncio.timeout(60):
                assert await stream.events(1) == []
            assert_fast(time.monotonic() - began, 2.5, "a signed-out stream ends, s")


async def ended(stream: Stream) -> float:
    """Seconds until the stream has ended; whatever it tells before."""
    began = time.monotonic()
    async with asyncio.timeout(60):
        with contextlib.suppress(StopAsyncIteration):
            while True:
                await stream.message()
    return time.monotonic() - began


async def test_a_program_that_is_moved_to_another_area_is_told_of_that_one_alone(site: Site) -> None:
    one, two, owner = site
    north, south = [
        await owner.fetchval("select id from areas where name = $1", name) for name in ("North", "South")
    ]
    async with one.client("admin") as admin, two.client() as program, one.client("dispatcher") as scanner:
        new = {"name": "moved", "role": "dispatcher", "area_id": north}
        made = (await admin.post("/api-keys", json=new)).json()
        program.headers["authorization"] = f"Bearer {made['key']}"
        async with listening(program) as stream:
            await stream.message()
            await scan(scanner, "BEFORE-THE-MOVE")
            async with asyncio.timeout(60):
                assert [e["code"] for e in await stream.events(1)] == ["BEFORE-THE-MOVE"]
            answer = await admin.patch(f"/users/{made['user_id']}", json={"area_id": south})
            assert answer.status_code == 200, answer.text
            assert_fast(await ended(stream), 2.5, "the stream ends, s")
        async with listening(program, stream.seen) as stream:
            await scan(scanner, "NO-LONGER-ITS-OWN")
            await owner.execute(
                "insert into audit_events (action, subject_type, subject_code, area_id)"
                " values ('x', 'bag', 'ITS-OWN-NOW', $1)",
                south,
            )
            async with asyncio.timeout(60):
                assert [e["code"] for e in await stream.events(1)] == ["ITS-OWN-NOW"]


async def test_an_admin_who_lowers_himself_is_told_no_more_than_others(site: Site) -> None:
    one, two, owner = site
    other = {"username": "lowered", "password": "a good long one", "role": "admin"}
    async with one.client("admin") as admin, one.client() as lowered, two.client() as listener:
        user_id = (await admin.post("/users", json=other)).json()["id"]
        sign_in = {name: other[name] for name in ("username", "password")}
        token = (await lowered.post("/auth/login", json=sign_in)).json()["access_token"]
        for client in (lowered, listener):
            client.headers["authorization"] = f"Bearer {token}"
        async with listening(listener) as stream:
            await stream.message()
            answer = await lowered.patch(f"/users/{user_id}", json={"role": "biller"})
            assert answer.status_code == 200, answer.text
            assert_fast(await ended(stream), 2.5, "the stream ends, s")
        # His session lives on, and so he comes back with it.
        async with listening(listener) as stream:
            await stream.message()
            await owner.execute(
                "insert into audit_events (action, subject_type, subject_code)"
                " values ('x', 'user', 'FOR-ADMINS'), ('x', 'bag', 'FOR-HIM-TOO')"
            )
            async with asyncio.timeout(60):
                assert [e["code"] for e in await stream.events(1)] == ["FOR-HIM-TOO"]


async def test_a_change_that_takes_nothing_away_ends_no_stream(site: Site) -> None:
    one, two, _ = site
    async with (
        one.client("admin") as admin,
        two.client("dispatcher") as dispatcher,
        one.client("dispatcher") as scanner,
        listening(dispatcher) as stream,
    ):
        await stream.message()
        me = (await dispatcher.get("/auth/me")).json()
        assert (await admin.patch(f"/users/{me['id']}", json={"full_name": "D"})).status_code == 200
        # By then what is remembered of him was asked for anew.
        await asyncio.sleep(2)
        await scan(scanner, "STILL-TOLD")
        async with asyncio.timeout(60):
            assert [e["code"] for e in await stream.events(1)] == ["STILL-TOLD"]


async def test_a_worker_that_stops_ends_its_streams_at_once(server: postgres.Postgres, site: Site) -> None:
    with worker(server, DATABASE) as third:
        await third.sign_in()
        async with third.client("dispatcher") as client, listening(client) as stream:
            await stream.message()
            began = time.monotonic()
            third.process.terminate()
            async with asyncio.timeout(60):
                assert await stream.events(1) == []
            seen = stream.seen
        await asyncio.to_thread(third.process.wait, 60)
        assert_fast(time.monotonic() - began, 5, "the worker stops, s")
    async with site[0].client("dispatcher") as client:
        await scan(client, "MEANWHILE")
        async with listening(client, seen) as stream, asyncio.timeout(60):
            assert [e["code"] for e in await stream.events(1)] == ["MEANWHILE"]


async def test_the_dashboards_figures_come_as_they_change(site: Site) -> None:
    one, two, _ = site
    async with (
        one.client("dispatcher") as scanner,
        two.client("dispatcher") as client,
        listening(client, path="/events?summary=true") as stream,
    ):
        scanned = []
        async with asyncio.timeout(60):
            while len(scanned) < 2:
                kind, value = await stream.message()
                if kind == "summary":
                    scanned.append(value["scans_today"])
                    assert [area["area"]["name"] for area in value["areas"]] == ["North"]
                    if len(scanned) == 1:
                        await scan(scanner, "COUNTED")
        assert scanned[1] == scanned[0] + 1


async def test_the_office_is_told_how_far_an_import_is_and_that_it_ended(site: Site) -> None:
    one, two, _ = site
    lines = ["parent,child", *(f"MOVING-{n // 30},MOVING-{n // 30}-{n % 30}" for n in range(30_000))]
    told: list[dict[str, Any]] = []
    times: list[float] = []
    async with (
        one.client("biller") as biller,
        two.client("biller") as office,
        two.client("dispatcher") as dispatcher,
        listening(office) as stream,
        listening(dispatcher) as floor,
    ):
        files = {"file": ("season.csv", "\n".join(lines).encode())}
        answer = await biller.post("/imports", files=files, data={"kind": "bags"})
        assert answer.status_code == 202, answer.text
        async with asyncio.timeout(60):
            while not told or told[-1]["state"] in ("queued", "running"):
                kind, value = await stream.message()
                if kind == "import":
                    told.append(value)
                    times.append(time.monotonic())
        assert {one["id"] for one in told} == {answer.json()["id"]}
        assert (told[-1]["state"], told[-1]["progress"], told[-1]["rows_done"]) == ("completed", 1.0, 30_000)
        assert [one["progress"] for one in told] == sorted(one["progress"] for one in told)
        assert all(later - sooner > 0.8 for sooner, later in itertools.pairwise(times))
        # The last of what the floor is told: nothing of imports came before.
        await scan(dispatcher, "AFTER-IMPORT")
        kinds = []
        async with asyncio.timeout(60):
            while "ledger" not in kinds:
                kinds.append((await floor.message())[0])
        assert "import" not in kinds


async def test_the_office_listens_to_one_area(site: Site) -> None:
    one, two, owner = site
    north = await owner.fetchval("select id from areas where name = 'North'")
    await owner.execute(
        "insert into users (username, role, area_id, password_hash) select 'south', 'dispatcher',"
        " (select id from areas where name = 'South'), password_hash from users where username = 'dispatcher'"
    )
    async with one.client() as anyone:
        answer = await anyone.post("/auth/login", json={"username": "south", "password": PASSWORD})
    async with (
        one.client() as south,
        one.client("dispatcher") as dispatcher,
        two.client("biller") as biller,
        listening(biller, path=f"/events?area_id={north}") as stream,
    ):
        south.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        await stream.message()
        await scan(south, "FOREIGN")
        await scan(dispatcher, "OWN")
        async with asyncio.timeout(60):
            assert [event["code"] for event in await stream.events(1)] == ["OWN"]


async def test_who_takes_nothing_is_cut_off_and_costs_a_bounded_queue() -> None:
    actor: Any = Actor(1, "x", Role.admin, None, uuid4(), False, "", "")
    listener = Listener(View(actor))
    assert all(listener.tell(b"%d " % n) for n in range(QUEUE))
    assert not listener.tell(b"one too many")
    # What it still gets has no gap, so it goes on from there when it comes back.
    assert await listener.messages() == b"".join(b"%d " % n for n in range(QUEUE))
    assert await listener.messages() is None
