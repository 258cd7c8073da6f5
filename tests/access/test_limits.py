"""How often somebody may try to sign in, how long he waits after failing, and how many reports he gets."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest
from pydantic import SecretStr

from tests.floor import PASSWORD, Floor, Person
from tests.lengths import assert_fast
from tracetrack.access import limits, passwords
from tracetrack.platform.cache import REDIS
from tracetrack.settings import Settings

LIMITS = (
    "sign_ins_per_minute",
    "sign_ins_per_minute_address",
    "reports_per_minute",
    "reports_per_minute_address",
)


@pytest.fixture
async def limited(floor: Floor, settings: Settings) -> AsyncIterator[Settings]:
    """The limits of a real installation, from the beginning of a minute that has long to go."""
    real = settings.model_copy(update={name: Settings.model_fields[name].default for name in LIMITS})
    reopen(real)
    if (into := time.time() % 60) > 50:
        await asyncio.sleep(60.1 - into)
    yield real
    REDIS.reset()
    reopen(settings)


def reopen(settings: Settings) -> None:
    limits.close_limits()
    limits.open_limits(settings)


async def log_in(http: httpx.AsyncClient, username: str, password: str = PASSWORD) -> httpx.Response:
    return await http.post("/auth/login", json={"username": username, "password": password})


def stranger(floor: Floor, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client that nobody has signed in with yet."""
    transport = httpx.ASGITransport(
        app=floor.application.app, client=(address, 1), raise_app_exceptions=False
    )
    return httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1")


async def test_fifty_honest_sign_ins_from_one_address_pass(floor: Floor, limited: Settings) -> None:
    people = [f"worker-{n}" for n in range(25)]
    for name in people:
        await floor.person(name, "biller")
    answers = await asyncio.gather(*(log_in(stranger(floor), name) for name in people * 2))
    assert {a.status_code for a in answers} == {200}
    # Another fifty by one person, over and over.
    answers = await asyncio.gather(*(log_in(stranger(floor), "south") for _ in range(50)))
    assert {a.status_code for a in answers} == {200}


async def test_a_flood_is_refused_and_others_go_on(floor: Floor, limited: Settings) -> None:
    flood = await asyncio.gather(*(log_in(stranger(floor), "north") for _ in range(80)))
    refused = [a for a in flood if a.status_code == 429]
    assert 20 <= len(refused) <= 25
    assert all(a.json()["code"] == "too_many_requests" and int(a.headers["retry-after"]) > 0 for a in refused)
    assert (await log_in(stranger(floor), "south")).status_code == 200
    assert (await floor.north.get("/auth/me")).status_code == 200


async def waits(floor: Floor, name: str, tries: int, http: httpx.AsyncClient) -> list[int]:
    """The wait that each wrong try ends in, with time passing as it is told to."""
    told = []
    for _ in range(tries):
        answer = await log_in(http, name, "not the password")
        while answer.status_code == 429:
            told.append(int(answer.headers["retry-after"]))
            await floor.owner.execute(
                "update sign_in_failures set open_at = open_at - make_interval(secs => $1)", float(told[-1])
            )
            answer = await log_in(http, name, "not the password")
        assert answer.status_code == 401
    return told


async def test_each_failure_makes_the_next_wait_longer_up_to_a_minute(
    floor: Floor, limited: Settings
) -> None:
    assert await waits(floor, "north", 14, stranger(floor)) == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    # Never for good: after the wait the right password opens, and all is forgiven.
    await floor.owner.execute("update sign_in_failures set open_at = now()")
    assert (await log_in(stranger(floor), "north")).status_code == 200
    assert await waits(floor, "north", 5, stranger(floor)) == []


async def test_wrong_tries_that_come_together_do_not_pass_the_wait_together(
    floor: Floor, limited: Settings
) -> None:
    await waits(floor, "north", 5, stranger(floor))
    for _ in range(3):
        await floor.owner.execute("update sign_in_failures set open_at = now()")
        answers = await asyncio.gather(*(log_in(stranger(floor), "north", "wrong") for _ in range(10)))
        assert sorted(a.status_code for a in answers) == [401] + [429] * 9
    counted = await floor.owner.fetchval("select max(failures) from sign_in_failures")
    assert counted == 8, "each try that was made counts once"


async def test_the_ledger_tells_of_many_failed_sign_ins_in_few_rows(floor: Floor, limited: Settings) -> None:
    """What strangers can have written cannot be deleted; that somebody guesses is seen all the same."""

    async def told() -> list[tuple[str | None, str, int]]:
        rows = await floor.owner.fetch("""
            select subject_code, address, (after ->> 'failures_this_hour')::int as failures from audit_events
            where action = 'sign_in_failed' order by id
        """)
        await floor.owner.execute("truncate audit_events")
        return [(row["subject_code"], row["address"], row["failures"]) for row in rows]

    for n in range(1, 13):
        assert (await log_in(stranger(floor, f"10.0.0.{n}"), "north", "wrong")).status_code == 401
    assert await told() == [("north", f"10.0.0.{n}", n) for n in range(1, 11)]
    for n in range(12):
        assert (await log_in(stranger(floor, "10.0.1.1"), f"nobody-{n}", "wrong")).status_code == 401
    assert await told() == [(None, "10.0.1.1", n) for n in range(1, 11)]
    await floor.owner.execute("update sign_in_failures set failures = 98")
    for n in range(3):
        await floor.owner.execute("update sign_in_failures set open_at = null")
        assert (await log_in(stranger(floor, "10.0.1.1"), f"no-one-{n}", "wrong")).status_code == 401
    assert await told() == [(None, "10.0.1.1", 100)]
    # Nobody is hidden behind others: neither another name, nor another address.
    await floor.owner.execute("update sign_in_failures set open_at = null")
    await log_in(stranger(floor, "10.0.1.1"), "south", "wrong")
    await log_in(stranger(floor, "10.0.1.2"), "nobody", "wrong")
    assert await told() == [("south", "10.0.1.1", 1), (None, "10.0.1.2", 1)]


async def test_all_addresses_of_one_ipv6_network_count_as_one(floor: Floor, limited: Settings) -> None:
    for n in range(5):
        assert (await log_in(stranger(floor, f"2001:db8::{n + 1}"), "north", "wrong")).status_code == 401
    assert (await log_in(stranger(floor, "2001:db8::ffff:1"), "north")).status_code == 429
    assert (await log_in(stranger(floor, "2001:db8:0:1::1"), "north")).status_code == 200
    counted = [limits.counted_address(host) for host in ("::ffff:10.0.0.9", "10.0.0.9", "fe80::1%eth0", "x")]
    assert counted == ["10.0.0.9", "10.0.0.9", "fe80::/64", "x"]


async def test_a_right_password_among_many_failures_makes_nobody_wait(
    floor: Floor, limited: Settings
) -> None:
    """Where an address has used up its free failures, a sign-in holds others only while it is looked at."""
    await log_in(stranger(floor), "nobody", "not the password")
    await floor.owner.execute("update sign_in_failures set failures = 300, open_at = now()")
    for name in ("north", "south", "admin"):
        assert (await log_in(stranger(floor), name)).status_code == 200
    assert await floor.owner.fetchval("select count(*) from sign_in_failures where failures <> 300") == 0


async def test_a_name_in_other_letters_is_the_same_name(floor: Floor, limited: Settings) -> None:
    """The database finds a user by its own small letters: what it takes for one name fails as one name."""
    others = ["ADMIN", "Admin", "adm\u0130n", "ADM\u0130N", "adm\u0131n", "admi\u0307n"]
    found = await floor.owner.fetch("select n from unnest($1::text[]) n where lower(n) = 'admin'", others)
    await waits(floor, "admin", 5, stranger(floor))
    for (name,) in found:
        assert (await log_in(stranger(floor), name, "not the password")).status_code == 429, name


async def test_nobody_can_keep_a_supervisor_out_by_failing_in_his_name(
    floor: Floor, limited: Settings
) -> None:
    """His own browser is known, even at the attacker's address; another address is not concerned either."""
    own = stranger(floor)
    assert (await log_in(own, "admin")).status_code == 200
    own.cookies.delete("tt_refresh")
    attacker = stranger(floor)
    for _ in range(6):
        await log_in(attacker, "admin", "not the password")
    assert (await log_in(attacker, "admin")).status_code == 429
    assert (await log_in(own, "admin")).status_code == 200
    assert (await log_in(stranger(floor, "10.0.0.9"), "admin")).status_code == 200


async def test_failing_from_many_addresses_slows_all_that_are_not_known(
    floor: Floor, limited: Settings
) -> None:
    own = stranger(floor)
    assert (await log_in(own, "north")).status_code == 200
    for n in range(101):
        await log_in(stranger(floor, f"10.0.{n}.1"), "north", "not the password")
    assert (await log_in(stranger(floor, "10.1.0.1"), "north")).status_code == 429
    assert (await log_in(own, "north")).status_code == 200


async def test_a_browser_is_known_for_its_own_users_alone(floor: Floor, limited: Settings) -> None:
    """A worker's phone is no better place to guess his supervisor's password at."""
    phone = stranger(floor)
    assert (await log_in(phone, "north")).status_code == 200
    for _ in range(5):
        assert (await log_in(phone, "admin", "not the password")).status_code == 401
    assert (await log_in(phone, "admin")).status_code == 429
    for forged in ("x.y.z", phone.cookies["tt_browser"][:-1] + "A", "a" * 5_000, "é"):
        other = stranger(floor)
        answer = await other.post(
            "/auth/login",
            json={"username": "admin", "password": PASSWORD},
            headers={"cookie": f"tt_browser={forged}".encode()},
        )
        assert answer.status_code == 429


async def test_only_who_is_signed_in_can_fail_at_proving_himself(floor: Floor, limited: Settings) -> None:
    wrong = {"current_password": "not the password", "new_password": "a whole new sentence"}
    for _ in range(10):
        assert (await floor.north.post("/auth/password", wrong)).status_code == 422
    assert (await floor.north.post("/auth/password", wrong)).status_code == 429
    assert (await log_in(stranger(floor), "north")).status_code == 200


async def test_a_refresh_token_is_tried_so_often_and_no_more(floor: Floor, limited: Settings) -> None:
    http = floor.north.http
    csrf = {"X-CSRF-Token": http.cookies["tt_csrf"]}
    token = {"cookie": f"tt_refresh={http.cookies['tt_refresh']}"}
    async with stranger(floor) as bare:
        answers = [(await bare.post("/auth/refresh", headers=csrf | token)).status_code for _ in range(32)]
    assert (answers[0], answers[-1]) == (200, 429)
    assert (
        await floor.south.http.post(
            "/auth/refresh", headers={"X-CSRF-Token": floor.south.http.cookies["tt_csrf"]}
        )
    ).status_code == 200


async def test_a_session_refreshes_so_often_and_no_more_with_new_tokens_too(
    floor: Floor, limited: Settings
) -> None:
    http = floor.north.http
    csrf = {"X-CSRF-Token": http.cookies["tt_csrf"]}
    answers = [(await http.post("/auth/refresh", headers=csrf)).status_code for _ in range(32)]
    assert answers == [200] * 30 + [429] * 2


async def test_made_up_refresh_tokens_stop_nobody_at_the_same_address(
    floor: Floor, limited: Settings
) -> None:
    reopen(limited.model_copy(update={"refreshes_per_minute_address": 20}))
    async with stranger(floor) as bare:
        made_up = [
            (await bare.post("/auth/refresh", headers={"cookie": f"tt_refresh=made-up-{n}"})).status_code
            for n in range(22)
        ]
    assert made_up == [401] * 20 + [429] * 2
    for person in (floor.north, floor.south):
        csrf = {"X-CSRF-Token": person.http.cookies["tt_csrf"]}
        assert (await person.http.post("/auth/refresh", headers=csrf)).status_code == 200


async def test_counters_keep_no_names(floor: Floor, limited: Settings) -> None:
    await log_in(stranger(floor), "my secret password", "x")
    kept = await floor.owner.fetch("select key from sign_in_failures union all select key from sign_in_tries")
    assert kept
    assert all(len(row["key"]) == 32 and "secret" not in row["key"] for row in kept)


@pytest.mark.parametrize("redis", ["there", "gone", "silent"])
async def test_reports_are_limited_with_redis_and_without(
    floor: Floor, limited: Settings, redis: str
) -> None:
    """A name of its own each time, for Redis remembers for a minute; scans have nothing to do with it."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        urls = {"gone": "redis://127.0.0.1:1/0", "silent": f"redis://127.0.0.1:{silent.getsockname()[1]}/0"}
        changed: dict[str, object] = {"reports_per_minute": 20}
        if redis in urls:
            changed["redis_url"] = SecretStr(urls[redis])
        seen = []
        # Redis may be lost on the way, and what was counted there is not known in memory; but not repeatedly.
        for _ in range(5):
            reopen(limited.model_copy(update=changed))
            person = await floor.person(f"reader-{redis}-{time.time_ns()}", "biller")
            refused, late = await _reports(person)
            if refused == 10:
                assert_fast(late, 0.3, "event loop late, s")
                return
            seen.append((refused, late))
        pytest.fail(f"reports refused of 30 (10 are to be), seconds that the event loop waited: {seen}")


async def _reports(person: Person) -> tuple[int, float]:
    """Ask for 30; how many were refused, and the seconds that the event loop stood still at most."""
    late: list[float] = []

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            late.append(time.perf_counter() - began - 0.005)

    ticking = asyncio.create_task(tick())
    answers = await asyncio.gather(*(person.get("/reports/areas") for _ in range(30)))
    ticking.cancel()
    statuses = sorted(a.status_code for a in answers)
    assert set(statuses) <= {200, 429}
    assert (await person.scan_parent("P1")).status_code == 200
    return statuses.count(429), max(late)


async def test_one_user_has_a_generous_limit_for_everything(floor: Floor, limited: Settings) -> None:
    reopen(limited.model_copy(update={"requests_per_minute": 30}))
    answers = [(await floor.north.get("/auth/me")).status_code for _ in range(35)]
    assert 429 in answers
    assert (await floor.south.get("/auth/me")).status_code == 200


async def evaluated(answers: Iterable[httpx.Response]) -> int:
    """How many were compared with a password, rather than refused."""
    return sum(answer.status_code == 401 for answer in answers)


async def test_of_sixty_guesses_at_one_name_at_once_few_are_evaluated(
    floor: Floor, limited: Settings
) -> None:
    answers = await asyncio.gather(*(log_in(stranger(floor), "north", f"guess {n}") for n in range(60)))
    assert {answer.status_code for answer in answers} == {401, 429}
    # Five are free, and as many may be on their way as are judged at a time.
    assert await evaluated(answers) <= 5 + limits.AT_ONCE_AS_ONE


async def test_of_one_password_tried_over_many_names_few_are_evaluated(
    floor: Floor, limited: Settings
) -> None:
    answers = [
        answer
        for start in range(0, 200, 100)
        for answer in await asyncio.gather(
            *(log_in(stranger(floor), f"name-{start + n}", "Spring2026") for n in range(100))
        )
    ]
    assert {answer.status_code for answer in answers} == {401, 429}
    assert 30 <= await evaluated(answers) <= 30 + limits.AT_ONCE_FROM_ADDRESS
    # Whoever signed in from there before is not concerned.
    known = stranger(floor)
    await floor.owner.execute("delete from sign_in_failures; delete from sign_in_tries")
    assert (await log_in(known, "south")).status_code == 200
    await asyncio.gather(*(log_in(stranger(floor), f"name-{n}", "Spring2026") for n in range(60)))
    assert (await log_in(stranger(floor), "south")).status_code == 429
    assert (await log_in(known, "south")).status_code == 200


async def test_known_devices_are_hashed_before_guessers_from_anywhere(
    floor: Floor, limited: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [stranger(floor) for _ in range(6)]
    for browser in known:
        assert (await log_in(browser, "south")).status_code == 200
    monkeypatch.setattr(passwords, "_places", 1)

    async def guess(n: int) -> httpx.Response:
        return await log_in(stranger(floor, f"10.0.{n // 250}.{n % 250 + 1}"), f"name-{n}", "guess")

    guessers = [asyncio.create_task(guess(n)) for n in range(150)]
    while not passwords._waiting[False]:  # noqa: ASYNC110
        await asyncio.sleep(0)
    honest = await asyncio.gather(*(log_in(browser, "south") for browser in known))
    assert [answer.status_code for answer in honest] == [200] * 6
    assert {answer.status_code for answer in await asyncio.gather(*guessers)} <= {401, 503}
