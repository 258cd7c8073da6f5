"""Exports: everything, within the area rule, in a form that comes back the same."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import fastexcel
import pytest

from tests.floor import Floor
from tests.imports.files import brought_in, links, rows_in
from tracetrack.access.actor import Actor, Role
from tracetrack.exports.service import export
from tracetrack.platform import formulas, spreadsheet

ODD = (
    "=1+1",
    "+2",
    "-3",
    "@SUM(1)",
    "'=x",
    "''-y",
    "'SB1",
    "'SB2'",
    '"SB3"',
    "“SB4”",
    "_x000D_",
    "a_x000D_x005F_b",
    'a "quoted", code',
    "<b>&amp;</b>",
    "दो-2",
    "back\\slash",
    "007",
)


def from_xlsx(content: bytes) -> list[tuple[str | None, ...]]:
    sheet = fastexcel.read_excel(content).load_sheet(0, header_row=None, skip_rows=0, dtypes="string")
    return list(sheet.to_polars().rows())


def from_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


async def test_links_come_back_as_the_identical_codes(floor: Floor) -> None:
    await rows_in(floor.admin, [["parent", "child"], *(["=P", formulas.literal(code)] for code in ODD)])
    before = await links(floor)
    assert set(before) == set(ODD)
    for form in ("csv", "xlsx"):
        file = await floor.admin.get("/exports/links", format=form)
        assert file.status_code == 200, file.text
        if form == "csv":
            assert not [cell for row in from_csv(file.content) for cell in row if cell[:1] in tuple("=+-@")]
        await floor.owner.execute("truncate bags, audit_events cascade")
        done = await brought_in(floor.admin, file.content, f"links.{form}", confirm=True)
        assert (done["state"], done["rejected"]) == ("completed", 0), done
        assert await links(floor) == before, form


async def test_postgresql_and_python_have_one_rule_for_formulas(floor: Floor) -> None:
    texts = (
        [sign + rest for sign in map(chr, range(1, 0x2100)) for rest in ("", "1")]
        + list(ODD)
        + ["＋1", "－1", "＝1"]
    )
    made = await floor.owner.fetch("select export_harmless(t) as t from unnest($1::text[]) t", texts)
    assert [row["t"] for row in made] == [formulas.harmless(text) for text in texts]
    made = await floor.owner.fetch("select export_cell(t) as t from unnest($1::text[]) t", list(ODD))
    for row, text in zip(made, ODD, strict=True):
        assert ElementTree.fromstring(row["t"]).findtext(".//t") == formulas.literal(text)


async def test_what_is_beside_a_code_comes_back_too(floor: Floor) -> None:
    await rows_in(floor.admin, [["parent", "child", "lot", "variety", "tag"], ["P", "C", "-5", "=x", "'@y"]])
    beside = "select lot, variety, tag from bags where code = 'C'"
    assert tuple(await floor.owner.fetchrow(beside)) == ("-5", "=x", "'@y")
    for form in ("csv", "xlsx"):
        file = await floor.admin.get("/exports/links", format=form)
        await floor.owner.execute("truncate bags, audit_events cascade")
        await brought_in(floor.admin, file.content, f"links.{form}", confirm=True)
        assert tuple(await floor.owner.fetchrow(beside)) == ("-5", "=x", "'@y"), form


async def test_bags_by_filter_and_bills_scans_and_audit(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_child("P1", "C1")
    await floor.south.scan_parent("Q1")
    await floor.biller.post("/bills", {"number": "B-1"})
    head, *rows = from_xlsx((await floor.biller.get("/exports/bags")).content)
    assert head[:6] == ("code", "kind", "type", "state", "area", "parent")
    assert [row[:6] for row in rows] == [
        ("P1", "parent", "Standard", "open", "North", None),
        ("C1", "child", None, "linked", "North", "P1"),
        ("Q1", "parent", "Standard", "open", "South", None),
    ]
    assert rows[0][6:8] == ("1", "1")
    for query, wanted in (
        ({"kind": "child"}, ["C1"]),
        ({"area_id": floor.areas["South"]}, ["Q1"]),
        ({"q": "1", "state": "open"}, ["P1", "Q1"]),
        ({"q": " p1\n"}, ["P1"]),
        ({"q": ""}, ["P1", "C1", "Q1"]),
        ({"to": "2020-01-01T00:00:00Z"}, []),
    ):
        listed = (await floor.biller.get("/bags", **query)).json()["items"]
        assert sorted(bag["code"] for bag in listed) == sorted(wanted), query
        found = from_csv((await floor.biller.get("/exports/bags", format="csv", **query)).content)
        assert [row[0] for row in found[1:]] == wanted
    bills = from_csv((await floor.biller.get("/exports/bills", format="csv")).content)
    assert bills[1][:2] == ["B-1", "new"]
    scans = from_csv((await floor.biller.get("/exports/scans", format="csv", user_id=floor.north.id)).content)
    assert [row[5] for row in scans[1:]] == ["P1", "C1"]
    audit = from_csv((await floor.admin.get("/exports/audit", format="csv")).content)
    assert {"bag_created", "child_linked", "bill_created", "exported"} <= {row[4] for row in audit[1:]}


async def test_the_bills_of_the_file_are_those_of_the_list(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    for number, more in (
        ("B-1", {"destination": "Hubli depot"}),
        ("B-2", {"vehicle": "KA-25 A 100%"}),
        ("HUBLI-3", {}),
    ):
        bill = (await floor.biller.post("/bills", {"number": number, **more})).json()
    await floor.biller.post(f"/bills/{bill['id']}/bags", {"code": "P1"})
    for query, wanted in (
        ({}, ["B-1", "B-2", "HUBLI-3"]),
        ({"q": "hubli"}, ["B-1", "HUBLI-3"]),
        ({"q": "hubli", "state": "new"}, ["B-1"]),
        ({"state": "processing"}, ["HUBLI-3"]),
        ({"q": "100%"}, ["B-2"]),
        ({"q": "1_0"}, []),
        ({"to": "2020-01-01T00:00:00Z"}, []),
    ):
        listed = (await floor.biller.get("/bills", sort="oldest", **query)).json()["items"]
        assert [bill["number"] for bill in listed] == wanted, query
        file = await floor.biller.get("/exports/bills", format="csv", **query)
        assert [row[0] for row in from_csv(file.content)[1:]] == wanted, query
    _, *rows = from_xlsx((await floor.biller.get("/exports/bills")).content)
    assert [(row[0], row[1], row[7]) for row in rows] == [
        ("B-1", "new", "0"),
        ("B-2", "new", "0"),
        ("HUBLI-3", "processing", "1"),
    ]
    for table, state in (("bags", "processing"), ("bills", "linked")):
        assert (await floor.biller.get(f"/exports/{table}", state=state)).json()["code"] == "invalid"


async def test_what_does_not_fit_on_a_sheet_goes_on_with_the_next_and_comes_back_whole(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rows_in(floor.admin, [["parent", "child"], *([f"P{n // 30}", f"C{n}"] for n in range(2_500))])
    before = await links(floor)
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 1_000)
    file = await floor.admin.get("/exports/links")
    monkeypatch.undo()
    book = fastexcel.read_excel(file.content)
    assert [book.load_sheet(name).height for name in book.sheet_names] == [999, 999, 502]
    await floor.owner.execute("truncate bags, audit_events cascade")
    done = await brought_in(floor.admin, file.content, "links.xlsx", confirm=True)
    assert (done["links_created"], done["rejected"]) == (2_500, 0)
    assert await links(floor) == before


async def test_who_may_export(floor: Floor) -> None:
    assert (await floor.north.get("/exports/bags")).status_code == 403
    assert (await floor.biller.get("/exports/audit")).status_code == 403
    assert (await floor.anyone.get("/exports/bags")).status_code == 401
    assert (await floor.biller.get("/exports/bills", kind="child")).json()["code"] == "invalid"
    for table, query in (("left-open", {}), ("empty", {"from": "2026-01-01T00:00:00Z"})):
        wrong = (await floor.biller.get(f"/exports/{table}", **query)).json()["errors"]
        assert wrong[0]["loc"] == ["query", "from"], table
    assert (await floor.biller.get("/exports/users")).status_code == 422
    assert (await floor.biller.get("/exports/bags", q="a\x00b")).json()["code"] == "bad_code"


async def many_bags(floor: Floor) -> Actor:
    """More than fits between the database and a client; the admin."""
    await floor.owner.execute(
        "insert into bags (kind, code, created_by)"
        " select 'child', 'C' || n, $1 from generate_series(1, 30000) n",
        floor.admin.id,
    )
    return Actor(floor.admin.id, "admin", Role.admin, None, uuid4(), False, "x", "")


async def test_a_client_that_goes_away_frees_the_connection(floor: Floor) -> None:
    actor = await many_bags(floor)
    for _ in range(5):
        stream = await export(actor, "bags", "csv", {})
        assert await anext(stream)
        assert await anext(stream)
        await stream.aclose()
    whole = await floor.admin.get("/exports/bags", format="csv")
    assert whole.content.count(b"\n") == 30_001


async def received(file: spreadsheet.Download, send: Callable[[Any], Awaitable[None]]) -> None:
    """Send a file to a client that stays on the line."""

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async with asyncio.timeout(20):
        await file({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)


async def test_a_client_that_takes_nothing_more_frees_the_connection(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = await many_bags(floor)
    monkeypatch.setattr(spreadsheet, "SEND_SECONDS", 0.2)
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 3:
            await asyncio.Event().wait()

    held = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name = 'tracetrack long work'"
    )
    # More than there are places.
    for form in ("csv", "xlsx", "csv"):
        sent.clear()
        await received(spreadsheet.download(await export(actor, "bags", form, {}), "bags", form), send)
        assert len(sent) == 3, form
        assert sent[-1]["more_body"], "it does not look whole"
        async with asyncio.timeout(20):
            while await floor.owner.fetchval(held):  # noqa: ASYNC110 - the server sets no event
                await asyncio.sleep(0.05)
    whole = await floor.admin.get("/exports/bags", format="csv")
    assert whole.content.count(b"\n") == 30_001


async def test_a_client_that_is_only_slow_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "SEND_SECONDS", 0.5)
    got = bytearray()

    async def one_piece() -> AsyncGenerator[bytes, None]:
        yield bytes(1_000_000)

    async def send(message: Any) -> None:
        part = message.get("body", b"")
        await asyncio.sleep(len(part) / 1_000_000)
        got.extend(part)

    await received(spreadsheet.download(one_piece(), "bags", "csv"), send)
    assert len(got) == 1_000_000


async def test_what_changed_since_in_lists_and_files(floor: Floor) -> None:
    bills = [(await floor.biller.post("/bills", {"number": n})).json() for n in ("B-1", "B-2", "B-3", "B-4")]
    for code in ("P1", "P2", "P3", "P4"):
        await floor.north.scan_parent(code)
    await floor.north.scan_child("P1", "C1")
    for number in (0, 1):
        await floor.biller.post(f"/bills/{bills[number]['id']}/bags", {"code": f"P{number + 1}"})
    bag_id = (await floor.biller.bag("P2"))["id"]
    await floor.owner.execute("set session_replication_role = replica")
    for table in ("bags", "bills"):
        await floor.owner.execute(f"update {table} set updated_at = now() - interval '1 day'")
    await floor.owner.execute("update audit_events set at = at - interval '1 day'")
    await floor.owner.execute("reset session_replication_role")
    since = await floor.owner.fetchval("select to_json(now() - interval '1 hour') #>> '{}'")

    await floor.north.scan_child("P1", "C2")
    await floor.biller.http.delete(f"/bills/{bills[1]['id']}/bags/{bag_id}")
    await floor.biller.post(f"/bills/{bills[2]['id']}/bags", {"code": "P3"})
    for table, name, changed in (
        ("bags", "code", ["C2", "P1", "P2", "P3"]),
        ("bills", "number", ["B-1", "B-2", "B-3"]),
    ):
        listed = (await floor.biller.get(f"/{table}", updated_since=since)).json()["items"]
        assert sorted(one[name] for one in listed) == changed
        file = await floor.biller.get(f"/exports/{table}", format="csv", updated_since=since)
        rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
        assert sorted(row[name] for row in rows) == changed
        stamps = {one["id"]: one["updated_at"][:19] for one in listed}
        assert {int(row["id"]): row["updated_at"][:19] for row in rows} == stamps
    found = (await floor.biller.get("/bags", updated_since=since, q="p", limit=2)).json()
    rest = (await floor.biller.get("/bags", updated_since=since, q="p", cursor=found["next_cursor"])).json()
    assert [bag["code"] for bag in found["items"] + rest["items"]] == ["P3", "P2", "P1"]
    assert (await floor.biller.get("/exports/links", updated_since=since)).status_code == 422
