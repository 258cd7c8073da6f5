"""Rule 1: scanning a parent."""

from uuid import uuid4

from tests.floor import Floor


async def test_an_unknown_code_becomes_a_parent_in_the_workers_area(floor: Floor) -> None:
    answer = await floor.north.scan_parent("  sb00012\r\n")
    assert answer.status_code == 200
    body = answer.json()
    assert body["outcome"] == "created"
    assert body["bag"]["code"] == "sb00012"
    assert body["bag"]["area"]["name"] == "North"
    assert (body["bag"]["kind"], body["bag"]["state"], body["bag"]["child_count"]) == ("parent", "open", 0)
    assert (body["bag"]["expected_children"], body["bag"]["weight_kg"]) == (30, 0)


async def test_a_known_parent_is_opened_with_its_true_count_whatever_the_case(floor: Floor) -> None:
    await floor.north.scan_parent("SB1")
    await floor.north.scan_child("sb1", "C1")
    await floor.north.scan_child("SB1", "C2")
    answer = (await floor.north.scan_parent("sb1")).json()
    assert answer["outcome"] == "opened"
    assert answer["bag"]["code"] == "SB1"
    assert (answer["bag"]["child_count"], answer["bag"]["weight_kg"]) == (2, 2)


async def test_a_child_cannot_be_opened(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_child("P1", "C1")
    answer = await floor.north.scan_parent("C1")
    assert (answer.status_code, answer.json()["code"]) == (409, "bag_is_child")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["parent"]["code"] == "P1"


async def test_a_parent_of_another_area_is_refused_and_nothing_more_is_told(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    answer = await floor.south.scan_parent("P1")
    assert (answer.status_code, answer.json()["code"]) == (409, "bag_in_other_area")
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "scan_id", "conflict"}
    assert (await floor.south.get("/bags/lookup", code="P1")).status_code == 404


async def test_the_parent_being_packed_is_the_same_on_every_device(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    other_phone = await floor.sign_in(floor.north.id, "north")
    assert (await other_phone.get("/scans/current")).json()["parent"]["code"] == "P1"
    done = await other_phone.post(f"/bags/{(await floor.north.bag('P1'))['id']}/complete")
    assert done.json()["state"] == "completed"
    assert (await floor.north.get("/scans/current")).json()["parent"] is None


async def test_completing_twice_and_reopening(floor: Floor) -> None:
    bag = (await floor.north.scan_parent("P1")).json()["bag"]
    for _ in range(2):
        assert (await floor.north.post(f"/bags/{bag['id']}/complete")).json()["state"] == "completed"
    assert (await floor.north.post(f"/bags/{bag['id']}/reopen")).json()["state"] == "open"
    assert (await floor.south.post(f"/bags/{bag['id']}/complete")).status_code == 404


async def test_codes_that_cannot_be_codes_are_refused(floor: Floor) -> None:
    for bad in ("", "   ", "a\u200bb", "a\u202eb", "x" * 129, "a\x00b"):
        answer = await floor.north.post("/scans/parent", {"code": bad, "scan_id": str(uuid4())})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_code"), repr(bad)
    assert await floor.owner.fetchval("select count(*) from bags") == 0
