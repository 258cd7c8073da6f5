"""How cost grows: the same questions at 100 thousand, 1 million and 10 million bags, ten scans a bag.

One PostgreSQL with the product's settings holds a database of each size, and a site of one worker serves it.
The questions go to the sizes in turns, so that what else the machine does falls on all of them alike.
Scans lie in ten monthly partitions. Beside the table, the plans of the statements go to ``docs/plans``.

``SIZES`` (bags, with commas), ``SCANS`` (a bag), ``CALLS`` (of each question at each size) and ``IMPORTS``
change the sizes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from sqlalchemy.dialects.postgresql import dialect

from tests.bench import oversight
from tests.test_serve import PASSWORD, Site
from tracetrack.access.actor import Actor, Role
from tracetrack.access.passwords import hash_now
from tracetrack.bags import queries
from tracetrack.platform.embedded import postgres
from tracetrack.platform.embedded.processes import Remembered
from tracetrack.platform.migrate import migrate_async
from tracetrack.settings import ROOT

SIZES = [int(size) for size in os.environ.get("SIZES", "100000,1000000,10000000").split(",")]
SCANS_A_BAG = int(os.environ.get("SCANS", "10"))
CALLS = int(os.environ.get("CALLS", "300"))
IMPORTS = int(os.environ.get("IMPORTS", "5"))
IMPORT_ROWS = 5_000
PLANS = ROOT / "docs" / "plans"
MONTHS = 10
CHILDREN = 30

SCANS = """
    insert into scans (scan_id, user_id, area_id, bag_id, parent_id, action, outcome, refused, code,
                       received_at)
    select gen_random_uuid(), 1 + n % 50, 1 + n % 50 % 8, 1 + n % $1, 1 + n % ($1 / 31), 'child',
           case when n % 50 = 0 then 'child_in_other_parent' else 'linked' end, n % 50 = 0, 'M' || n,
           $2::timestamptz + interval '27 days' * random()
    from generate_series(1, $1::integer) n
"""


SIZES_OF = """
    select name, sum(pg_total_relation_size(oid))::float8 as bytes,
           sum(greatest(reltuples, 0))::float8 as rows
    from pg_class join unnest(array['scans', 'audit_events', 'bag_search', 'bags']) as name
      on relname = name or relname ~ ('^' || name || '_\\d{4}_\\d\\d$')
    where relkind = 'r' group by name order by name
"""


async def fill(owner: asyncpg.Connection, bags: int) -> None:
    """Bags, audit events and tallies as :mod:`tests.bench.oversight` makes them, and scans by the month."""
    began = time.monotonic()
    oversight.ROWS = bags
    # Its scans are this month's; the others come below.
    await oversight.fill(owner)
    first = await owner.fetchval("select date_trunc('month', now(), 'UTC') - interval '9 months'")
    await owner.execute("alter table scans disable trigger user")
    # This month has its share already.
    for month in range(min(MONTHS, SCANS_A_BAG) - 1):
        shifted = "select date_trunc('month', $1::timestamptz + make_interval(months => $2), 'UTC')"
        starts = await owner.fetchval(shifted, first, month)
        name = f"scans_{starts:%Y_%m}"
        if not await owner.fetchval("select to_regclass($1)", name):
            await owner.execute(
                f"create table {name} partition of scans for values from ('{starts:%Y-%m-01} 00:00+00')"
                f" to ('{starts:%Y-%m-01} 00:00+00'::timestamptz + interval '1 month')"
            )
        await owner.execute(SCANS, bags, starts)
    await owner.execute("alter table scans enable trigger user")
    await owner.execute("vacuum analyze")
    for row in await owner.fetch(SIZES_OF):
        print(f"   {row['name']}: {row['bytes'] / max(1, row['rows']):.0f} bytes a row with its indexes")
    print(f"{bags:,} bags and {bags * SCANS_A_BAG:,} scans in {time.monotonic() - began:.0f} s", flush=True)


class Size:
    """One database with its site."""

    def __init__(self, bags: int, server: postgres.Postgres, folder: Path) -> None:
        self.bags = bags
        self.server = server
        self.name = f"bags_{bags}"
        self.folder = folder / self.name
        self.folder.mkdir(mode=0o711)
        self.dice = random.Random(bags)
        self.times: dict[str, list[float]] = {}

    async def make(self) -> None:
        """The database, filled."""
        self.server.create_database(self.name)
        await migrate_async(self.server.url(postgres.OWNER, self.name))
        owner = await asyncpg.connect(self.server.url(postgres.OWNER, self.name), command_timeout=36_000)
        await fill(owner, self.bags)
        hashed = hash_now(PASSWORD, 4)
        await owner.execute(
            "insert into users (username, role, password_hash) values ('boss', 'admin', $1)", hashed
        )
        await owner.close()

    @contextlib.contextmanager
    def served(self) -> Iterator[None]:
        """A site of one worker."""
        self.site = Site(
            self.folder,
            TRACETRACK_DATABASE_URL=self.server.url(postgres.APP, self.name),
            TRACETRACK_MIGRATE_URL=self.server.url(postgres.OWNER, self.name),
            TRACETRACK_WORKERS="1",
            TRACETRACK_LOG_LEVEL="WARNING",
        ).until_ready()
        try:
            yield
        finally:
            self.site.stop()

    async def sign_in(self) -> None:
        """As an admin, who may do all of it."""
        self.client = httpx.AsyncClient(base_url=f"{self.site.url}/api/v1", timeout=120)
        answer = await self.client.post("/auth/login", json={"username": "boss", "password": PASSWORD})
        self.client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        await self.scan_parent()

    async def ask(self, what: str, act: Callable[[Size], Awaitable[None]]) -> None:
        """One act, timed."""
        began = time.perf_counter()
        await act(self)
        self.times.setdefault(what, []).append((time.perf_counter() - began) * 1000)

    async def get(self, path: str, **query: object) -> None:
        """A question that must be answered."""
        answer = await self.client.get(path, params={key: str(value) for key, value in query.items()})
        assert answer.status_code == 200, f"{path} {query}: {answer.text}\n{self.site.words()[-3000:]}"

    def code(self) -> str:
        """Of some parent."""
        return f"SB{self.dice.randrange(1, max(2, self.bags // 31)):08}"

    async def scan_parent(self) -> None:
        """A new parent is opened."""
        self.parent = f"G-{uuid4().hex[:10]}"
        body = {"code": self.parent, "scan_id": str(uuid4())}
        answer = await self.client.post("/scans/parent", json=body)
        assert answer.status_code == 200, answer.text

    async def scan_child(self) -> None:
        """A new child is linked."""
        body = {"parent_code": self.parent, "code": f"G-{uuid4().hex[:12]}", "scan_id": str(uuid4())}
        answer = await self.client.post("/scans/child", json=body)
        assert answer.status_code == 200, answer.text

    async def bring_a_file(self) -> None:
        """An import, from the first byte sent until it is completed."""
        mark = uuid4().hex[:8]
        lines = ["parent,child"] + [f"IP{mark}-{n // CHILDREN},IC{mark}-{n}" for n in range(IMPORT_ROWS)]
        answer = await self.client.post(
            "/imports", files={"file": ("bags.csv", "\n".join(lines).encode())}, params={"confirm": "true"}
        )
        assert answer.status_code == 202, answer.text
        shown = answer.json()
        while shown["state"] in ("queued", "running"):
            await asyncio.sleep(0.01)
            shown = (await self.client.get(f"/imports/{shown['id']}")).json()
        assert shown["state"] == "completed", shown


ACTS: dict[str, Callable[[Size], Awaitable[None]]] = {
    "scan a parent": Size.scan_parent,
    "scan a child": Size.scan_child,
    "look up a code": lambda one: one.get("/bags/lookup", code=one.code()),
    "bags, first page": lambda one: one.get("/bags", limit=50),
    "open parents of an area": lambda one: one.get(
        "/bags", kind="parent", state="open", area_id=one.dice.randrange(1, 9), limit=50
    ),
    "scans of one person": lambda one: one.get("/scans", user_id=one.dice.randrange(1, 51), limit=50),
    "search, 6 characters": lambda one: one.get("/search", q=one.code()[-6:]),
    "search, a whole code": lambda one: one.get("/search", q=one.code()),
    "dashboard": lambda one: one.get("/dashboard/summary"),
}

BOSS = Actor(1, "boss", Role.admin, None, uuid4(), False, "", "")
_FILTERS: dict[str, Any] = dict.fromkeys(
    ("kind", "state", "area_id", "containing", "since", "until", "updated_since", "after")
)
_NEWEST = {**_FILTERS, "sort": "newest", "limit": 50}

EXPLAINED: dict[str, Callable[[Any, Size], Awaitable[object]]] = {
    "look-up-scans-of-a-bag": lambda tx, one: queries.scans_page(tx, BOSS, bag_id=one.bags // 62, limit=10),
    "bags-first-page": lambda tx, one: queries.bags_page(tx, BOSS, **_NEWEST),
    "open-parents-of-an-area": lambda tx, one: queries.bags_page(
        tx, BOSS, **{**_NEWEST, "kind": "parent", "state": "open", "area_id": 3}
    ),
    "scans-of-one-person": lambda tx, one: queries.scans_page(tx, BOSS, user_id=7, limit=50),
    "search": lambda tx, one: queries.bags_like(tx, BOSS, one.code()[-6:].lower(), 8),
}
"""The product's own statements, by the functions that ask them."""


class Heard(Exception):  # noqa: N818 - an answer, not an error
    """A statement, in place of its result."""


class Ear:
    """Takes the place of a connection, and hears what is asked."""

    async def execute(self, statement: Any, values: dict[str, object] | None = None) -> None:
        """Say what it is."""
        if values:
            statement = statement.bindparams(**values)
        raise Heard(str(statement.compile(dialect=dialect(), compile_kwargs={"literal_binds": True})))


async def explain(sizes: list[Size]) -> None:
    """Write the plans, one file a statement, all sizes in it."""
    PLANS.mkdir(exist_ok=True)
    for name, ask in EXPLAINED.items():
        parts = [f"# {name}\n"]
        for one in sizes:
            try:
                await ask(Ear(), one)
            except Heard as heard:
                statement = str(heard)
            owner = await asyncpg.connect(one.server.url(postgres.OWNER, one.name), command_timeout=120)
            rows = await owner.fetch(
                f"explain (analyze, buffers, costs off, timing off, summary off) {statement}"
            )
            plan = "\n".join(row[0] for row in rows)
            parts.append(f"\n## {one.bags:,} bags\n\n```\n{plan}\n```\n")
            await owner.close()
        (PLANS / f"{name}.md").write_text("".join(parts), "utf-8")


def show(sizes: list[Size]) -> None:
    """The table: p50 / p95 of each size, and how p95 grew from the first to the last."""
    head = ["what", *(f"{one.bags:,}" for one in sizes), "p95, last to first"]
    print(f"| {' | '.join(head)} |\n| {' | '.join(['---'] * len(head))} |")
    for what in sizes[0].times:
        cells, p95 = [what], []
        for one in sizes:
            times = one.times[what]
            cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
            p95.append(cuts[94])
            cells.append(f"{cuts[49]:.1f} / {cuts[94]:.1f}")
        print(f"| {' | '.join([*cells, f'{p95[-1] / p95[0]:.2f}'])} |", flush=True)


async def run(sizes: list[Size]) -> None:
    """Ask all sizes in turns."""
    for one in sizes:
        await one.sign_in()
    for what, act in ACTS.items():
        for one in sizes:
            for _ in range(20):
                await act(one)
        for _ in range(CALLS):
            for one in random.sample(sizes, len(sizes)):
                await one.ask(what, act)
    for _ in range(IMPORTS):
        for one in sizes:
            await one.ask(f"import of {IMPORT_ROWS:,} rows", Size.bring_a_file)
    for one in sizes:
        await one.client.aclose()
    show(sizes)
    await explain(sizes)


def main() -> None:
    """The whole run."""
    with tempfile.TemporaryDirectory(prefix="tracetrack-growth-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        server = postgres.start(folder, Remembered(folder / "secrets.json"), connections=100)
        stack.callback(server.stop)
        sizes = [Size(bags, server, folder) for bags in SIZES]
        for one in sizes:
            asyncio.run(one.make())
        for one in sizes:
            stack.enter_context(one.served())
        asyncio.run(run(sizes))


if __name__ == "__main__":
    main()
