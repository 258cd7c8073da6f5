"""One name is one thing to whoever reads it, in areas, people, bag types and dealers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.floor import PASSWORD, Floor
from tracetrack.people.names import mixes_scripts, skeleton

ALIKE = [
    ("Depot 7", "DEPOT 7"),
    ("Depot 7", "Depot\u00a07"),
    ("paypal", "\u0440\u0430\u0443\u0440\u0430l"),
    ("admin", "\u0430dmin"),
    ("scope", "\u0455\u0441\u043e\u0440\u0435"),
    ("PHX", "\u0420\u041d\u0425"),
    ("Line 1", "Line I"),
    ("Line 1", "Line l"),
    ("Row 10", "Row lO"),
    ("modern", "modem"),
    ("Ward", "VVard"),
    ("Hall", "\uff28\uff41\uff4c\uff4c"),
    ("A-1", "A\u20131"),
]
APART = [
    ("North", "South"),
    ("Line 1", "Line 2"),
    ("Line 2", "Line 3"),
    ("Depot", "Depots"),
    ("caf\u00e9", "cafe"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_names_that_do_not_look_alike_have_two(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@pytest.mark.parametrize(
    "name", ["D\u0435pot", "\u0430dmin", "\u0391BC", "North\u0928", "Depot \u0421\u041a\u041b\u0410\u0414"]
)
def test_letters_of_several_scripts_are_mixed(name: str) -> None:
    assert mixes_scripts(name)


@pytest.mark.parametrize(
    "name",
    [
        "Depot 7",
        "\u0909\u0924\u094d\u0924\u0930",
        "\u0421\u043a\u043b\u0430\u0434",
        "Depot \u0928\u093e\u0917\u092a\u0941\u0930",
        "Hof S\u00fcd \u2116 3",
        "\uff21\uff22",
        "",
    ],
)
def test_one_script_a_word_is_a_name(name: str) -> None:
    assert not mixes_scripts(name)


MIXED = "D\u0435pot"


async def test_look_alikes_are_refused_wherever_a_name_is_given(floor: Floor) -> None:
    async def refused(method: str, path: str, body: dict[str, Any]) -> tuple[int, str]:
        answer = await floor.admin.http.request(method, path, json=body)
        return answer.status_code, answer.json().get("code", "")

    user = {"password": PASSWORD, "role": "dispatcher", "area_id": floor.areas["North"]}
    makes: tuple[tuple[str, str, dict[str, Any], str], ...] = (
        ("/areas", "name", {}, "areas"),
        ("/users", "username", user, "users"),
        ("/bag-types", "name", {}, "bag-types"),
        ("/label-patterns", "name", {"pattern": "^X(.+)$"}, "label-patterns"),
    )
    for path, field, body, _ in makes:
        first = await floor.admin.post(path, body | {field: "Depot  66 I"})
        assert first.status_code == 201, first.text
        # Inner white space is collapsed.
        assert first.json()[field] == "Depot 66 I"
        for name in ("depot 66 i", "Depot\u00a066 \u00a0I", "Depot 66 1", "Dep\u03bft 66 l"):
            status, code = await refused("POST", path, body | {field: name})
            assert (status, code) in ((409, "name_taken"), (422, "invalid")), (path, name)
        assert await refused("POST", path, body | {field: MIXED}) == (422, "invalid")
        if path != "/users":
            other = (await floor.admin.post(path, body | {field: "Elsewhere"})).json()
            assert await refused("PATCH", f"{path}/{other['id']}", {"name": "Depot 66 l"}) == (
                409,
                "name_taken",
            )
            # Its own name is not another's.
            assert (
                await floor.admin.patch(f"{path}/{other['id']}", {"name": "ELSEWHERE"})
            ).status_code == 200
    assert (await floor.biller.post("/returns", {"reason": "Torn", "dealer": MIXED})).status_code == 422
    made = await floor.biller.post("/returns", {"reason": "Torn", "dealer": " A   B "})
    assert made.json()["dealer"] == "A B"


async def test_of_two_look_alikes_at_once_one_is_made(floor: Floor) -> None:
    names = ("Gate 1", "Gate l", "Gate I", "GATE 1", "Gate  1")
    answers = await asyncio.gather(*(floor.admin.post("/areas", {"name": name}) for name in names * 4))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
