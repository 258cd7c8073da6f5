"""One label is one code: what the API, files and the stored bags make of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command

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


async def test_what_a_worker_sees_of_a_wifi_label_is_without_its_password(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_child("P1", "WIFI:T:WPA;S:net;P:geheim;;")
    long = "WIFI:P:geheim;S:" + "x" * 200
    refused = await floor.north.scan_child("P1", long)
    assert (refused.status_code, refused.json()["foreign"]) == (422, "wifi")
    assert await kept_anywhere(floor, "geheim") == []


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
