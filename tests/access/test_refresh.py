"""Refresh tokens: used once, repeated when an answer is lost, deadly when copied."""

import httpx

from tests.floor import PASSWORD, Floor, Person, together
from tracetrack.platform import stamps


async def refresh(
    http: httpx.AsyncClient, token: str | None = None, csrf: str | None = None
) -> httpx.Response:
    """Refresh with the client's cookies, or with an older token."""
    headers = {"X-CSRF-Token": http.cookies["tt_csrf"] if csrf is None else csrf}
    if token is not None:
        headers["cookie"] = f"tt_refresh={token}"
        async with httpx.AsyncClient(transport=http._transport, base_url=http.base_url) as bare:
            return await bare.post("/auth/refresh", headers=headers)
    return await http.post("/auth/refresh", headers=headers)


def token_in(http: httpx.AsyncClient) -> str:
    return str(http.cookies["tt_refresh"])


async def later(floor: Floor, seconds: int) -> None:
    """As if some time had passed since the last refresh."""
    await floor.owner.execute(
        "update refresh_tokens set replaced_at = replaced_at - make_interval(secs => $1)", float(seconds)
    )


async def alive(person: Person) -> bool:
    return (await person.get("/auth/me")).status_code == 200


async def test_a_refresh_gives_new_tokens_and_keeps_the_session(floor: Floor) -> None:
    http = floor.north.http
    before = token_in(http)
    answer = await refresh(http)
    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["username"] == "north"
    assert token_in(http) != before
    assert (await refresh(http)).status_code == 200
    assert await alive(floor.north)


async def test_only_hashes_are_stored(floor: Floor) -> None:
    await refresh(floor.north.http)
    stored = await floor.owner.fetch("select token_hash from refresh_tokens")
    assert all(len(row["token_hash"]) == 32 for row in stored)
    assert token_in(floor.north.http).encode() not in [row["token_hash"] for row in stored]


async def test_a_lost_answer_repeated_within_ten_seconds_gets_the_same_successor(floor: Floor) -> None:
    http = floor.north.http
    old = token_in(http)
    answers = [await refresh(http, old) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 200]
    assert len({a.cookies["tt_refresh"] for a in answers}) == 1
    assert await alive(floor.north)


async def test_twenty_tabs_refreshing_at_once_get_one_successor(floor: Floor) -> None:
    http = floor.north.http
    old = token_in(http)
    answers = await together(refresh(http, old) for _ in range(20))
    assert {a.status_code for a in answers} == {200}
    assert len({a.cookies["tt_refresh"] for a in answers}) == 1
    assert (
        await floor.owner.fetchval(
            "select count(*) from refresh_tokens t join sessions s on s.id = session_id where user_id = $1",
            floor.north.id,
        )
        == 2
    )


async def test_a_token_that_comes_back_after_ten_seconds_ends_the_whole_session(floor: Floor) -> None:
    http = floor.north.http
    stolen = token_in(http)
    await refresh(http)
    await later(floor, 11)
    assert (await refresh(http, stolen)).json()["code"] == "session_ended"
    assert not await alive(floor.north)
    assert (await refresh(http)).json()["code"] == "session_ended", "the successor died with the family"
    actions = await floor.owner.fetch("select action from audit_events where subject_id = $1", floor.north.id)
    assert "refresh_reused" in {row["action"] for row in actions}


async def test_a_token_whose_successor_was_used_is_a_copy_even_within_ten_seconds(floor: Floor) -> None:
    http = floor.north.http
    stolen = token_in(http)
    await refresh(http)
    await refresh(http)
    assert (await refresh(http, stolen)).status_code == 401
    assert not await alive(floor.north)


async def test_other_sessions_survive_the_end_of_one(floor: Floor) -> None:
    other = await floor.sign_in(floor.north.id, "north")
    stolen = token_in(floor.north.http)
    await refresh(floor.north.http)
    await later(floor, 11)
    await refresh(floor.north.http, stolen)
    assert not await alive(floor.north)
    assert await alive(other)


async def test_a_refresh_without_the_right_csrf_token_changes_nothing(floor: Floor) -> None:
    http = floor.north.http
    foreign = floor.south.http.cookies["tt_csrf"]
    for csrf in ("", "x", foreign, "प"):
        bare = {"X-CSRF-Token": csrf.encode()} if csrf else {}
        answer = await http.post("/auth/refresh", headers=bare)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), csrf
    assert (await refresh(http)).status_code == 200


async def test_no_cookie_or_an_unknown_one_is_a_401(floor: Floor) -> None:
    assert (await floor.anyone.post("/auth/refresh")).json()["code"] == "unauthorized"
    assert (await refresh(floor.anyone, "no-such-token", csrf="x")).json()["code"] == "session_ended"


async def test_a_session_idle_for_too_long_is_not_carried_on(floor: Floor) -> None:
    await floor.owner.execute("update sessions set last_seen_at = now() - interval '8 days'")
    assert (await refresh(floor.north.http)).json()["code"] == "session_ended"


async def test_a_session_past_its_end_is_not_carried_on(floor: Floor) -> None:
    await floor.owner.execute("update sessions set expires_at = now() - interval '1 second'")
    assert (await refresh(floor.north.http)).json()["code"] == "session_ended"


async def test_a_disabled_user_cannot_refresh(floor: Floor) -> None:
    await floor.owner.execute("update users set disabled_at = now() where id = $1", floor.north.id)
    assert (await refresh(floor.north.http)).json()["code"] == "session_ended"


async def test_signing_in_and_refreshing_do_not_empty_what_workers_remember(floor: Floor) -> None:
    version = await floor.owner.fetchval("select version from versions where name = 'access'")
    await floor.sign_in(floor.north.id, "north", PASSWORD)
    await refresh(floor.south.http)
    assert await floor.owner.fetchval("select version from versions where name = 'access'") == version


async def test_what_changes_nothing_does_not_make_the_workers_look_again(floor: Floor) -> None:
    """Made-up and old cookies, a language chosen twice, no other session: each would cost every scan."""
    ended = await floor.sign_in(floor.south.id, "south")
    old, csrf = token_in(ended.http), ended.http.cookies["tt_csrf"]
    assert (await ended.post("/auth/logout")).status_code == 204
    assert (await floor.south.get("/auth/me")).status_code == 200
    version = await floor.owner.fetchval("select version from versions where name = 'access'")
    asked_at = stamps._asked_at
    for token in ("made-up", old):
        headers = {"X-CSRF-Token": csrf, "cookie": f"tt_refresh={token}"}
        async with httpx.AsyncClient(transport=ended.http._transport, base_url=ended.http.base_url) as bare:
            assert (await bare.post("/auth/logout", headers=headers)).status_code == 204
            assert (await bare.post("/auth/refresh", headers=headers)).status_code == 401
    assert stamps._asked_at >= asked_at, "what the worker knew was forgotten"
    assert (await floor.south.patch("/auth/me", {"language": "en"})).status_code == 200
    assert (await floor.south.delete("/auth/sessions")).json() == {"sessions_ended": 0}
    assert await floor.owner.fetchval("select version from versions where name = 'access'") == version
