"""Connections: a request does not wait anew for each question."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from tracetrack.platform import db
from tracetrack.settings import Settings

PID = "select pg_backend_pid()"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""What a client of PostgreSQL says first when it wants TLS."""


async def test_what_the_server_closed_meanwhile_is_replaced_before_anything_is_asked(
    application: httpx.ASGITransport, owner: asyncpg.Connection, settings: Settings
) -> None:
    async def transacting() -> int:
        async with db.transaction() as tx:
            return int((await tx.execute(text(PID))).scalar_one())

    async def answering() -> int:
        return int(await db.answer(PID))

    async def several() -> set[int]:
        asked = (ask() for ask in (transacting, answering) for _ in range(5))
        return set(await asyncio.gather(*asked))

    before = await several()
    assert len(before) > 2
    await owner.fetch("select pg_terminate_backend(pid, 5000) from unnest($1::integer[]) pid", list(before))
    # That they hung up comes over the socket.
    await asyncio.sleep(0.1)
    # One after the other: each comes upon another of the old ones.
    after = {await ask() for ask in (transacting, answering) for _ in range(10)} | await several()
    assert not after & before


@pytest.fixture
async def fresh(application: httpx.ASGITransport) -> AsyncIterator[None]:
    """Pools without connections, for a test after which none of its own is of use."""
    db.renew_connections()
    yield
    db.renew_connections()


@pytest.mark.usefixtures("fresh")
async def test_one_word_that_a_server_leads_no_more_is_enough_for_all_connections() -> None:
    # The jobs of the application use the other pool.
    db.pool.set("floor")

    async def pids() -> set[int]:
        async with AsyncExitStack() as held:
            several = [await held.enter_async_context(db.reading()) for _ in range(4)]
            return {int((await one.execute(text(PID))).scalar_one()) for one in several}

    async with AsyncExitStack() as held:
        for one in [await held.enter_async_context(db.reading()) for _ in range(4)]:
            await one.execute(text("set default_transaction_read_only = on"))
    before = await pids()
    with pytest.raises(DBAPIError):
        async with db.transaction() as tx:
            await tx.execute(text("create table t ()"))
    assert not await pids() & before
    # The other way to ask notices, too.
    async with AsyncExitStack() as held:
        for one in [await held.enter_async_context(db.reading()) for _ in range(4)]:
            await one.execute(text("set default_transaction_read_only = on"))
    before = await pids()
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await db.answer("update sessions set authenticated_at = now() where false returning 1")
    assert not await pids() & before


@pytest.fixture
async def one_connection(application: httpx.ASGITransport, settings: Settings) -> AsyncIterator[AsyncEngine]:
    """A pool of one, as the application's are."""
    assert settings.database_url is not None
    made = db.make_pool(settings.database_url.get_secret_value(), settings, pooler=False, size=1)
    yield made.execution_options(isolation_level="READ COMMITTED")
    await made.dispose()


@pytest.mark.parametrize("word", ["BEGIN", "COMMIT", "ROLLBACK"])
async def test_after_an_answer_that_came_too_late_the_next_transaction_is_one_of_its_own(
    one_connection: AsyncEngine, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    await owner.execute("create table if not exists kept (n integer); grant all on kept to tracetrack_app")
    await owner.execute("delete from kept")
    usual = asyncpg.Connection.execute

    async def late(self: asyncpg.Connection, query: str, *args: Any, **how: Any) -> str:
        done = await usual(self, query, *args, **how)
        if query.startswith(word):
            raise TimeoutError
        return done

    async def give_up() -> None:
        async with one_connection.begin() as tx:
            await tx.execute(text("insert into kept values (1)"))
            if word == "ROLLBACK":
                raise ValueError

    monkeypatch.setattr(asyncpg.Connection, "execute", late)
    with pytest.raises(TimeoutError):
        await give_up()
    monkeypatch.undo()
    # Not a part of that one: committed, and the first statement of its transaction.
    async with one_connection.begin() as tx:
        await tx.execute(text("set transaction isolation level repeatable read"))
    async with one_connection.begin() as tx:
        await tx.execute(text("insert into kept values (2)"))
    assert await owner.fetchval("select count(*) from kept where n = 2") == 1
    await owner.execute("drop table kept")


async def test_a_connection_in_a_transaction_is_neither_kept_nor_lent(
    one_connection: AsyncEngine,
) -> None:
    async with one_connection.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        left = await driver.fetchval(PID)
        await driver.execute("begin")
    async with one_connection.begin() as tx:
        assert (await tx.execute(text(PID))).scalar_one() != left
        driver = (await tx.get_raw_connection()).driver_connection
        left = await driver.fetchval(PID)
    # It lies in the pool, where nobody should begin anything.
    await driver.execute("begin")
    async with one_connection.begin() as tx:
        assert (await tx.execute(text(PID))).scalar_one() != left


async def test_patience_outlasts_the_usual_limits_and_ends_with_its_transaction(
    application: httpx.ASGITransport, settings: Settings
) -> None:
    assert settings.database_url is not None
    hasty = settings.model_copy(update={"statement_timeout_ms": 200})
    pool = db.make_pool(settings.database_url.get_secret_value(), hasty, pooler=False, size=1)
    slow = text("select pg_sleep(2)")
    try:
        async with pool.connect() as connection:
            await connection.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin(), db.patiently(connection, 30):
                await connection.execute(slow)
            # The server's own limit speaks first, and this process's is only for one that hangs.
            with pytest.raises(DBAPIError):
                async with connection.begin():
                    await connection.execute(slow)
            await connection.execute(text("set statement_timeout = 0"))
            await connection.commit()
            with pytest.raises(TimeoutError):
                await connection.execute(slow)
    finally:
        await pool.dispose()


async def test_who_has_waited_enough_takes_a_free_connection_or_none(
    application: httpx.ASGITransport, settings: Settings
) -> None:
    async def ask(until: float) -> int:
        db.until.set(until)
        async with db.reading("floor") as connection:
            return int((await connection.execute(text("select 1"))).scalar_one())

    past, ahead = time.monotonic() - 1, time.monotonic() + 60
    async with AsyncExitStack() as held:
        for _ in range(settings.pool_size - 1):
            await held.enter_async_context(db.reading("floor"))
        assert await asyncio.create_task(ask(past)) == 1, "one is free"
        last = await held.enter_async_context(AsyncExitStack())
        await last.enter_async_context(db.reading("floor"))
        began = time.monotonic()
        with pytest.raises(PoolTimeout):
            await asyncio.create_task(ask(past))
        assert time.monotonic() - began < settings.pool_timeout_seconds / 2
        patient = asyncio.create_task(ask(ahead))
        await asyncio.sleep(0.05)
        assert not patient.done()
        await last.aclose()
        assert await patient == 1


def certificate(folder: Path, name: str) -> Path:
    """A certificate of 127.0.0.1 that nobody but itself has signed, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    called, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@asynccontextmanager
async def behind_tls(url: str, own: Path) -> AsyncIterator[tuple[str, list[bool]]]:
    """The database at ``url`` behind an end of TLS, as providers have it: the address, and of each connection
    whether it asked for TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    address, asked = make_url(url), []

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while some := await source.read(65_536):
            target.write(some)
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.readexactly(8)
            asked.append(first == SSL_REQUEST)
            inner, outer = await asyncio.open_connection(address.host, address.port)
            if asked[-1]:
                writer.write(b"S")
                await writer.start_tls(context)
            else:
                outer.write(first)
            await asyncio.gather(carry(reader, outer), carry(inner, writer))
        except OSError:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield address.set(port=port).render_as_string(hide_password=False), asked


async def test_one_address_with_sslmode_does_for_all_connections(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.database_url is not None
    own, foreign = (certificate(tmp_path, name) for name in ("own", "foreign"))

    async def by_pool(url: str) -> None:
        pool = db.make_pool(url, settings, pooler=False, size=1)
        try:
            async with pool.connect() as connection:
                await connection.execute(text("select 1"))
        finally:
            await pool.dispose()

    async def by_driver(url: str) -> None:
        connection = await asyncpg.connect(db.driver_url(url))
        await connection.execute("select 1")
        await connection.close()

    async with behind_tls(settings.database_url.get_secret_value(), own) as (url, asked):
        for connect in (by_pool, by_driver):
            monkeypatch.setenv("PGSSLROOTCERT", str(own))
            await connect(f"{url}?sslmode=verify-full")
            await connect(f"{url}?sslmode=disable")
            assert asked == [True, False]
            monkeypatch.setenv("PGSSLROOTCERT", str(foreign))
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(f"{url}?sslmode=verify-full")
            asked.clear()
