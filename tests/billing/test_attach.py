"""Parents onto bills and off them, and what completing a bill freezes."""

from uuid import uuid4

import asyncpg
import pytest

from tests.billing.bills import attach, detach, drift, many_parents, new_bill, packed
from tests.floor import Floor, outcomes, together
from tests.lengths import length


async def test_any_parent_is_attached_at_once_with_warnings_that_block_nothing(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    seen = {}
    for children in (0, 10, 28, 30, 40):
        await packed(floor, f"P{children}", children)
        answer = await attach(floor.biller, bill["id"], f"p{children}")
        assert answer.json()["outcome"] == "attached", answer.text
        seen[children] = answer.json()["warnings"]
    assert seen == {0: ["no_children"], 10: ["far_from_expected"], 28: [], 30: [], 40: ["far_from_expected"]}
    now = answer.json()["bill"]
    assert (now["state"], now["parent_count"], now["child_count"]) == ("processing", 5, 108)
    assert (now["weight_kg"], now["expected_weight_kg"], now["variance_kg"]) == (108, 150, -42)
    assert answer.json()["bag"]["state"] == "billed"
    assert answer.json()["bag"]["bill"]["number"] == bill["number"]
    listed = (await floor.biller.get(f"/bills/{bill['id']}/bags", limit=2)).json()
    assert [bag["code"] for bag in listed["items"]] == ["P40", "P30"]
    assert listed["items"][0]["attached_by"]["username"] == "biller"
    rest = (await floor.biller.get(f"/bills/{bill['id']}/bags", cursor=listed["next_cursor"])).json()
    assert [bag["code"] for bag in rest["items"]] == ["P28", "P10", "P0"]
    found = (await floor.biller.get(f"/bills/{bill['id']}/bags", q="p1")).json()
    assert [bag["warnings"] for bag in found["items"]] == [["far_from_expected"]]


async def test_again_elsewhere_unknown_and_child(floor: Floor) -> None:
    first, second = await new_bill(floor.biller), await new_bill(floor.biller)
    await packed(floor, "P1", 2)
    await attach(floor.biller, first["id"], "P1")
    again = await attach(floor.biller, first["id"], "P1")
    assert (again.status_code, again.json()["outcome"]) == (200, "already_attached")
    other = await attach(floor.biller, second["id"], "P1")
    assert (other.status_code, other.json()["code"]) == (409, "bag_on_other_bill")
    assert other.json()["bill"]["number"] == first["number"]
    child = await attach(floor.biller, first["id"], "P1-0")
    assert (child.status_code, child.json()["code"]) == (409, "bag_is_child")
    unknown = await attach(floor.biller, first["id"], "P9")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "bag_not_found")
    assert (await attach(floor.biller, 999999, "P1")).json()["code"] == "bill_not_found"
    assert (await attach(floor.biller, first["id"], "\u200b")).json()["code"] == "bad_code"


async def test_the_same_scan_id_has_one_effect_and_one_answer(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    await packed(floor, "P1", 2)
    body = {"code": "P1", "scan_id": str(uuid4())}
    path = f"/bills/{bill['id']}/bags"
    answers = await together(floor.biller.post(path, body) for _ in range(20))
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["outcome"] == "attached"
    assert (await floor.admin.post(path, body)).json()["code"] == "scan_id_taken"
    assert (await floor.biller.post(path + "/detach", body)).json()["code"] == "scan_id_reused"
    assert await floor.owner.fetchval("select count(*) from scans where bill_id = $1", bill["id"]) == 1


async def test_many_at_once_are_judged_one_by_one(floor: Floor) -> None:
    bill, other = await new_bill(floor.biller), await new_bill(floor.biller)
    for code in ("P1", "P2", "P3"):
        await packed(floor, code, 1)
    await attach(floor.biller, other["id"], "P3")
    body = {"codes": ["P1", "p1", "P2", "P3", "P1-0", "nope", "a\u200bb"]}
    answer = (await floor.biller.post(f"/bills/{bill['id']}/bags/many", body)).json()
    assert [(item["outcome"], (item["problem"] or {}).get("code")) for item in answer["results"]] == [
        ("attached", None),
        ("already_attached", None),
        ("attached", None),
        ("refused", "bag_on_other_bill"),
        ("refused", "bag_is_child"),
        ("refused", "bag_not_found"),
        ("refused", "bad_code"),
    ]
    assert (answer["bill"]["parent_count"], answer["bill"]["child_count"]) == (2, 2)
    off = (await floor.biller.post(f"/bills/{bill['id']}/bags/detach-many", {"codes": ["P1", "P3"]})).json()
    assert [item["outcome"] for item in off["results"]] == ["detached", "refused"]
    assert off["bill"]["parent_count"] == 1


async def test_detaching_by_id_and_back_again(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    await packed(floor, "P1", 2)
    bag = (await attach(floor.biller, bill["id"], "P1")).json()["bag"]
    off = await floor.biller.delete(f"/bills/{bill['id']}/bags/{bag['id']}")
    assert (off.json()["outcome"], off.json()["bill"]["state"]) == ("detached", "new")
    assert off.json()["bag"]["state"] == "open"
    gone = await floor.biller.delete(f"/bills/{bill['id']}/bags/{bag['id']}")
    assert (gone.status_code, gone.json()["code"]) == (409, "bag_not_on_bill")
    assert (await attach(floor.biller, bill["id"], "P1")).json()["outcome"] == "attached"
    history = (await floor.biller.get(f"/bills/{bill['id']}/history")).json()["items"]
    assert [event["action"] for event in history] == [
        *("parent_attached", "parent_detached", "parent_attached", "bill_created")
    ]
    assert history[0]["code"] == "P1"
    story = (await floor.biller.get(f"/bags/{bag['id']}/history")).json()["items"]
    assert "parent_attached" in {event["action"] for event in story}


async def test_the_same_parent_on_two_bills_by_fifty_requests_is_on_exactly_one(floor: Floor) -> None:
    bills = [await new_bill(floor.biller) for _ in range(2)]
    rounds = length(20, 200)
    for code in await many_parents(floor, "P", rounds, 0):
        answers = await together(
            floor.biller.post(f"/bills/{bills[n % 2]['id']}/bags", {"code": code}) for n in range(50)
        )
        found = outcomes(answers)
        assert found == {"attached": 1, "already_attached": 24, "bag_on_other_bill": 25}, found
    assert await drift(floor) == []
    assert await floor.owner.fetchval("select count(*) from bags where bill_id is not null") == rounds


async def test_totals_follow_the_floor_and_the_settings_while_open(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    await packed(floor, "P1", 3)
    await packed(floor, "P2", 0)
    await attach(floor.biller, bill["id"], "P1")
    await floor.north.scan_child("P1", "C9")
    child = await floor.north.bag("P1-0")
    await floor.north.post(f"/bags/{child['id']}/move", {"parent_code": "P2"})
    now = (await floor.biller.get(f"/bills/{bill['id']}")).json()
    assert (now["child_count"], now["weight_kg"]) == (3, 3)
    kinds = (await floor.admin.get("/bag-types")).json()["items"]
    await floor.admin.patch(f"/bag-types/{kinds[0]['id']}", {"child_weight_kg": 2.5, "expected_children": 4})
    now = (await floor.biller.get(f"/bills/{bill['id']}")).json()
    assert (now["weight_kg"], now["expected_weight_kg"], now["variance_kg"]) == (7.5, 10, -2.5)
    jumbo = (await floor.admin.post("/bag-types", {"name": "J", "child_weight_kg": 10})).json()
    await floor.owner.execute("update bags set bag_type_id = $1 where code = 'P1'", jumbo["id"])
    assert (await floor.biller.get(f"/bills/{bill['id']}")).json()["weight_kg"] == 30
    assert await drift(floor) == []


async def test_completing_freezes_bags_and_totals_and_reopening_needs_a_reason(floor: Floor) -> None:
    bill = await new_bill(floor.biller, destination="Nagpur")
    path = f"/bills/{bill['id']}"
    assert (await floor.biller.post(f"{path}/complete")).json()["code"] == "bill_empty"
    for code, children in (("P1", 3), ("P2", 0)):
        await packed(floor, code, children)
        await attach(floor.biller, bill["id"], code)
    await packed(floor, "P3", 1)
    moved = await floor.biller.post(f"{path}/complete", {"parent_count": 2, "child_count": 2})
    assert (moved.status_code, moved.json()["code"]) == (409, "totals_changed")
    assert (await floor.biller.post(f"{path}/complete", **{"if-match": '"99"'})).status_code == 412
    done = await floor.biller.post(f"{path}/complete", {"parent_count": 2, "child_count": 3})
    assert (done.status_code, done.json()["state"], done.json()["child_count"]) == (200, "completed", 3)
    assert done.headers["etag"] != bill["etag"]
    assert (await floor.biller.post(f"{path}/complete")).json() == done.json()

    child = await floor.north.bag("P1-0")
    parent = await floor.north.bag("P1")
    assert parent["state"] == "dispatched"
    for call, code in (
        (floor.north.scan_child("P1", "C9"), "parent_locked"),
        (floor.north.post(f"/bags/{child['id']}/move", {"parent_code": "P3"}), "parent_locked"),
        (attach(floor.biller, bill["id"], "P3"), "bill_completed"),
        (detach(floor.biller, bill["id"], "P1"), "bill_completed"),
        (floor.biller.delete(f"{path}/bags/{parent['id']}"), "bill_completed"),
        (floor.biller.patch(path, {"vehicle": "X"}, **{"if-match": "*"}), "bill_completed"),
        (floor.admin.http.delete(path, headers={"if-match": "*"}), "bill_in_use"),
        (floor.admin.delete(f"/bags/{parent['id']}"), "bag_in_use"),
    ):
        answer = await call
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert (await attach(floor.biller, bill["id"], "P1")).json()["outcome"] == "already_attached"

    # Weights on a completed bill are those of its day.
    kinds = (await floor.admin.get("/bag-types")).json()["items"]
    await floor.admin.patch(f"/bag-types/{kinds[0]['id']}", {"child_weight_kg": 7})
    assert (await floor.biller.get(path)).json()["weight_kg"] == 3
    bags = (await floor.biller.get(f"{path}/bags")).json()["items"]
    assert {bag["code"]: bag["weight_kg"] for bag in bags} == {"P1": 3, "P2": 0}

    assert (await floor.biller.post(f"{path}/reopen", {"reason": "  "})).status_code == 422
    opened = await floor.biller.post(f"{path}/reopen", {"reason": "One bag too few"})
    assert (opened.json()["state"], opened.json()["weight_kg"]) == ("processing", 21)
    assert (await floor.biller.post(f"{path}/reopen", {"reason": "x"})).json()["code"] == "bill_not_completed"
    await attach(floor.biller, bill["id"], "P3")
    await floor.biller.post(f"{path}/complete")
    snapshots = (await floor.biller.get(f"{path}/snapshots")).json()["items"]
    assert [(s["revision"], s["parent_count"], s["weight_kg"]) for s in snapshots] == [(2, 3, 28), (1, 2, 3)]
    assert snapshots[1]["reopened_because"] == "One bag too few"
    kept = (await floor.biller.get(f"{path}/snapshots/1/bags")).json()["items"]
    assert [(p["code"], p["child_count"]) for p in kept] == [("P1", 3), ("P2", 0)]
    actions = [e["action"] for e in (await floor.biller.get(f"{path}/history")).json()["items"]]
    assert actions[:4] == ["bill_completed", "parent_attached", "bill_reopened", "bill_completed"]
    event = (await floor.biller.get(f"{path}/history")).json()["items"][2]
    assert event["after"]["reason"] == "One bag too few"


async def test_the_database_itself_keeps_bags_and_completed_bills_together(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    await packed(floor, "P1", 1)
    await packed(floor, "P2", 1)
    await attach(floor.biller, bill["id"], "P1")
    await floor.biller.post(f"/bills/{bill['id']}/complete")
    for statement in (
        f"update bags set bill_id = {bill['id']} where code = 'P2'",
        "update bags set dispatched_at = null where code = 'P1'",
        "update bags set bill_id = null where code = 'P1'",
        f"update bills set completed_at = null where id = {bill['id']}",
        f"insert into bags (code, kind, bag_type_id, created_by, bill_id) select 'P3', 'parent', id, "
        f"{floor.biller.id}, {bill['id']} from bag_types",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await floor.owner.execute(statement)
    # The application's role cannot touch what a bill once said.
    for table in ("bill_snapshots", "bill_snapshot_parents", "bill_reopenings", "bill_totals"):
        for right in ("UPDATE", "DELETE", "TRUNCATE"):
            assert not await floor.owner.fetchval(
                "select has_table_privilege('tracetrack_app', $1, $2)", table, right
            )
