"""What no program can break: the rules that the database holds by itself, tried in raw SQL.

As the application's role nothing that happened can be changed; as the owner no row can be written
that breaks a rule of the floor. The controls do what a careless client does, in a copy of the
database without the guard: there it goes wrong, and with the guard it does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from tests.floor import Floor
from tests.retrying import single_attempts
from tracetrack.platform.embedded import postgres

ROUNDS = 40
CLIENTS = 50


@dataclass
class Raw:
    """Two connections to a scratch database: the owner's and the application's."""

    owner: asyncpg.Connection
    app: asyncpg.Connection

    async def bag(self, code: str, kind: str = "parent", parent: int | None = None, area: int = 1) -> int:
        return int(
            await self.owner.fetchval(
                "insert into bags (code, kind, area_id, bag_type_id, created_by, parent_id,"
                " linked_by, linked_at) values ($1, $2, $3, $4, 1, $5::bigint,"
                " case when $5::bigint is not null then 1 end,"
                " case when $5::bigint is not null then now() end) returning id",
                code,
                kind,
                area,
                1 if kind == "parent" else None,
                parent,
            )
        )


PEOPLE = """
    insert into areas (name) values ('North'), ('South');
    insert into users (username, role, password_hash) values ('anybody', 'admin', '-');
"""


@pytest.fixture
async def raw(server: postgres.Postgres) -> AsyncIterator[Raw]:
    """An empty scratch database with two areas and a user."""
    server.create_database("tracetrack_raw", "tracetrack_template")
    owner = await asyncpg.connect(server.url(postgres.OWNER, "tracetrack_raw"))
    app = await asyncpg.connect(server.url(postgres.APP, "tracetrack_raw"))
    await owner.execute(PEOPLE)
    yield Raw(owner, app)
    await owner.close()
    await app.close()
    server.drop_database("tracetrack_raw")


async def refused(connection: asyncpg.Connection, sql: str, *values: Any) -> str:
    """The SQLSTATE with which the database refuses this, which it must; nothing is left of it."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with connection.transaction():
            await connection.execute(sql, *values)
    return str(caught.value.sqlstate)


NO_RIGHT = "42501"
NO_SUCH = "23503"


async def test_the_application_cannot_rewrite_what_happened(floor: Floor, settings: Any) -> None:
    await floor.north.scan_parent("P1")
    await floor.north.scan_child("P1", "C1")
    app = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        assert await app.fetchval("select current_user") == postgres.APP
        tables = [
            row[0]
            for row in await app.fetch(
                "select relid::regclass::text from pg_partition_tree('scans') union all"
                " select relid::regclass::text from pg_partition_tree('audit_events')"
            )
        ]
        assert len(tables) >= 10  # Both, their defaults, and three months each.
        for table in tables:
            column = "code" if table.startswith("scans") else "subject_code"
            for statement in (
                f"update {table} set {column} = 'x'",
                f"update {table} set {column} = 'x' where false",
                f"delete from {table}",
                f"delete from {table} where false",
                f"truncate {table}",
                f"drop table {table}",
                f"alter table {table} disable trigger all",
                f"merge into {table} using (select 1) s on false when matched then delete",
            ):
                assert await refused(app, statement) == NO_RIGHT, statement
        for statement in (
            "update bags set child_count = 7",
            "update bags set kind = 'child'",
            "update bags set id = default",
            "update bags set created_by = 1, created_at = now()",
            "delete from retired_codes",
            "update retired_codes set code = 'x'",
            "delete from users",
            "delete from areas",
            "drop table bags",
            "alter table bags disable trigger all",
            "create table mine (id int)",
            "set session_replication_role = replica",
            f"set role {postgres.OWNER}",
            "create function f() returns int language sql as 'select 1'",
        ):
            assert await refused(app, statement) == NO_RIGHT, statement
    finally:
        await app.close()
    assert await floor.owner.fetchval("select count(*) from scans") == 2
    assert await floor.true_counts()


async def test_nor_can_it_rewrite_snapshots_of_bills(raw: Raw) -> None:
    for table in ("bill_snapshots", "bill_snapshot_parents", "bill_reopenings"):
        for statement in (f"delete from {table}", f"truncate {table}"):
            assert await refused(raw.app, statement) == NO_RIGHT, statement


async def test_a_child_is_in_one_parent_and_only_in_a_parent(raw: Raw) -> None:
    parent, other = await raw.bag("P1"), await raw.bag("P2")
    child = await raw.bag("C1", "child", parent)
    link = "update bags set parent_id = $2, linked_by = 1, linked_at = now() where id = $1"
    # A second row for the child is a second bag of the same code, in whatever case.
    for code in ("C1", "c1"):
        sql = f"insert into bags (code, kind, area_id, created_by, parent_id, linked_by, linked_at) \
                values ('{code}', 'child', 1, 1, {other}, 1, now())"
        assert await refused(raw.owner, sql) == "23505"
    assert await refused(raw.owner, link, parent, parent) == "23514"  # In itself, a parent.
    assert await refused(raw.owner, link, child, child) == "23514"  # In itself, a child.
    assert await refused(raw.owner, link, parent, other) == "23514"  # A parent in a parent.
    free = await raw.bag("C2", "child")
    assert await refused(raw.owner, link, free, child) == "23514"  # A child in a child.
    assert await refused(raw.owner, link, parent, child) == "23514"  # A parent in its own child.
    assert await refused(raw.owner, link, free, 4_711) == "23503"  # In nothing that is there.
    # Both ends of a circle at once.
    circle = f"update bags set parent_id = case id when {child} then {free} else {child} end,\
               linked_by = 1, linked_at = now() where id in ({child}, {free})"
    assert await refused(raw.owner, circle) == "23514"
    # Half a link.
    assert await refused(raw.owner, f"update bags set parent_id = null where id = {child}") == "23514"
    assert await refused(raw.owner, f"update bags set parent_id = {parent} where id = {free}") == "23514"


async def test_a_kind_never_flips_while_linked(raw: Raw) -> None:
    parent = await raw.bag("P1")
    child = await raw.bag("C1", "child", parent)
    for who, kind in ((parent, "child"), (child, "parent")):
        sql = f"update bags set kind = '{kind}', bag_type_id = 1 where id = {who}"
        assert await refused(raw.owner, sql) == "23514"
    both = "update bags set kind = case kind when 'parent' then 'child' else 'parent' end, bag_type_id = 1"
    assert await refused(raw.owner, both) == "23514"


async def test_a_linked_or_billed_bag_is_not_deleted(raw: Raw) -> None:
    parent = await raw.bag("P1")
    child = await raw.bag("C1", "child", parent)
    for sql in (
        f"delete from bags where id = {child}",
        f"delete from bags where id = {parent}",
        "delete from bags",
    ):
        assert await refused(raw.owner, sql) == "TT002", sql
    await raw.owner.execute("insert into bills (number, created_by) values ('B1', 1)")
    billed = await raw.bag("P2")
    await raw.owner.execute(f"update bags set bill_id = 1 where id = {billed}")
    assert await refused(raw.owner, f"delete from bags where id = {billed}") == "TT002"
    assert await refused(raw.owner, "delete from bills") in ("23503", "23001")


async def test_a_child_is_in_the_area_of_its_parent(raw: Raw) -> None:
    parent, southern = await raw.bag("P1", area=1), await raw.bag("P2", area=2)
    child = await raw.bag("C1", "child", parent)
    moved = f"update bags set parent_id = {southern} where id = {child}"
    assert await refused(raw.owner, moved) == "TT003"
    assert await refused(raw.owner, f"update bags set area_id = 2 where id = {child}") == "TT003"
    assert await refused(raw.owner, f"update bags set area_id = null where id = {child}") == "TT003"
    # Nor does the parent leave it behind; but together they go.
    assert await refused(raw.owner, f"update bags set area_id = 2 where id = {parent}") == "TT003"
    assert await refused(raw.owner, "update bags set area_id = 99") == "23503"
    await raw.owner.execute(f"update bags set area_id = 2 where {parent} in (id, parent_id)")
    with pytest.raises(asyncpg.PostgresError):
        await raw.bag("C2", "child", parent, area=1)


async def test_a_bag_has_a_type_that_is_there_and_stays(raw: Raw) -> None:
    jumbo = await raw.owner.fetchval("insert into bag_types (name) values ('Jumbo') returning id")
    parent = await raw.bag("P1")
    unknown = "insert into bags (code, kind, bag_type_id, created_by) values ('P2', 'parent', 99, 1)"
    assert await refused(raw.app, unknown) == NO_SUCH
    typed = "update bags set bag_type_id = $2 where id = $1"
    assert await refused(raw.app, typed, parent, 99) == NO_SUCH
    remove = "delete from bag_types where id = $1"

    # Who removes a type that a bag is about to take waits for it, and then may not.
    taking = raw.owner.transaction()
    await taking.start()
    await raw.owner.execute(typed, parent, jumbo)
    removing = asyncio.create_task(refused(raw.app, remove, jumbo))
    await asyncio.sleep(0.2)
    assert not removing.done()
    await taking.commit()
    assert await removing == NO_SUCH

    # And the other way round: who takes a type that is about to go finds none.
    await raw.owner.execute(typed, parent, 1)
    going = raw.app.transaction()
    await going.start()
    await raw.app.execute(remove, jumbo)
    taker = asyncio.create_task(refused(raw.owner, typed, parent, jumbo))
    await asyncio.sleep(0.2)
    assert not taker.done()
    await going.commit()
    assert await taker == NO_SUCH


async def test_a_code_finds_one_bag_present_or_past(raw: Raw) -> None:
    first, second = await raw.bag("SB12"), await raw.bag("SB13")
    for code in ("SB12", "sb12", "Sb12"):
        with pytest.raises(asyncpg.UniqueViolationError):
            await raw.bag(code, "child")
    await raw.owner.execute(f"update bags set code = 'NEW' where id = {first}")
    await raw.owner.execute(
        f"insert into retired_codes (code, bag_id, retired_by) values ('SB12', {first}, 1)"
    )
    for code in ("SB12", "sb12"):
        with pytest.raises(asyncpg.UniqueViolationError):
            await raw.bag(code)
        assert await refused(raw.owner, f"update bags set code = '{code}' where id = {second}") == "23505"
    for code in ("sb12", "SB13", "new"):
        sql = f"insert into retired_codes (code, bag_id, retired_by) values ('{code}', {second}, 1)"
        expected = None if code == "SB13" else "23505"
        if expected:
            assert await refused(raw.owner, sql) == expected
    # Its own former code it may have again.
    await raw.owner.execute(f"update bags set code = 'sb12' where id = {first}")


async def _all_at_once(pool: asyncpg.Pool, calls: list[Any]) -> int:
    """Run raw transactions together; how many were refused."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, asyncpg.PostgresError):
            raise answer
    return sum(isinstance(answer, asyncpg.PostgresError) for answer in answers)


async def _look_then_register(pool: asyncpg.Pool, code: str, parent: int) -> None:
    """What a careless client does with an unknown child: look whether it is there, and if not, add it."""
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("select id from bags where lower(code) = lower($1)", code):
            await connection.execute(
                "insert into bags (code, kind, area_id, created_by, parent_id, linked_by, linked_at)"
                " values ($1, 'child', 1, 1, $2, 1, now())",
                code,
                parent,
            )


async def _look_then_link(pool: asyncpg.Pool, child: int, parent: int) -> None:
    """Put one bag into another after looking that this other is not in the first."""
    async with pool.acquire() as connection, connection.transaction():
        inside = await connection.fetchval("select parent_id from bags where id = $1", parent)
        if inside != child:
            await connection.execute(
                "update bags set parent_id = $2, linked_by = 1, linked_at = now() where id = $1",
                child,
                parent,
            )


DOUBLES = (
    "select count(*) from (select from bags where kind = 'child' group by lower(code) having count(*) > 1) d"
)
CYCLES = "select count(*) from bags a join bags b on a.parent_id = b.id where b.parent_id = a.id"


@pytest.mark.parametrize("guarded", [True, False], ids=["with the guard", "control, without it"])
async def test_looking_first_makes_doubles_but_for_the_unique_code(
    server: postgres.Postgres, raw: Raw, guarded: bool
) -> None:
    if not guarded:
        await raw.owner.execute("drop index bags_code_key; create index on bags (lower(code))")
    parents = [await raw.bag(f"P{n}") for n in range(CLIENTS)]
    url = server.url(postgres.OWNER, "tracetrack_raw")
    async with asyncpg.create_pool(url, min_size=CLIENTS, max_size=CLIENTS) as pool:
        lost = 0
        for round_ in range(ROUNDS):
            lost += await _all_at_once(
                pool, [_look_then_register(pool, f"C{round_}", parent) for parent in parents]
            )
    doubles = await raw.owner.fetchval(DOUBLES)
    links = await raw.owner.fetchval("select count(*) from bags where parent_id is not null")
    if guarded:
        assert (doubles, links) == (0, ROUNDS)
        assert lost > 0  # They did collide: it was the database that refused.
    else:
        assert doubles > 0
        assert links > ROUNDS


@pytest.mark.parametrize("guarded", [True, False], ids=["with the guard", "control, without it"])
async def test_looking_first_makes_cycles_but_for_the_kinds(
    server: postgres.Postgres, raw: Raw, guarded: bool
) -> None:
    if not guarded:
        await raw.owner.execute("""
            alter table bags drop constraint bags_only_children_have_a_parent;
            alter table bags drop constraint bags_only_parents_are_packed;
            alter table bags disable trigger user;
        """)
    pairs = [
        (await raw.bag(f"A{n}", "parent"), await raw.bag(f"B{n}", kind))
        for n in range(ROUNDS)
        for kind in ("parent", "child")
        for n in (f"{n}-{kind}",)
    ]
    url = server.url(postgres.OWNER, "tracetrack_raw")
    async with asyncpg.create_pool(url, min_size=20, max_size=20) as pool:
        for start in range(0, len(pairs), 10):
            calls = [
                call
                for a, b in pairs[start : start + 10]
                for call in (_look_then_link(pool, a, b), _look_then_link(pool, b, a))
            ]
            await _all_at_once(pool, calls)
    cycles = await raw.owner.fetchval(CYCLES)
    assert (cycles == 0) if guarded else (cycles > 0), cycles


async def test_counts_are_true_however_many_write_at_once(server: postgres.Postgres, raw: Raw) -> None:
    """Links, moves and unlinks in raw SQL by many: each parent's count equals its links, and bills too."""
    parents = [await raw.bag(f"P{n}") for n in range(5)]
    children = [await raw.bag(f"C{n}", "child") for n in range(40)]
    await raw.owner.execute("insert into bills (number, created_by) values ('B1', 1), ('B2', 1)")
    url = server.url(postgres.OWNER, "tracetrack_raw")

    async def one(pool: asyncpg.Pool, n: int) -> None:
        parent, child = parents[n % 5], children[n * 7 % 40]
        async with pool.acquire() as connection:
            if n % 4 == 3:
                await connection.execute(
                    "update bags set parent_id = null, linked_by = null, linked_at = null where id = $1",
                    child,
                )
            elif n % 11 == 0:
                await connection.execute("update bags set bill_id = $2 where id = $1", parent, n % 2 + 1)
            else:
                await connection.execute(
                    "update bags set parent_id = $2, linked_by = 1, linked_at = now() where id = $1",
                    child,
                    parent,
                )

    async with asyncpg.create_pool(url, min_size=30, max_size=30) as pool:
        for _ in range(10):
            await _all_at_once(pool, [one(pool, n) for n in range(100)])
    wrong = await raw.owner.fetchval(
        "select count(*) from bags p where kind = 'parent'"
        " and child_count <> (select count(*) from bags c where c.parent_id = p.id)"
    )
    assert wrong == 0
    bills = await raw.owner.fetchval("""
        select count(*) from bills b where
            coalesce((select sum(parents) from bill_totals t where t.bill_id = b.id), 0)
                <> (select count(*) from bags p where p.bill_id = b.id)
            or coalesce((select sum(children) from bill_totals t where t.bill_id = b.id), 0)
                <> (select coalesce(sum(child_count), 0) from bags p where p.bill_id = b.id)""")
    assert bills == 0


async def test_what_cannot_be_written_to_the_ledger_does_not_happen(floor: Floor) -> None:
    """A failed audit row undoes the scan, the link and the receipt, so that a retry can do it all."""
    await floor.north.scan_parent("P1")
    await floor.north.scan_child("P1", "C1")
    child = (await floor.north.bag("C1"))["id"]
    parent = (await floor.north.bag("P1"))["id"]
    counted = """
        select row((select count(*) from bags), (select count(*) from scans),
                   (select count(*) from audit_events), (select count(*) from scan_receipts),
                   (select sum(child_count) from bags), (select count(*) from areas),
                   (select count(*) from bag_types), (select count(*) from bills),
                   (select count(*) from bags where completed_at is not null),
                   (select count(*) from packing), (select count(*) from retired_codes))::text"""
    before = await floor.owner.fetchval(counted)
    await floor.owner.execute("""
        create function no_audit() returns trigger language plpgsql as
            $$ begin raise exception 'the ledger is full' using errcode = '53100'; end $$;
        create trigger no_audit before insert on audit_events for each row execute function no_audit();
    """)
    acts = [
        ("POST", "/scans/parent", {"code": "P2"}),
        ("POST", "/scans/child", {"parent_code": "P1", "code": "C2"}),
        ("POST", "/scans/children", {"parent_code": "P1", "codes": ["C3", "C4"]}),
        ("POST", f"/bags/{parent}/complete", {}),
        ("POST", f"/bags/{parent}/label", {"code": "P1-new"}),
        ("DELETE", f"/bags/{parent}/children/{child}", None),
        ("POST", "/areas", {"name": "East"}),
        ("POST", "/bag-types", {"name": "Jumbo"}),
        ("POST", "/bills", {}),
        ("PATCH", "/settings", {"site_name": "Elsewhere"}),
    ]
    try:
        for method, path, body in acts:
            with single_attempts():
                answer = await floor.admin.http.request(method, path, json=body)
            assert answer.status_code == 503, (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        queued = {"scan_id": "7f1b6a52-53a5-4a0c-8b1e-0d3f4b2f9a01", "action": "parent", "code": "P3"}
        queued["scanned_at"] = "2026-11-24T06:00:00Z"
        with single_attempts():
            answer = await floor.north.post("/scans/sync", {"scans": [queued]})
        assert answer.status_code == 503
        assert await floor.owner.fetchval(counted) == before
    finally:
        await floor.owner.execute("drop trigger no_audit on audit_events; drop function no_audit()")
    # The very same scans succeed when the ledger takes them again.
    answer = await floor.north.post("/scans/sync", {"scans": [queued]})
    assert answer.json()["results"][0]["outcome"] == "created"
    for method, path, body in acts[:3]:
        assert (await floor.north.http.request(method, path, json=body)).status_code == 200
