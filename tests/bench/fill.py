"""Bags, scans and people by COPY, as many as wanted, as a floor has them that works for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg

CHILDREN = 30
LINES = 100_000
"""Lines of one piece of COPY."""


async def people(owner: asyncpg.Connection, area: int, **count: int) -> None:
    """People by kind (``floor``, ``office``, ``admin``), all with the first admin's password."""
    roles = {"floor": "dispatcher", "office": "biller", "admin": "admin"}
    hashed = await owner.fetchval("select password_hash from users where username = 'admin'")
    for kind, many in count.items():
        for number in range(many):
            await owner.execute(
                "insert into users (username, role, area_id, password_hash) values ($1, $2, $3, $4)",
                f"{kind}-{number}",
                roles[kind],
                area if kind == "floor" else None,
                hashed,
            )


def bag_lines(first: int, parents: int, area: int, user: int) -> Iterator[bytes]:
    """CSV of parents and of their children, in pieces: id, code, kind, area, type, parent, by whom."""
    lines: list[str] = []
    for parent in range(parents):
        lines.append(f"{first + parent},SP{parent + 1:09},parent,{area},1,,,,{user}\n")
        if len(lines) == LINES:
            yield "".join(lines).encode()
            lines.clear()
    child = first + parents
    for parent in range(parents):
        at = first + parent
        end = f"child,{area},,{at},{user},2026-01-01T00:00:00Z,{user}\n"
        for number in range(CHILDREN):
            lines.append(f"{child},SC{parent + 1:09}-{number:02},{end}")
            child += 1
        if len(lines) >= LINES:
            yield "".join(lines).encode()
            lines.clear()
    yield "".join(lines).encode()


async def bags(owner: asyncpg.Connection, total: int, area: int, user: int) -> int:
    """Fill so many bags, parents of 30 children; how many parents. The search and statistics know them."""
    began = time.monotonic()
    parents = total // (CHILDREN + 1)
    first = 1 + await owner.fetchval("select coalesce(max(id), 0) from bags")

    async def pieces() -> AsyncIterator[bytes]:
        for piece in bag_lines(first, parents, area, user):
            yield piece

    await owner.execute("set statement_timeout = 0")
    await owner.copy_to_table(
        "bags",
        source=pieces(),
        format="csv",
        columns=[
            *("id", "code", "kind", "area_id", "bag_type_id"),
            *("parent_id", "linked_by", "linked_at", "created_by"),
        ],
    )
    await owner.execute("select setval(pg_get_serial_sequence('bags', 'id'), (select max(id) from bags))")
    filled = time.monotonic() - began
    behind = "select indexed_to < (select max(id) from bags) from bag_search_progress"
    for _ in range(600):
        if not await owner.fetchval(behind):
            break
        await asyncio.sleep(1)
    for table in ("bags", "bag_search"):
        await owner.execute(f"vacuum analyze {table}")
    known, count = time.monotonic() - began, parents * (CHILDREN + 1)
    print(f"{count:,} bags by COPY in {filled:.0f} s, searchable after {known:.0f} s", flush=True)
    return parents
