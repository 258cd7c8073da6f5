"""Undo, move, unlink, replaced labels: what is taken back and what stays."""

from uuid import uuid4

from tests.floor import Floor, outcomes, together


async def _actions(floor: Floor, code: str) -> list[str]:
    bag = await floor.north.bag(code)
    events = (await floor.north.get(f"/bags/{bag['id']}/history")).json()["items"]
    return [event["action"] for event in reversed(events)]


async def test_undo_takes_the_effect_back_and_keeps_the_history(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    scan = (await floor.north.scan_child("P1", "C1")).json()
    undone = await floor.north.undo(scan["scan_id"])
    assert undone.json()["outcome"] == "undone"
    assert undone.json()["parent"]["child_count"] == 0
    assert (await floor.north.bag("C1"))["state"] == "free"
    assert await _actions(floor, "C1") == ["child_linked", "child_unlinked"]
    again = await floor.north.undo(scan["scan_id"])
    assert (again.status_code, again.json()["outcome"]) == (200, "undone")
    mine = (await floor.north.get("/scans")).json()["items"]
    assert [scan["undone"] for scan in mine if scan["action"] == "child"] == [True]


async def test_fifty_undos_of_one_scan_take_it_back_once(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    scan_id = (await floor.north.scan_child("P1", "C1")).json()["scan_id"]
    assert outcomes(await together(floor.north.undo(scan_id) for _ in range(50))) == {"undone": 50}
    assert await floor.owner.fetchval("select count(*) from scans where undoes = $1", uuid4()) == 0
    assert await _actions(floor, "C1") == ["child_linked", "child_unlinked"]


async def test_only_ones_own_last_scans_unless_one_is_biller_or_admin(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    scan_id = (await floor.north.scan_child("P1", "C1")).json()["scan_id"]
    other = await floor.person("north-2", "dispatcher", "North")
    assert (await other.undo(scan_id)).json()["code"] == "scan_not_found"
    assert (await other.undo(str(uuid4()))).json()["code"] == "scan_not_found"
    await floor.owner.execute("update scans set received_at = received_at - interval '31 minutes'")
    assert (await floor.north.undo(scan_id)).json()["code"] == "undo_too_late"


async def test_the_site_says_how_long_one_may_undo(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    scan_id = (await floor.north.scan_child("P1", "C1")).json()["scan_id"]
    await floor.owner.execute("update scans set received_at = received_at - interval '31 minutes'")
    await floor.admin.patch("/settings", {"undo_minutes": 60})
    # The link itself is of now, so the scan no longer matches it; but it is not too late.
    assert (await floor.north.undo(scan_id)).json()["code"] == "undo_superseded"


async def test_a_biller_may_undo_anybodys_scan(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    scan_id = (await floor.north.scan_child("P1", "C1")).json()["scan_id"]
    assert (await floor.biller.undo(scan_id)).json()["outcome"] == "undone"


async def test_undo_does_not_touch_what_somebody_did_since(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    parent = (await floor.north.scan_parent("P2")).json()["bag"]
    scan = (await floor.north.scan_child("P1", "C1")).json()
    other = await floor.person("north-2", "dispatcher", "North")
    await other.post(f"/bags/{scan['bag']['id']}/move", {"parent_code": "P2"})
    answer = await floor.north.undo(scan["scan_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "undo_superseded")
    assert (await floor.north.bag("C1"))["parent"]["id"] == parent["id"]


async def test_nothing_to_undo(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_child("P1", "C1")
    again = (await floor.north.scan_child("P1", "C1")).json()
    assert (await floor.north.undo(again["scan_id"])).json()["code"] == "nothing_to_undo"


async def test_undoing_a_move_puts_the_child_back_as_it_was(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_parent("P2")
    scan = (await floor.north.scan_child("P1", "C1")).json()
    move = (await floor.north.post(f"/bags/{scan['bag']['id']}/move", {"parent_code": "P2"})).json()
    assert (move["outcome"], move["from_parent"]["code"]) == ("moved", "P1")
    assert move["parent"]["child_count"] == 1
    await floor.north.undo(move["scan_id"])
    assert (await floor.north.bag("C1"))["parent"]["code"] == "P1"
    # The first link is back as it was, so its own undo still works.
    assert (await floor.north.undo(scan["scan_id"])).json()["outcome"] == "undone"
    assert (await floor.north.bag("C1"))["state"] == "free"
    assert await floor.true_counts()


async def test_unlink_and_its_undo(floor: Floor) -> None:
    parent = (await floor.north.scan_parent("P1")).json()["bag"]
    child = (await floor.north.scan_child("P1", "C1")).json()["bag"]
    answer = (await floor.north.delete(f"/bags/{parent['id']}/children/{child['id']}")).json()
    assert (answer["outcome"], answer["parent"]["child_count"]) == ("unlinked", 0)
    again = await floor.north.delete(f"/bags/{parent['id']}/children/{child['id']}")
    assert again.json()["code"] == "child_not_linked"
    assert (await floor.north.undo(answer["scan_id"])).json()["parent"]["child_count"] == 1
    assert (await floor.south.delete(f"/bags/{parent['id']}/children/{child['id']}")).status_code == 404


async def test_undoing_a_parent_scan_deletes_no_bag(floor: Floor) -> None:
    scan = (await floor.north.scan_parent("P1")).json()
    assert (await floor.north.undo(scan["scan_id"])).json()["outcome"] == "undone"
    assert (await floor.north.bag("P1"))["state"] == "open"
    assert (await floor.north.get("/scans/current")).json()["parent"] is None


async def test_undo_of_done(floor: Floor) -> None:
    bag = (await floor.north.scan_parent("P1")).json()["bag"]
    scan_id = str(uuid4())
    await floor.north.post(f"/bags/{bag['id']}/complete", {"scan_id": scan_id})
    assert (await floor.north.undo(scan_id)).json()["bag"]["state"] == "open"


async def test_a_new_label_and_the_old_one_both_find_the_bag(floor: Floor) -> None:
    parent = (await floor.north.scan_parent("OLD-1")).json()["bag"]
    answer = (await floor.north.post(f"/bags/{parent['id']}/label", {"code": "NEW-1"})).json()
    assert (answer["outcome"], answer["bag"]["code"]) == ("label_replaced", "NEW-1")
    found = (await floor.north.get("/bags/lookup", code="old-1")).json()
    assert (found["bag"]["id"], found["bag"]["code"], found["found_by_old_code"]) == (
        parent["id"],
        "NEW-1",
        True,
    )
    assert (await floor.north.scan_child("OLD-1", "C1")).json()["parent"]["code"] == "NEW-1"
    assert (await floor.north.scan_child("NEW-1", "OLD-1")).json()["code"] == "bag_is_parent"
    assert await _actions(floor, "NEW-1") == ["bag_created", "label_replaced", "child_linked"]


async def test_a_new_label_may_not_be_another_bags_code_present_or_past(floor: Floor) -> None:
    first = (await floor.north.scan_parent("A")).json()["bag"]
    second = (await floor.north.scan_parent("B")).json()["bag"]
    await floor.north.post(f"/bags/{first['id']}/label", {"code": "A2"})
    for taken in ("A", "a2"):
        answer = await floor.north.post(f"/bags/{second['id']}/label", {"code": taken})
        assert (answer.status_code, answer.json()["code"]) == (409, "code_taken")


async def test_fifty_moves_of_two_children_between_two_parents_keep_counts_true(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_parent("P2")
    a = (await floor.north.scan_child("P1", "A")).json()["bag"]["id"]
    b = (await floor.north.scan_child("P2", "B")).json()["bag"]["id"]
    for _ in range(5):
        answers = await together(
            floor.north.post(f"/bags/{child}/move", {"parent_code": parent})
            for child in (a, b)
            for parent in ("P1", "P2") * 6
        )
        assert all(answer.status_code in (200, 409) for answer in answers), outcomes(answers)
    assert await floor.true_counts()


async def test_undo_of_what_was_deleted_since_is_told(floor: Floor) -> None:
    made = (await floor.north.scan_parent("P1")).json()
    await floor.admin.delete(f"/bags/{made['bag']['id']}")
    answer = await floor.north.undo(made["scan_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "undo_superseded")
    # Where a moved or unlinked child came from is gone: it stays where it is.
    for move in (True, False):
        origin = (await floor.north.scan_parent("P2")).json()["bag"]
        await floor.north.scan_parent("P3")
        child = (await floor.north.scan_child("P2", f"C-{move}")).json()["bag"]
        if move:
            done = await floor.north.post(f"/bags/{child['id']}/move", {"parent_code": "P3"})
        else:
            done = await floor.north.delete(f"/bags/{origin['id']}/children/{child['id']}")
        await floor.admin.delete(f"/bags/{origin['id']}")
        answer = await floor.north.undo(done.json()["scan_id"])
        assert (answer.status_code, answer.json()["code"]) == (409, "undo_superseded")
    assert await floor.true_counts()


async def test_undo_of_many_children_takes_out_those_that_it_can(floor: Floor) -> None:
    parent = (await floor.north.scan_parent("P1")).json()["bag"]
    await floor.south.scan_parent("S1")
    scan = (await floor.north.post("/scans/children", {"parent_code": "P1", "codes": ["A", "B", "C"]})).json()
    moved, gone = (await floor.north.bag("B"))["id"], (await floor.north.bag("C"))["id"]
    await floor.admin.post(f"/bags/{moved}/move", {"parent_code": "S1"})
    await floor.north.delete(f"/bags/{parent['id']}/children/{gone}")
    await floor.admin.delete(f"/bags/{gone}")
    assert (await floor.north.undo(scan["scan_id"])).json()["parent"]["child_count"] == 0
    assert (await floor.north.undo(scan["scan_id"])).json()["outcome"] == "undone"
    assert (await floor.north.bag("A"))["state"] == "free"
    assert (await floor.south.bag("B"))["parent"]["code"] == "S1"
    assert await floor.true_counts()
