"""A bill at its far end: found, short and excess."""

import json
from typing import Any
from uuid import uuid4

from tests.billing.bills import attach, detach, new_bill, packed
from tests.floor import Floor, Person, outcomes, together


async def sent(floor: Floor, *codes: str) -> dict[str, Any]:
    """A completed bill from North to South."""
    bill = await new_bill(
        floor.biller, area_id=floor.areas["North"], destination_area_id=floor.areas["South"]
    )
    for code in codes:
        await packed(floor, code, 2)
        await attach(floor.biller, bill["id"], code)
    return dict((await floor.biller.post(f"/bills/{bill['id']}/complete")).json())


async def test_one_missing_and_one_extra(floor: Floor) -> None:
    bill = await sent(floor, "P1", "P2", "P3")
    await packed(floor, "OTHER", 1)
    found = await floor.south.get("/bills/lookup", number=bill["number"].lower())
    assert found.json()["id"] == bill["id"]
    started = (await floor.south.post(f"/bills/{bill['id']}/receipts", {"note": "Gate 2"})).json()
    assert started["outcome"] == "started"
    path = f"/bills/{bill['id']}/receipts/{started['receipt']['id']}"
    key = str(uuid4())
    answers = [
        await floor.south.post(f"{path}/scans", {"code": code, "scan_id": scan_id})
        for code, scan_id in (
            *(("p1", key), ("p1", key), ("P1", str(uuid4())), ("P2", str(uuid4()))),
            *(("OTHER", str(uuid4())), ("UNKNOWN", str(uuid4())), ("unknown", str(uuid4()))),
        )
    ]
    assert [answer.json()["outcome"] for answer in answers] == [
        *("found", "found", "already_found", "found", "excess", "excess", "already_excess")
    ]
    assert answers[0].json()["child_count"] == 2
    # Of a bag of another area nothing is told but that it is not on the bill.
    assert answers[4].json()["child_count"] is None
    back = await floor.south.http.delete(f"{path}/scans", params={"code": "UNKNOWN"})
    assert (back.json()["found_count"], back.json()["excess_count"]) == (2, 1)
    again = (await floor.biller.post(f"/bills/{bill['id']}/receipts")).json()
    assert (again["outcome"], again["receipt"]["id"]) == ("continued", started["receipt"]["id"])
    done = (await floor.south.post(f"{path}/finish")).json()
    assert (done["found_count"], done["short_count"], done["excess_count"]) == (2, 1, 1)
    assert (done["finished_by"]["username"], done["note"]) == ("south", "Gate 2")
    assert (await floor.south.post(f"{path}/finish")).json() == done
    late = await floor.south.post(f"{path}/scans", {"code": "P3"})
    assert (late.status_code, late.json()["code"]) == (409, "receipt_finished")
    items = (await floor.south.get(f"{path}/bags")).json()["items"]
    assert {item["code"]: item["result"] for item in items} == {
        "P1": "found",
        "P2": "found",
        "P3": "short",
        "OTHER": "excess",
    }
    short = (await floor.biller.get(f"{path}/bags", result="short")).json()["items"]
    assert [item["code"] for item in short] == ["P3"]
    first = (await floor.biller.get(f"{path}/bags", limit=3)).json()
    rest = (await floor.biller.get(f"{path}/bags", limit=3, cursor=first["next_cursor"])).json()
    assert [item["code"] for item in first["items"] + rest["items"]] == ["OTHER", "P1", "P2", "P3"]
    kept = (await floor.biller.get(f"/bills/{bill['id']}/receipts")).json()["items"]
    assert kept == [done]
    actions = [e["action"] for e in (await floor.biller.get(f"/bills/{bill['id']}/history")).json()["items"]]
    assert (actions[0], actions[-1]) == ("bill_received", "bill_created")
    assert set(actions[1 : actions.index("bill_receipt_started")]) == {
        "receipt_scanned",
        "receipt_scan_reverted",
    }


async def test_only_a_completed_bill_and_only_where_it_goes(floor: Floor) -> None:
    bill = await new_bill(
        floor.biller, area_id=floor.areas["North"], destination_area_id=floor.areas["South"]
    )
    path = f"/bills/{bill['id']}"
    # Before it is completed the receiving area does not know of it.
    assert (await floor.south.get(path)).status_code == 404
    assert (await floor.south.post(f"{path}/receipts")).status_code == 404
    early = await floor.biller.post(f"{path}/receipts")
    assert (early.status_code, early.json()["code"]) == (409, "bill_not_completed")
    await packed(floor, "P1", 1)
    await attach(floor.biller, bill["id"], "P1")
    await floor.biller.post(f"{path}/complete")
    assert [b["code"] for b in (await floor.south.get(f"{path}/bags")).json()["items"]] == ["P1"]
    assert (await floor.north.post(f"{path}/receipts")).status_code == 403
    assert (await floor.south.post(f"{path}/receipts")).status_code == 200
    assert (await floor.north.get(f"{path}/receipts/999")).json()["code"] == "receipt_not_found"
    home = await new_bill(floor.biller, area_id=floor.areas["North"])
    assert (await floor.south.post(f"/bills/{home['id']}/receipts")).status_code == 404


async def test_a_refused_scan_is_answered_the_same_again_and_noted_once(floor: Floor) -> None:
    bill = await sent(floor, "P1", "P2")
    receipts = f"/bills/{bill['id']}/receipts"
    receipt = (await floor.south.post(receipts)).json()["receipt"]
    await floor.south.post(f"{receipts}/{receipt['id']}/finish")
    for receipt_id, refused in (
        (receipt["id"], (409, "receipt_finished")),
        (999, (404, "receipt_not_found")),
    ):
        scan = {"code": "P2", "scan_id": str(uuid4())}
        first, again = [await floor.south.post(f"{receipts}/{receipt_id}/scans", scan) for _ in range(2)]
        assert (first.status_code, first.json()["code"]) == refused
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        noted = await floor.owner.fetch(
            "select action, outcome, refused, code, bill_id from scans where scan_id = $1", scan["scan_id"]
        )
        assert [tuple(row) for row in noted] == [("receive", refused[1], True, "P2", bill["id"])]
    assert await floor.owner.fetchval("select count(*) from scan_receipts where answer is null") == 0


async def test_twenty_people_receive_one_bill_at_once(floor: Floor) -> None:
    codes = [f"P{n}" for n in range(20)]
    bill = await sent(floor, *codes)
    starts = await together(floor.biller.post(f"/bills/{bill['id']}/receipts") for _ in range(10))
    assert outcomes(starts) == {"started": 1, "continued": 9}
    path = f"/bills/{bill['id']}/receipts/{starts[0].json()['receipt']['id']}"
    answers = await together(floor.south.post(f"{path}/scans", {"code": code}) for code in codes * 2)
    assert outcomes(answers) == {"found": 20, "already_found": 20}
    assert (await floor.south.post(f"{path}/finish")).json()["short_count"] == 0


async def test_a_bill_opened_again_is_not_received_and_names_nothing_of_other_areas(floor: Floor) -> None:
    bill = await sent(floor, "P1")
    await packed(floor, "SECRET", 1, floor.south)
    path = f"/bills/{bill['id']}"
    await floor.biller.post(f"{path}/reopen", {"reason": "One more"})
    await attach(floor.biller, bill["id"], "SECRET")
    await floor.biller.post(f"{path}/complete")
    receipt = f"{path}/receipts/{(await floor.south.post(f'{path}/receipts')).json()['receipt']['id']}"
    await floor.south.post(f"{receipt}/scans", {"code": "P1"})
    await floor.biller.post(f"{path}/reopen", {"reason": "Once more"})

    def asked(person: Person) -> list[Any]:
        return [
            person.post(f"{receipt}/scans", {"code": "P1"}),
            person.http.delete(f"{receipt}/scans", params={"code": "P1"}),
            person.post(f"{receipt}/finish"),
        ]

    for person in (floor.north, floor.biller):
        answers = [await answer for answer in asked(person)]
        assert [answer.json()["code"] for answer in answers] == ["bill_not_completed"] * 3
    assert (await floor.north.get(f"{receipt}/bags")).json()["code"] == "bill_not_completed"
    assert (await floor.biller.get(receipt)).json()["finished_at"] is None

    # Completed again, what was begun on the old paper is closed as it stands, and the new one is compared.
    await floor.biller.post(f"{path}/complete")
    assert (await floor.south.post(f"{receipt}/scans", {"code": "P1"})).json()["code"] == "receipt_finished"
    anew = (await floor.south.post(f"{path}/receipts")).json()
    assert (anew["outcome"], anew["receipt"]["found_count"], anew["receipt"]["short_count"]) == (
        "started",
        0,
        2,
    )
    old = (await floor.biller.get(receipt)).json()
    assert (old["found_count"], old["short_count"], old["excess_count"]) == (1, 1, 0)
    assert old["finished_at"] is not None


async def test_who_receives_sees_the_paper_that_came_and_no_other(floor: Floor) -> None:
    bill = await new_bill(
        floor.biller, area_id=floor.areas["North"], destination_area_id=floor.areas["North"]
    )
    path = f"/bills/{bill['id']}"
    for code in ("P1", "WRONG", "EARLIER"):
        await packed(floor, code, 1)
        await attach(floor.biller, bill["id"], code)
    await detach(floor.biller, bill["id"], "WRONG")
    await floor.biller.post(f"{path}/complete")
    await floor.north.post(f"{path}/receipts", {"note": "at North's gate"})
    await floor.biller.post(f"{path}/reopen", {"reason": "It goes South"})
    await detach(floor.biller, bill["id"], "EARLIER")
    await floor.biller.patch(path, {"destination_area_id": floor.areas["South"]}, **{"if-match": "*"})
    done = (await floor.biller.post(f"{path}/complete")).json()
    assert done["destination_area"]["name"] == "South"
    told = [
        (await floor.south.get(f"{path}/{what}")).text
        for what in ("bags", "history", "snapshots/1/bags", "snapshots/2/bags", "receipts")
    ]
    assert ["P1" in one for one in told[:2]] == [True, True]
    assert not any("WRONG" in one or "EARLIER" in one or "North's gate" in one for one in told)
    hers = [
        (await floor.biller.get(f"{path}/{what}")).text
        for what in ("history", "snapshots/1/bags", "receipts")
    ]
    words = ("WRONG", "EARLIER", "North's gate")
    assert [word in one for word, one in zip(words, hers, strict=True)] == [True] * 3


async def test_a_scan_of_a_receipt_and_its_reverting_are_in_the_audit_log(floor: Floor) -> None:
    bill = await sent(floor, "P1", "P2")
    other = await floor.person("other", "dispatcher", "South")
    receipts = f"/bills/{bill['id']}/receipts"
    path = f"{receipts}/{(await floor.south.post(receipts)).json()['receipt']['id']}/scans"
    for code in ("P1", "P1", "STRANGER"):
        await floor.south.post(path, {"code": code, "scan_id": str(uuid4())})
    for code in ("p1", "STRANGER", "P2"):
        assert (await other.delete(path, code=code)).status_code == 200
    events = await floor.owner.fetch(
        "select action, actor_id, subject_type, subject_id, before, after, parent_id is not null as named"
        " from audit_events where action like 'receipt_scan%' order by id"
    )
    told = [
        (one["action"], one["actor_id"], json.loads(one["before"] or one["after"])["code"], one["named"])
        for one in events
    ]
    assert told == [
        ("receipt_scanned", floor.south.id, "P1", True),
        ("receipt_scanned", floor.south.id, "STRANGER", False),
        ("receipt_scan_reverted", other.id, "P1", True),
        ("receipt_scan_reverted", other.id, "STRANGER", False),
    ]
    assert {(one["subject_type"], one["subject_id"]) for one in events} == {("bill", bill["id"])}
    history = (await floor.biller.get(f"/bills/{bill['id']}/history")).json()["items"]
    assert history[0]["action"] == "receipt_scan_reverted"
