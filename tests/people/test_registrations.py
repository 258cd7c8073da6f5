"""Asking for an account: only where the site allows it, and an admin decides."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from tests.access.test_again import a_while_later
from tests.access.test_totp import said
from tests.floor import Floor, together
from tracetrack import __version__
from tracetrack.access import limits, passwords
from tracetrack.people import registrations

ASKED = {"username": "meena", "password": "a good long one", "full_name": "Meena", "note": "Packing, line 3"}


async def opened(floor: Floor) -> None:
    assert (await floor.admin.patch("/settings", {"registration": True})).status_code == 200


async def ask(floor: Floor, **other: Any) -> httpx.Response:
    return await floor.anyone.post("/registrations", json={**ASKED, **other})


async def waiting(floor: Floor) -> list[dict[str, Any]]:
    return list((await floor.admin.get("/registrations", state="waiting")).json()["items"])


async def test_it_is_shut_until_an_admin_opens_it(floor: Floor) -> None:
    assert (await floor.anyone.get("/site")).json() == {
        "name": "TraceTrack",
        "registration": False,
        "version": __version__,
    }
    assert said(await ask(floor)) == (404, "not_found")
    await opened(floor)
    assert (await floor.anyone.get("/site")).json()["registration"] is True
    assert (await ask(floor)).status_code == 202


async def test_who_asks_waits_until_an_admin_gives_role_and_area(floor: Floor) -> None:
    await opened(floor)
    await ask(floor, language="hi")
    log_in = {"username": "meena", "password": ASKED["password"]}
    assert said(await floor.anyone.post("/auth/login", json=log_in)) == (401, "bad_credentials")
    [asked] = await waiting(floor)
    assert (asked["username"], asked["note"], asked["name_taken"]) == ("meena", "Packing, line 3", False)
    assert "password" not in asked
    place = f"/registrations/{asked['id']}"
    assert said(await floor.admin.post(f"{place}/approve", {"role": "dispatcher"})) == (422, "area_required")
    given = {"role": "dispatcher", "area_id": floor.areas["North"]}
    made = await floor.admin.post(f"{place}/approve", given)
    assert made.status_code == 201, made.text
    meena = await floor.sign_in(made.json()["id"], "meena", ASKED["password"])
    me = (await meena.get("/auth/me")).json()
    assert (me["role"], me["area"]["name"], me["full_name"], me["language"]) == (
        *("dispatcher", "North", "Meena", "hi"),
    )
    assert await waiting(floor) == []
    [told] = (await floor.admin.get("/registrations", state="approved")).json()["items"]
    assert told["decided_by"] == "admin"
    for again in ("approve", "decline"):
        answer = await floor.admin.post(f"{place}/{again}", given if again == "approve" else {})
        assert said(answer) == (404, "registration_not_found")
    kept = await floor.owner.fetchval("select password_hash from registrations")
    assert kept is None
    actions = await floor.owner.fetch(
        "select action from audit_events where action ~ 'regist|user_' order by id"
    )
    assert [row["action"] for row in actions] == ["registration_asked", "user_created"]


async def test_the_answer_tells_nothing_of_who_works_here(floor: Floor) -> None:
    await opened(floor)
    answers = [await ask(floor, username=name) for name in ("north", "NORTH ", "nobody", "meena", "meena")]
    assert {(a.status_code, a.text) for a in answers} == {(202, answers[0].text)}
    taken = {one["username"]: one["name_taken"] for one in await waiting(floor)}
    assert taken == {"north": True, "NORTH": True, "nobody": False, "meena": False}
    north = next(one for one in await waiting(floor) if one["username"] == "north")
    place = f"/registrations/{north['id']}/approve"
    assert said(await floor.admin.post(place, {"role": "biller"})) == (409, "name_taken")
    made = await floor.admin.post(place, {"role": "biller", "username": "north two"})
    assert made.json()["username"] == "north two"


async def test_a_decline_keeps_its_reason_and_no_password(floor: Floor) -> None:
    await opened(floor)
    await ask(floor)
    [asked] = await waiting(floor)
    answer = await floor.admin.post(f"/registrations/{asked['id']}/decline", {"reason": "Nobody knows her"})
    assert answer.status_code == 204
    row = await floor.owner.fetchrow("select reason, password_hash, user_id from registrations")
    assert tuple(row) == ("Nobody knows her", None, None)
    assert await floor.owner.fetchval("select count(*) from users where username = 'meena'") == 0
    assert (await floor.admin.get("/registrations", state="declined")).json()["items"][0]["id"] == asked["id"]


async def test_of_two_admins_one_decides(floor: Floor) -> None:
    await opened(floor)
    await ask(floor)
    [asked] = await waiting(floor)
    other = await floor.person("other", "admin")
    place = f"/registrations/{asked['id']}"
    answers = await together(
        call
        for admin in (floor.admin, other)
        for call in (admin.post(f"{place}/approve", {"role": "biller"}), admin.post(f"{place}/decline", {}))
    )
    assert sorted(a.status_code for a in answers)[1:] == [404, 404, 404]


async def test_making_more_than_a_dispatcher_of_somebody_asks_who_one_is(floor: Floor) -> None:
    await opened(floor)
    await ask(floor)
    [asked] = await waiting(floor)
    await a_while_later(floor)
    place = f"/registrations/{asked['id']}/approve"
    for role in ("biller", "admin"):
        assert said(await floor.admin.post(place, {"role": role})) == (403, "reauthentication_required"), role
    dispatcher = {"role": "dispatcher", "area_id": floor.areas["North"]}
    assert (await floor.admin.post(place, dispatcher)).status_code == 201


async def test_one_address_cannot_fill_the_list(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    await opened(floor)
    monkeypatch.setattr(registrations, "AN_HOUR_FROM_ADDRESS", 5)
    answers = await together(ask(floor, username=f"person {n}") for n in range(12))
    assert sorted(a.status_code for a in answers) == [202] * 5 + [429] * 7
    assert len(await waiting(floor)) == 5
    await floor.owner.execute("update registrations set created_at = now() - interval '61 minutes'")
    assert (await ask(floor)).status_code == 202
    monkeypatch.setattr(registrations, "MOST_WAITING", 6)
    await floor.owner.execute("update registrations set created_at = now() - interval '61 minutes'")
    assert said(await ask(floor)) == (429, "too_many_requests")


async def test_a_password_that_is_refused_counts_as_a_try(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(floor)
    monkeypatch.setattr(limits, "REGISTRATIONS_PER_MINUTE_ADDRESS", 5)
    if (into := time.time() % 60) > 50:
        await asyncio.sleep(60.1 - into)
    estimated: list[str] = []
    estimate = passwords._soon_guessed

    def watched(password: str, username: str) -> bool:
        estimated.append(password)
        return estimate(password, username)

    monkeypatch.setattr(passwords, "_soon_guessed", watched)
    answers = [await ask(floor, password="qwertyuiop[]") for _ in range(8)]
    assert [said(a) for a in answers] == [(422, "weak_password")] * 5 + [(429, "too_many_requests")] * 3
    assert said(await ask(floor)) == (429, "too_many_requests")
    assert len(estimated) == 5, "who is refused costs no estimate"


async def test_where_the_list_is_full_no_password_is_looked_at(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(floor)
    monkeypatch.setattr(registrations, "AN_HOUR_FROM_ADDRESS", 0)
    assert said(await ask(floor, password="short")) == (429, "too_many_requests")


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"password": "short"}, "weak_password"),
        ({"username": ""}, "invalid"),
        ({"username": "a\u202eb"}, "invalid"),
        ({"note": "x" * 501}, "invalid"),
        ({"role": "admin"}, "invalid"),
    ],
)
async def test_what_cannot_be_asked(floor: Floor, other: dict[str, Any], code: str) -> None:
    await opened(floor)
    assert said(await ask(floor, **other)) == (422, code)


async def test_another_sites_page_cannot_ask(floor: Floor) -> None:
    await opened(floor)
    answer = await floor.anyone.post("/registrations", json=ASKED, headers={"origin": "https://evil.example"})
    assert said(answer) == (403, "csrf")
