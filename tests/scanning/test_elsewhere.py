"""What the floor tells and does when a bag, its bill or the worker belongs to another area."""

import asyncio
from collections.abc import Awaitable
from typing import Any
from uuid import uuid4

import httpx

from tests.billing.bills import attach, new_bill, packed
from tests.floor import Floor, Person


async def moves_to(floor: Floor, person: Person, area: str, role: str = "dispatcher") -> Person:
    """The person, signed in again after an admin gave him another area."""
    await floor.owner.execute(
        "update users set area_id = $2, role = $3 where id = $1", person.id, floor.areas[area], role
    )
    return await floor.sign_in(person.id, person.username)


async def test_a_lock_does_not_name_a_bill_of_another_area(floor: Floor) -> None:
    for code, area in (("HOME", "North"), ("AWAY", "South")):
        bill = await new_bill(floor.biller, area_id=floor.areas[area])
        await packed(floor, code, 1)
        await attach(floor.biller, bill["id"], code)
        await floor.biller.post(f"/bills/{bill['id']}/complete")
        tried = [
            (await floor.north.scan_child(code, f"{code}-NEW")).json(),
            (
                await floor.north.post(
                    "/scans/sync",
                    {
                        "scans": [
                            {
                                "scan_id": str(uuid4()),
                                "action": "unlink",
                                "parent_code": code,
                                "code": f"{code}-0",
                            }
                        ]
                    },
                )
            ).json()["results"][0]["problem"],
        ]
        assert [one["code"] for one in tried] == ["parent_locked"] * 2
        named = [(one.get("bill") or {}).get("number") for one in tried]
        assert named == [bill["number"] if area == "North" else None] * 2
    asked = (await floor.biller.scan_child("AWAY", "AWAY-NEW")).json()
    assert asked["bill"]["number"] == bill["number"]


async def test_a_refusal_is_noted_in_the_area_of_its_bag(floor: Floor) -> None:
    at_home = await moves_to(floor, floor.biller, "North", "biller")
    await floor.south.scan_parent("SECRET")
    elsewhere = await new_bill(floor.admin, area_id=floor.areas["South"])
    await attach(floor.admin, elsewhere["id"], "SECRET")
    bill = await new_bill(at_home, area_id=floor.areas["North"], destination_area_id=floor.areas["South"])
    await packed(floor, "P1", 1)
    await attach(at_home, bill["id"], "P1")
    assert (await attach(at_home, bill["id"], "SECRET")).json()["code"] == "bag_on_other_bill"
    assert (await at_home.scan_child("P1", "SECRET")).json()["code"] == "bag_is_parent"
    await at_home.post(f"/bills/{bill['id']}/complete")
    receipt = (await at_home.post(f"/bills/{bill['id']}/receipts")).json()["receipt"]
    await at_home.post(f"/bills/{bill['id']}/receipts/{receipt['id']}/scans", {"code": "SECRET"})
    scans = (await floor.north.get("/scans", limit=100, area_id=floor.areas["North"])).text
    assert "P1" in scans
    assert "SECRET" not in scans
    theirs = (await floor.south.get("/scans", limit=100, area_id=floor.areas["South"])).json()["items"]
    told = {(scan["action"], scan["outcome"]) for scan in theirs if scan["code"] == "SECRET"}
    assert told >= {("attach", "bag_on_other_bill"), ("child", "bag_is_parent"), ("receive", "excess")}


async def test_an_undone_link_gives_a_child_back_to_its_area(floor: Floor) -> None:
    await packed(floor, "P1", 0)
    await floor.south.scan_parent("S1")
    await floor.south.scan_child("S1", "C1")
    child = await floor.south.bag("C1")
    await floor.south.delete(f"/bags/{(await floor.south.bag('S1'))['id']}/children/{child['id']}")
    key = uuid4()
    assert (await floor.biller.scan_child("P1", "C1", key)).json()["bag"]["area"]["name"] == "North"
    assert (await floor.biller.undo(str(key))).status_code == 200
    assert (await floor.south.bag("C1"))["area"]["name"] == "South"
    assert (await floor.south.scan_child("S1", "C1")).json()["outcome"] == "linked"


async def test_an_answer_given_again_tells_nothing_of_the_area_that_one_left(floor: Floor) -> None:
    keys = [uuid4() for _ in range(4)]
    await floor.north.scan_parent("P1", keys[0])
    await floor.north.scan_child("P1", "C1", keys[1])
    await floor.north.scan_parent("P2")
    assert (await floor.north.scan_child("P2", "C1", keys[2])).json()["code"] == "child_in_other_parent"
    body = {"parent_code": "P1", "codes": ["C2", "C3"], "scan_id": str(keys[3])}
    assert (await floor.north.post("/scans/children", body)).status_code == 200
    moved = await moves_to(floor, floor.north, "South")
    again: list[httpx.Response] = [
        await moved.scan_parent("P1", keys[0]),
        await moved.scan_child("P1", "C1", keys[1]),
        await moved.post("/scans/children", body),
    ]
    assert [(one.status_code, one.json()["code"]) for one in again] == [(409, "bag_in_other_area")] * 3
    queue: list[dict[str, Any]] = [
        {"scan_id": str(keys[0]), "action": "parent", "code": "P1"},
        {"scan_id": str(keys[1]), "action": "child", "parent_code": "P1", "code": "C1"},
        {"scan_id": str(keys[2]), "action": "child", "parent_code": "P2", "code": "C1"},
    ]
    answer = await moved.post("/scans/sync", {"scans": queue})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["outcome"] for one in results] == ["created", "linked", "refused"]
    assert not any(one[what] for one in results for what in ("bag", "parent"))
    assert set(results[2]["problem"]) == {"code", "title", "detail", "conflict"}
    # What was done there is not taken back from here, though he did it himself.
    for key in keys:
        assert (await moved.undo(str(key))).json()["code"] in ("bag_in_other_area", "nothing_to_undo")
    assert await floor.owner.fetchval("select count(*) from bags where parent_id is not null") == 3


async def test_no_undo_reaches_into_the_area_that_one_left(floor: Floor) -> None:
    await packed(floor, "P1", 1)
    await floor.south.scan_parent("S1")
    child = await floor.biller.bag("P1-0")
    key = uuid4()
    moved = await floor.biller.post(f"/bags/{child['id']}/move", {"parent_code": "S1", "scan_id": str(key)})
    assert moved.json()["outcome"] == "moved"
    settled = await moves_to(floor, floor.biller, "South")
    for _ in range(2):
        assert (await settled.undo(str(key))).json()["code"] == "bag_in_other_area"
    assert (await floor.south.bag("P1-0"))["parent"]["code"] == "S1"


async def test_a_retry_by_id_is_one_whatever_the_labels_are_by_then(floor: Floor) -> None:
    await packed(floor, "P1", 2)
    await packed(floor, "P2", 0)
    parent, child, other = [await floor.north.bag(code) for code in ("P1", "P1-0", "P1-1")]
    calls = [
        ("POST", f"/bags/{child['id']}/move", {"parent_code": "P2", "scan_id": str(uuid4())}),
        ("DELETE", f"/bags/{parent['id']}/children/{other['id']}?scan_id={uuid4()}", None),
        ("POST", f"/bags/{parent['id']}/complete", {"scan_id": str(uuid4())}),
    ]
    first = [await floor.north.http.request(method, path, json=body) for method, path, body in calls]
    for bag in (parent, child, other):
        await floor.north.post(f"/bags/{bag['id']}/label", {"code": f"{bag['code']}-NEW"})
    again = [await floor.north.http.request(method, path, json=body) for method, path, body in calls]
    assert [one.status_code for one in first] == [200] * 3
    assert [one.json() for one in again] == [one.json() for one in first]
    # Another bag under the same id of a scan is another request.
    twin = await floor.north.post(f"/bags/{other['id']}/move", calls[0][2])
    assert twin.json()["code"] == "scan_id_reused"


async def test_the_search_counts_no_code_of_another_area(floor: Floor) -> None:
    for number in range(9):
        await floor.south.scan_parent(f"X1-{number}")
    before = (await floor.south.get("/search", q="X1")).json()
    await floor.north.scan_parent("X1")
    assert (await floor.south.get("/search", q="X1")).json() == before
    assert len(before["bags"]) == 8


WAITING = """
    select exists (select from pg_stat_activity where datname = current_database()
                   and pg_backend_pid() = any(pg_blocking_pids(pid)))
"""
"""Whether somebody waits for what this connection has locked."""


async def meanwhile(floor: Floor, code: str, change: str, call: Awaitable[httpx.Response]) -> httpx.Response:
    """The call's answer, when somebody had its bag and changed it while the call waited for it."""
    async with floor.owner.transaction():
        bag_id = await floor.owner.fetchval("select id from bags where code = $1 for update", code)
        asked = asyncio.ensure_future(call)
        while not await floor.owner.fetchval(WAITING):
            assert not asked.done()
            await asyncio.sleep(0.01)
        await floor.owner.execute(change.format(bag_id))
    return await asked


async def test_who_waited_for_a_bag_that_left_his_area_learns_nothing_of_it(floor: Floor) -> None:
    await packed(floor, "P1", 3)
    await packed(floor, "P2", 0)
    await floor.north.scan_child("P2", "FREE")
    free = await floor.north.bag("FREE")
    await floor.north.delete(f"/bags/{free['parent']['id']}/children/{free['id']}")
    await floor.south.scan_parent("S1")
    away = (
        "update bags b set parent_id = s.id, area_id = s.area_id, linked_by = s.created_by, linked_at = now()"
        " from bags s where s.code = 'S1' and b.id = {}"
    )
    first, second = [await floor.north.bag(f"P1-{number}") for number in range(2)]
    calls = {
        "P1-0": floor.north.post(f"/bags/{first['id']}/move", {"parent_code": "P2", "scan_id": str(uuid4())}),
        "P1-1": floor.north.delete(f"/bags/{first['parent']['id']}/children/{second['id']}"),
        "FREE": floor.north.scan_child("P2", "FREE"),
    }
    for code, call in calls.items():
        answer = await meanwhile(floor, code, away, call)
        assert (answer.status_code, answer.json()["code"]) == (409, "bag_in_other_area")
        assert "S1" not in answer.text
        assert "south" not in answer.text
    assert (await floor.south.bag("S1"))["child_count"] == 3


async def test_what_was_not_taken_back_is_not_said_to_be(floor: Floor) -> None:
    bill = await new_bill(floor.biller, area_id=floor.areas["North"])
    await packed(floor, "P1", 1)
    await attach(floor.biller, bill["id"], "P1")
    parent = await floor.north.bag("P1")
    key = str(uuid4())
    await floor.north.post(f"/bags/{parent['id']}/complete", {"scan_id": key})
    gone = (
        "update bills set completed_at = now(), completed_by = created_by;"
        "update bags set dispatched_at = now() where id = {}"
    )
    answer = await meanwhile(floor, "P1", gone, floor.north.undo(key))
    assert (answer.status_code, answer.json()["code"]) == (409, "parent_locked")
    # Open again, it can be.
    await floor.biller.post(f"/bills/{bill['id']}/reopen", {"reason": "Not yet"})
    assert (await floor.north.undo(key)).json()["outcome"] == "undone"
    assert await floor.owner.fetchval("select completed_at from bags where code = 'P1'") is None
