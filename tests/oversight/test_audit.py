"""The audit log through HTTP: every filter, pages without gap or double, a person's timeline."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from typing import Any

import pytest

from tests.floor import Floor
from tracetrack.ledger.seals import seal
from tracetrack.oversight.audit import denied
from tracetrack.settings import ROOT

NOW = dt.datetime.now(dt.UTC)


async def events(floor: Floor, path: str = "/audit", **query: Any) -> list[dict[str, Any]]:
    answer = await floor.admin.get(path, limit=200, **query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_an_event_says_who_did_what_where_as_it_was_and_is(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_child("P1", "C1")
    [event] = await events(floor, action="child_linked")
    assert event["actor"] == {"id": floor.north.id, "username": "north"}
    assert event["area"] == {"id": floor.areas["North"], "name": "North"}
    assert (event["subject_type"], event["code"], event["after"]["parent_code"]) == ("bag", "C1", "P1")
    assert event["address"]
    assert event["request_id"]
    assert event["scan_id"]


async def test_filters(floor: Floor) -> None:
    for person, parent in ((floor.north, "NP"), (floor.south, "SP")):
        await person.scan_parent(parent)
        await person.scan_child(parent, f"{parent}-C1")
        await person.scan_child(parent, f"{parent}-C2")
    await floor.biller.post("/bills", {"number": "BILL-7", "area_id": floor.areas["North"]})
    linked = {"NP-C1", "NP-C2", "SP-C1", "SP-C2"}
    assert {e["code"] for e in await events(floor, action="child_linked")} == linked
    north = await events(floor, actor_id=floor.north.id)
    assert {e["action"] for e in north} == {"signed_in", "bag_created", "child_linked"}
    assert {e["area"]["name"] for e in await events(floor, area_id=floor.areas["South"])} == {"South"}
    assert {e["code"] for e in await events(floor, subject_type="bill")} == {"BILL-7"}
    # Of a parent, and in it; whatever the case.
    assert {e["code"] for e in await events(floor, code=" np ")} == {"NP", "NP-C1", "NP-C2"}
    assert {e["code"] for e in await events(floor, code="bill-7")} == {"BILL-7"}
    assert await events(floor, code="NOTHING") == []
    one = await events(floor, actor_id=floor.north.id, action="child_linked", code="NP-C1")
    assert [e["code"] for e in one] == ["NP-C1"]
    assert await events(floor, actor_id=floor.south.id, code="NP-C1") == []


async def test_search_finds_codes_people_and_actions(floor: Floor) -> None:
    await floor.north.scan_parent("ABC-1")
    await floor.north.scan_parent("ABC-2")
    await floor.south.scan_parent("XYZ")
    assert {e["code"] for e in await events(floor, q="abc", action="bag_created")} == {"ABC-1", "ABC-2"}
    assert {e["code"] for e in await events(floor, q="sout", action="bag_created")} == {"XYZ"}
    assert {e["action"] for e in await events(floor, q="bag cre")} == {"bag_created"}
    assert await events(floor, q="no such thing") == []


async def test_what_is_deleted_is_found_by_its_code(floor: Floor) -> None:
    bag = (await floor.north.scan_parent("GONE")).json()["bag"]
    assert (await floor.admin.delete(f"/bags/{bag['id']}")).status_code == 204
    assert [e["action"] for e in await events(floor, code="gone")] == ["bag_deleted", "bag_created"]


async def test_times_bound_the_list(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    [made] = await events(floor, action="bag_created")
    at = dt.datetime.fromisoformat(made["at"])
    later = at + dt.timedelta(microseconds=1)
    for since, until, found in ((at, later, 1), (later, None, 0), (None, at, 0), (at, None, 1)):
        times = {"from": since.isoformat() if since else None, "to": until.isoformat() if until else None}
        assert len(await events(floor, action="bag_created", **times)) == found
        assert len(await events(floor, code="P1", **times)) == found


@pytest.mark.parametrize("query", [{}, {"q": "north"}, {"action": "bag_created"}])
async def test_pages_meet_without_gap_or_double(floor: Floor, query: dict[str, str]) -> None:
    for number in range(25):
        await floor.north.scan_parent(f"P{number}")
    # Many at one moment, as an import writes them.
    await floor.owner.execute("""
        insert into audit_events (actor_id, action, subject_type, subject_id, area_id, at)
        select id, 'bag_created', 'bag', n, area_id, now() from users, generate_series(1, 40) n
        where username = 'north'""")
    whole = [e["id"] for e in await events(floor, **query)]
    paged, cursor = [], None
    while True:
        page = (await floor.admin.get("/audit", limit=7, cursor=cursor, **query)).json()
        paged += [e["id"] for e in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole
    assert len(set(paged)) == len(paged) >= 65


async def test_a_persons_timeline_has_what_he_did_and_what_was_done_to_him(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.admin.patch(f"/users/{floor.north.id}", {"full_name": "Nora"})
    told = await events(floor, f"/audit/users/{floor.north.id}")
    assert [e["action"] for e in told] == ["user_changed", "bag_created", "signed_in"]
    assert (told[0]["actor"]["username"], told[0]["before"]) == ("admin", {"full_name": ""})
    assert (await floor.admin.get("/audit/users/999999")).status_code == 404


async def test_the_actions_to_choose_from(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    assert (await floor.admin.get("/audit/actions")).json() == ["bag_created", "signed_in"]


@pytest.mark.parametrize("cursor", ["x", "WzFd", "WyJub3doZXJlIiwxXQ", "WyIyMDI2LTAxLTAxIiwxXQ"])
async def test_a_cursor_of_another_list_is_refused(floor: Floor, cursor: str) -> None:
    answer = await floor.admin.get("/audit", cursor=cursor)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


async def test_the_file_has_what_the_list_shows(floor: Floor) -> None:
    for person, parent in ((floor.north, "NP"), (floor.south, "SP")):
        await person.scan_parent(parent)
        await person.scan_child(parent, f"C-{parent}")
    await floor.biller.post("/bills", {"number": "BILL-NP", "area_id": floor.areas["North"]})
    for query in (
        {"action": "child_linked"},
        {"subject_type": "bill"},
        {"code": "np"},
        {"q": "np"},
        {"q": "child link"},
        {"q": "nort"},
        {"action": "child_linked", "q": "C-S"},
        {"area_id": floor.areas["South"]},
    ):
        file = await floor.admin.get("/exports/audit", format="csv", **query)
        assert file.status_code == 200, file.text
        rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
        shown = [event for event in await events(floor, **query) if event["action"] != "exported"]
        assert {int(row["id"]) for row in rows} == {event["id"] for event in shown}, query
        assert rows, query
    refused = await floor.admin.get("/exports/bags", action="x")
    assert refused.status_code == 422


async def test_the_state_of_the_seal(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    before = (await floor.admin.get("/audit/seal")).json()
    assert before["unsealed"] >= 1
    assert before["unsealed_since"] is not None
    assert await seal() >= 1
    after = (await floor.admin.get("/audit/seal")).json()
    assert (after["unsealed"], len(after["head"])) == (0, 64)
    assert after["seals"] > before["seals"]
    assert after["head"] != before["head"]


def test_every_action_that_is_recorded_has_words_in_each_language() -> None:
    """Found in the source, so that none is forgotten with which no test has met yet."""
    source = "\n".join(
        file.read_text("utf-8")
        for file in (ROOT / "backend/tracetrack").rglob("*")
        if file.suffix in (".py", ".sql")
    )
    actions = {
        *re.findall(r'record\(\s*\w+,\s*[\w.()]+,\s*(?:action=)?"(\w+)"', source),
        *re.findall(r"ledger_record\(\s*[^,()]+,\s*'(\w+_\w+)'\s*,", source),
        *re.findall(r"'(children_import\w*)'", source),
        *re.findall(r'"((?:promotion|import)_(?:approved|declined|tried|completed))"', source),
    }
    assert len(actions) > 45
    for language in ("en", "hi"):
        words = (ROOT / f"frontend/src/shared/i18n/office/{language}.ts").read_text("utf-8")
        said = set(re.findall(r'"audit\.action\.(\w+)"', words))
        assert actions - said == set(), language


async def test_denied_access_is_in_the_log_once_and_bounded(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied.forget()
    monkeypatch.setattr(denied, "MOST_AN_HOUR", 4)
    bag = (await floor.north.scan_parent("P1")).json()["bag"]
    bill = (await floor.biller.post("/bills", {"area_id": floor.areas["North"]})).json()
    for _ in range(3):
        for path in (
            f"/bags/{bag['id']}",
            f"/bags/{bag['id']}/history",
            f"/bills/{bill['id']}",
            "/bags/999999",
        ):
            assert (await floor.south.get(path)).status_code == 404
        assert (await floor.south.get("/bags/lookup", code="p1")).status_code == 404
        assert (await floor.south.get("/users")).status_code == 403
        # One's own is not there either, but nothing was denied.
        assert (await floor.north.get("/bags/999999")).status_code == 404
        await denied.write()
    events = (await floor.admin.get("/audit", action="access_denied")).json()["items"]
    told = [
        (one["actor"]["username"], one["subject_type"], one["code"], one["after"]["because"])
        for one in events
    ]
    assert told == [
        ("south", "route", "GET /api/v1/users", "role"),
        ("south", "bill", bill["number"], "area"),
        ("south", "bag", "P1", "area"),
    ]
    assert events[2]["after"]["route"] == "GET /api/v1/bags/{bag_id}"
    assert events[2]["request_id"]
    # Whoever tries everything fills no log.
    for number in range(10):
        await floor.north.scan_parent(f"P-{number}")
        await floor.south.get("/bags/lookup", code=f"P-{number}")
    await denied.write()
    assert len((await floor.admin.get("/audit", action="access_denied")).json()["items"]) == 4
    # Nor does it stand in what happened to the bag.
    history = (await floor.north.get(f"/bags/{bag['id']}/history")).json()["items"]
    assert [one["action"] for one in history] == ["bag_created"]
    denied.forget()
