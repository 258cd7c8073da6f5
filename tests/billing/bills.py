"""What billers do, through HTTP, and what the database says about bills."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from tests.floor import Floor, Person


async def new_bill(person: Person, **fields: Any) -> dict[str, Any]:
    """A bill that somebody makes."""
    answer = await person.post("/bills", fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def packed(floor: Floor, code: str, children: int, by: Person | None = None) -> None:
    """A parent of North, or of somebody else's area, with this many children."""
    by = by or floor.north
    assert (await by.scan_parent(code)).status_code == 200
    if children:
        codes = [f"{code}-{n}" for n in range(children)]
        answer = await by.post("/scans/children", {"parent_code": code, "codes": codes})
        assert answer.status_code == 200, answer.text


async def attach(person: Person, bill_id: int, code: str) -> httpx.Response:
    """A parent scanned onto a bill."""
    return await person.post(f"/bills/{bill_id}/bags", {"code": code, "scan_id": str(uuid4())})


async def detach(person: Person, bill_id: int, code: str) -> httpx.Response:
    """A parent scanned off a bill."""
    return await person.post(f"/bills/{bill_id}/bags/detach", {"code": code, "scan_id": str(uuid4())})


async def many_parents(floor: Floor, prefix: str, parents: int, children: int) -> list[str]:
    """Parents of North with children, straight into the database."""
    codes = [f"{prefix}{n:05}" for n in range(parents)]
    await floor.owner.execute(
        """
        with made as (
            insert into bags (code, kind, area_id, bag_type_id, created_by)
            select code, 'parent', $2, (select id from bag_types where is_default), $3
            from unnest($1::text[]) code returning id, code
        )
        select count(*) from made""",
        codes,
        floor.areas["North"],
        floor.north.id,
    )
    if children:
        await floor.owner.execute(
            """
            insert into bags (code, kind, area_id, parent_id, linked_by, linked_at, created_by)
            select p.code || '-C' || n, 'child', p.area_id, p.id, $2, now(), $2
            from bags p, generate_series(1, $3::int) n where p.code = any ($1::text[])""",
            codes,
            floor.north.id,
            children,
        )
    # So many come over a season, in which the server has counted them.
    await floor.owner.execute("analyze bags")
    return codes


async def drift(floor: Floor) -> list[dict[str, Any]]:
    """Bills whose running totals differ from their rows; there must be none."""
    rows = await floor.owner.fetch("""
        with facts as (
            select p.bill_id, p.bag_type_id, count(*) as parents, sum((
                select count(*) from bags c where c.parent_id = p.id)) as children
            from bags p where p.bill_id is not null group by 1, 2
        )
        select * from facts f full join bill_totals t using (bill_id, bag_type_id)
        where coalesce(f.parents, 0) <> coalesce(t.parents, 0)
           or coalesce(f.children, 0) <> coalesce(t.children, 0)""")
    return [dict(row) for row in rows]
