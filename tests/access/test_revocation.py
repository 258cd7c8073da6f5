"""What ends access acts in every worker within one second, without Redis."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator

import pytest

from tests.floor import PASSWORD, Floor, Person
from tests.lengths import assert_fast
from tracetrack.access import queries
from tracetrack.platform import stamps
from tracetrack.platform.upkeep import do_chores
from tracetrack.settings import Settings

WITHIN_SECONDS = 1.0


class Worker:
    """A second process that tries a token over and over."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def sees(self) -> tuple[float, str]:
        """The next change that it sees, and when it saw it."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 10)
        at, _, what = line.decode().strip().partition(" ")
        return float(at), what


@contextlib.asynccontextmanager
async def second_worker(settings: Settings, person: Person) -> AsyncIterator[Worker]:
    assert settings.database_url is not None
    assert settings.secret_key is not None
    environment = {name: value for name, value in os.environ.items() if "REDIS" not in name}
    environment["TRACETRACK_DATABASE_URL"] = settings.database_url.get_secret_value()
    environment["TRACETRACK_SECRET_KEY"] = settings.secret_key.get_secret_value()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.access.watcher",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stdin is not None
    process.stdin.write(person.http.headers["authorization"].removeprefix("Bearer ").encode() + b"\n")
    try:
        yield Worker(process)
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("change", ["disabled", "role", "area", "password"])
async def test_a_change_by_an_admin_ends_access_in_another_worker(
    floor: Floor, settings: Settings, change: str
) -> None:
    body = {
        "disabled": {"disabled": True},
        "role": {"role": "biller"},
        "area": {"area_id": floor.areas["South"]},
        "password": {"password": "a whole new sentence"},
    }[change]
    async with second_worker(settings, floor.north) as worker:
        assert (await worker.sees())[1] == "dispatcher North"
        changed = await floor.admin.patch(f"/users/{floor.north.id}", body)
        done = time.time()
        assert changed.status_code == 200, changed.text
        at, what = await worker.sees()
    assert what == "session_ended"
    assert_fast(at - done, WITHIN_SECONDS, "seen by another worker, s")
    assert (await floor.north.get("/auth/me")).status_code == 401


@pytest.mark.parametrize("way", ["signed out", "ended elsewhere", "new password elsewhere"])
async def test_a_person_who_ends_a_session_ends_it_in_another_worker(
    floor: Floor, settings: Settings, way: str
) -> None:
    other = await floor.sign_in(floor.north.id, "north")
    listed = (await floor.north.get("/auth/sessions")).json()["items"]
    mine = next(item["id"] for item in listed if item["current"])
    async with second_worker(settings, floor.north) as worker:
        await worker.sees()
        if way == "signed out":
            answer = await floor.north.post("/auth/logout")
        elif way == "ended elsewhere":
            answer = await other.delete(f"/auth/sessions/{mine}")
        else:
            new = {"current_password": PASSWORD, "new_password": "a whole new sentence"}
            answer = await other.post("/auth/password", new)
        done = time.time()
        assert answer.is_success, answer.text
        at, what = await worker.sees()
    assert what == "session_ended"
    assert_fast(at - done, WITHIN_SECONDS, "seen by another worker, s")


async def test_a_change_straight_in_the_database_acts_too(floor: Floor, settings: Settings) -> None:
    async with second_worker(settings, floor.north) as worker:
        await worker.sees()
        await floor.owner.execute(
            "update users set area_id = $1 where id = $2", floor.areas["South"], floor.north.id
        )
        done = time.time()
        at, what = await worker.sees()
        assert what == "dispatcher South"
        assert_fast(at - done, WITHIN_SECONDS, "seen by another worker, s")
        await floor.owner.execute("update users set role = 'biller' where id = $1", floor.north.id)
        assert (await worker.sees())[1] == "biller South"


async def test_the_worker_that_made_the_change_sees_it_at_once(floor: Floor) -> None:
    assert (await floor.north.get("/auth/me")).status_code == 200
    await floor.admin.patch(f"/users/{floor.north.id}", {"disabled": True})
    assert (await floor.north.get("/auth/me")).json()["code"] == "session_ended"
    await floor.admin.patch(f"/users/{floor.north.id}", {"disabled": False})
    assert (await floor.north.get("/auth/me")).status_code == 401, "the old session does not come back"
    assert (await floor.sign_in(floor.north.id, "north")).http is not None


LIVING = "select count(*) from sessions where user_id = $1 and ended_at is null"
USED_LONG_AGO = """
    insert into sessions (user_id, created_at, last_seen_at, expires_at)
    select $1, now() - interval '2 hours', now() - interval '1 hour', now() + interval '1 day'
    from generate_series(1, $2)
"""


async def test_of_very_many_sessions_those_used_longest_ago_end_at_the_next_sign_in(floor: Floor) -> None:
    """Else nobody could disable somebody who has hundreds of thousands: ending them takes too long."""
    await floor.owner.execute(USED_LONG_AGO, floor.north.id, queries.MOST_SESSIONS - 2)
    version = await floor.owner.fetchval("select version from versions where name = 'access'")
    await floor.sign_in(floor.north.id, "north")
    assert await floor.owner.fetchval(LIVING, floor.north.id) == queries.MOST_SESSIONS
    assert await floor.owner.fetchval("select version from versions where name = 'access'") == version
    newest = await floor.sign_in(floor.north.id, "north")
    assert await floor.owner.fetchval(LIVING, floor.north.id) == queries.SESSIONS_KEPT
    for living in (floor.north, newest, floor.south):
        assert (await living.get("/auth/me")).status_code == 200


async def test_one_with_more_sessions_than_a_statement_can_end_is_disabled_after_the_next_upkeep(
    floor: Floor,
) -> None:
    await floor.owner.execute(USED_LONG_AGO, floor.north.id, 12_000)
    assert (await do_chores(queries.UPKEEP))["sessions_ended"] == 12_001 - queries.MOST_SESSIONS
    assert (await floor.north.get("/auth/me")).status_code == 200
    changed = await floor.admin.patch(f"/users/{floor.north.id}", {"disabled": True})
    assert changed.status_code == 200, changed.text
    assert await floor.owner.fetchval(LIVING, floor.north.id) == 0


@pytest.mark.parametrize(
    ("refused", "before", "after"),
    [
        ("password_change_required", "must_change_password = true", "must_change_password = false"),
        ("forbidden", "role = 'biller'", "role = 'admin'"),
    ],
)
async def test_access_given_by_another_worker_is_there_at_once(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, refused: str, before: str, after: str
) -> None:
    person = await floor.person("newcomer", "admin")
    await floor.owner.execute(f"update users set {before} where id = $1", person.id)
    stamps.forget_stamps()
    answer = await person.get("/users")
    assert (answer.status_code, answer.json()["code"]) == (403, refused)
    # However long a worker believes what it read.
    monkeypatch.setattr(stamps, "TRUSTED_SECONDS", 600)
    await floor.owner.execute(f"update users set {after} where id = $1", person.id)
    assert (await person.get("/users")).status_code == 200
