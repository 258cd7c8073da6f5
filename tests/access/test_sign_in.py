"""Signing in and out, one's own password and sessions, through HTTP."""

import asyncio
import time

import httpx
import pytest

from tests.floor import PASSWORD, Floor, together
from tracetrack.settings import Settings

WRONG = "not the password"


async def log_in(http: httpx.AsyncClient, username: str, password: str, **headers: str) -> httpx.Response:
    return await http.post("/auth/login", json={"username": username, "password": password}, headers=headers)


def cookie_of(answer: httpx.Response, name: str) -> str:
    return next(line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{name}="))


async def test_a_person_signs_in_with_a_token_in_the_body_and_a_cookie_no_script_can_read(
    floor: Floor,
) -> None:
    answer = await log_in(floor.anyone, "north", PASSWORD)
    assert answer.status_code == 200
    body = answer.json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 600
    assert body["user"] == {
        "id": floor.north.id,
        "username": "north",
        "full_name": "",
        "role": "dispatcher",
        "area": {"id": floor.areas["North"], "name": "North"},
        "must_change_password": False,
        "must_set_up_totp": False,
        "language": "en",
        "key": None,
    }
    refresh = cookie_of(answer, "tt_refresh")
    assert "HttpOnly" in refresh
    assert "SameSite=strict" in refresh
    assert "Path=/api/v1/auth" in refresh
    assert "HttpOnly" not in cookie_of(answer, "tt_csrf")
    assert "refresh" not in body


async def test_the_name_is_found_whatever_its_case(floor: Floor) -> None:
    assert (await log_in(floor.anyone, " NORTH ", PASSWORD)).status_code == 200


async def test_wrong_unknown_and_disabled_get_the_same_answer(floor: Floor) -> None:
    await floor.owner.execute("update users set disabled_at = now() where username = 'south'")
    answers = [
        await log_in(floor.anyone, "north", WRONG),
        await log_in(floor.anyone, "nobody", WRONG),
        await log_in(floor.anyone, "south", PASSWORD),
        await log_in(floor.anyone, "nul\0name", WRONG),
        await log_in(floor.anyone, "north", "x" * 5_000),
    ]
    assert {a.status_code for a in answers} == {401}
    assert len({a.text for a in answers}) == 1
    assert answers[0].json()["code"] == "bad_credentials"
    assert not any(a.headers.get("set-cookie") for a in answers)


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(floor: Floor) -> None:
    async def seconds(username: str) -> float:
        tries = []
        for _ in range(15):
            # Else most of them would only be told to wait.
            await floor.owner.execute("truncate sign_in_failures")
            began = time.process_time()
            assert (await log_in(floor.anyone, username, WRONG)).status_code == 401
            tries.append(time.process_time() - began)
        return sorted(tries)[len(tries) // 2]

    known, unknown = await seconds("north"), await seconds("nobody")
    assert unknown > known / 2, "no hash was computed for the unknown name"


async def test_sign_ins_are_written_down_but_never_what_was_typed_as_an_unknown_name(floor: Floor) -> None:
    await floor.owner.execute("truncate audit_events")
    await log_in(floor.anyone, "north", PASSWORD)
    await log_in(floor.anyone, "north", WRONG)
    await log_in(floor.anyone, "my secret password", WRONG)
    rows = await floor.owner.fetch(
        "select action, actor_id, subject_id, subject_code, address from audit_events order by id"
    )
    assert [(r["action"], r["actor_id"], r["subject_id"], r["subject_code"]) for r in rows] == [
        ("signed_in", floor.north.id, floor.north.id, "north"),
        ("sign_in_failed", None, floor.north.id, "north"),
        ("sign_in_failed", None, None, None),
    ]
    assert {r["address"] for r in rows} == {"127.0.0.1"}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://testserver.evil.example", "http://[x", ""]
)
async def test_another_sites_page_cannot_sign_in_refresh_or_sign_out(floor: Floor, origin: str) -> None:
    assert (await log_in(floor.anyone, "north", PASSWORD, origin=origin)).json()["code"] == "csrf"
    csrf = floor.north.http.cookies["tt_csrf"]
    for path in ("/auth/refresh", "/auth/logout"):
        answer = await floor.north.http.post(path, headers={"X-CSRF-Token": csrf, "Origin": origin})
        assert answer.json()["code"] == "csrf"
    assert (await floor.north.get("/auth/me")).status_code == 200


async def test_our_own_page_may(floor: Floor) -> None:
    assert (await log_in(floor.anyone, "north", PASSWORD, origin="http://testserver")).status_code == 200


async def test_signing_out_ends_the_session_by_token_or_by_cookie(floor: Floor) -> None:
    assert (await floor.north.post("/auth/logout")).status_code == 204
    assert (await floor.north.get("/auth/me")).json()["code"] == "session_ended"

    http = floor.south.http
    token = http.headers.pop("authorization")
    csrf = http.cookies["tt_csrf"]
    assert (await http.post("/auth/logout")).json()["code"] == "csrf"
    assert (await http.post("/auth/logout", headers={"X-CSRF-Token": csrf})).status_code == 204
    assert "tt_refresh" not in http.cookies
    assert (await http.get("/auth/me", headers={"authorization": token})).status_code == 401
    assert (await floor.anyone.post("/auth/logout")).json()["code"] == "unauthorized"


async def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(floor: Floor) -> None:
    other = await floor.sign_in(floor.north.id, "north")
    new = "मेरा नया पासवर्ड २०२६"
    answer = await floor.north.post("/auth/password", {"current_password": PASSWORD, "new_password": new})
    assert answer.status_code == 200, answer.text
    assert (await floor.north.get("/auth/me")).status_code == 200
    assert (await other.get("/auth/me")).json()["code"] == "session_ended"
    assert (await log_in(floor.anyone, "north", PASSWORD)).status_code == 401
    assert (await log_in(floor.anyone, "north", new)).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "code"),
    [
        (WRONG, "a whole new sentence", "wrong_password"),
        (PASSWORD, "short", "weak_password"),
        (PASSWORD, PASSWORD, "weak_password"),
        (PASSWORD, "north1234", "weak_password"),
        (PASSWORD, "North12345", "weak_password"),
        (PASSWORD, "Password123", "weak_password"),
        (PASSWORD, "q1w2e3r4t5", "weak_password"),
        (PASSWORD, "manchester", "weak_password"),
        (PASSWORD, "aaaaaaaaaaaa", "weak_password"),
        (PASSWORD, "x1y2" * 65, "weak_password"),
    ],
)
async def test_a_password_that_will_not_do_changes_nothing(
    floor: Floor, current: str, new: str, code: str
) -> None:
    answer = await floor.north.post("/auth/password", {"current_password": current, "new_password": new})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await log_in(floor.anyone, "north", PASSWORD)).status_code == 200


async def test_who_must_change_his_password_can_do_nothing_else(floor: Floor) -> None:
    await floor.owner.execute("update users set must_change_password = true where username = 'admin'")
    signed_in = await log_in(floor.anyone, "admin", PASSWORD)
    assert signed_in.json()["user"]["must_change_password"] is True
    floor.admin.http.headers["authorization"] = f"Bearer {signed_in.json()['access_token']}"
    for path in ("/users", "/areas", "/settings", "/bags", "/scans"):
        answer = await floor.admin.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "password_change_required"), path
    for path in ("/auth/me", "/auth/sessions"):
        assert (await floor.admin.get(path)).status_code == 200
    change = {"current_password": PASSWORD, "new_password": "a whole new sentence"}
    assert (await floor.admin.post("/auth/password", change)).json()["must_change_password"] is False
    assert (await floor.admin.get("/users")).status_code == 200


async def test_a_person_sees_and_ends_his_own_sessions_only(floor: Floor) -> None:
    others = [await floor.sign_in(floor.north.id, "north") for _ in range(3)]
    first = (await floor.north.get("/auth/sessions", limit=3)).json()
    rest = (await floor.north.get("/auth/sessions", limit=3, cursor=first["next_cursor"])).json()
    listed = first["items"] + rest["items"]
    assert rest["next_cursor"] is None
    assert len({item["id"] for item in listed}) == 4
    assert [item["current"] for item in listed].count(True) == 1

    newest = listed[0]["id"]
    assert (await floor.south.delete(f"/auth/sessions/{newest}")).json()["code"] == "session_not_found"
    assert (await others[-1].get("/auth/me")).status_code == 200
    assert (await floor.north.delete(f"/auth/sessions/{newest}")).status_code == 204
    assert (await others[-1].get("/auth/me")).status_code == 401
    assert (await floor.north.get("/auth/me")).status_code == 200


@pytest.mark.parametrize("cursor", ["x", "WyJhIiwiYiJd", "W10", "WzEsMl0"])
async def test_a_made_up_cursor_is_refused(floor: Floor, cursor: str) -> None:
    assert (await floor.north.get("/auth/sessions", cursor=cursor)).json()["code"] == "bad_cursor"


async def test_a_person_chooses_his_language(floor: Floor) -> None:
    assert (await floor.north.patch("/auth/me", {"language": "hi"})).json()["language"] == "hi"
    assert (await floor.north.patch("/auth/me", {"language": "../x"})).status_code == 422
    assert (await floor.north.patch("/auth/me", {"role": "admin"})).status_code == 422
    assert (await floor.north.get("/auth/me")).json()["language"] == "hi"


async def test_an_expired_session_lets_nobody_in(floor: Floor) -> None:
    await floor.owner.execute("update sessions set expires_at = now() where user_id = $1", floor.north.id)
    answers = await together(floor.north.get("/auth/me") for _ in range(3))
    # At most the trusted half second later.
    if any(a.status_code == 200 for a in answers):
        await asyncio.sleep(0.6)
    assert (await floor.north.get("/auth/me")).json()["code"] == "session_ended"


async def test_over_tls_the_cookies_are_secure_and_bound_to_the_host(
    floor: Floor, settings: Settings, application: httpx.ASGITransport
) -> None:
    state = application.app.state  # type: ignore[attr-defined]
    state.settings = settings.model_copy(update={"public_url": "https://bags.example"})
    try:
        async with httpx.AsyncClient(
            transport=application, base_url="https://bags.example/api/v1", headers={"host": "10.0.0.7"}
        ) as http:
            ours = {"origin": "https://bags.example"}
            answer = await log_in(http, "north", PASSWORD, **ours)
            refresh = cookie_of(answer, "__Host-tt_refresh")
            assert "Path=/;" in refresh
            assert "Domain" not in refresh
            for name in ("__Host-tt_refresh", "__Host-tt_csrf", "__Host-tt_browser"):
                assert "Secure" in cookie_of(answer, name)
                assert "SameSite=strict" in cookie_of(answer, name)
            assert "HttpOnly" in refresh
            assert "HttpOnly" in cookie_of(answer, "__Host-tt_browser")
            jar = {
                name: cookie_of(answer, name).split(";")[0].split("=", 1)[1]
                for name in ("__Host-tt_refresh", "__Host-tt_csrf")
            }
            cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
            headers = {"X-CSRF-Token": jar["__Host-tt_csrf"], **ours, **cookie}
            assert (await http.post("/auth/refresh", headers=headers)).status_code == 200
            assert (await http.post("/auth/logout", headers=headers)).status_code == 204
    finally:
        state.settings = settings
