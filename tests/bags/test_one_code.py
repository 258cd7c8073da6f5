"""One label is one code: what the API, files and the stored bags make of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from alembic import command

from tests.billing.bills import attach, new_bill, packed
from tests.conftest import TEMPLATE
from tests.floor import Floor
from tests.imports.files import brought_in, rows_in, told
from tracetrack.bags.check import check_codes
from tracetrack.bags.codes import Labels, read_label
from tracetrack.platform.embedded import postgres
from tracetrack.platform.migrate import alembic_config
from tracetrack.settings import Settings

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "codes.json").read_text())


async def test_a_label_is_one_bag_whether_scanned_or_brought_in_by_files(floor: Floor) -> None:
    """Each vector by the API, an xlsx and a csv: the first makes the bag, the others find it."""
    good = {one["raw"]: one["code"] for one in VECTORS["codes"] if "code" in one}
    vectors = [one for one in VECTORS["codes"] if one["raw"]]
    await floor.north.scan_parent("P-VECTORS")
    answer = await floor.north.post(
        "/scans/children", {"parent_code": "P-VECTORS", "codes": [one["raw"] for one in vectors]}
    )
    for one, result in zip(vectors, answer.json()["results"], strict=True):
        if "code" in one:
            assert result["outcome"] in ("linked", "already_linked"), one
            assert result["code"] == one["code"], one
        else:
            assert (result["outcome"], result["problem"]["reason"]) == ("refused", one["reason"]), one
    # What a cell can hold.
    rows = [(n, "P-VECTORS", raw) for n, raw in enumerate(good) if not set(raw) & {"\x1d"}]
    # A keyboard has typed these; a label is printed with 0 to 9.
    other_digits = [raw for _, _, raw in rows if any(c.isdigit() and not c.isascii() for c in raw)]
    assert len(other_digits) == 2
    foreign = [raw for _, _, raw in rows if read_label(raw, Labels()).foreign is not None]
    assert len(foreign) >= 2
    for shown in (
        await rows_in(floor.admin, [("serial", "parent", "child"), *rows], area_id=floor.areas["North"]),
        await brought_in(floor.admin, _csv(rows), "bags.csv", area_id=floor.areas["North"]),
    ):
        assert shown["children_created"] == 0
        assert [
            reason for _, verdict, reason in await told(floor.admin, shown["id"]) if verdict == "refused"
        ].count("digits_not_ascii") == len(other_digits)
        assert shown["rejected"] == len(other_digits) + len(foreign)
        assert shown["duplicates_skipped"] == len(rows) - len(other_digits) - len(foreign)


def _csv(rows: list[tuple[int, str, str]]) -> bytes:
    quoted = (",".join('"' + str(cell).replace('"', '""') + '"' for cell in row) for row in rows)
    return ("serial,parent,child\n" + "\n".join(quoted)).encode()


PASSWORD = "geheimKennwort"
SECRETS = [
    f"WIFI:T:WPA;S:net;P:{PASSWORD};;",
    f"WIFI:P:{PASSWORD};S:" + "x" * 200,
    f"]Q1wifi:T:WPA;\nP:{PASSWORD};S:net;;",
    f"*WIFI:S:net;P:{PASSWORD};;*",
    f"\u200bWI\u200bFI:S:net;P:{PASSWORD};;",
    f"GATE 2 WIFI:S:net;P:{PASSWORD};;",
    f"otpauth://totp/x?secret={PASSWORD}",
    f"WIFI:S:{'n' * 2_100};P:{PASSWORD};;",
]


@pytest.fixture
async def paths(floor: Floor) -> dict[str, str]:
    """Paths of a bag of each kind, a bill, one that is received, and a return."""
    area = floor.areas["North"]
    parent = (await floor.north.scan_parent("P1")).json()["bag"]
    child = (await floor.north.scan_child("P1", "C1")).json()["bag"]
    await packed(floor, "P2", 1)
    bill, sent = await new_bill(floor.biller, area_id=area), await new_bill(floor.biller, area_id=area)
    await attach(floor.biller, sent["id"], "P2")
    await floor.biller.post(f"/bills/{sent['id']}/complete")
    receipt = (await floor.biller.post(f"/bills/{sent['id']}/receipts")).json()["receipt"]
    back = (await floor.biller.post("/returns", {"reason": "Torn"})).json()
    return {
        "parent": f"/bags/{parent['id']}",
        "child": f"/bags/{child['id']}",
        "bill": f"/bills/{bill['id']}",
        "receipt": f"/bills/{sent['id']}/receipts/{receipt['id']}",
        "return": f"/returns/{back['id']}",
    }


async def _sent_everywhere(floor: Floor, paths: dict[str, str], label: str) -> list[httpx.Response]:
    """A label by every way that takes one."""
    north, biller = floor.north, floor.biller
    scan: dict[str, Any] = {"code": label, "scan_id": str(uuid4()), "previous": None}
    queued = [
        {"action": "scan", "code": label, "previous": None},
        {"action": "scan", "code": label, "previous": None, "as": "child"},
        {"action": "parent", "code": label},
        {"action": "child", "parent_code": "P1", "code": label},
        {"action": "child", "parent_code": label, "code": "C2"},
        {"action": "unlink", "parent_code": "P1", "code": label},
    ]
    at = "2026-11-24T08:00:00Z"
    return [
        await north.post("/scans", scan),
        await north.post("/scans", scan | {"as": "parent"}),
        await north.scan_parent(label),
        await north.scan_child("P1", label),
        await north.scan_child(label, "C3"),
        await north.post("/scans/children", {"parent_code": "P1", "codes": [label]}),
        await north.post(
            "/scans/sync", {"scans": [one | {"scan_id": str(uuid4()), "scanned_at": at} for one in queued]}
        ),
        await north.post(f"{paths['child']}/move", {"parent_code": label}),
        await north.post(f"{paths['parent']}/label", {"code": label}),
        await north.get("/bags/lookup", code=label),
        await north.get("/bags", q=label),
        await north.post("/bags/states", {"codes": [label]}),
        await north.get("/search", q=label),
        await floor.admin.get("/audit", code=label),
        await floor.admin.get("/audit", q=label),
        await biller.post("/labels", {"codes": [label]}),
        await biller.post(f"{paths['bill']}/bags", {"code": label}),
        await biller.post(f"{paths['bill']}/bags/many", {"codes": [label]}),
        await biller.post(f"{paths['bill']}/bags/detach-many", {"codes": [label]}),
        await biller.post(f"{paths['receipt']}/scans", {"code": label}),
        await biller.post(f"{paths['return']}/bags", {"code": label}),
        await floor.admin.post("/label-patterns/try", {"text": label}),
    ]


async def test_the_password_on_a_label_is_kept_nowhere(
    floor: Floor,
    paths: dict[str, str],
    settings: Settings,
    server: postgres.Postgres,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for label in SECRETS:
        for answer in await _sent_everywhere(floor, paths, label):
            assert answer.status_code in (200, 201, 404, 409, 422), answer.text
            # Each was read as a label, where it is not too long for that.
            if answer.is_error and len(label) <= 128:
                assert answer.json()["code"] not in ("not_found", "invalid", "malformed"), answer.text
            assert PASSWORD not in answer.text, answer.url
    assert await kept_anywhere(floor, PASSWORD) == []
    # The database's files with its logs, and the data folder.
    places = (settings.data, server.folder, server.log.parent)
    written = {path for place in places for path in place.rglob("*") if path.is_file()}
    assert server.log in written
    assert [path for path in sorted(written) if PASSWORD.encode() in path.read_bytes()] == []
    told_ = capfd.readouterr()
    assert PASSWORD not in told_.out + told_.err


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_file_with_a_password_is_not_kept(
    floor: Floor, settings: Settings, kind: str, dry_run: bool
) -> None:
    rows: list[tuple[Any, ...]] = [("serial", "parent", "child", "note"), (1, "P1", "C1", "fine")]
    rows += [
        (n, "P1", label, "") for n, label in enumerate(SECRETS) if "\u200b" not in label or kind == "csv"
    ]
    rows += [(99, "P1", "C2", SECRETS[0])]
    folder = settings.data / "imports"
    others = set(folder.glob("*"))
    form: dict[str, Any] = {"dry_run": dry_run, "area_id": floor.areas["North"]}
    if kind == "xlsx":
        done = await rows_in(floor.admin, rows, **form)
    else:
        quoted = (",".join('"' + str(cell) + '"' for cell in row) for row in rows)
        done = await brought_in(floor.admin, "\n".join(quoted).encode(), "bags.csv", **form)
    assert done["state"] == "completed"
    assert [notice["code"] for notice in done["notices"]] == ["secret_in_file"]
    async with asyncio.timeout(60):
        while True:
            preview = await floor.admin.get(f"/imports/{done['id']}/preview")
            if preview.json().get("code") == "import_file_gone":
                break
            await asyncio.sleep(0.02)
    assert set(folder.glob("*")) <= others
    for form in ("csv", "json"):
        report = await floor.admin.get(f"/imports/{done['id']}/report", format=form)
        assert PASSWORD not in report.text
    assert await kept_anywhere(floor, PASSWORD) == []


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
async def test_labels_in_files_that_are_no_bags_are_asked_about(floor: Floor, kind: str) -> None:
    foreign = [one["raw"] for one in VECTORS["labels"] if one["foreign"] and not one["site"]]
    foreign += ["WIFI:T:WPA;S:net;P:geheim;;", "otpauth://totp/x?secret=GEHEIMNIS"]
    assert len(foreign) > 5
    rows = [(n, "P-FOREIGN", raw) for n, raw in enumerate([*foreign, "SB-GOOD"]) if "\x1d" not in raw]
    done = (
        await rows_in(floor.admin, [("serial", "parent", "child"), *rows], area_id=floor.areas["North"])
        if kind == "xlsx"
        else await brought_in(floor.admin, _csv(rows), "bags.csv", area_id=floor.areas["North"])
    )
    assert (done["children_created"], done["rejected"]) == (1, len(rows) - 1)
    assert {reason for _, verdict, reason in await told(floor.admin, done["id"]) if verdict == "refused"} == {
        "code_foreign"
    }
    assert await kept_anywhere(floor, "geheim") == []


async def kept_anywhere(floor: Floor, secret: str) -> list[str]:
    """Tables that hold this text, in any case."""
    tables = await floor.owner.fetch(
        "select quote_ident(table_name) as name from information_schema.tables"
        " where table_schema = 'public' and table_type = 'BASE TABLE'"
    )
    found = []
    for table in tables:
        query = f"select count(*) from {table['name']} t where t::text ilike '%' || $1 || '%'"
        if await floor.owner.fetchval(query, secret):
            found.append(str(table["name"]))
    return found


_OLD = """
    insert into bags (code, kind, area_id, created_by)
    select code, 'child', (select min(id) from areas), (select min(id) from users)
    from unnest($1::text[]) code
"""


async def test_equal_codes_are_reported_and_never_merged(floor: Floor, settings: Settings) -> None:
    await floor.owner.execute(_OLD, ["*ONE*", "*TWO*", "TWO", "WIFI:S:a;P:geheim;;", "SB1"])
    found = await check_codes(str(settings.database_url and settings.database_url.get_secret_value()))
    assert {code: [bag.code for bag in bags] for code, bags in found.equal.items()} == {
        "two": ["*TWO*", "TWO"]
    }
    assert [reason for _, reason in found.unreadable] == ["secret"]
    assert found.bags == 5
    assert not any("geheim" in line for line in found.lines())
    assert await floor.owner.fetchval("select count(*) from bags") == 5


async def test_codes_of_before_are_found_by_their_labels(server: postgres.Postgres) -> None:
    """The migration keeps what the rule makes of a stored code as a further code of its bag."""
    server.create_database("tracetrack_older", TEMPLATE)
    try:
        url = server.url(postgres.OWNER, "tracetrack_older")
        await asyncio.to_thread(command.downgrade, alembic_config(url), "0030")
        owner = await asyncpg.connect(url)
        try:
            await owner.execute("insert into areas (name) values ('North')")
            await owner.execute(
                "insert into users (username, role, password_hash) values ('anna', 'admin', '-')"
            )
            old = ["*ONE*", "0036000291452", "*TWO*", "TWO", "0036000291453", "*A*B*", "* 0042100005264 *"]
            await owner.execute(_OLD, old)
            await asyncio.to_thread(command.upgrade, alembic_config(url), "0035")
            rows = await owner.fetch(
                "select r.code, b.code as kept from retired_codes r join bags b on id = bag_id"
            )
            assert {row["code"]: row["kept"] for row in rows} == {
                "ONE": "*ONE*",
                "036000291452": "0036000291452",
                "042100005264": "* 0042100005264 *",
            }
            for code, kept in {"one": "*ONE*", "036000291452": "0036000291452", "TWO": "TWO"}.items():
                assert await owner.fetchval("select code from find_bag($1)", code) == kept
            await asyncio.to_thread(command.downgrade, alembic_config(url), "0030")
            assert await owner.fetchval("select count(*) from retired_codes") == 0
        finally:
            await owner.close()
    finally:
        server.drop_database("tracetrack_older")
