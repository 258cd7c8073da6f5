"""Uploading files and waiting for what comes of them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from tests.floor import Floor, Person
from tests.imports.workbooks import Rows, workbook


async def upload(person: Person, content: bytes, name: str = "bags.xlsx", **form: Any) -> httpx.Response:
    """POST /imports."""
    data = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in form.items()}
    return await person.http.post("/imports", files={"file": (name, content)}, data=data)


async def finished(person: Person, import_id: int, seconds: float = 180) -> dict[str, Any]:
    """The import, when it no longer waits or runs."""
    until = time.monotonic() + seconds
    while True:
        shown = (await person.get(f"/imports/{import_id}")).json()
        if shown["state"] not in ("queued", "running"):
            return dict(shown)
        assert time.monotonic() < until, shown
        await asyncio.sleep(0.02)


async def brought_in(person: Person, content: bytes, name: str = "bags.xlsx", **form: Any) -> dict[str, Any]:
    """Upload a file and wait for its import."""
    answer = await upload(person, content, name, **form)
    assert answer.status_code == 202, answer.text
    return await finished(person, answer.json()["id"])


async def rows_in(person: Person, rows: Rows, **form: Any) -> dict[str, Any]:
    """Import one sheet of rows."""
    return await brought_in(person, workbook({"Sheet1": rows}), **form)


async def told(person: Person, import_id: int) -> list[tuple[int, str, str]]:
    """The report: row, verdict and reason."""
    found: list[tuple[int, str, str]] = []
    cursor = None
    while True:
        page = (await person.get(f"/imports/{import_id}/report", cursor=cursor, limit=200)).json()
        found += [(row["row"], row["verdict"], row["code"]) for row in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            return found


def accounted(shown: dict[str, Any]) -> bool:
    """Whether the counts add up to the rows."""
    parts = ("links_created", "parents_packed", "parents_alone", "duplicates_skipped", "rejected")
    return shown["rows_total"] == sum(shown[part] for part in parts)


async def links(floor: Floor) -> dict[str, str]:
    """Which child is in which parent."""
    rows = await floor.owner.fetch(
        "select c.code as child, p.code as parent from bags c join bags p on p.id = c.parent_id"
    )
    return {row["child"]: row["parent"] for row in rows}
