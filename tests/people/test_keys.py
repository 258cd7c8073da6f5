"""Keys for integrators: told once, of one role and area, and over within a second of being revoked."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.api import operations
from tests.floor import Floor, Person
from tracetrack.access import keys, limits
from tracetrack.access.keys import new_key, write_down_used
from tracetrack.settings import Settings

NONE = "ttk_" + "x" * 42 + "A"
"""A key by its shape, and nobody's."""


async def made(floor: Floor, **key: Any) -> tuple[dict[str, Any], Person]:
    answer = await floor.admin.post("/api-keys", {"name": "ERP", **key})
    assert answer.status_code == 201, answer.text
    client = await floor.client()
    client.headers["authorization"] = f"Bearer {answer.json()['key']}"
    return answer.json(), Person(answer.json()["user_id"], "key ERP", client)


async def test_a_key_works_as_its_role_in_its_area_and_the_ledger_names_it(floor: Floor) -> None:
    await floor.south.scan_parent("SOUTHERN")
    key, program = await made(floor, role="dispatcher", area_id=floor.areas["North"])
    bag = (await program.scan_parent("P1")).json()["bag"]
    assert bag["area"]["name"] == "North"
    assert (await program.get("/bags/lookup", code="SOUTHERN")).status_code == 404
    assert (await program.post("/bills", {})).status_code == 403
    [event] = (await floor.admin.get("/audit", action="bag_created", code="P1")).json()["items"]
    assert event["actor"] == {"id": key["user_id"], "username": "key ERP"}


async def test_it_is_told_once_and_kept_as_a_hash(floor: Floor) -> None:
    key, program = await made(floor, role="biller")
    [listed] = (await floor.admin.get("/api-keys")).json()["items"]
    assert "key" not in listed
    assert listed["beginning"] == key["key"][:10]
    assert listed["last_used_at"] is None
    assert (await program.get("/bags")).status_code == 200
    await write_down_used()
    assert (await floor.admin.get("/api-keys")).json()["items"][0]["last_used_at"] is not None
    kept = await floor.owner.fetchval("select api_keys::text || users::text from api_keys, users limit 1")
    events = await floor.owner.fetchval("select string_agg(audit_events::text, '') from audit_events")
    assert key["key"][10:] not in kept + events


async def test_revoked_it_is_over_within_a_second(floor: Floor) -> None:
    key, program = await made(floor, role="biller")
    assert (await program.get("/bags")).status_code == 200
    for _ in range(2):
        assert (await floor.admin.delete(f"/api-keys/{key['id']}")).status_code == 204
    await asyncio.sleep(1)
    assert (await program.get("/bags")).status_code == 401
    assert (await floor.admin.get("/api-keys")).json()["items"][0]["revoked_at"] is not None
    actions = await floor.owner.fetch("select action from audit_events where action ~ 'api_key' order by id")
    assert [row["action"] for row in actions] == ["api_key_created", "api_key_revoked"]


async def test_its_user_disabled_it_is_over_too(floor: Floor) -> None:
    key, program = await made(floor, role="biller")
    await floor.admin.patch(f"/users/{key['user_id']}", {"disabled": True})
    assert (await program.get("/bags")).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role": "admin"}, 422),
        ({"role": "dispatcher"}, 422),
        ({"role": "biller", "area_id": 999}, 404),
        ({"role": "biller", "name": ""}, 422),
    ],
)
async def test_what_no_key_can_be(floor: Floor, body: dict[str, Any], status: int) -> None:
    assert (await floor.admin.post("/api-keys", {"name": "ERP", **body})).status_code == status


async def test_a_key_is_made_no_admins_later_and_its_user_gets_no_password(floor: Floor) -> None:
    key, program = await made(floor, role="biller")
    for change in ({"role": "admin"}, {"password": "a whole new sentence"}, {"must_change_password": True}):
        answer = await floor.admin.patch(f"/users/{key['user_id']}", change)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), change
    assert (await program.get("/bags")).status_code == 200
    assert (await program.get("/users")).status_code == 403
    changed = await floor.admin.patch(
        f"/users/{key['user_id']}", {"role": "dispatcher", "area_id": floor.areas["North"]}
    )
    assert changed.json()["role"] == "dispatcher"


async def test_a_program_has_no_profile_and_a_name_is_one_keys(floor: Floor) -> None:
    _, program = await made(floor, role="biller")
    for method, path in (("PATCH", "/auth/me"), ("GET", "/auth/sessions"), ("POST", "/auth/logout")):
        answer: httpx.Response = await program.http.request(method, path)
        assert answer.status_code == 403, path
    assert (await floor.admin.post("/api-keys", {"name": "erp", "role": "biller"})).status_code == 409


async def test_every_key_may_ask_what_it_is(floor: Floor) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    key, program = await made(
        floor,
        role="dispatcher",
        area_id=floor.areas["North"],
        scopes=["scan"],
        expires_at=soon.isoformat(),
    )
    me = (await program.get("/auth/me")).json()
    assert (me["id"], me["username"], me["role"]) == (key["user_id"], "key ERP", "dispatcher")
    assert me["area"] == {"id": floor.areas["North"], "name": "North"}
    told = {name: key[name] for name in ("id", "name", "beginning", "scopes", "expires_at")}
    assert me["key"] == told
    assert (await program.get("/bags")).status_code == 403
    assert (await floor.north.get("/auth/me")).json()["key"] is None


@pytest.mark.parametrize("name", ["ERP", "E" * 60])
async def test_the_name_of_a_revoked_key_is_free(floor: Floor, name: str) -> None:
    """As often as one likes; what the one before did is still told in its name."""
    for _ in range(3):
        key, program = await made(floor, role="biller", name=name)
        assert (await program.post("/bills", {})).status_code == 201
        again = await floor.admin.post("/api-keys", {"name": name.lower(), "role": "biller"})
        assert (again.status_code, again.json()["code"]) == (409, "name_taken")
        assert (await floor.admin.delete(f"/api-keys/{key['id']}")).status_code == 204
    events = (await floor.admin.get("/audit", action="bill_created")).json()["items"]
    actors = [event["actor"]["username"] for event in events]
    assert len(set(actors)) == 3
    assert all(actor.startswith(f"key {name[:40]}") for actor in actors)
    listed = (await floor.admin.get("/api-keys")).json()["items"]
    assert [one["name"] for one in listed] == [name] * 3


async def come_with(floor: Floor, key: str) -> int:
    headers = [(b"authorization", f"Bearer {key}".encode())]
    return (await floor.anyone.get("/bags", headers=headers)).status_code


@pytest.fixture
def looked_for(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Hashes of the keys that the database was asked for."""
    asked: list[bytes] = []
    load = keys._remembered.load

    async def watched(hashed: bytes) -> Any:
        asked.append(hashed)
        return await load(hashed)

    monkeypatch.setattr(keys._remembered, "load", watched)
    return asked


@pytest.mark.parametrize(
    "key",
    [
        "ttk_",
        "ttk_" + "x" * 43,
        NONE[:-1],
        NONE + "A",
        NONE + "\n",
        NONE[:10] + "." + NONE[11:],
        "ttk_" + "x" * 5000,
        "ttk_é",
    ],
)
async def test_what_has_not_the_shape_of_a_key_is_a_401_and_costs_no_query(
    floor: Floor, looked_for: list[bytes], key: str
) -> None:
    assert await come_with(floor, key) == 401
    assert looked_for == []


async def test_every_key_that_is_made_has_the_shape(floor: Floor, looked_for: list[bytes]) -> None:
    assert {await come_with(floor, new_key()) for _ in range(100)} == {401}
    assert len(looked_for) == 100


async def test_wrong_keys_push_no_right_one_out_of_memory(
    floor: Floor, looked_for: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, program = await made(floor, role="biller")
    monkeypatch.setattr(keys._remembered, "size", 3)
    await program.get("/bags")
    for _ in range(10):
        assert await come_with(floor, new_key()) == 401
    looked_for.clear()
    assert (await program.get("/bags")).status_code == 200
    assert looked_for == []
    assert len(keys._remembered._values) == 1


@pytest.fixture
async def few_tries(floor: Floor, settings: Settings) -> AsyncIterator[None]:
    """Five wrong keys a minute from one address, from the beginning of a minute that has long to go."""
    limits.close_limits()
    limits.open_limits(settings.model_copy(update={"sign_ins_per_minute_address": 5}))
    if (into := time.monotonic() % 60) > 50:
        await asyncio.sleep(60.1 - into)
    yield
    limits.close_limits()
    limits.open_limits(settings)


async def test_who_guesses_keys_is_soon_refused_and_programs_beside_him_go_on(
    floor: Floor, few_tries: None, looked_for: list[bytes]
) -> None:
    _, program = await made(floor, role="biller")
    assert (await program.get("/bags")).status_code == 200
    looked_for.clear()
    assert [await come_with(floor, new_key()) for _ in range(8)] == [401] * 5 + [429] * 3
    assert len(looked_for) == 5
    # It was right before, so it is looked for, also after everything was forgotten.
    await floor.admin.patch(f"/users/{floor.north.id}", {"disabled": True})
    assert (await program.get("/bags")).status_code == 200
    assert len(looked_for) == 6
    assert (await floor.south.get("/bags")).status_code == 200


async def test_a_revoked_key_that_comes_on_and_on_is_a_wrong_one(floor: Floor, few_tries: None) -> None:
    key, program = await made(floor, role="biller")
    assert (await program.get("/bags")).status_code == 200
    await floor.admin.delete(f"/api-keys/{key['id']}")
    answers = [await program.get("/bags") for _ in range(7)]
    assert [a.status_code for a in answers] == [401] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) <= 60


async def test_a_key_may_be_used_for_its_scopes_alone(floor: Floor) -> None:
    key, program = await made(floor, role="biller", scopes=["bills", "read", "read"])
    assert key["scopes"] == ["bills", "read"]
    assert (await program.post("/bills", {})).status_code == 201
    assert (await program.get("/bags")).status_code == 200
    for answer, scope in (
        (await program.scan_parent("P1"), "scan"),
        (await program.get("/exports/bags"), "export"),
        (await program.get("/imports"), "import"),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["scope"]) == (403, "scope_missing", scope)
    assert (await floor.owner.fetchval("select count(*) from bags")) == 0


async def test_a_key_that_reads_changes_nothing(floor: Floor) -> None:
    """Every call that is no GET is refused, but for those that only answer."""
    _, program = await made(floor, role="biller", scopes=["read"])
    for operation in operations():
        if operation.method == "GET" or not operation.said["security"]:
            continue
        path = re.sub(r"\{[^}]*\}", "1", operation.path)
        answer = await program.http.request(operation.method, path, json={})
        expected = 422 if str(operation) == "POST /bags/states" else 403
        assert answer.status_code == expected, (str(operation), answer.text)


async def test_a_key_ends_by_itself(floor: Floor) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    key, program = await made(floor, role="biller", expires_at=soon.isoformat())
    assert dt.datetime.fromisoformat(key["expires_at"]) == soon
    assert (await program.get("/bags")).status_code == 200
    await floor.owner.execute("update api_keys set expires_at = now() - interval '1 second'")
    # As another worker, which has not seen it yet.
    keys._remembered._values.clear()
    assert (await program.get("/bags")).status_code == 401


async def test_a_remembered_key_ends_at_its_time(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    _, program = await made(floor, role="biller", expires_at=later.isoformat())
    assert (await program.get("/bags")).status_code == 200
    monkeypatch.setattr(keys, "now", lambda: later)
    assert (await program.get("/bags")).status_code == 401


@pytest.mark.parametrize(
    "body",
    [{"scopes": []}, {"scopes": ["all"]}, {"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "soon"}],
)
async def test_what_no_scope_and_no_end_can_be(floor: Floor, body: dict[str, Any]) -> None:
    answer = await floor.admin.post("/api-keys", {"name": "ERP", "role": "biller", **body})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
