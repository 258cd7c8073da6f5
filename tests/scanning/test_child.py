"""Rule 2: scanning a child into a parent."""

import json
from uuid import uuid4

import asyncpg
import pytest

from tests.floor import Floor, outcomes, together
from tests.lengths import length


async def test_unknown_free_and_linked_children(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    first = await floor.north.scan_child("P1", "C1")
    assert first.json()["outcome"] == "linked"
    assert first.json()["parent"]["child_count"] == 1
    assert first.json()["bag"]["parent"]["code"] == "P1"
    again = await floor.north.scan_child("P1", "c1")
    assert again.json()["outcome"] == "already_linked"
    assert again.json()["parent"]["child_count"] == 1
    assert again.json()["linked_by"]["username"] == "north"


async def test_a_child_of_another_parent_is_refused_with_who_and_when(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_parent("P2")
    await floor.north.scan_child("P1", "C1")
    answer = await floor.north.scan_child("P2", "C1")
    body = answer.json()
    assert (answer.status_code, body["code"], body["parent"]["code"]) == (409, "child_in_other_parent", "P1")
    assert body["linked_by"]["username"] == "north"
    assert body["linked_at"]


async def test_a_parents_code_and_a_childs_code_stay_what_they_are(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_parent("P2")
    await floor.north.scan_child("P1", "C1")
    assert (await floor.north.scan_child("P1", "P2")).json()["code"] == "bag_is_parent"
    assert (await floor.north.scan_child("P1", "P1")).json()["code"] == "bag_is_parent"
    assert (await floor.north.scan_child("C1", "C2")).json()["code"] == "bag_is_child"
    unknown = await floor.north.scan_child("P9", "C3")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "parent_not_found")


async def test_a_dispatched_parent_takes_and_gives_nothing(floor: Floor) -> None:
    parent = (await floor.north.scan_parent("P1")).json()["bag"]
    child = (await floor.north.scan_child("P1", "C1")).json()["bag"]
    await floor.north.scan_parent("P2")
    bill = await floor.owner.fetchval(
        "insert into bills (number, created_by, completed_at) values ('B1', $1, now()) returning id",
        floor.biller.id,
    )
    await floor.owner.execute(
        "update bags set bill_id = $1, dispatched_at = now() where id = $2", bill, parent["id"]
    )
    for answer in (
        await floor.north.scan_child("P1", "C2"),
        await floor.north.delete(f"/bags/{parent['id']}/children/{child['id']}"),
        await floor.north.post(f"/bags/{child['id']}/move", {"parent_code": "P2"}),
        await floor.north.post(f"/bags/{parent['id']}/label", {"code": "P1-new"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "parent_locked")
    assert (await floor.north.scan_child("P1", "C1")).json()["outcome"] == "already_linked"
    with pytest.raises(asyncpg.PostgresError, match="completed bill"):
        await floor.owner.execute(
            "update bags set parent_id = null, linked_at = null, linked_by = null where id = $1", child["id"]
        )


async def test_many_children_at_once_are_judged_one_by_one(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_parent("P2")
    await floor.north.scan_child("P2", "C9")
    codes = ["C1", "C2", "C1", "C9", "P2", "bad\u200bcode", "C3"]
    answer = (await floor.north.post("/scans/children", {"parent_code": "P1", "codes": codes})).json()
    assert [r["outcome"] for r in answer["results"]] == [
        *("linked", "linked", "already_linked", "refused", "refused", "refused", "linked")
    ]
    assert [r["problem"]["code"] for r in answer["results"] if r["problem"]] == [
        *("child_in_other_parent", "bag_is_parent", "bad_code")
    ]
    assert answer["parent"]["child_count"] == 3
    undone = await floor.north.undo(answer["scan_id"])
    assert undone.json()["parent"]["child_count"] == 0


async def test_fifty_people_scanning_one_child_make_one_link(floor: Floor) -> None:
    parents = [f"P{n}" for n in range(50)]
    await together(floor.north.scan_parent(p) for p in parents)
    for round_ in range(length(test=15, soak=200)):
        child = f"C{round_}"
        answers = await together(floor.north.scan_child(p, child) for p in parents)
        assert outcomes(answers) == {"linked": 1, "child_in_other_parent": 49}
        assert await floor.live_links(child) == 1
    assert await floor.true_counts()


async def test_opposite_links_never_make_a_cycle(floor: Floor) -> None:
    for round_ in range(length(test=25, soak=200)):
        a, b = f"A{round_}", f"B{round_}"
        first, second = (floor.north.scan_parent(a), floor.north.scan_child(b, a))
        third, fourth = (floor.north.scan_parent(b), floor.north.scan_child(a, b))
        answers = await together((first, second, third, fourth))
        assert all(answer.status_code < 500 for answer in answers)
    cycles = await floor.owner.fetchval(
        "select count(*) from bags x join bags y on x.parent_id = y.id where y.parent_id is not null"
    )
    assert cycles == 0


async def test_the_same_scan_id_at_once_has_one_effect_and_equal_answers(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    scan_id = uuid4()
    answers = await together(floor.north.scan_child("P1", "C1", scan_id) for _ in range(50))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["outcome"] == "linked"
    assert await floor.owner.fetchval("select count(*) from scans where scan_id = $1", scan_id) == 1
    assert (await floor.owner.fetchval("select count(*) from audit_events where scan_id = $1", scan_id)) == 1


async def test_a_scan_id_of_somebody_else_is_refused_and_tells_nothing(floor: Floor) -> None:
    await floor.north.scan_parent("SECRET-1")
    scan_id = uuid4()
    await floor.north.scan_child("SECRET-1", "SECRET-2", scan_id)
    for person in (floor.south, floor.admin):
        answer = await person.scan_child("SECRET-1", "SECRET-2", scan_id)
        assert (answer.status_code, answer.json()["code"]) == (409, "scan_id_taken")
        assert "SECRET" not in answer.text


async def test_a_scan_id_used_for_another_scan_is_refused_rather_than_swallowed(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    scan_id = uuid4()
    await floor.north.scan_child("P1", "C1", scan_id)
    answer = await floor.north.scan_child("P1", "C2", scan_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "scan_id_reused")


async def test_a_refused_scan_answers_the_same_again(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_parent("P2")
    await floor.north.scan_child("P1", "C1")
    scan_id = uuid4()
    first = await floor.north.scan_child("P2", "C1", scan_id)
    await floor.north.undo((await floor.north.get("/scans")).json()["items"][1]["scan_id"])
    again = await floor.north.scan_child("P2", "C1", scan_id)
    assert json.loads(again.text) == json.loads(first.text)


async def test_an_admin_may_pack_across_areas_and_the_child_goes_where_its_parent_is(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.south.scan_parent("P2")
    child = (await floor.north.scan_child("P1", "C1")).json()["bag"]
    moved = await floor.admin.post(f"/bags/{child['id']}/move", {"parent_code": "P2"})
    assert moved.json()["bag"]["area"]["name"] == "South"
    assert (await floor.north.get(f"/bags/{child['id']}")).status_code == 404
    assert (await floor.south.get(f"/bags/{child['id']}")).status_code == 200
