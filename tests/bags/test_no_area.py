"""A bag without an area is open to all, and takes the area of the first worker who scans it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.floor import Floor, outcomes
from tests.imports.files import rows_in
from tests.lengths import length
from tests.scanning.test_decide import Chain


async def open_bags(floor: Floor) -> None:
    """OPEN with two children, another parent and a free child, none of them in an area."""
    await floor.biller.scan_parent("OPEN")
    await floor.biller.post("/scans/children", {"parent_code": "OPEN", "codes": ["O1", "O2", "FREE"]})
    await floor.biller.scan_parent("OTHER")
    bag, child = await floor.biller.bag("OPEN"), await floor.biller.bag("FREE")
    await floor.biller.delete(f"/bags/{bag['id']}/children/{child['id']}")


async def areas(floor: Floor) -> dict[str, str | None]:
    rows = await floor.owner.fetch(
        "select b.code, a.name from bags b left join areas a on a.id = b.area_id order by b.code"
    )
    return {row["code"]: row["name"] for row in rows}


async def given(floor: Floor) -> list[tuple[str, str, Any, Any]]:
    rows = await floor.owner.fetch(
        "select e.subject_code, u.username, before, after from audit_events e"
        " join users u on u.id = e.actor_id where action = 'bag_area_given' order by e.id"
    )
    return [
        (
            row["subject_code"],
            row["username"],
            json.loads(row["before"])["area_id"],
            json.loads(row["after"])["area_id"],
        )
        for row in rows
    ]


async def test_a_bag_without_an_area_is_found_in_every_area(floor: Floor) -> None:
    await open_bags(floor)
    for person in (floor.north, floor.south):
        bag = await person.bag("OPEN")
        assert (bag["area"], bag["child_count"]) == (None, 2)
        detail = (await person.get("/bags/lookup", code="O1")).json()
        assert detail["parent"]["code"] == "OPEN"
        children = (await person.get(f"/bags/{bag['id']}/children")).json()["items"]
        assert {child["code"] for child in children} == {"O1", "O2"}
        for query in ({}, {"q": "O"}, {"q": "OPEN"}):
            codes = {one["code"] for one in (await person.get("/bags", **query)).json()["items"]}
            assert "OPEN" in codes, query
        assert (await person.get("/bags/suggest", q="ope")).json() == ["OPEN"]
        states = (await person.post("/bags/states", {"codes": ["OPEN"]})).json()["results"]
        assert (states[0]["state"], states[0]["area"]) == ("open", None)
    assert await given(floor) == []


@pytest.mark.parametrize("how", ["opened", "a child added", "a chain", "a child in it scanned"])
async def test_the_first_worker_who_scans_it_gives_it_the_area(floor: Floor, how: str) -> None:
    await open_bags(floor)
    if how == "opened":
        assert (await floor.north.scan_parent("OPEN")).json()["bag"]["area"]["name"] == "North"
    elif how == "a child added":
        assert (await floor.north.scan_child("OPEN", "NEW")).json()["outcome"] == "linked"
    elif how == "a chain":
        assert (await Chain(floor.north).scan("OPEN"))["current_parent"]["code"] == "OPEN"
    else:
        await floor.north.scan_parent("MINE")
        refused = (await floor.north.scan_child("MINE", "O1")).json()
        assert (refused["code"], refused["parent"]["code"]) == ("child_in_other_parent", "OPEN")
    now = await areas(floor)
    assert (now["OPEN"], now["O1"], now["O2"]) == ("North", "North", "North")
    # What nobody scanned stays open to all.
    assert (now["OTHER"], now["FREE"]) == (None, None)
    assert await given(floor) == [("OPEN", "north", None, floor.areas["North"])]
    # From here on it is North's alone.
    assert (await floor.south.get("/bags/lookup", code="OPEN")).status_code == 404
    assert (await floor.south.scan_parent("OPEN")).json()["code"] == "bag_in_other_area"
    assert await floor.true_counts()


async def test_a_free_child_goes_into_the_area_of_its_parent(floor: Floor) -> None:
    await open_bags(floor)
    await floor.south.scan_parent("S1")
    assert (await floor.south.scan_child("S1", "FREE")).json()["outcome"] == "linked"
    assert (await areas(floor))["FREE"] == "South"


async def test_of_two_areas_at_once_one_has_it(floor: Floor) -> None:
    people = [floor.north, floor.south] * 10
    rounds = length(10, 200)
    for n in range(rounds):
        await floor.biller.scan_parent(f"OPEN{n}")
        answers = await asyncio.gather(*(person.scan_parent(f"OPEN{n}") for person in people))
        assert outcomes(answers) == {"opened": 10, "bag_in_other_area": 10}
    assert len(await given(floor)) == rounds


async def test_an_area_is_given_later_to_bags_and_to_a_whole_import(floor: Floor) -> None:
    await open_bags(floor)
    done = await rows_in(floor.admin, [["parent", "child"], *(["I", f"I-{n}"] for n in range(5))])
    bag, child = await floor.admin.bag("OPEN"), await floor.admin.bag("FREE")
    north, south = floor.areas["North"], floor.areas["South"]
    body: dict[str, Any] = {"bag_ids": [bag["id"], child["id"]], "area_id": north}
    assert (await floor.north.post("/bags/area", body)).status_code == 403
    assert (await floor.biller.post("/bags/area", body)).json() == {"bags": 4}
    # Again it changes nothing, and says nothing.
    assert (await floor.biller.post("/bags/area", body)).json() == {"bags": 0}
    assert (await floor.biller.post("/bags/area", {"import_id": done["id"], "area_id": south})).json() == {
        "bags": 6
    }
    now = await areas(floor)
    assert {now[code] for code in ("OPEN", "O1", "O2", "FREE")} == {"North"}
    assert {now[code] for code in ("I", "I-0", "I-4")} == {"South"}
    assert sorted(await given(floor)) == [
        ("FREE", "biller", None, north),
        ("I", "biller", None, south),
        ("OPEN", "biller", None, north),
    ]
    for wrong, code in (
        ({"bag_ids": [bag["id"], 999_999], "area_id": north}, "bag_not_found"),
        ({"import_id": 999_999, "area_id": north}, "import_not_found"),
        ({"bag_ids": [bag["id"]], "area_id": 999_999}, "area_not_found"),
        ({"area_id": north}, "invalid"),
    ):
        assert (await floor.biller.post("/bags/area", wrong)).json()["code"] == code
    history = (await floor.north.get(f"/bags/{bag['id']}/history")).json()["items"]
    assert history[0]["action"] == "bag_area_given"
    assert await floor.true_counts()
