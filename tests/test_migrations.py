"""Every migration, up and down, on a database with rows in it; two at once; owners with few rights."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from tracetrack.platform.embedded import postgres
from tracetrack.platform.health import newest_revision
from tracetrack.platform.migrate import alembic_config, load_functions, migrate_async
from tracetrack.settings import ROOT

FILL: dict[str, str] = {
    "areas": "insert into areas (name) values ('North'), ('South')",
    "users": """
        insert into users (username, role, area_id, password_hash)
        select 'user-' || n, (array['admin', 'biller', 'dispatcher'])[n], (select min(id) from areas), '-'
        from generate_series(1, 3) n""",
    "sessions": "insert into sessions (user_id, expires_at) select id, now() + interval '1 day' from users",
    "refresh_tokens": "insert into refresh_tokens (token_hash, session_id)"
    " select sha256(id::text::bytea), id from sessions",
    "site_settings": "insert into site_settings (name, value, updated_by)"
    """ select 'time_zone', '"Asia/Kolkata"', min(id) from users""",
    "bag_types": "insert into bag_types (name, expected_children) values ('Jumbo', 50)",
    "label_patterns": "insert into label_patterns (name, pattern, bag_type_id)"
    " select 'Jumbo', '^J', max(id) from bag_types",
    "bills": """
        insert into bills (number, area_id, created_by, completed_at, completed_by)
        select 'BILL-' || n, (select min(id) from areas), u.id, case n when 2 then now() end,
               case n when 2 then u.id end
        from generate_series(1, 3) n, (select min(id) as id from users) u""",
    "bags": """
        insert into bags (code, kind, area_id, bag_type_id, created_by)
        select 'P' || n, 'parent', (select min(id) from areas), (select min(id) from bag_types),
               (select min(id) from users) from generate_series(1, 20) n;
        insert into bags (code, kind, area_id, created_by, parent_id, linked_by, linked_at)
        select 'C' || p.id || '-' || n, 'child', p.area_id, p.created_by, p.id, p.created_by, now()
        from bags p, generate_series(1, 30) n where p.kind = 'parent';
        insert into bags (code, kind, area_id, created_by)
        select 'free-' || n, 'child', (select max(id) from areas), (select min(id) from users)
        from generate_series(1, 5) n;
        update bags set bill_id = (select min(id) from bills) where code in ('P1', 'P2');
        update bags set bill_id = (select id from bills where number = 'BILL-2'),
                        completed_at = now(), dispatched_at = now() where code = 'P3';""",
    "retired_codes": "insert into retired_codes (code, bag_id, retired_by)"
    " select 'old-P1', id, created_by from bags where code = 'P1'",
    "packing": "insert into packing (user_id, parent_id)"
    " select (select min(id) from users), id from bags where code = 'P5'",
    "scans": """
        insert into scans (scan_id, user_id, area_id, bag_id, parent_id, action, outcome, code, received_at)
        select gen_random_uuid(), created_by, area_id, id, parent_id, 'child', 'linked', code,
               now() - make_interval(months => (id % 3)::int) from bags where parent_id is not null""",
    "api_keys": "insert into api_keys (user_id, name, beginning, key_hash, created_by)"
    " select id, 'ERP', 'ttk_', sha256('k'), id from users limit 1",
    "promotions": "insert into promotions (user_id, role, reason) select id, 'admin', 'x' from users",
    "sign_in_tries": "insert into sign_in_tries values ('a', now(), 1)",
    "sign_in_failures": "insert into sign_in_failures values ('a', 1, now(), null)",
    "scan_receipts": "insert into scan_receipts (scan_id, user_id, request, answer)"
    " select scan_id, user_id, gen_random_uuid(), '{}' from scans",
    "scan_questions": "insert into scan_questions (scan_id, user_id, label, reason)"
    " select scan_id, user_id, gen_random_uuid(), 'looks_like_parent' from scans",
    "audit_events": """
        insert into audit_events (actor_id, area_id, subject_id, action, subject_type, subject_code, before,
                                  after, at)
        select created_by, area_id, id, 'bag_created', 'bag', code, null, '{"kind": "x"}',
               now() - make_interval(months => (id % 3)::int) from bags""",
    "imports": """
        insert into imports (kind, state, file_name, file_bytes, file_sha256, area_id, created_by)
        select 'bags', s, 'a.xlsx', 10, sha256(s::bytea), (select min(id) from areas),
               (select min(id) from users)
        from unnest(array['queued', 'completed', 'failed', 'cancelled']) s""",
    "performance_workers": "insert into performance_workers values"
    " (date_trunc('minute', now()), 'worker', 0.5, 100000000, 3, 1, 10, 'redis', 10, 9)",
}
"""Rows for each table, in the order in which they need each other."""

ALONE = {
    # Filled by the migrations themselves, or from other tables by triggers.
    *("versions", "alembic_version", "bill_totals"),
}


def revisions() -> list[str]:
    """Every revision, oldest first."""
    scripts = ScriptDirectory(str(ROOT / "alembic"))
    return [script.revision for script in scripts.walk_revisions()][::-1]


@pytest.fixture
async def scratch(server: postgres.Postgres) -> AsyncIterator[str]:
    """The address, as its owner, of an empty database."""
    server.create_database("tracetrack_scratch")
    yield server.url(postgres.OWNER, "tracetrack_scratch")
    server.drop_database("tracetrack_scratch")


async def go(url: str, revision: str, *, up: bool) -> None:
    await asyncio.to_thread(command.upgrade if up else command.downgrade, alembic_config(url), revision)


async def tables(connection: asyncpg.Connection) -> list[str]:
    """Tables, partitioned ones as one."""
    return [
        row[0]
        for row in await connection.fetch("""
            select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1""")
    ]


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    return {
        name: await connection.fetchval(f'select count(*) from "{name}"')
        for name in await tables(connection)
        if name != "alembic_version"
    }


async def fill(connection: asyncpg.Connection) -> None:
    """Rows in every table that is empty and can have some at this revision."""
    there = set(await tables(connection))
    for name, sql in FILL.items():
        # The default bag type is there from the first.
        if name in there and await connection.fetchval(f"select count(*) from {name}") <= (
            name == "bag_types"
        ):
            await connection.execute(sql)


async def test_every_migration_goes_up_and_down_with_rows_in_it(scratch: str) -> None:
    connection = await asyncpg.connect(scratch)
    try:
        after: dict[str, dict[str, int]] = {}
        for revision in revisions():
            before = await counts(connection)
            await go(scratch, revision, up=True)
            there = await counts(connection)
            assert {name: there.get(name) for name in before} == before, f"{revision} lost rows going up"
            await fill(connection)
            after[revision] = await counts(connection)
        await load_functions(connection)
        whole = await fingerprint(connection)

        # What a later migration added to an older table goes; the rows of that table stay.
        for older in [*revisions()[::-1][1:], "base"]:
            await go(scratch, older, up=False)
            there = await counts(connection)
            expected = set(after[older]) if older != "base" else set()
            assert set(there) == expected, f"down to {older} left or took other tables"
            for name, rows in there.items():
                assert rows >= after[older][name], f"down to {older} lost rows of {name}"
        assert await tables(connection) in ([], ["alembic_version"])

        await migrate_async(scratch)
        await fill(connection)
        assert await fingerprint(connection) == whole
    finally:
        await connection.close()


async def fingerprint(connection: asyncpg.Connection) -> set[str]:
    """Everything that a schema is: columns, constraints, indexes, triggers, functions, rights."""
    rows = await connection.fetch("""
        select concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default,
                         generation_expression) as part
        from information_schema.columns where table_schema = 'public'
        union all select 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace
        union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
        union all select 'trigger ' || tgrelid::regclass || ' ' || pg_get_triggerdef(oid)
        from pg_trigger where not tgisinternal
        union all select 'function ' || oid::regprocedure || ' ' || md5(prosrc)
        from pg_proc where pronamespace = 'public'::regnamespace and prokind = 'f' and probin is null
        union all select 'right ' || table_name || ' ' || privilege_type
        from information_schema.role_table_grants where grantee = 'tracetrack_app'
        union all select 'right ' || table_name || '.' || column_name || ' ' || privilege_type
        from information_schema.role_column_grants where grantee = 'tracetrack_app'
    """)
    # Months that have passed are made for rows that need them alone.
    return {row[0] for row in rows if not re.search(r"_20\d\d_\d\d", row[0])}


async def test_no_table_is_left_out(scratch: str) -> None:
    await migrate_async(scratch)
    connection = await asyncpg.connect(scratch)
    try:
        await fill(connection)
        empty = {name for name, rows in (await counts(connection)).items() if not rows}
        covered = set(FILL) | ALONE
        missed = set(await tables(connection)) - covered - OF_ONE_MIGRATION
        assert not missed, f"add rows for {sorted(missed)} to FILL (tests/test_migrations.py)"
        assert empty <= OF_ONE_MIGRATION
    finally:
        await connection.close()


OF_ONE_MIGRATION = {
    # Made by a single migration and by no later one touched: only their coming and going is tested.
    "bag_type_weights",
    *("bill_days", "bill_snapshots", "bill_snapshot_parents", "bill_reopenings"),
    *("bag_search", "bag_search_progress", "empty_parents"),
    "performance_minutes",
    "answered_once",
    *("second_factors", "recovery_codes", "registrations", "users_seen"),
    *("ledger_anchor", "alerts_raised", "alert_messages"),
    *("ledger_seals", "bag_tallies", "bag_changes", "scan_tallies", "scan_minutes", "scan_changes"),
    *("bag_shapes", "shape_changes"),
    *("bill_receipts", "bill_receipt_scans", "return_days", "returns", "return_bags", "bill_returns"),
    "report_mails",
    "import_report",
}


def test_the_readiness_check_expects_the_newest_migration() -> None:
    assert newest_revision() == revisions()[-1]


async def test_one_step_back_and_forth_from_the_newest(scratch: str) -> None:
    """What a site does whose new version does not please: back, and later on again."""
    await migrate_async(scratch)
    connection = await asyncpg.connect(scratch)
    try:
        await fill(connection)
        whole, rows = await fingerprint(connection), await counts(connection)
        for revision in revisions()[::-1][1:4]:
            await go(scratch, revision, up=False)
            await migrate_async(scratch)
            assert await fingerprint(connection) == whole, f"not the same after {revision}"
            there = await counts(connection)
            for name in FILL:
                assert there[name] in (rows[name], 0), f"{name} after {revision}"
            assert there["bags"] == rows["bags"]
            assert there["users"] == rows["users"]
    finally:
        await connection.close()


async def test_functions_are_loaded_again_and_rights_stay(scratch: str, server: postgres.Postgres) -> None:
    await migrate_async(scratch)
    connection = await asyncpg.connect(scratch)
    try:
        whole = await fingerprint(connection)
        await connection.execute("drop function floor_scan; drop view bag_cards cascade")
        await migrate_async(scratch)
        await migrate_async(scratch)
        assert await fingerprint(connection) == whole
        app = await asyncpg.connect(server.url(postgres.APP, "tracetrack_scratch"))
        assert await app.fetchval("select count(*) from bag_cards") == 0
        assert await app.fetchval("select keep_partitions()") == 0
        await app.close()
    finally:
        await connection.close()


async def test_two_that_migrate_at_once_take_turns(scratch: str) -> None:
    """Two sites' workers, or a worker and an admin: both succeed, and the schema is there once."""
    await asyncio.gather(*(migrate_async(scratch) for _ in range(3)))
    connection = await asyncpg.connect(scratch)
    assert await connection.fetch("select version_num from alembic_version") == [(revisions()[-1],)]
    # A session that sits in a transaction on a table does not make everybody wait behind a migration.
    holder = connection.transaction()
    await holder.start()
    await connection.execute("lock table bags in row exclusive mode")
    waited = await asyncio.wait_for(asyncio.gather(go(scratch, "base", up=False), return_exceptions=True), 30)
    assert "lock timeout" in str(waited[0])
    await holder.rollback()
    assert await connection.fetch("select version_num from alembic_version") != []
    await connection.close()


async def until_waiting_for_a_lock(connection: asyncpg.Connection) -> None:
    """Poll until the migration of this database waits for a lock."""
    waiting = """select exists (select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock')"""
    until = time.monotonic() + 60
    while not await connection.fetchval(waiting):
        assert time.monotonic() < until
        await asyncio.sleep(0.01)


async def test_a_migration_lets_running_work_go_first(scratch: str) -> None:
    """While somebody works on a table the change waits outside, and nobody waits behind it for long."""
    await migrate_async(scratch)
    await go(scratch, revisions()[0], up=False)
    holder, passer = await asyncpg.connect(scratch), await asyncpg.connect(scratch)
    working = holder.transaction()
    await working.start()
    await holder.execute("lock table users in row exclusive mode")
    migrating = asyncio.create_task(migrate_async(scratch))
    for _ in range(3):
        # Queued behind the holder, and still nobody else waits until the holder is done.
        await until_waiting_for_a_lock(passer)
        await asyncio.wait_for(passer.execute("select count(*) from users"), 60)
    assert not migrating.done()
    await working.rollback()
    await asyncio.wait_for(migrating, 60)
    assert await passer.fetchval("select version_num from alembic_version") == revisions()[-1]
    await holder.close()
    await passer.close()


@pytest.mark.parametrize("view", ["bag_cards", "bill_cards"])
async def test_who_has_read_a_view_and_stays_in_his_transaction_holds_up_the_update_alone(
    scratch: str, view: str
) -> None:
    await migrate_async(scratch)
    reader, passer = await asyncpg.connect(scratch), await asyncpg.connect(scratch)
    reading = reader.transaction()
    await reading.start()
    await reader.fetch(f"select * from {view}")
    migrating = asyncio.create_task(migrate_async(scratch))
    for _ in range(3):
        await until_waiting_for_a_lock(passer)
        await asyncio.wait_for(passer.fetch("select bag_card(1, null)"), 60)
    assert not migrating.done()
    await reading.rollback()
    await asyncio.wait_for(migrating, 60)
    await reader.close()
    await passer.close()


@pytest.fixture
def fresh_server() -> Iterator[postgres.Postgres]:
    """A server of its own, whose roles may be changed."""
    with postgres.throwaway(connections=20) as running:
        running.sql(f"drop owned by {postgres.APP}; drop database {postgres.DATABASE};")
        running.sql(f"drop role {postgres.APP};")
        yield running


async def test_owners_with_and_without_the_right_to_make_roles(fresh_server: postgres.Postgres) -> None:
    """A database that one already has: its owner may or may not make the application's role."""
    owner = postgres.OWNER

    def again() -> str:
        fresh_server.sql("drop database if exists elsewhere")
        fresh_server.sql(f"drop role if exists {postgres.APP}")
        fresh_server.sql(f"create database elsewhere owner {owner}")
        return fresh_server.url(owner, "elsewhere")

    # The role is not there and may not be made: one sentence that says what to do, and nothing is left.
    url = again()
    with pytest.raises(Exception, match="tracetrack_app is missing") as caught:
        await migrate_async(url)
    assert "create role tracetrack_app nologin" in str(caught.value)
    connection = await asyncpg.connect(url)
    assert await tables(connection) in ([], ["alembic_version"])
    await connection.close()
    # It is there, given to the owner or not.
    for grant in (f"grant {postgres.APP} to {owner}", "select 1"):
        url = again()
        fresh_server.sql(f"create role {postgres.APP} nologin")
        fresh_server.sql(grant)
        await migrate_async(url)
        assert await _rights(url)
    # It may be made: then it is, and the owner is a member of it.
    url = again()
    fresh_server.sql(f"alter role {owner} createrole")
    await migrate_async(url)
    assert await _rights(url)
    connection = await asyncpg.connect(url)
    await connection.execute(f"set role {postgres.APP}")
    assert await connection.fetchval("select count(*) from bags") == 0
    await connection.close()


async def _rights(url: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return bool(
            await connection.fetchval(
                f"select has_table_privilege('{postgres.APP}', 'scans', 'insert')"
                f" and not has_table_privilege('{postgres.APP}', 'scans', 'update')"
            )
        )
    finally:
        await connection.close()
