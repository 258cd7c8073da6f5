"""The second factor: set up with a phone, asked for at the sign-in, each code good for once."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pyotp
import pytest

from tests.floor import PASSWORD, Floor, Person, together
from tracetrack.access import tokens, totp
from tracetrack.settings import Settings


def code(secret: str, *, steps: int = 0) -> str:
    """What the phone shows, so many half minutes from now."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


async def set_up(person: Person) -> tuple[str, list[str]]:
    """The phone's secret and the recovery codes; the code before now is used up by it."""
    begun = await person.post("/auth/totp")
    assert begun.status_code == 201, begun.text
    secret = begun.json()["secret"]
    confirmed = await person.post("/auth/totp/confirm", {"code": code(secret, steps=-1)})
    assert confirmed.status_code == 200, confirmed.text
    return secret, confirmed.json()["recovery_codes"]


async def log_in(floor: Floor, username: str, given: str | None = None, password: str = PASSWORD) -> Any:
    body = {"username": username, "password": password}
    if given is not None:
        body["totp"] = given
    return await floor.anyone.post("/auth/login", json=body)


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def actions(floor: Floor, user_id: int) -> list[str]:
    rows = await floor.owner.fetch(
        "select action from audit_events where subject_id = $1 order by id", user_id
    )
    return [row["action"] for row in rows]


async def test_a_biller_sets_it_up_and_is_asked_for_it_from_then_on(floor: Floor) -> None:
    begun = (await floor.biller.post("/auth/totp")).json()
    secret = begun["secret"]
    assert begun["uri"].startswith("otpauth://totp/TraceTrack:biller?")
    assert secret in begun["uri"]
    assert len(begun["qr"]) == len(begun["qr"][0]) > 20
    assert (await log_in(floor, "biller")).status_code == 200, "not confirmed, it counts for nothing"
    for wrong in ("000000", "१२३४५६", "\U000a0000\0", "é"):
        assert said(await floor.biller.post("/auth/totp/confirm", {"code": wrong})) == (422, "wrong_code")
    now = code(secret)
    confirmed = await floor.biller.post("/auth/totp/confirm", {"code": f"{now[:3]} {now[3:]}"})
    assert len(set(confirmed.json()["recovery_codes"])) == 10
    state = (await floor.biller.get("/auth/totp")).json()
    assert (state["enabled"], state["recovery_codes_left"], state["required"]) == (True, 10, False)

    assert said(await log_in(floor, "biller")) == (401, "totp_required")
    assert said(await log_in(floor, "biller", code(secret, steps=5))) == (401, "totp_wrong")
    assert (await log_in(floor, "biller", code(secret, steps=1))).status_code == 200
    assert (await floor.biller.get("/auth/me")).status_code == 200, "who was in stays in"
    assert await actions(floor, floor.biller.id) == [
        *("signed_in", "signed_in", "second_factor_on", "sign_in_failed", "signed_in")
    ]


async def test_only_who_knows_the_password_learns_that_there_is_one(floor: Floor) -> None:
    secret, _ = await set_up(floor.biller)
    for given in (None, code(secret), "000000"):
        answer = await log_in(floor, "biller", given, password="not the password")
        assert said(answer) == (401, "bad_credentials")
        assert answer.text == (await log_in(floor, "nobody", given, password="not the password")).text
    assert (await log_in(floor, "biller", code(secret))).status_code == 200, "and no code was used up"


async def test_who_knows_the_password_is_not_hidden_among_those_who_guess(floor: Floor) -> None:
    await set_up(floor.biller)
    await log_in(floor, "biller", password="not the password")
    await floor.owner.execute("update sign_in_failures set failures = 50, open_at = null")
    assert said(await log_in(floor, "biller", "000000", password="not the password"))[0] == 401
    await floor.owner.execute("update sign_in_failures set open_at = null")
    assert said(await log_in(floor, "biller", "000000")) == (401, "totp_wrong")
    rows = await floor.owner.fetch(
        "select after from audit_events where action = 'sign_in_failed' order by id offset 1"
    )
    assert [json.loads(row["after"]) for row in rows] == [{"because": "totp_wrong", "failures_this_hour": 1}]


async def test_a_code_is_taken_once_even_by_many_at_once(floor: Floor) -> None:
    secret, _ = await set_up(floor.biller)
    now = code(secret)
    answers = await together(log_in(floor, "biller", now) for _ in range(4))
    assert sorted(a.status_code for a in answers) == [200, 401, 401, 401]
    assert said(await log_in(floor, "biller", code(secret, steps=-1))) == (401, "totp_wrong"), (
        "nor one before"
    )


async def test_without_the_step_being_kept_a_code_would_serve_again(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    secret, _ = await set_up(floor.biller)
    monkeypatch.setattr(totp, "_step_of", lambda *_: 0)
    assert [(await log_in(floor, "biller", code(secret))).status_code for _ in range(2)] == [200, 200]


async def test_a_recovery_code_signs_in_once(floor: Floor) -> None:
    _, codes = await set_up(floor.biller)
    assert (await log_in(floor, "biller", codes[0].upper().replace("-", " "))).status_code == 200
    assert said(await log_in(floor, "biller", codes[0])) == (401, "totp_wrong")
    assert (await floor.biller.get("/auth/totp")).json()["recovery_codes_left"] == 9
    assert "recovery_code_used" in await actions(floor, floor.biller.id)

    others = (await floor.biller.post("/auth/totp/recovery-codes")).json()["recovery_codes"]
    assert said(await log_in(floor, "biller", codes[1])) == (401, "totp_wrong")
    assert (await log_in(floor, "biller", others[1])).status_code == 200


async def test_who_guesses_codes_waits_longer_and_longer(floor: Floor) -> None:
    secret, _ = await set_up(floor.biller)
    for _ in range(totp.FREE_TRIES):
        assert said(await log_in(floor, "biller", "000000")) == (401, "totp_wrong")
    right = await log_in(floor, "biller", code(secret))
    assert said(right) == (429, "too_many_requests")
    assert 0 < int(right.headers["Retry-After"]) <= totp.FIRST_WAIT_SECONDS
    await floor.owner.execute("update second_factors set failed_at = failed_at - interval '15 seconds'")
    assert said(await log_in(floor, "biller", "000000")) == (401, "totp_wrong")
    await floor.owner.execute("update second_factors set failed_at = failed_at - interval '15 seconds'")
    assert said(await log_in(floor, "biller", code(secret))) == (429, "too_many_requests"), (
        "twice as long now"
    )
    await floor.owner.execute("update second_factors set failed_at = failed_at - interval '15 seconds'")
    assert (await log_in(floor, "biller", code(secret))).status_code == 200
    assert said(await log_in(floor, "biller", "000000")) == (401, "totp_wrong"), "and the count begins anew"


async def test_neither_secret_nor_codes_lie_open_in_the_database(floor: Floor) -> None:
    secret, codes = await set_up(floor.biller)
    kept = await floor.owner.fetchval("select string_agg(f::text, '') from second_factors f")
    kept += await floor.owner.fetchval("select string_agg(c::text, '') from recovery_codes c")
    kept += await floor.owner.fetchval("select string_agg(e::text, '') from audit_events e")
    assert secret not in kept
    assert not any(one in kept for one in codes)
    state = await floor.biller.get("/auth/totp")
    assert secret not in state.text
    assert said(await floor.biller.post("/auth/totp")) == (409, "totp_already_on")


async def test_it_outlives_a_change_of_the_sites_key(floor: Floor, settings: Settings) -> None:
    secret, _ = await set_up(floor.biller)
    old = settings.model_dump()["secret_key"] or tokens._opened().current
    old = old if isinstance(old, str) else old.get_secret_value()

    def keys(current: str, previous: str | None) -> Settings:
        return Settings(_env_file=None, secret_key=current, secret_key_previous=previous)  # type: ignore[arg-type]

    try:
        tokens.open_tokens(keys("another-" + "k" * 40, old))
        assert (await log_in(floor, "biller", code(secret))).status_code == 200
        assert await totp.reseal() == []
        tokens.open_tokens(keys("a-third-" + "k" * 40, None))
        assert await totp.reseal() == ["biller"]
        tokens.open_tokens(keys("another-" + "k" * 40, None))
        assert (await log_in(floor, "biller", code(secret, steps=1))).status_code == 200
    finally:
        tokens.open_tokens(settings)
    # And a secret that no key opens is a wrong code, not an error.
    assert (await log_in(floor, "biller", "123456")).status_code in (401, 422)


async def test_an_admin_takes_it_off_who_lost_his_phone(floor: Floor) -> None:
    await set_up(floor.biller)
    listed = (await floor.admin.get("/users", q="biller")).json()["items"][0]
    assert listed["totp"] is True
    assert (await floor.admin.delete(f"/users/{floor.biller.id}/totp")).status_code == 204
    assert (await log_in(floor, "biller")).status_code == 200
    assert (await floor.admin.get(f"/users/{floor.biller.id}")).json()["totp"] is False
    [event] = await floor.owner.fetch(
        "select actor_id, subject_id from audit_events where action = 'second_factor_off'"
    )
    assert tuple(event) == (floor.admin.id, floor.biller.id)


async def test_everybody_may_take_his_own_off_and_dispatchers_have_none(floor: Floor) -> None:
    await set_up(floor.biller)
    assert (await floor.biller.delete("/auth/totp")).status_code == 204
    assert (await log_in(floor, "biller")).status_code == 200
    assert said(await floor.north.post("/auth/totp")) == (403, "forbidden")
    assert (await floor.north.get("/auth/totp")).json()["enabled"] is False


async def test_a_site_may_ask_it_of_its_admins(floor: Floor) -> None:
    other = await floor.person("other", "admin")
    ask = {"totp_for_admins": True}
    assert said(await floor.admin.patch("/settings", ask)) == (409, "totp_missing")
    await set_up(floor.admin)
    assert (await floor.admin.patch("/settings", ask)).status_code == 200
    await asyncio.sleep(0.6)
    assert said(await other.get("/users")) == (403, "totp_setup_required")
    me = (await other.get("/auth/me")).json()
    assert me["must_set_up_totp"] is True
    assert (await other.get("/auth/totp")).json()["required"] is True
    assert (await floor.biller.get("/bags")).status_code == 200, "of nobody else"
    await set_up(other)
    assert (await other.get("/users")).status_code == 200


@pytest.mark.parametrize("given", ["", "x" * 41])
async def test_what_cannot_be_a_code_is_invalid(floor: Floor, given: str) -> None:
    assert said(await log_in(floor, "biller", given)) == (422, "invalid")


@pytest.mark.parametrize(
    "given",
    [
        "１２３４５６",
        "\0\0\0\0\0\0",
        "12345",
        "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
    ],
)
async def test_odd_codes_are_wrong_ones(floor: Floor, given: str) -> None:
    await set_up(floor.biller)
    assert said(await log_in(floor, "biller", given)) == (401, "totp_wrong")
