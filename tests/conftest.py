"""Real PostgreSQL and Redis for every test: one throwaway server a run, one database a worker."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest

# Before the application is imported: cheap passwords, and a key that need not be kept.
os.environ.setdefault("TRACETRACK_BCRYPT_ROUNDS", "4")
os.environ.setdefault("TRACETRACK_SECRET_KEY", "tests-" + "k" * 40)

from tracetrack.app import create_app
from tracetrack.platform import breaker, stamps
from tracetrack.platform.embedded import postgres, valkey
from tracetrack.platform.embedded.processes import Remembered
from tracetrack.platform.migrate import migrate
from tracetrack.settings import Settings

from .floor import Floor
from .timing import longest_first, pytest_runtest_logreport, pytest_terminal_summary

__all__ = ["pytest_runtest_logreport", "pytest_terminal_summary"]

logging.getLogger("httpx").setLevel(logging.WARNING)

# Each client of plain HTTP loads the certificate store first, which takes longer than most requests.
ssl.create_default_context = functools.cache(ssl.create_default_context)

TEMPLATE = "tracetrack_template"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of what this machine does not have (root's rights, say); start long modules first."""
    beside = [item for item in items if not all(mark.args[0] for mark in item.iter_markers("where"))]
    if beside:
        config.hook.pytest_deselected(items=beside)
        items[:] = [item for item in items if item not in beside]
    longest_first(items)


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    """A PostgreSQL server of this test process, with a migrated template database."""
    with postgres.throwaway() as running:
        running.create_database(TEMPLATE)
        migrate(running.url(postgres.OWNER, TEMPLATE))
        # For empty().
        running.sql(f"grant set on parameter session_replication_role to {postgres.OWNER}")
        yield running


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server of this test process."""
    folder = tmp_path_factory.mktemp("redis")
    running = valkey.start(folder, Remembered(folder / "secrets.json"))
    yield running.url
    running.stop()


@pytest.fixture(scope="session")
def database(server: postgres.Postgres) -> str:
    """The name of the database that tests with the application share, emptied for each."""
    server.create_database("tracetrack_tests", TEMPLATE)
    return "tracetrack_tests"


@pytest.fixture(scope="session")
def settings(
    server: postgres.Postgres, database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """The application's settings in tests."""
    return Settings(
        database_url=server.url(postgres.APP, database),
        migrate_url=server.url(postgres.OWNER, database),
        redis_url=redis_url,
        data=tmp_path_factory.mktemp("data"),
        pool_size=60,
        desk_pool_size=40,
        # A machine that runs tests is busy.
        pool_timeout_seconds=10,
        queue_ms=10_000,
        # Tests do it themselves, when they want it done.
        background=False,
        # Every test signs its people in, all from one address.
        sign_ins_per_minute=1_000_000,
        sign_ins_per_minute_address=1_000_000,
        refreshes_per_minute_address=1_000_000,
        requests_per_minute=1_000_000,
        reports_per_minute=1_000_000,
        reports_per_minute_address=1_000_000,
        _env_file=None,
    )


@pytest.fixture(scope="session")
async def application(settings: Settings) -> AsyncIterator[httpx.ASGITransport]:
    """The application, started as uvicorn would."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield httpx.ASGITransport(app=app, raise_app_exceptions=False)


@pytest.fixture(scope="session")
async def owner(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """The database as its owner, to look at what is really there."""
    assert settings.migrate_url is not None
    connection = await asyncpg.connect(settings.migrate_url.get_secret_value())
    yield connection
    await connection.close()


@pytest.fixture
async def floor(application: httpx.ASGITransport, owner: asyncpg.Connection) -> AsyncIterator[Floor]:
    """An empty warehouse with areas North and South and a person of each role."""
    await empty(owner)
    stamps.forget_stamps()
    breaker.reset_all()
    async with contextlib.AsyncExitStack() as stack:
        yield await Floor.set_up(application, owner, stack)


LARGE_BYTES = 1_000_000
"""Deleting rows is much quicker than truncating a table, until there are many."""

EMPTIED = (
    *("bags", "retired_codes", "packing", "bills", "bill_days", "returns", "return_days", "report_mails"),
    *(
        "scans",
        "scan_receipts",
        "scan_questions",
        "audit_events",
        "imports",
        "import_report",
        "label_patterns",
    ),
    *("ledger_seals", "ledger_anchor", "performance_minutes", "performance_workers", "alerts_raised"),
    *("alert_messages", "bag_search", "empty_parents", "bag_tallies", "bag_changes", "scan_tallies"),
    *("scan_minutes", "scan_changes", "refresh_tokens", "sessions", "sign_in_tries", "sign_in_failures"),
    *("api_keys", "second_factors", "recovery_codes", "registrations", "promotions", "users_seen"),
    *("users", "areas", "site_settings", "answered_once"),
    *("bag_shapes", "shape_changes"),
)
"""The tables that tests fill; tables that refer to them are emptied with them."""


async def empty(owner: asyncpg.Connection) -> None:
    """Remove everything that tests made; what the migrations put there stays."""
    tables = await owner.fetch(
        """
        with recursive emptied (id) as (
            select unnest($1::text[])::regclass::oid
            union
            select child from emptied join (
                select confrelid as parent, conrelid as child from pg_constraint where contype = 'f'
                union all
                select inhparent, inhrelid from pg_inherits
            ) r on r.parent = emptied.id
        )
        select distinct id::regclass::text as name, pg_relation_size(id) as bytes from emptied
        """,
        list(EMPTIED),
    )
    if max(table["bytes"] for table in tables) > LARGE_BYTES:
        await owner.execute(f"truncate {', '.join(EMPTIED)} restart identity cascade")
    else:
        filled = " ".join(f"delete from only {table['name']};" for table in tables if table["bytes"])
        names = ", ".join(f"'{table['name']}'" for table in tables)
        # Without triggers and foreign keys, as truncate does it.
        await owner.execute(f"""
            begin; set local session_replication_role = replica; {filled}
            select setval(seqrelid, seqstart, false) from pg_sequence
            join pg_depend on objid = seqrelid and deptype in ('a', 'i')
            where refobjid::regclass::text in ({names}); commit;""")
    await owner.execute("""
        delete from bag_types where not is_default;
        update bag_types set name = 'Standard', expected_children = 30, child_weight_kg = 1,
                             code_pattern = null, shape_guard = true;
        update bag_search_progress set indexed_to = 0, seen_to = 0, seen_before = '0';
        update versions set version = version + 1;
    """)
