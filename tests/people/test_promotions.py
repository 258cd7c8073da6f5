"""Asking for a higher role: one wish at a time, and an admin decides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.access.test_again import a_while_later
from tests.access.test_totp import said
from tests.floor import Floor, Person

WHY = "I make the bills when Ravi is away"


async def asked(person: Person, role: str = "biller") -> dict[str, Any]:
    answer = await person.post("/promotions", {"role": role, "reason": WHY})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_dispatcher_becomes_a_biller(floor: Floor) -> None:
    wish = await asked(floor.north)
    assert (wish["from_role"], wish["role"], wish["state"]) == ("dispatcher", "biller", "waiting")
    [seen] = (await floor.admin.get("/promotions", state="waiting")).json()["items"]
    assert (seen["user"]["username"], seen["reason"]) == ("north", WHY)
    answer = await floor.admin.post(f"/promotions/{wish['id']}/approve", {})
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    assert (answer.json()["from_role"], answer.json()["role"]) == ("dispatcher", "biller")
    assert said(await floor.north.get("/auth/me")) == (401, "session_ended")
    north = await floor.sign_in(floor.north.id, "north")
    assert (await north.get("/auth/me")).json()["role"] == "biller"
    rows = await floor.owner.fetch(
        "select action, actor_id, before, after from audit_events where subject_id = $1"
        " and action ~ 'promotion|user_changed' order by id",
        floor.north.id,
    )
    assert [(row["action"], row["actor_id"]) for row in rows] == [
        ("promotion_asked", floor.north.id),
        ("user_changed", floor.admin.id),
        ("promotion_approved", floor.admin.id),
    ]
    assert json.loads(rows[1]["before"]) == {"role": "dispatcher"}


async def test_a_no_comes_with_a_reason_that_is_shown(floor: Floor) -> None:
    wish = await asked(floor.north)
    await floor.admin.post(f"/promotions/{wish['id']}/decline", {"reason": "Not this season"})
    [mine] = (await floor.north.get("/promotions")).json()["items"]
    assert (mine["state"], mine["answer"], mine["decided_by"]) == ("declined", "Not this season", "admin")
    assert (await floor.north.get("/auth/me")).json()["role"] == "dispatcher"
    await asked(floor.north)


async def test_one_wish_at_a_time_and_it_can_be_taken_back(floor: Floor) -> None:
    wish = await asked(floor.north)
    again = await floor.north.post("/promotions", {"role": "admin", "reason": WHY})
    assert said(again) == (409, "promotion_waiting")
    assert (await floor.north.delete(f"/promotions/{wish['id']}")).status_code == 204
    assert said(await floor.admin.post(f"/promotions/{wish['id']}/approve", {})) == (
        404,
        "promotion_not_found",
    )
    await asked(floor.north, "admin")


@pytest.mark.parametrize(("who", "role"), [("north", "dispatcher"), ("biller", "biller"), ("admin", "admin")])
async def test_only_a_higher_role_is_a_promotion(floor: Floor, who: str, role: str) -> None:
    person: Person = getattr(floor, who)
    assert said(await person.post("/promotions", {"role": role, "reason": WHY})) == (422, "not_a_promotion")


async def test_everybody_sees_his_own_and_admins_all(floor: Floor) -> None:
    await asked(floor.north)
    await asked(floor.south)
    assert len((await floor.admin.get("/promotions")).json()["items"]) == 2
    [only] = (await floor.south.get("/promotions")).json()["items"]
    assert only["user"]["username"] == "south"
    assert (await floor.biller.get("/promotions")).json()["items"] == []
    page = (await floor.admin.get("/promotions", limit=1)).json()
    assert (await floor.admin.get("/promotions", limit=1, cursor=page["next_cursor"])).json()["items"]


async def test_a_yes_asks_who_one_is(floor: Floor) -> None:
    wish = await asked(floor.north)
    await a_while_later(floor)
    answer = await floor.admin.post(f"/promotions/{wish['id']}/approve", {})
    assert said(answer) == (403, "reauthentication_required")


async def test_who_is_something_else_by_now_is_not_promoted(floor: Floor) -> None:
    wish = await asked(floor.north)
    await floor.admin.patch(f"/users/{floor.north.id}", {"role": "biller"})
    assert said(await floor.admin.post(f"/promotions/{wish['id']}/approve", {})) == (422, "not_a_promotion")


async def test_a_program_has_no_wishes(floor: Floor) -> None:
    key = (await floor.admin.post("/api-keys", {"name": "ERP", "role": "biller"})).json()["key"]
    program = await floor.client()
    program.headers["authorization"] = f"Bearer {key}"
    answer = await program.post("/promotions", json={"role": "admin", "reason": WHY})
    assert said(answer) == (403, "forbidden")
