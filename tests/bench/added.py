"""What the oversight of a scan costs the scan: the same scans with and without it, in turns.

``ROUNDS`` of ``SCANS`` new children each, by one connection, straight into PostgreSQL; with everything,
without the tallies' triggers, and without the ledger's later indexes as well.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from uuid import uuid4

import asyncpg
import orjson

from tracetrack.platform.embedded import postgres
from tracetrack.platform.migrate import migrate_async

ROUNDS = int(os.environ.get("ROUNDS", "12"))
SCANS = int(os.environ.get("SCANS", "1000"))
SQL = "select floor_scan(row($1::bigint, $2::bigint, $2::bigint, 'bench', '::1')::floor_actor, $3::jsonb)"

ON = "alter table bags enable trigger user; alter table scans enable trigger user"
WITHOUT_TALLIES = """
    alter table bags disable trigger bags_3_tallied_insert;
    alter table bags disable trigger bags_3_tallied_update;
    alter table scans disable trigger scans_tallied
"""
INDEXES = {
    "audit_events_actor_idx": "(actor_id, at, id)",
    "audit_events_area_idx": "(area_id, at, id)",
    "audit_events_action_idx": "(action, at, id)",
    "audit_events_at_idx": "(at, id)",
    "audit_events_txid_idx": "(txid)",
}
OLD = {"audit_events_actor_idx": "(actor_id, id)", "audit_events_area_idx": "(area_id, id)"}


async def indexes(owner: asyncpg.Connection, wanted: dict[str, str]) -> None:
    for name in INDEXES:
        await owner.execute(f"drop index if exists {name}")
    for name, columns in wanted.items():
        await owner.execute(f"create index {name} on audit_events {columns}")


async def scans(app: asyncpg.Connection, user: int, area: int) -> float:
    """Milliseconds a scan."""
    parent = uuid4().hex
    bodies = [{"action": "parent", "code": parent, "scan_id": str(uuid4())}]
    bodies += [
        {"action": "child", "parent_code": parent, "code": uuid4().hex, "scan_id": str(uuid4())}
        for _ in range(SCANS)
    ]
    texts = [orjson.dumps(body).decode() for body in bodies]
    await app.fetchval(SQL, user, area, texts[0])
    began = time.perf_counter()
    for text in texts[1:]:
        await app.fetchval(SQL, user, area, text)
    return (time.perf_counter() - began) * 1000 / SCANS


async def measure(server: postgres.Postgres) -> None:
    owner = await asyncpg.connect(server.url(postgres.OWNER))
    app = await asyncpg.connect(server.url(postgres.APP))
    area = await owner.fetchval("insert into areas (name) values ('Bench') returning id")
    user = await owner.fetchval(
        "insert into users (username, role, area_id, password_hash) values ('b', 'dispatcher', $1, '-')"
        " returning id",
        area,
    )
    await scans(app, user, area)
    times: dict[str, list[float]] = {"all of it": [], "no tallies": [], "no tallies, old indexes": []}
    for _ in range(ROUNDS):
        for name, found in times.items():
            await owner.execute(ON if name == "all of it" else WITHOUT_TALLIES)
            await indexes(owner, OLD if "old" in name else INDEXES)
            found.append(await scans(app, user, area))
            await owner.execute("select fold_tallies()")
    whole = statistics.median(times["all of it"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:26} {middle:.3f} ms a scan (best {min(found):.3f}), {middle / whole:.0%}", flush=True)
    await owner.close()
    await app.close()


async def run(server: postgres.Postgres) -> None:
    await migrate_async(server.url(postgres.OWNER))
    await measure(server)


def main() -> None:
    with postgres.throwaway() as server:
        asyncio.run(run(server))


if __name__ == "__main__":
    main()
