"""Who may: every route of these rooms, by every role."""

import httpx
import pytest

from tests.floor import Floor, Person

ADMIN_ONLY = [
    ("GET", "/users"),
    ("POST", "/users"),
    ("PATCH", "/users/1"),
    ("POST", "/areas"),
    ("PATCH", "/areas/1"),
    ("GET", "/settings"),
    ("PATCH", "/settings"),
]
EVERYBODY = [("GET", "/areas"), ("GET", "/auth/me"), ("GET", "/auth/sessions")]


def people(floor: Floor) -> dict[str, Person]:
    return {"dispatcher": floor.north, "biller": floor.biller, "admin": floor.admin}


async def ask(http: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    return await http.request(method, path, json={} if method != "GET" else None)


@pytest.mark.parametrize(("method", "path"), ADMIN_ONLY)
async def test_only_admins(floor: Floor, method: str, path: str) -> None:
    for role in ("dispatcher", "biller"):
        answer = await ask(people(floor)[role].http, method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), role
    assert (await ask(floor.anyone, method, path)).status_code == 401
    assert (await ask(floor.admin.http, method, path)).status_code in (200, 422)


@pytest.mark.parametrize(("method", "path"), EVERYBODY)
async def test_everybody_who_is_signed_in(floor: Floor, method: str, path: str) -> None:
    for person in people(floor).values():
        assert (await ask(person.http, method, path)).status_code == 200
    assert (await ask(floor.anyone, method, path)).json()["code"] == "unauthorized"


async def test_a_role_that_may_not_learns_nothing_about_what_exists(floor: Floor) -> None:
    known = await ask(floor.north.http, "PATCH", f"/users/{floor.admin.id}")
    unknown = await ask(floor.north.http, "PATCH", "/users/999999")
    assert known.text == unknown.text
