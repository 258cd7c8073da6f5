"""What a device keeps in its queue beside plain scans: its number, undo, and refusals dealt with."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.floor import Floor

from .test_sync import queued


async def test_a_device_asks_what_has_arrived_and_sees_its_gaps(floor: Floor) -> None:
    device = str(uuid4())
    scans = [
        queued("parent", "P1") | {"device_id": device, "sequence": 1},
        queued("child", "P1", "C1") | {"device_id": device, "sequence": 2},
        queued("child", "P1", "P1") | {"device_id": device, "sequence": 5},
    ]
    await floor.north.post("/scans/sync", {"scans": scans})
    alone = {"parent_code": "P1", "code": "C2", "device_id": device, "sequence": 7, "scan_id": str(uuid4())}
    await floor.north.post("/scans/child", alone)
    told = (await floor.north.get("/scans/device", device_id=device)).json()
    assert [(one["sequence"], one["outcome"]) for one in told["items"]] == [
        *((1, "created"), (2, "linked"), (5, "bag_is_parent"), (7, "linked"))
    ]
    assert told["next_after"] is None
    page = (await floor.north.get("/scans/device", device_id=device, after=1, limit=2)).json()
    assert [one["sequence"] for one in page["items"]] == [2, 5]
    assert page["next_after"] == 5
    # A colleague on the same phone is told of his own scans only.
    assert (await floor.south.get("/scans/device", device_id=device)).json()["items"] == []
    # The same scan by another way, or from a device that lost its number, is still the same scan.
    again = await floor.north.post("/scans/sync", {"scans": [queued("child", "P1", "C1") | scans[1]]})
    del scans[1]["device_id"], scans[1]["sequence"]
    bare = await floor.north.post("/scans/sync", {"scans": [scans[1]]})
    assert again.json()["results"][0]["outcome"] == bare.json()["results"][0]["outcome"] == "linked"


async def test_undo_waits_in_the_queue_like_a_scan(floor: Floor) -> None:
    parent, child = queued("parent", "P1"), queued("child", "P1", "C1")
    undo = {"scan_id": str(uuid4()), "action": "undo", "about": child["scan_id"], "parent_code": "P1"}
    scans = {"scans": [parent, child, undo]}
    results = (await floor.north.post("/scans/sync", scans)).json()["results"]
    assert [one["outcome"] for one in results] == ["created", "linked", "undone"]
    assert results[2]["parent"]["child_count"] == 0
    assert (await floor.north.post("/scans/sync", scans)).json()["results"] == results
    assert (await floor.north.bag("C1"))["state"] == "free"
    unknown = {**undo, "scan_id": str(uuid4()), "about": str(uuid4())}
    answer = (await floor.north.post("/scans/sync", {"scans": [unknown]})).json()["results"][0]
    assert answer["problem"]["code"] == "scan_not_found"
    # Only one's own.
    theirs = {**undo, "scan_id": str(uuid4())}
    answer = (await floor.south.post("/scans/sync", {"scans": [theirs]})).json()["results"][0]
    assert answer["problem"]["code"] == "scan_not_found"


async def _discards(floor: Floor) -> list[dict[str, Any]]:
    rows = await floor.owner.fetch(
        "select actor_id, subject_code, after ->> 'reason' as reason from audit_events"
        " where action = 'scan_discarded' order by id"
    )
    return [dict(row) for row in rows]


async def test_a_refusal_is_dropped_for_a_reason_that_is_kept(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_parent("P2")
    good = (await floor.north.scan_child("P1", "C1")).json()["scan_id"]
    bad = str(uuid4())
    await floor.north.post("/scans/child", {"parent_code": "P1", "code": "P2", "scan_id": bad})
    for reason in ("", "  ", "a\u0000b", "x" * 201):
        answer = await floor.north.post(f"/scans/{bad}/discard", {"reason": reason})
        assert answer.status_code == 422
    why = {"reason": "mistake"}
    for _ in range(2):
        assert (await floor.north.post(f"/scans/{bad}/discard", why)).json() == {"outcome": "discarded"}
    assert await _discards(floor) == [{"actor_id": floor.north.id, "subject_code": "P2", "reason": "mistake"}]
    refused = await floor.north.post(f"/scans/{good}/discard", why)
    assert (refused.status_code, refused.json()["code"]) == (409, "scan_not_refused")
    assert (await floor.south.post(f"/scans/{bad}/discard", why)).status_code == 404
    # From the queue too, for a phone without network.
    wish = {"scan_id": str(uuid4()), "action": "discard", "about": bad, "reason": "mistake"}
    results = (await floor.north.post("/scans/sync", {"scans": [wish]})).json()["results"]
    assert results[0]["outcome"] == "discarded"
    assert len(await _discards(floor)) == 1


async def test_a_refusal_that_never_became_a_scan_is_dropped_for_a_reason_too(floor: Floor) -> None:
    bad = queued("child", "P1", "C\u200b1\u0000") | {"scan_id": str(uuid4())}
    refused = (await floor.north.post("/scans/sync", {"scans": [bad]})).json()["results"][0]
    assert refused["problem"]["code"] == "bad_code"
    told = {name: bad[name] for name in ("parent_code", "code")}
    wish = {
        "scan_id": str(uuid4()),
        "action": "discard",
        "about": bad["scan_id"],
        "reason": "bad label",
        **told,
    }
    # Without the device's word there is nothing to keep.
    alone = (await floor.north.post("/scans/sync", {"scans": [wish]})).json()["results"][0]
    assert alone["problem"]["code"] == "scan_not_found"
    wish |= {"scan_id": str(uuid4()), "refused_with": "bad_code"}
    for _ in range(2):
        results = (await floor.north.post("/scans/sync", {"scans": [wish]})).json()["results"]
        assert results[0]["outcome"] == "discarded"
    assert await _discards(floor) == [
        {"actor_id": floor.north.id, "subject_code": r"C\u200b1\x00", "reason": "bad label"}
    ]
    before = await floor.owner.fetchval("select before from audit_events where action = 'scan_discarded'")
    assert '"refused_with": "bad_code"' in before
    # Nobody speaks for what is another's scan.
    theirs = (await floor.south.scan_parent("P9")).json()["scan_id"]
    wish |= {"scan_id": str(uuid4()), "about": theirs}
    answer = (await floor.north.post("/scans/sync", {"scans": [wish]})).json()["results"][0]
    assert answer["problem"]["code"] == "scan_not_found"
