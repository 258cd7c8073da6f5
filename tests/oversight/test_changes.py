"""GET /changes: every committed change once, in the order of its subject, whatever commits when."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.floor import Floor
from tracetrack.platform.paging import encode_cursor
from tracetrack.settings import Settings


async def read(floor: Floor, after: str | None = None, limit: int = 200) -> tuple[list[dict[str, Any]], str]:
    """All that there is after a position, and the position then."""
    found: list[dict[str, Any]] = []
    more = True
    while more:
        query: dict[str, Any] = {"limit": limit} | ({} if after is None else {"after": after})
        answer = await floor.biller.get("/changes", **query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        after, more = page["after"], page["more"]
    assert after is not None
    return found, after


async def position(floor: Floor) -> str:
    answer = (await floor.biller.get("/changes", after="now")).json()
    assert answer["items"] == []
    return str(answer["after"])


async def test_what_changed_and_what_is_gone(floor: Floor) -> None:
    after = await position(floor)
    bag = (await floor.north.scan_parent("P1")).json()["bag"]
    child = (await floor.north.scan_child("P1", "C1")).json()["bag"]
    bill = (await floor.admin.post("/bills", {"number": "B-1"})).json()
    gone = await floor.admin.http.delete(f"/bills/{bill['id']}", headers={"if-match": bill["etag"]})
    assert gone.status_code == 204
    found, after = await read(floor, after)
    told = [(one["subject_type"], one["subject_id"], one["removed"]) for one in found]
    assert ("bag", bag["id"], False) in told
    assert told[-2:] == [("bill", bill["id"], False), ("bill", bill["id"], True)]
    [link] = [one for one in found if one["action"] == "child_linked"]
    assert (link["subject_id"], link["parent_id"]) == (child["id"], bag["id"])
    assert link["actor"]["id"] == floor.north.id
    assert await read(floor, after) == ([], (await read(floor, after))[1])


async def test_pages_have_every_change_once_and_what_comes_meanwhile_follows(floor: Floor) -> None:
    for number in range(7):
        await floor.north.scan_parent(f"P{number}")
    whole, _ = await read(floor)
    first = (await floor.biller.get("/changes", limit=3)).json()
    await floor.north.scan_parent("MEANWHILE")
    rest, _ = await read(floor, first["after"], limit=3)
    ids = [one["id"] for one in first["items"] + rest]
    assert ids[: len(whole)] == [one["id"] for one in whole]
    assert len(ids) == len(set(ids))
    assert rest[-1]["code"] == "MEANWHILE"


EVENT = """
    insert into audit_events (action, subject_type, subject_id, subject_code)
    values ('bag_changed', 'bag', $1, $2)
"""


async def test_a_transaction_that_commits_late_is_not_missed(floor: Floor, settings: Settings) -> None:
    """Its id and time are older than what was read before it was committed."""
    assert settings.migrate_url is not None
    slow = await asyncpg.connect(settings.migrate_url.get_secret_value())
    try:
        after = await position(floor)
        late = slow.transaction()
        await late.start()
        await slow.execute(EVENT, 1, "LATE")
        await floor.north.scan_parent("EARLY")
        first, after = await read(floor, after)
        assert [one["code"] for one in first if one["action"] == "bag_created"] == ["EARLY"]
        await late.commit()
        second, after = await read(floor, after)
        assert [one["code"] for one in second] == ["LATE"]
        # A control: a reader that keeps the highest id would never see it.
        assert second[0]["id"] < max(one["id"] for one in first)
        assert (await read(floor, after))[0] == []
    finally:
        await slow.close()


async def test_beside_four_writers_nothing_is_missed_or_told_twice(floor: Floor) -> None:
    after = await position(floor)
    found: list[dict[str, Any]] = []

    async def write(writer: int) -> None:
        for number in range(15):
            answer = await floor.north.scan_child(f"W{writer}", f"C{writer}-{number}")
            assert answer.status_code == 200, answer.text

    for writer in range(4):
        await floor.north.scan_parent(f"W{writer}")
    writing = asyncio.gather(*(write(writer) for writer in range(4)))
    while not writing.done():
        page, after = await read(floor, after, limit=7)
        found += page
    await writing
    found += (await read(floor, after))[0]
    ids = [one["id"] for one in found]
    there = await floor.owner.fetch("select id from audit_events where subject_type = 'bag' order by id")
    assert sorted(ids) == [row["id"] for row in there]
    of_one: dict[int, list[int]] = {}
    for one in found:
        of_one.setdefault(one["subject_id"], []).append(one["id"])
    assert all(told == sorted(told) for told in of_one.values())


@pytest.mark.parametrize(
    "after",
    [
        "x",
        encode_cursor("1:1:", "1:1:"),
        encode_cursor("a", "b", 1),
        encode_cursor("5:5:", "9223372036854775807:9223372036854775807:", 0),
        encode_cursor("5:4:", "5:4:", 0),
        encode_cursor("1:5:7", "1:5:7", 0),
        encode_cursor("0:5:", "0:5:", 0),
        encode_cursor("99999999999999999999:99999999999999999999:", "1:1:", 0),
    ],
)
async def test_a_position_that_is_none_is_refused(floor: Floor, after: str) -> None:
    answer = await floor.biller.get("/changes", after=after)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


async def test_a_position_that_the_log_no_longer_holds_is_refused(floor: Floor) -> None:
    after = await position(floor)
    await floor.owner.execute(
        "insert into ledger_anchor (to_txid, head, row_count)"
        " values ((pg_current_xact_id()::text::bigint + 1)::text::xid8, sha256('x'), 1)"
    )
    answer = await floor.biller.get("/changes", after=after)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")
    assert (await floor.biller.get("/changes")).status_code == 200
