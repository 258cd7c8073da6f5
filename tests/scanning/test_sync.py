"""Rule 6: the queue of a phone that was offline."""

from typing import Any
from uuid import uuid4

from tests.floor import Floor


def queued(action: str, parent: str | None = None, code: str | None = None) -> dict[str, Any]:
    scan = {"scan_id": str(uuid4()), "action": action, "scanned_at": "2026-11-24T06:00:00Z"}
    return scan | ({"parent_code": parent} if parent else {}) | ({"code": code} if code else {})


async def test_a_queue_is_done_in_order_and_each_scan_is_answered(floor: Floor) -> None:
    await floor.north.scan_parent("P9")
    await floor.north.scan_child("P9", "C9")
    scans = [
        queued("parent", "P1"),
        queued("child", "P1", "C1"),
        queued("child", "P1", "C9"),
        queued("child", "P1", "bad\u200bcode"),
        queued("child", "P1", "C2"),
        queued("unlink", "P1", "C1"),
        queued("complete", "P1"),
    ]
    answer = await floor.north.post("/scans/sync", {"scans": scans})
    results = answer.json()["results"]
    assert [r["scan_id"] for r in results] == [s["scan_id"] for s in scans]
    assert [r["outcome"] for r in results] == [
        *("created", "linked", "refused", "refused", "linked", "unlinked", "completed")
    ]
    assert results[2]["problem"]["code"] == "child_in_other_parent"
    assert results[2]["problem"]["parent"]["code"] == "P9"
    assert results[3]["problem"]["code"] == "bad_code"
    again = await floor.north.post("/scans/sync", {"scans": scans})
    assert again.json() == answer.json()
    assert (await floor.north.bag("P1"))["child_count"] == 1


async def test_a_thousand_scans_at_once(floor: Floor) -> None:
    scans = [queued("parent", "P1"), *(queued("child", "P1", f"C{n}") for n in range(999))]
    results = (await floor.north.post("/scans/sync", {"scans": scans})).json()["results"]
    assert [r["outcome"] for r in results] == ["created", *["linked"] * 999]
    assert (await floor.north.bag("P1"))["child_count"] == 999
    at = await floor.owner.fetchval("select distinct scanned_at from scans")
    assert at.isoformat() == "2026-11-24T06:00:00+00:00"


async def test_a_scan_sent_alone_and_then_in_a_queue_is_one_scan(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    scan = queued("child", "P1", "C1")
    alone = {name: scan[name] for name in ("scan_id", "parent_code", "code")}
    assert (await floor.north.post("/scans/child", alone)).json()["outcome"] == "linked"
    results = (await floor.north.post("/scans/sync", {"scans": [scan]})).json()["results"]
    assert results[0]["outcome"] == "linked"


async def test_what_a_queue_must_say(floor: Floor) -> None:
    for bad in (
        {"scan_id": str(uuid4()), "action": "child", "code": "C1"},
        {"scan_id": str(uuid4()), "action": "dance", "code": "C1"},
        {"action": "parent", "code": "C1"},
        {"scan_id": str(uuid4()), "action": "parent", "code": "C1", "extra": 1},
    ):
        assert (await floor.north.post("/scans/sync", {"scans": [bad]})).json()["code"] == "invalid"
    assert (await floor.north.post("/scans/sync", {"scans": []})).status_code == 422


async def test_what_a_scan_need_not_say_does_not_change_what_it_is(floor: Floor) -> None:
    """An old or odd client may name a scan that this one is about: it is a scan all the same."""
    scans = [queued(*scan) | {"about": str(uuid4())} for scan in (("parent", "P1"), ("move", "P1", "C1"))]
    results = (await floor.north.post("/scans/sync", {"scans": scans})).json()["results"]
    assert [r["outcome"] for r in results] == ["created", "refused"]
    assert results[1]["problem"]["code"] == "bag_not_found"


async def test_one_id_twice_is_answered_by_its_place(floor: Floor) -> None:
    first, unreadable, second = (
        queued("child", "P1", "C1"),
        queued("child", "P1", "bad\u200bcode"),
        queued("child", "P1", "C2"),
    )
    second["scan_id"] = unreadable["scan_id"] = first["scan_id"]
    await floor.north.scan_parent("P1")
    for _ in range(2):
        answer = await floor.north.post("/scans/sync", {"scans": [first, unreadable, second, first]})
        told = [
            result["outcome"] if result["problem"] is None else result["problem"]["code"]
            for result in answer.json()["results"]
        ]
        assert told == ["linked", "bad_code", "scan_id_reused", "linked"]
    assert (await floor.north.bag("P1"))["child_count"] == 1
