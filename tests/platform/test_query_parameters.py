"""A query parameter that does not exist is refused: a mistyped filter would answer everything."""

from __future__ import annotations

import difflib

import pytest
from fastapi.routing import APIRoute

from tests.api import operations
from tests.floor import Floor
from tracetrack.app import ROUTERS
from tracetrack.platform.query_parameters import MOST_NAMED, query_names


async def test_a_mistyped_filter_is_refused_with_what_was_meant(floor: Floor) -> None:
    answer = await floor.north.get("/bags", knd="parent")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    [error] = answer.json()["errors"]
    assert error["loc"] == ["query", "knd"]
    assert "did you mean kind?" in error["msg"]
    assert (await floor.north.get("/bags", kind="parent")).status_code == 200


async def test_a_name_like_nothing_is_refused_without_a_guess(floor: Floor) -> None:
    answer = await floor.admin.get("/dashboard/summary", zebra="1", utm_source="mail")
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [
        ["query", "zebra"],
        ["query", "utm_source"],
    ]
    assert "did you mean" not in answer.json()["errors"][0]["msg"]


async def test_thousands_of_names_are_not_each_looked_for(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(difflib, "get_close_matches", lambda name, *_: looked.append(name) or [])
    answer = await floor.anyone.get("/bags", params={f"kind{n}": "x" for n in range(5_000)})
    assert answer.status_code == 422
    assert len(looked) == len(answer.json()["errors"]) == MOST_NAMED


async def test_a_change_with_an_unknown_parameter_does_nothing(floor: Floor) -> None:
    answer = await floor.north.http.post("/scans/parent", params={"dry_run": "true"}, json={"code": "P1"})
    assert answer.status_code == 422
    assert await floor.owner.fetchval("select count(*) from bags") == 0


def test_the_parameters_of_each_route_are_those_of_the_document() -> None:
    documented = {(one.method, one.path): set(one.parameters("query")) for one in operations()}
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    found = {
        (method, route.path): set(query_names(route))
        for route in routes
        if route.include_in_schema
        for method in route.methods or ()
    }
    assert found == documented
    assert sum(map(bool, found.values())) > 20
