"""The second wall: a statement that forgot the area rule tells nobody anything."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import true

from tests.floor import Floor
from tracetrack.access import wall
from tracetrack.access.actor import Actor
from tracetrack.bags import queries as bag_queries
from tracetrack.billing import queries as bill_queries

PLACES = (
    "/bags",
    "/bags/lookup?code=NORTHERN-1",
    "/bags/{id}",
    "/bags/{id}/children",
    "/bills",
    "/bills/{bill}",
)


@pytest.fixture
async def things(floor: Floor) -> dict[str, int]:
    """A parent with a child and a bill, in North."""
    parent = (await floor.north.scan_parent("NORTHERN-1")).json()["bag"]["id"]
    await floor.north.scan_child("NORTHERN-1", "NORTHERN-2")
    bill = await floor.biller.post("/bills", {"number": "NORTHERN-B", "area_id": floor.areas["North"]})
    return {"id": parent, "bill": bill.json()["id"]}


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every statement without its area rule."""

    def everything(*_: Any) -> Any:
        return true()

    monkeypatch.setattr(bag_queries, "within_area", everything)
    monkeypatch.setattr(bill_queries, "within_area", everything)
    monkeypatch.setattr(bill_queries, "visible", everything)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.usefixtures("forgotten")
async def test_what_a_careless_statement_finds_does_not_leave(
    floor: Floor, things: dict[str, int], place: str
) -> None:
    answer = await floor.south.http.get(place.format(**things))
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "NORTHERN" not in answer.text


@pytest.mark.usefixtures("forgotten")
async def test_without_the_wall_it_would(
    floor: Floor, things: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the statements above do find what is foreign."""

    def nobody(_: Actor) -> None:
        wall._sees.set(None)

    monkeypatch.setattr("tracetrack.access.dependencies.bound_to", nobody)
    for place in PLACES:
        answer = await floor.south.http.get(place.format(**things))
        assert (answer.status_code, "NORTHERN" in answer.text) == (200, True), place


@pytest.mark.parametrize("place", PLACES)
async def test_who_may_see_it_sees_it(floor: Floor, things: dict[str, int], place: str) -> None:
    for person in (floor.north, floor.biller, floor.admin):
        answer = await person.http.get(place.format(**things))
        assert (answer.status_code, "NORTHERN" in answer.text) == (200, True), person.username
