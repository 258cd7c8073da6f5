"""The bill's contract: made, changed under its ETag, listed, deleted; and who may."""

import datetime as dt
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.billing.bills import attach, new_bill, packed
from tests.floor import Floor, together


async def test_a_bill_has_the_contracts_shape_and_a_number_of_the_day(floor: Floor) -> None:
    bill = await new_bill(floor.biller, destination="Nagpur", vehicle="MH 31 AB 1234", target_parents=3)
    day = dt.datetime.now(ZoneInfo("Asia/Kolkata")).strftime("%Y%m%d")
    assert bill["number"] == f"BILL-{day}-0001"
    assert bill["state"] == "new"
    assert (bill["parent_count"], bill["child_count"], bill["weight_kg"]) == (0, 0, 0)
    assert bill["created_by"] == {"id": floor.biller.id, "username": "biller"}
    answer = await floor.biller.get(f"/bills/{bill['id']}")
    assert answer.json() == bill
    assert answer.headers["etag"] == bill["etag"]
    assert (await new_bill(floor.biller))["number"] == f"BILL-{day}-0002"


async def test_the_day_of_a_number_is_the_sites(floor: Floor) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        await floor.admin.patch("/settings", {"time_zone": zone})
        day = dt.datetime.now(ZoneInfo(zone)).strftime("%Y%m%d")
        assert (await new_bill(floor.biller))["number"] == f"BILL-{day}-0001"


async def test_a_hundred_bills_at_once_have_a_hundred_numbers_without_a_gap(floor: Floor) -> None:
    # An attempt that is answered "busy" takes no number with it.
    answers = await together(floor.biller.post("/bills", {}) for _ in range(100))
    numbers = sorted(answer.json()["number"] for answer in answers)
    assert [int(number[-4:]) for number in numbers] == list(range(1, 101))


async def test_a_number_is_used_once_whatever_its_case_and_made_ones_step_aside(floor: Floor) -> None:
    await new_bill(floor.biller, number="  North   7 ")
    taken = await floor.biller.post("/bills", {"number": "NORTH 7"})
    assert (taken.status_code, taken.json()["code"]) == (409, "number_taken")
    day = dt.datetime.now(ZoneInfo("Asia/Kolkata")).strftime("%Y%m%d")
    await new_bill(floor.biller, number=f"bill-{day}-0001")
    assert (await new_bill(floor.biller))["number"] == f"BILL-{day}-0002"


async def test_bad_bills_are_refused(floor: Floor) -> None:
    for body in (
        {"number": " "},
        {"number": "a\u0000b"},
        {"number": "x" * 65},
        {"vehicle": "a\u202eb"},
        {"target_parents": 0},
        {"surprise": 1},
    ):
        assert (await floor.biller.post("/bills", body)).status_code == 422, body
    answer = await floor.biller.post("/bills", {"area_id": 999})
    assert (answer.status_code, answer.json()["code"]) == (404, "area_not_found")


async def test_of_fifty_patches_with_one_etag_one_wins(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    path = f"/bills/{bill['id']}"
    none = await floor.biller.patch(path, {"vehicle": "X"})
    assert (none.status_code, none.json()["code"]) == (428, "precondition_required")
    match = {"if-match": bill["etag"]}
    answers = await together(floor.biller.patch(path, {"vehicle": f"V{n}"}, **match) for n in range(50))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 49
    won = next(answer for answer in answers if answer.status_code == 200)
    now = await floor.biller.get(path)
    assert now.json()["vehicle"] == won.json()["vehicle"]
    assert now.headers["etag"] == won.headers["etag"] != bill["etag"]
    stale = next(answer.json() for answer in answers if answer.status_code == 412)
    assert (stale["code"], stale["bill"]["etag"]) == ("stale", now.headers["etag"])
    same = await together(
        floor.biller.patch(path, {"vehicle": "V0"}, **{"if-match": now.headers["etag"]}) for _ in range(50)
    )
    assert sorted(answer.status_code for answer in same) == [200] + [412] * 49


async def test_bags_that_come_and_go_do_not_disturb_a_change_of_the_bills_own_fields(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    await packed(floor, "P1", 1)
    await attach(floor.biller, bill["id"], "P1")
    match = {"if-match": f'"x", W/{bill["etag"]}'}
    changed = await floor.biller.patch(f"/bills/{bill['id']}", {"destination": "Pune"}, **match)
    assert changed.json()["destination"] == "Pune"
    number = await floor.biller.patch(f"/bills/{bill['id']}", {"number": "N-1"}, **{"if-match": "*"})
    assert number.json()["number"] == "N-1"
    nothing = await floor.biller.patch(f"/bills/{bill['id']}", {"vehicle": None}, **{"if-match": "*"})
    assert nothing.status_code == 422


def unlinked(parent: str, child: str) -> dict[str, Any]:
    """The scan that takes a child out of its parent."""
    return {
        "scan_id": str(uuid4()),
        "action": "unlink",
        "parent_code": parent,
        "code": child,
        "scanned_at": "2026-11-24T06:00:00Z",
    }


async def test_a_bill_is_not_completed_with_the_tag_of_other_bags_or_totals(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    path = f"/bills/{bill['id']}"
    for code in ("P1", "P2", "P3"):
        await packed(floor, code, 2)
    kinds = (await floor.admin.get("/bag-types")).json()["items"]

    async def tag() -> str:
        return str((await floor.biller.get(path)).headers["etag"])

    async def completed_with(known: str) -> tuple[int, str | None]:
        answer = await floor.biller.post(f"{path}/complete", **{"if-match": known})
        return answer.status_code, answer.json().get("code")

    known = [await tag()]
    for change in (
        attach(floor.biller, bill["id"], "P1"),
        attach(floor.biller, bill["id"], "P2"),
        # One parent for another: all totals are as before.
        floor.biller.post(f"{path}/bags/detach", {"code": "P2"}),
        attach(floor.biller, bill["id"], "P3"),
        floor.north.scan_child("P1", "C1"),
        # One child for another.
        floor.north.post("/scans/sync", {"scans": [unlinked("P1", "C1")]}),
        floor.north.scan_child("P1", "C2"),
        floor.admin.patch(f"/bag-types/{kinds[0]['id']}", {"child_weight_kg": 2.5}),
        floor.admin.patch(f"/bag-types/{kinds[0]['id']}", {"expected_children": 7}),
        floor.biller.patch(path, {"vehicle": "V"}, **{"if-match": "*"}),
    ):
        assert (await change).status_code == 200
        known.append(await tag())
    assert len(set(known)) == len(known)
    for old in known[:-1]:
        assert await completed_with(old) == (412, "stale")
    wrong = {"parent_count": 2, "child_count": 5, "weight_kg": 5}
    answer = await floor.biller.post(f"{path}/complete", wrong)
    assert (answer.status_code, answer.json()["code"]) == (409, "totals_changed")
    assert await completed_with(known[-1]) == (200, None)
    assert (await tag()).partition("-")[0] != known[-1].partition("-")[0]


@pytest.mark.parametrize("match", ['"²"', '"' + "9" * 5000 + '"', '"-"', "'1'", '"', '""', "\xff"])
async def test_a_tag_that_is_none_is_stale(floor: Floor, match: str) -> None:
    bill = await new_bill(floor.biller)
    path = f"/bills/{bill['id']}"
    headers = {b"if-match": match.encode("latin-1")}
    for method, where, body in (
        ("PATCH", path, {"vehicle": "V"}),
        ("DELETE", path, None),
        ("POST", f"{path}/complete", None),
        ("POST", f"{path}/reopen", {"reason": "x"}),
    ):
        answer = await floor.admin.http.request(method, where, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (412, "stale"), (method, where)


async def test_only_an_admin_deletes_and_only_an_empty_bill(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    path, match = f"/bills/{bill['id']}", {"if-match": bill["etag"]}
    await packed(floor, "P1", 1)
    await attach(floor.biller, bill["id"], "P1")
    assert (await floor.biller.http.delete(path, headers=match)).status_code == 403
    assert (await floor.admin.http.delete(path)).status_code == 428
    assert (await floor.admin.http.delete(path, headers={"if-match": '"99"'})).status_code == 412
    used = await floor.admin.http.delete(path, headers=match)
    assert (used.status_code, used.json()["code"]) == (409, "bill_in_use")
    await floor.biller.post(f"{path}/bags/detach", {"code": "P1"})
    assert (await floor.admin.http.delete(path, headers=match)).status_code == 204
    assert (await floor.admin.http.delete(path, headers=match)).status_code == 404
    assert await floor.owner.fetchval("select count(*) from audit_events where action = 'bill_deleted'") == 1


async def test_lists_with_filters_and_cursors(floor: Floor) -> None:
    north, south = floor.areas["North"], floor.areas["South"]
    made = [await new_bill(floor.biller, number=f"B-{n}", area_id=north) for n in range(5)]
    await new_bill(floor.biller, number="S_1", area_id=south, destination="Delhi")
    await packed(floor, "P1", 1)
    await attach(floor.biller, made[0]["id"], "P1")
    await packed(floor, "P2", 1)
    await attach(floor.biller, made[1]["id"], "P2")
    await floor.biller.post(f"/bills/{made[1]['id']}/complete")

    async def numbers(person: object = floor.biller, **query: object) -> list[str]:
        return [bill["number"] for bill in (await person.get("/bills", **query)).json()["items"]]  # type: ignore[attr-defined]

    assert await numbers() == ["S_1", "B-4", "B-3", "B-2", "B-1", "B-0"]
    assert await numbers(state="new", sort="oldest") == ["B-2", "B-3", "B-4", "S_1"]
    assert await numbers(state="processing") == ["B-0"]
    assert await numbers(state="completed") == ["B-1"]
    assert await numbers(q="s_") == ["S_1"]
    assert await numbers(q="DELHI") == ["S_1"]
    assert await numbers(area_id=south) == ["S_1"]
    assert await numbers(to="2020-01-01T00:00:00Z") == []
    assert await numbers(floor.south) == ["S_1"]
    first = (await floor.north.get("/bills", limit=3)).json()
    rest = (await floor.north.get("/bills", limit=3, cursor=first["next_cursor"])).json()
    assert [b["number"] for b in first["items"] + rest["items"]] == ["B-4", "B-3", "B-2", "B-1", "B-0"]
    assert (await floor.north.get("/bills", cursor="x")).json()["code"] == "bad_cursor"


async def test_dispatchers_look_and_touch_nothing_and_a_foreign_bill_is_not_there(floor: Floor) -> None:
    bill = await new_bill(floor.biller, area_id=floor.areas["North"])
    path = f"/bills/{bill['id']}"
    assert (await floor.north.get(path)).json() == bill
    for call in (
        floor.north.post("/bills", {}),
        floor.north.patch(path, {}, **{"if-match": "*"}),
        floor.north.http.delete(path),
        floor.north.post(f"{path}/bags", {"code": "P1"}),
        floor.north.post(f"{path}/bags/many", {"codes": ["P1"]}),
        floor.north.post(f"{path}/bags/detach", {"code": "P1"}),
        floor.north.http.delete(f"{path}/bags/1"),
        floor.north.post(f"{path}/complete"),
        floor.north.post(f"{path}/reopen", {"reason": "x"}),
    ):
        assert (await call).status_code == 403
    for below in ("", "/bags", "/history", "/snapshots", "/snapshots/1/bags"):
        foreign = await floor.south.get(path + below)
        nowhere = await floor.south.get("/bills/999999" + below)
        assert foreign.status_code == nowhere.status_code == 404
        assert foreign.json() == nowhere.json()


async def test_parents_of_another_area_on_ones_bill_are_not_named(floor: Floor) -> None:
    bill = await new_bill(floor.biller, area_id=floor.areas["North"])
    await packed(floor, "P1", 1)
    await floor.south.scan_parent("SECRET")
    for code in ("P1", "SECRET"):
        assert (await attach(floor.biller, bill["id"], code)).json()["outcome"] == "attached"
    await floor.biller.post(f"/bills/{bill['id']}/complete")
    for below in ("", "/bags", "/history", "/snapshots", "/snapshots/1/bags"):
        answer = await floor.north.get(f"/bills/{bill['id']}{below}")
        assert answer.status_code == 200
        assert "SECRET" not in answer.text
        assert "P1" in answer.text or below in ("", "/snapshots")
    # To its own area the foreign bill that it is on is not named.
    assert (await floor.south.bag("SECRET"))["bill"] is None
