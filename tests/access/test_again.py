"""Dangerous acts ask who one is once more, when the last proof is some time ago."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.access.test_totp import code, said, set_up
from tests.floor import PASSWORD, Floor


async def a_while_later(floor: Floor, minutes: int = 16) -> None:
    await floor.owner.execute(
        "update sessions set authenticated_at = authenticated_at - make_interval(mins => $1)", minutes
    )


async def disabling_another_admin(floor: Floor) -> httpx.Response:
    other = await floor.owner.fetchval(
        "insert into users (username, role, password_hash) values ('other admin', 'admin', '-')"
        " on conflict (lower(username)) do update set disabled_at = null returning id"
    )
    return await floor.admin.patch(f"/users/{other}", {"disabled": True})


Act = Callable[[Floor], Awaitable[httpx.Response]]
ACTS: dict[str, Act] = {
    "another's role": lambda f: f.admin.patch(f"/users/{f.north.id}", {"role": "biller"}),
    "another's password": lambda f: f.admin.patch(f"/users/{f.north.id}", {"password": "a good long one"}),
    "a one-time password": lambda f: f.admin.post(f"/users/{f.north.id}/one-time-password"),
    "a second factor": lambda f: f.admin.delete(f"/users/{f.north.id}/totp"),
    "a new admin": lambda f: f.admin.post("/users", {"username": "new", "role": "admin"}),
    "a new biller": lambda f: f.admin.post("/users", {"username": "new biller", "role": "biller"}),
    "a key": lambda f: f.admin.post("/api-keys", {"name": "ERP", "role": "biller"}),
    "a setting that guards": lambda f: f.admin.patch("/settings", {"registration": True}),
    "how long the past is kept": lambda f: f.admin.patch("/settings", {"audit_months": 24}),
    "where alerts go": lambda f: f.admin.patch("/settings", {"alert_webhook": "https://example.org/hook"}),
    "moving somebody": lambda f: f.admin.patch(f"/users/{f.north.id}", {"area_id": f.areas["South"]}),
    "disabling another admin": disabling_another_admin,
    "ending another's sessions": lambda f: f.admin.delete(f"/users/{f.south.id}/sessions"),
    "letting somebody in again": lambda f: f.admin.patch(f"/users/{f.north.id}", {"disabled": False}),
    "one's own second factor": lambda f: f.admin.delete("/auth/totp"),
    "beginning one": lambda f: f.admin.post("/auth/totp"),
}


async def test_a_dangerous_act_asks_again_and_then_goes_through(floor: Floor) -> None:
    for name, act in ACTS.items():
        await a_while_later(floor)
        assert said(await act(floor)) == (403, "reauthentication_required"), name
        assert (await floor.admin.post("/auth/reauthenticate", {"password": PASSWORD})).status_code == 204
        assert (await act(floor)).status_code < 300, name


async def test_right_after_signing_in_it_does_not(floor: Floor) -> None:
    await a_while_later(floor, 14)
    for name, act in ACTS.items():
        assert (await act(floor)).status_code < 300, name


async def test_everyday_acts_never_ask(floor: Floor) -> None:
    await a_while_later(floor)
    for change in ({"full_name": "Nora"}, {"disabled": True}):
        assert (await floor.admin.patch(f"/users/{floor.north.id}", change)).status_code == 200
    new = {"username": "new", "role": "dispatcher", "area_id": floor.areas["North"]}
    assert (await floor.admin.post("/users", new)).status_code == 201
    assert (await floor.admin.patch("/settings", {"undo_minutes": 20})).status_code == 200


async def test_the_proof_is_this_sessions_alone(floor: Floor) -> None:
    other = await floor.sign_in(floor.admin.id, "admin")
    await a_while_later(floor)
    await other.post("/auth/reauthenticate", {"password": PASSWORD})
    assert said(await ACTS["a key"](floor)) == (403, "reauthentication_required")


async def test_renewing_the_access_token_proves_nothing(floor: Floor) -> None:
    await a_while_later(floor)
    csrf = floor.admin.http.cookies["tt_csrf"]
    renewed = await floor.admin.http.post("/auth/refresh", headers={"X-CSRF-Token": csrf})
    floor.admin.http.headers["authorization"] = f"Bearer {renewed.json()['access_token']}"
    assert said(await ACTS["a key"](floor)) == (403, "reauthentication_required")


async def test_a_wrong_proof_is_refused_and_written_down(floor: Floor) -> None:
    await a_while_later(floor)
    wrong: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"password": "not the password"}, (422, "wrong_password")),
        ({"totp": "123456"}, (422, "invalid")),
        ({}, (422, "invalid")),
    ]
    for proof, answer in wrong:
        assert said(await floor.admin.post("/auth/reauthenticate", proof)) == answer
    assert said(await ACTS["a key"](floor)) == (403, "reauthentication_required")
    rows = await floor.owner.fetch(
        "select action, after->>'by' from audit_events where action ~ 'reauth' order by id"
    )
    assert [tuple(row) for row in rows] == [("reauthentication_failed", "password")]


async def test_who_has_a_second_factor_proves_both(floor: Floor) -> None:
    secret, _ = await set_up(floor.admin)
    await a_while_later(floor)
    for proof, answer in (
        ({"password": PASSWORD}, (422, "code_required")),
        ({"totp": code(secret)}, (422, "invalid")),
        ({"password": "not the password", "totp": code(secret)}, (422, "wrong_password")),
        ({"password": PASSWORD, "totp": "000000"}, (422, "wrong_code")),
    ):
        assert said(await floor.admin.post("/auth/reauthenticate", proof)) == answer, proof
        assert said(await ACTS["a key"](floor)) == (403, "reauthentication_required"), proof
    both = {"password": PASSWORD, "totp": code(secret)}
    assert (await floor.admin.post("/auth/reauthenticate", both)).status_code == 204
    assert said(await floor.admin.post("/auth/reauthenticate", both)) == (422, "wrong_code")
    assert (await ACTS["a key"](floor)).status_code == 201


async def test_a_new_password_is_a_proof(floor: Floor) -> None:
    await a_while_later(floor)
    change = {"current_password": PASSWORD, "new_password": "a whole new sentence"}
    assert (await floor.admin.post("/auth/password", change)).status_code == 200
    assert (await ACTS["a key"](floor)).status_code == 201


async def test_beside_a_second_factor_a_new_password_alone_is_none(floor: Floor) -> None:
    secret, _ = await set_up(floor.admin)
    await a_while_later(floor)
    change = {"current_password": PASSWORD, "new_password": "a whole new sentence"}
    assert (await floor.admin.post("/auth/password", change)).status_code == 200
    for name in ("one's own second factor", "a key"):
        assert said(await ACTS[name](floor)) == (403, "reauthentication_required"), name
    both = {"password": change["new_password"], "totp": code(secret)}
    assert (await floor.admin.post("/auth/reauthenticate", both)).status_code == 204
    assert (await ACTS["one's own second factor"](floor)).status_code == 204


async def test_one_that_was_begun_and_never_confirmed_counts_for_nothing(floor: Floor) -> None:
    assert (await floor.admin.post("/auth/totp")).status_code == 201
    await a_while_later(floor)
    change = {"current_password": PASSWORD, "new_password": "a whole new sentence"}
    assert (await floor.admin.post("/auth/password", change)).status_code == 200
    assert (await ACTS["a key"](floor)).status_code == 201


async def test_one_ends_all_other_sessions_at_once(floor: Floor) -> None:
    others = [await floor.sign_in(floor.north.id, "north") for _ in range(3)]
    assert (await floor.north.delete("/auth/sessions")).json() == {"sessions_ended": 3}
    assert [(await one.get("/auth/me")).status_code for one in others] == [401] * 3
    assert (await floor.north.get("/auth/me")).status_code == 200
    assert (await floor.south.get("/auth/me")).status_code == 200


async def test_a_setting_that_somebody_changed_meanwhile_is_not_changed_back_without_proof(
    floor: Floor,
) -> None:
    for wanted in (True, False):
        await floor.admin.patch("/settings", {"registration": wanted})
    await a_while_later(floor)
    # As another worker, which has not heard of it here yet.
    await floor.owner.execute("alter table site_settings disable trigger user")
    try:
        await floor.owner.execute("update site_settings set value = 'true' where name = 'registration'")
        assert said(await floor.admin.patch("/settings", {"registration": False})) == (
            403,
            "reauthentication_required",
        )
    finally:
        await floor.owner.execute("alter table site_settings enable trigger user")
    assert await floor.owner.fetchval("select value from site_settings where name = 'registration'") == "true"
