"""Idempotency-Key: a request that is sent again has no second effect, and gets the first answer."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.floor import Floor, together

BODIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "/bills": ({"destination": "Pune"}, {"destination": "Goa"}),
    "/returns": ({"reason": "wet"}, {"reason": "torn"}),
    "/users": ({"username": "asha", "role": "dispatcher"}, {"username": "ravi", "role": "dispatcher"}),
}


async def send(floor: Floor, path: str, body: dict[str, Any], key: str) -> httpx.Response:
    if path == "/users":
        body = body | {"area_id": floor.areas["North"]}
    return await floor.admin.http.post(path, json=body, headers={"idempotency-key": key})


async def made(floor: Floor) -> int:
    tables = ("bills", "returns", "users", "imports")
    return int(
        await floor.owner.fetchval("select " + "+".join(f"(select count(*) from {t})" for t in tables))
    )


@pytest.mark.parametrize("path", BODIES)
async def test_sent_again_it_has_one_effect_and_one_answer(floor: Floor, path: str) -> None:
    before, key = await made(floor), str(uuid4())
    body, other = BODIES[path]
    answers = [await send(floor, path, body, key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3, answers[0].text
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert await made(floor) == before + 1
    reused = await send(floor, path, other, key)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert (await send(floor, path, other, str(uuid4()))).status_code == 201
    assert await made(floor) == before + 2


@pytest.mark.parametrize("path", BODIES)
async def test_ten_at_once_have_one_effect(floor: Floor, path: str) -> None:
    before, key = await made(floor), str(uuid4())
    answers = await together(send(floor, path, BODIES[path][0], key) for _ in range(10))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await made(floor) == before + 1


async def test_without_a_key_each_request_has_an_effect(floor: Floor) -> None:
    """A control of the tests above."""
    before = await made(floor)
    for _ in range(2):
        assert (await floor.admin.post("/bills", {})).status_code == 201
    assert await made(floor) == before + 2


async def test_a_lost_one_time_password_is_told_again_and_not_kept_in_the_clear(floor: Floor) -> None:
    key = str(uuid4())
    first = (await send(floor, "/users", BODIES["/users"][0], key)).json()["one_time_password"]
    assert first
    assert (await send(floor, "/users", BODIES["/users"][0], key)).json()["one_time_password"] == first
    kept = await floor.owner.fetchval(
        "select string_agg(answered_once::text || encode(answer, 'escape'), '') from answered_once"
    )
    assert first not in kept
    assert key not in kept


async def test_what_was_refused_may_be_tried_again_with_its_key(floor: Floor) -> None:
    taken = (await floor.admin.post("/bills", {"number": "B-1"})).json()
    key = str(uuid4())
    assert (await send(floor, "/bills", {"number": "B-1"}, key)).json()["code"] == "number_taken"
    etag = (await floor.admin.get(f"/bills/{taken['id']}")).headers["etag"]
    gone = await floor.admin.http.delete(f"/bills/{taken['id']}", headers={"if-match": etag})
    assert gone.status_code == 204
    assert (await send(floor, "/bills", {"number": "B-1"}, key)).status_code == 201


async def test_a_key_is_its_users(floor: Floor) -> None:
    key = str(uuid4())
    headers = {"idempotency-key": key}
    one = await floor.admin.http.post("/bills", json={}, headers=headers)
    other = await floor.biller.http.post("/bills", json={}, headers=headers)
    assert one.json()["id"] != other.json()["id"]


@pytest.mark.parametrize("key", ["short", "x" * 256, "with a space in it"])
async def test_what_no_key_can_be(floor: Floor, key: str) -> None:
    assert (await send(floor, "/bills", {}, key)).status_code == 422


async def test_an_upload_sent_again_is_one_import(floor: Floor) -> None:
    before, key = await made(floor), str(uuid4())

    async def upload(content: bytes) -> httpx.Response:
        return await floor.admin.http.post(
            "/imports",
            files={"file": ("bags.csv", content, "text/csv")},
            data={"hold": "true"},
            headers={"idempotency-key": key},
        )

    answers = [await upload(b"parent,child\nP1,C1\n") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202], answers[0].text
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert (await upload(b"parent,child\nP2,C2\n")).json()["code"] == "idempotency_key_reused"
    assert await made(floor) == before + 1
