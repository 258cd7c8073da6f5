"""Lists, search, audit and dashboard with ``ROWS`` bags, scans and events each: p50 and p95 in ms.

Through HTTP in this process; the dashboard also without its cache. ``KEEP_PLANS=1`` writes the plans of
their statements to docs/plans.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import httpx

from tracetrack.access.actor import Actor, Role
from tracetrack.access.passwords import hash_now
from tracetrack.app import create_app
from tracetrack.oversight.dashboard import service as dashboard
from tracetrack.platform.embedded import postgres
from tracetrack.platform.migrate import migrate_async
from tracetrack.settings import ROOT, Settings

ROWS = int(os.environ.get("ROWS", "10000000"))
CALLS = int(os.environ.get("CALLS", "100"))
PASSWORD = "correct horse battery"

PEOPLE = """
    insert into areas (name) select 'Area ' || n from generate_series(1, 8) n;
    insert into users (username, role, area_id, password_hash)
    select 'worker-' || n, 'dispatcher', 1 + n % 8, '-' from generate_series(1, 50) n;
"""
BAGS = """
    insert into bags (code, kind, area_id, bag_type_id, created_by, created_at)
    select 'SB' || lpad(n::text, 8, '0'), 'parent', 1 + n % 8, 1, 1 + n % 50, now() - interval '60 days'
    from generate_series(1, $1::integer / 31) n
"""
CHILDREN = """
    insert into bags (code, kind, area_id, parent_id, linked_by, linked_at, created_by, created_at)
    select 'M' || (p.id % 900 + 100) || '-' || lpad((p.id * 31 + c)::text, 9, '0'), 'child', p.area_id, p.id,
           p.created_by, p.created_at, p.created_by, p.created_at
    from bags p cross join generate_series(1, 30) c where p.kind = 'parent'
"""
COUNT = """
    insert into bag_search select id, lower(code) from bags;
    update bag_search_progress
    set indexed_to = (select max(id) from bags), seen_to = (select max(id) from bags);
    insert into bag_tallies select area_id, kind, state, count(*) from bags group by 1, 2, 3;
"""
# Spread evenly over the last twenty days.
SCANS = """
    insert into scans (scan_id, user_id, area_id, bag_id, parent_id, action, outcome, refused, code,
                       received_at)
    select gen_random_uuid(), 1 + n % 50, 1 + n % 50 % 8, n, n / 31,
           case when n % 31 = 1 then 'parent' else 'child' end,
           case when n % 50 = 0 then 'child_in_other_parent' else 'linked' end, n % 50 = 0, 'M' || n,
           now() - interval '20 days' * (1 - n::float8 / $1)
    from generate_series(1, $1::integer) n
"""
EVENTS = """
    insert into audit_events (at, actor_id, area_id, subject_id, parent_id, scan_id, action, subject_type,
                              subject_code, before, after, request_id, address)
    select now() - interval '20 days' * (1 - n::float8 / $1), 1 + n % 50, 1 + n % 8, n, n / 31,
           gen_random_uuid(),
           case when n % 1000 = 0 then 'bag_deleted' when n % 31 = 0 then 'bag_created'
                else 'child_linked' end,
           'bag', 'M' || n, null, jsonb_build_object('parent_id', n / 31), md5(n::text), '10.0.0.7'
    from generate_series(1, $1::integer) n
"""
# One parent in a hundred is empty, and nine of ten are on a bill.
STATES = """
    insert into bills (number, area_id, created_by) values ('B-1', 1, 1);
    update bags set child_count = 0 where kind = 'parent' and id % 100 = 0;
    insert into empty_parents select id from bags where kind = 'parent' and child_count = 0;
    update bags set bill_id = 1, completed_at = now() where kind = 'parent' and id % 10 <> 0;
"""
TALLIES = """
    insert into scan_tallies
    select date_bin('15 minutes', received_at, '2000-01-01Z'), area_id, user_id,
           count(*) filter (where not refused), count(*) filter (where refused), 0
    from scans group by 1, 2, 3;
    insert into scan_minutes
    select date_trunc('minute', received_at), area_id, count(*) filter (where not refused),
           count(*) filter (where refused)
    from scans where received_at > now() - interval '3 hours' group by 1, 2
"""


async def fill(owner: asyncpg.Connection) -> None:
    """Rows by the fastest way: triggers off, indexes made afterwards."""
    await owner.execute(
        "set statement_timeout = 0; set maintenance_work_mem = '512MB'; set work_mem = '256MB'"
    )
    await owner.execute(PEOPLE)
    for table in ("bags", "scans", "audit_events", "bag_search"):
        await owner.execute(f"alter table {table} disable trigger user")
        rows = await owner.fetch(
            "select indexname, indexdef from pg_indexes where tablename = $1 and indexname !~ 'pkey'", table
        )
        for row in rows:
            await owner.execute(f"drop index {row['indexname']}")
        began = time.monotonic()
        if table == "bags":
            await owner.execute(BAGS, ROWS)
            await owner.execute(CHILDREN)
            await owner.execute("update bags set child_count = 30 where kind = 'parent'")
            await owner.execute(STATES)
        elif table == "scans":
            await owner.execute(SCANS, ROWS)
        elif table == "audit_events":
            await owner.execute(EVENTS, ROWS)
        else:
            await owner.execute(COUNT)
        for row in rows:
            await owner.execute(row["indexdef"].replace(" ON ONLY ", " ON "))
        await owner.execute(f"alter table {table} enable trigger user")
        print(f"filled {table} in {time.monotonic() - began:.0f} s", flush=True)
    await owner.execute(TALLIES)
    await owner.execute("vacuum analyze")


# The statements behind the screens, as somebody who sees all areas asks them.
PLANS = {
    "bags, newest first": "select * from bag_cards order by id desc limit 51",
    "bags, walked for a part that only old ones have": "select id from bags where lower(code) like '%sb0%'"
    " order by id desc limit 51",
    "bags, the same by its trigrams": "select s.bag_id from bag_search s where s.code like '%sb0%'",
    "audit, newest first": "select * from audit_events e order by e.at desc, e.id desc limit 51",
    "audit, one person": "select * from audit_events e where e.actor_id = 7"
    " order by e.at desc, e.id desc limit 51",
    "dashboard": "select dashboard_summary(null, true, now() - interval '12 hours', 'Asia/Kolkata')",
    "left open": "select * from left_open(null, null, now() - interval '8 hours', now())"
    " order by 2 desc limit 51",
    "empty": "select id from empty_bags order by id desc limit 51",
    "on no bill": "select id from unbilled_bags where id > 0 order by id limit 51",
    "conflicts": "select * from open_conflicts(null, null, now() - interval '7 days', now())"
    " order by 2 desc, 1 desc limit 51",
    "work of a shift": "select * from shift_work(null, null, now() - interval '8 hours', now())",
}


async def keep_plans(owner: asyncpg.Connection) -> None:
    """Write down how PostgreSQL does it at this size."""
    parts = [
        f"# Plans at {ROWS:,} bags, scans and events\n\n"
        f"`KEEP_PLANS=1 ROWS={ROWS} python -m tests.bench.oversight` wrote this.\n"
    ]
    for name, statement in PLANS.items():
        rows = await owner.fetch(f"explain (analyze, buffers, costs off) {statement}")
        plan = "\n".join(row[0] for row in rows)
        parts.append(f"\n## {name}\n\n```\n{statement}\n\n{plan}\n```\n")
    folder = ROOT / "docs" / "plans"
    folder.mkdir(exist_ok=True)
    (folder / "oversight.md").write_text("".join(parts))


Ask = Callable[[], Awaitable[object]]


async def measure(name: str, ask: Ask, calls: int = CALLS) -> None:
    await ask()
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        await ask()
        times.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(times, n=100)
    print(f"{name:44} p50 {cuts[49]:7.1f}  p95 {cuts[94]:7.1f}  max {max(times):7.1f} ms", flush=True)


async def run(server: postgres.Postgres) -> None:
    await migrate_async(server.url(postgres.OWNER))
    owner = await asyncpg.connect(server.url(postgres.OWNER), command_timeout=3_600)
    await fill(owner)
    await owner.execute(
        "insert into users (username, role, password_hash) values ('boss', 'admin', $1)",
        hash_now(PASSWORD, 4),
    )
    settings = Settings(
        database_url=server.url(postgres.APP),
        secret_key="b" * 40,
        background=False,
        log_level="WARNING",
        _env_file=None,
    )
    app = create_app(settings)
    dice = random.Random(1)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://bench/api/v1", timeout=60
        ) as client,
    ):
        answer = await client.post("/auth/login", json={"username": "boss", "password": PASSWORD})
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

        def get(path: str, **query: Callable[[], object]) -> Ask:
            async def ask() -> None:
                asked = await client.get(path, params={k: str(v()) for k, v in query.items()})
                assert asked.status_code == 200, asked.text

            return ask

        def number() -> int:
            return dice.randrange(1, ROWS)

        def some_day() -> str:
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - dice.random() * 19 * 86_400))

        def one_of(*words: str) -> Callable[[], str]:
            return lambda: dice.choice(words)

        await measure("GET /audit", get("/audit"))
        await measure("GET /audit?to= (some day)", get("/audit", to=some_day))
        await measure("GET /audit?actor_id=", get("/audit", actor_id=lambda: dice.randrange(1, 51)))
        await measure(
            "GET /audit?actor_id=&to=", get("/audit", actor_id=lambda: dice.randrange(1, 51), to=some_day)
        )
        await measure(
            "GET /audit?area_id=&action=&to=",
            get(
                "/audit",
                area_id=lambda: dice.randrange(1, 9),
                action=one_of("bag_created", "child_linked", "bag_deleted"),
                to=some_day,
            ),
        )
        await measure("GET /audit?code=", get("/audit", code=lambda: f"SB{dice.randrange(1, ROWS // 31):08}"))
        await measure(
            "GET /audit?q= (code, person or action)", get("/audit", q=one_of("worker-7", "sb0000", "delete"))
        )
        await measure("GET /audit/users/{id}", get("/audit/users/7"))
        await measure("GET /bags", get("/bags"))
        await measure("GET /bags?q= (rare part)", get("/bags", q=lambda: str(number())[-6:]))
        await measure("GET /bags?q= (frequent part)", get("/bags", q=one_of("000", "sb0", "m44", "-00")))
        await measure("GET /bags?q= (only the oldest have it)", get("/bags", q=one_of("sb0", "sb00")))
        walk = "select id from bags where lower(code) like '%sb0%' order by id desc limit 51"
        await measure("the same, walked from the newest", lambda: owner.fetch(walk), 5)
        codes = [f"SB{number() // 31:08}" for _ in range(5_000)]

        async def states() -> None:
            asked = await client.post("/bags/states", json={"codes": codes})
            assert asked.status_code == 200, asked.text

        await measure("POST /bags/states (5,000 codes)", states)
        for which in ("left-open", "empty", "unbilled", "conflicts", "work"):
            await measure(f"GET /lists/{which}", get(f"/lists/{which}"))
        await measure("GET /search?q= (3 characters)", get("/search", q=lambda: str(number())[-3:]))
        await measure("GET /search?q= (6 characters)", get("/search", q=lambda: str(number())[-6:]))
        await measure(
            "GET /search?q= (whole code)", get("/search", q=lambda: f"SB{dice.randrange(1, ROWS // 31):08}")
        )

        boss = Actor(1, "boss", Role.admin, None, uuid4(), False, "", "")
        worker = Actor(1, "worker", Role.dispatcher, 1, uuid4(), False, "", "")
        await measure("dashboard, all areas, from the database", lambda: dashboard.count(boss, None))
        await measure("dashboard, one area, from the database", lambda: dashboard.count(worker, None))
        await measure("GET /dashboard/summary", get("/dashboard/summary"))
        if os.environ.get("KEEP_PLANS") == "1":
            await keep_plans(owner)
    await owner.close()


def main() -> None:
    with postgres.throwaway() as server:
        asyncio.run(run(server))


if __name__ == "__main__":
    main()
