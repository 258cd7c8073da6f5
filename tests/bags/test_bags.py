"""Finding, listing and deleting bags; bag types and label patterns."""

import asyncio
from typing import Any

from tests.floor import Floor
from tests.lengths import length


async def _pack(floor: Floor, parent: str, *children: str) -> None:
    await floor.north.scan_parent(parent)
    await floor.north.post("/scans/children", {"parent_code": parent, "codes": list(children)})


async def test_lookup_tells_the_whole_story(floor: Floor) -> None:
    await _pack(floor, "P1", "C1", "C2")
    child = (await floor.north.get("/bags/lookup", code="c1")).json()
    assert child["parent"]["code"] == "P1"
    assert child["scans"][0]["outcome"] == "linked"
    parent = (await floor.biller.get("/bags/lookup", code="P1")).json()
    assert [c["code"] for c in parent["children"]["items"]] == ["C2", "C1"]
    assert parent["children"]["items"][0]["linked_by"]["username"] == "north"
    assert {s["action"] for s in parent["scans"]} == {"parent", "child"}
    same = (await floor.biller.get(f"/bags/{parent['bag']['id']}")).json()
    assert same["bag"] == parent["bag"]


async def test_a_code_that_is_not_there_asks_whether_you_meant_another(floor: Floor) -> None:
    await _pack(floor, "SB00012", "SB00013")
    for typed in ("SBO0012", "SB0012", "SB00O12"):
        answer = await floor.north.get("/bags/lookup", code=typed)
        assert (answer.status_code, answer.json()["code"]) == (404, "bag_not_found")
        assert "SB00012" in answer.json()["did_you_mean"], typed
    torn = (await floor.north.get("/bags/lookup", code="SB000999999")).json()
    assert torn["did_you_mean"] == ["SB00012", "SB00013"]
    assert (await floor.south.get("/bags/lookup", code="SBO0012")).json()["did_you_mean"] == []
    assert (await floor.north.get("/bags/suggest", q="sb0")).json() == ["SB00012", "SB00013"]
    assert (await floor.south.get("/bags/suggest", q="sb0")).json() == []
    assert (await floor.north.get("/bags/suggest", q="sb0", kind="child")).json() == ["SB00013"]
    assert (await floor.north.get("/bags/suggest", q="sb0", kind="parent")).json() == ["SB00012"]


async def test_lists_by_cursor_with_filters(floor: Floor) -> None:
    await _pack(floor, "P1", *(f"C{n:02}" for n in range(12)))
    await floor.south.scan_parent("Q%1")
    seen: list[str] = []
    cursor = None
    while True:
        page = (await floor.north.get("/bags", kind="child", limit=5, cursor=cursor, sort="code")).json()
        seen += [bag["code"] for bag in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [f"C{n:02}" for n in range(12)]
    newest = (await floor.north.get("/bags", limit=1)).json()
    assert newest["items"][0]["code"] == "C11"
    older = (await floor.north.get("/bags", limit=1, cursor=newest["next_cursor"])).json()
    assert older["items"][0]["code"] == "C10"

    async def codes(**query: object) -> list[str]:
        return [bag["code"] for bag in (await floor.biller.get("/bags", **query)).json()["items"]]

    assert await codes(kind="parent", state="open", sort="oldest") == ["P1", "Q%1"]
    assert await codes(area_id=floor.areas["South"]) == ["Q%1"]
    assert await codes(q="%") == ["Q%1"]
    assert await codes(q="c1") == ["C11", "C10"]
    assert await codes(to="2020-01-01T00:00:00Z") == []
    assert len(await codes(**{"from": "2020-01-01T00:00:00Z"})) == 14
    assert [bag["code"] for bag in (await floor.south.get("/bags")).json()["items"]] == ["Q%1"]


async def test_children_by_cursor(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    for n in range(7):
        await floor.north.scan_child("P1", f"C{n}")
    bag = await floor.north.bag("P1")
    first = (await floor.north.get(f"/bags/{bag['id']}/children", limit=4)).json()
    second = (
        await floor.north.get(f"/bags/{bag['id']}/children", limit=4, cursor=first["next_cursor"])
    ).json()
    assert [c["code"] for c in first["items"] + second["items"]] == [f"C{n}" for n in range(6, -1, -1)]
    assert second["next_cursor"] is None
    assert (await floor.south.get(f"/bags/{bag['id']}/children")).status_code == 404
    assert (await floor.south.get(f"/bags/{bag['id']}/history")).status_code == 404


async def test_bad_cursors(floor: Floor) -> None:
    bag = (await floor.north.scan_parent("P1")).json()["bag"]
    for path in ("/bags", "/scans", f"/bags/{bag['id']}/children", f"/bags/{bag['id']}/history"):
        for cursor in ("x", "W10", "WyJhIiwxXQ", "WzFlOTld", "WzEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzXQ"):
            answer = await floor.north.get(path, cursor=cursor)
            assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor"), (path, cursor)


async def test_scans_of_oneself_of_others_and_of_other_areas(floor: Floor) -> None:
    await _pack(floor, "P1", "C1")
    await floor.south.scan_parent("Q1")
    own = (await floor.north.get("/scans")).json()["items"]
    assert [scan["code"] for scan in own] == ["C1", "P1"]
    assert (await floor.south.get("/scans", user_id=floor.north.id)).json()["items"] == []
    everything = (await floor.admin.get("/scans", **{"from": "2020-01-01T00:00:00Z"})).json()["items"]
    assert [scan["code"] for scan in everything] == ["Q1", "C1", "P1"]
    assert (await floor.admin.get("/scans")).json()["items"] == []


async def test_only_a_bag_that_is_in_nothing_can_be_deleted(floor: Floor) -> None:
    await _pack(floor, "P1", "C1")
    parent, child = await floor.north.bag("P1"), await floor.north.bag("C1")
    assert (await floor.biller.delete(f"/bags/{parent['id']}")).status_code == 403
    for bag in (parent, child):
        answer = await floor.admin.delete(f"/bags/{bag['id']}")
        assert (answer.status_code, answer.json()["code"]) == (409, "bag_in_use")
    await floor.north.delete(f"/bags/{parent['id']}/children/{child['id']}")
    for bag in (parent, child):
        assert (await floor.admin.delete(f"/bags/{bag['id']}")).status_code == 204
        assert (await floor.admin.delete(f"/bags/{bag['id']}")).status_code == 404
    assert await floor.owner.fetchval("select count(*) from audit_events where action = 'bag_deleted'") == 2
    assert (await floor.north.scan_parent("C1")).json()["outcome"] == "created"


async def test_bag_types_drive_expected_counts_and_weights(floor: Floor) -> None:
    new = {"name": "Jumbo", "expected_children": 10, "child_weight_kg": 2.5, "code_pattern": "^J"}
    created = await floor.admin.post("/bag-types", new)
    assert created.status_code == 201
    jumbo = (await floor.north.scan_parent("J1")).json()["bag"]
    assert (jumbo["bag_type"]["name"], jumbo["expected_children"]) == ("Jumbo", 10)
    scanned = (await floor.north.scan_child("J1", "C1")).json()
    assert (scanned["parent"]["weight_kg"], scanned["parent"]["expected_weight_kg"]) == (2.5, 25)
    assert scanned["bag"]["weight_kg"] == 2.5
    type_id = created.json()["id"]
    await floor.admin.patch(f"/bag-types/{type_id}", {"expected_children": 12})
    assert (await floor.north.bag("J1"))["expected_children"] == 12
    assert (await floor.admin.delete(f"/bag-types/{type_id}")).json()["code"] == "bag_type_in_use"
    assert (await floor.admin.post("/bag-types", new)).json()["code"] == "name_taken"
    # Each of its letters is stored as two.
    long = await floor.admin.post("/bag-types", {**new, "name": "\u095c" * 60})
    assert (long.status_code, long.json()["code"]) == (422, "invalid")
    made = (await floor.admin.get("/bag-types")).json()["items"][0]["id"]
    none = await floor.admin.patch(f"/bag-types/{made}", {"name": None})
    assert (none.status_code, none.json()["code"]) == (422, "invalid")
    assert (await floor.admin.patch(f"/bag-types/{type_id}", {"code_pattern": "("})).status_code == 422
    assert (await floor.admin.patch(f"/bag-types/{type_id}", {"name": None})).status_code == 422
    await floor.admin.patch(f"/bag-types/{type_id}", {"is_default": True})
    types = (await floor.north.get("/bag-types")).json()["items"]
    assert [(t["name"], t["is_default"]) for t in types] == [("Jumbo", True), ("Standard", False)]


async def test_a_label_may_be_a_url_of_a_host_that_the_site_names(floor: Floor) -> None:
    changed = await floor.admin.patch("/settings", {"code_hosts": ["bags.example"]})
    assert changed.status_code == 200, changed.text
    scanned = (await floor.north.scan_parent("https://bags.example/b/SB-1")).json()
    assert scanned["bag"]["code"] == "SB-1"


async def test_label_patterns_rule_the_scanner_and_the_search_alike(floor: Floor) -> None:
    for new in (
        {"name": "lot label", "pattern": r"LABEL NO\.\s*(?P<code>\d+)", "kind": "child"},
        {"name": "master", "pattern": r"^M\d+-\d+$", "kind": "parent", "position": -1},
    ):
        assert (await floor.admin.post("/label-patterns", new)).status_code == 201
    await floor.north.scan_parent("M444-00017")
    label = "LABEL NO. 0016586 LOT NO. 12"
    assert (await floor.north.scan_child("M444-00017", label)).json()["bag"]["code"] == "0016586"
    assert (await floor.north.get("/bags/lookup", code=label)).json()["bag"]["code"] == "0016586"
    assert (await floor.north.scan_parent("LABEL NO. 77")).json()["code"] == "bag_is_child"
    assert (await floor.north.scan_child("M444-00017", "M1-2")).json()["code"] == "bag_is_parent"
    tried = (await floor.admin.post("/label-patterns/try", {"text": label})).json()
    listed = (await floor.admin.get("/label-patterns")).json()["items"]
    told = {"pattern_id": listed[1]["id"], "by_draft": False}
    assert tried == {"code": "0016586", "kind": "child", "bag_type_id": None, **told}
    assert [p["name"] for p in listed] == ["master", "lot label"]
    await floor.admin.patch(f"/label-patterns/{listed[1]['id']}", {"enabled": False})
    assert (await floor.admin.post("/label-patterns/try", {"text": label})).json()["code"] == label
    assert (await floor.admin.delete(f"/label-patterns/{listed[0]['id']}")).status_code == 204
    assert (await floor.admin.post("/label-patterns", {"name": "x", "pattern": "("})).json()[
        "code"
    ] == "bad_pattern"


async def test_a_pattern_is_tried_before_it_is_saved(floor: Floor) -> None:
    saved = {"name": "lot label", "pattern": r"LABEL NO\. (\d+)", "kind": "child"}
    pattern_id = (await floor.admin.post("/label-patterns", saved)).json()["id"]

    async def read(text: str, **draft: object) -> dict[str, object]:
        trial = {"text": text, "draft": draft} if draft else {"text": text}
        return dict((await floor.admin.post("/label-patterns/try", trial)).json())

    label = "LABEL NO. 0016586 LOT NO. 12"
    assert (await read(label))["pattern_id"] == pattern_id
    lot = await read(label, pattern=r"LOT NO\. (\d+)", kind="parent")
    assert (lot["code"], lot["kind"], lot["by_draft"], lot["pattern_id"]) == ("12", "parent", True, None)
    missed = await read(label, pattern="never")
    assert (missed["code"], missed["by_draft"], missed["pattern_id"]) == ("0016586", False, pattern_id)
    changed = await read(label, pattern="never", replaces=pattern_id)
    assert (changed["code"], changed["pattern_id"]) == (label, None)
    assert (await read(label, pattern="("))["code"] == "bad_pattern"
    assert (await floor.north.scan_child("P", label)).status_code != 200, "nothing of it was kept"
    assert len((await floor.admin.get("/label-patterns")).json()["items"]) == 1


STABLE = 20
LISTS = length(test=40, soak=400)


async def test_a_list_read_to_its_end_has_every_bag_that_was_there_throughout(floor: Floor) -> None:
    codes = {f"list-keep-{n}" for n in range(STABLE)}
    for code in codes:
        await floor.north.scan_parent(code)
    read = False

    async def come_and_go(who: int) -> None:
        number = 0
        while not read:
            number += 1
            made = await floor.north.scan_parent(f"LIST-GO-{who}-{number}")
            await floor.admin.delete(f"/bags/{made.json()['bag']['id']}")

    async def read_to_the_end(**query: Any) -> set[str]:
        found: set[str] = set()
        cursor = None
        while True:
            page = (await floor.biller.get("/bags", limit=5, cursor=cursor, **query)).json()
            found |= {bag["code"] for bag in page["items"]}
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    others = [asyncio.create_task(come_and_go(who)) for who in range(4)]
    try:
        for number in range(LISTS):
            sort = ("newest", "oldest", "code")[number % 3]
            found = await read_to_the_end(q="LIST-", sort=sort)
            assert codes <= found, (number, sort, sorted(codes - found))
    finally:
        read = True
        await asyncio.gather(*others)
