"""A dealer brings parents back."""

from typing import Any

from tests.billing.bills import attach, drift, new_bill, packed
from tests.floor import Floor, together


async def dispatched(floor: Floor, number: str, *parents: tuple[str, int]) -> dict[str, Any]:
    bill = await new_bill(floor.biller, number=number)
    for code, children in parents:
        await packed(floor, code, children)
        await attach(floor.biller, bill["id"], code)
    return dict((await floor.biller.post(f"/bills/{bill['id']}/complete")).json())


async def ticket(floor: Floor, *codes: str) -> str:
    """An open return with these parents on it: its path."""
    made = await floor.biller.post("/returns", {"reason": "Torn", "dealer": "Sharma"})
    assert made.status_code == 201, made.text
    path = f"/returns/{made.json()['id']}"
    for code in codes:
        answer = await floor.biller.post(f"{path}/bags", {"code": code})
        assert answer.json()["outcome"] == "added", answer.text
    return path


async def totals(floor: Floor, bill: dict[str, Any]) -> tuple[int, int, str]:
    now = (await floor.biller.get(f"/bills/{bill['id']}")).json()
    return now["parent_count"], now["child_count"], now["state"]


async def test_a_return_frees_parents_with_a_record_on_each_bill_and_can_be_cancelled(floor: Floor) -> None:
    first = await dispatched(floor, "B-1", ("P1", 3), ("P2", 2))
    second = await dispatched(floor, "B-2", ("P3", 4))
    before = (await floor.biller.get(f"/bills/{first['id']}/bags")).json()
    path = await ticket(floor, "P1", "P3")
    # Nothing has happened yet.
    assert await totals(floor, first) == (2, 5, "completed")
    done = await floor.biller.post(f"{path}/confirm")
    assert (done.json()["state"], done.json()["number"][:4]) == ("confirmed", "RET-")
    assert await totals(floor, first) == (1, 2, "completed")
    assert await totals(floor, second) == (0, 0, "completed")
    assert (await floor.north.bag("P1"))["state"] == "open"
    assert (await floor.north.scan_child("P1", "NEW")).json()["outcome"] == "linked"
    record = (await floor.biller.get(f"/bills/{first['id']}/returns")).json()["items"][0]
    assert (record["reason"], record["parents"], record["action"]) == ("Torn", 1, "returned")
    assert (record["before"]["child_count"], record["after"]["child_count"]) == (5, 2)
    listed = (await floor.biller.get(f"{path}/bags")).json()["items"]
    assert [(bag["code"], bag["bill"]["number"]) for bag in listed] == [("P1", "B-1"), ("P3", "B-2")]

    changed = await floor.biller.post(f"{path}/cancel", {"reason": "Mistake"})
    assert (changed.status_code, changed.json()["code"]) == (409, "return_changed")
    assert changed.json()["codes"] == ["P1"]
    child = await floor.north.bag("NEW")
    await floor.north.delete(f"/bags/{(await floor.north.bag('P1'))['id']}/children/{child['id']}")
    back = await floor.biller.post(f"{path}/cancel", {"reason": "Mistake"})
    assert (back.json()["state"], back.json()["cancelled_because"]) == ("cancelled", "Mistake")
    assert await totals(floor, first) == (2, 5, "completed")
    assert await totals(floor, second) == (1, 4, "completed")
    after = (await floor.biller.get(f"/bills/{first['id']}/bags")).json()
    moving = ("updated_at",)
    assert [{k: v for k, v in bag.items() if k not in moving} for bag in after["items"]] == [
        {k: v for k, v in bag.items() if k not in moving} for bag in before["items"]
    ]
    assert (await floor.north.scan_child("P1", "NEW")).json()["code"] == "parent_locked"
    snapshots = (await floor.biller.get(f"/bills/{first['id']}/snapshots")).json()["items"]
    assert [(s["reason"], s["child_count"]) for s in snapshots] == [
        *(("return_cancelled", 5), ("returned", 2), ("completed", 5))
    ]
    assert await drift(floor) == []
    actions = {e["action"] for e in (await floor.biller.get(f"/bills/{first['id']}/history")).json()["items"]}
    assert {"parent_returned", "bill_returned", "parent_put_back", "bill_return_cancelled"} <= actions


async def test_what_cannot_be_returned(floor: Floor) -> None:
    await dispatched(floor, "B-1", ("P1", 1))
    await packed(floor, "FREE", 1)
    path = await ticket(floor, "P1")
    again = await floor.biller.post(f"{path}/bags", {"code": "p1"})
    assert again.json()["outcome"] == "already_added"
    for code, problem in (("FREE", "bag_not_dispatched"), ("P1-0", "bag_is_child"), ("X", "bag_not_found")):
        assert (await floor.biller.post(f"{path}/bags", {"code": code})).json()["code"] == problem
    empty = await ticket(floor)
    assert (await floor.biller.post(f"{empty}/confirm")).json()["code"] == "return_empty"
    other = await ticket(floor, "P1")
    assert (await floor.biller.post(f"{path}/confirm")).status_code == 200
    assert (await floor.biller.post(f"{path}/confirm")).json()["state"] == "confirmed"
    late = await floor.biller.post(f"{other}/confirm")
    assert (late.json()["code"], late.json()["codes"]) == ("return_changed", ["P1"])
    assert (await floor.biller.post(f"{path}/bags", {"code": "P1"})).json()["code"] == "return_closed"
    bag = (await floor.biller.get(f"{other}/bags")).json()["items"][0]
    assert (await floor.biller.delete(f"{other}/bags/{bag['bag_id']}")).status_code == 204
    assert (await floor.biller.post(f"{other}/cancel", {"reason": "x"})).json()["state"] == "cancelled"
    assert (await floor.north.get("/returns")).status_code == 403
    open_ones = (await floor.biller.get("/returns", state="open")).json()["items"]
    assert [f"/returns/{one['id']}" for one in open_ones] == [empty]


async def test_a_returned_parent_that_went_out_again_stays_out(floor: Floor) -> None:
    await dispatched(floor, "B-1", ("P1", 1))
    path = await ticket(floor, "P1")
    await floor.biller.post(f"{path}/confirm")
    new = await new_bill(floor.biller)
    assert (await attach(floor.biller, new["id"], "P1")).json()["outcome"] == "attached"
    refused = await floor.biller.post(f"{path}/cancel", {"reason": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "return_changed")


async def test_two_tickets_for_one_parent_confirmed_at_once_return_it_once(floor: Floor) -> None:
    for round_ in range(10):
        code = f"P{round_}"
        bill = await dispatched(floor, f"B-{round_}", (code, 1), (f"Q{round_}", 1))
        paths = [await ticket(floor, code) for _ in range(4)]
        answers = await together(floor.biller.post(f"{path}/confirm") for path in paths)
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        assert await totals(floor, bill) == (1, 1, "completed")
        records = (await floor.biller.get(f"/bills/{bill['id']}/returns")).json()["items"]
        assert len(records) == 1
    assert await drift(floor) == []


async def test_a_bag_put_on_a_return_and_taken_off_again_is_in_the_audit_log(floor: Floor) -> None:
    await dispatched(floor, "B-1", ("P1", 3))
    path = await ticket(floor, "P1")
    bag = await floor.north.bag("P1")
    again = await floor.biller.post(f"{path}/bags", {"code": "P1"})
    assert again.json()["outcome"] == "already_added"
    assert (await floor.admin.delete(f"{path}/bags/{bag['id']}")).status_code == 204
    events = (await floor.admin.get("/audit", subject_type="return")).json()["items"]
    told = [(one["action"], one["actor"]["username"], one["parent_id"]) for one in reversed(events)]
    assert told == [
        ("return_created", "biller", None),
        ("return_bag_added", "biller", bag["id"]),
        ("return_bag_removed", "admin", bag["id"]),
    ]
