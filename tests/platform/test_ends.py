"""What ends early ends quietly: downloads that nobody takes any more, workers that stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.serving import Served, fill, worker
from tracetrack.platform.embedded import postgres

DATABASE = "tracetrack_ends"


@pytest.fixture
async def served(server: postgres.Postgres) -> AsyncIterator[Served]:
    """A worker with 60,000 bags to export."""
    server.create_database(DATABASE, "tracetrack_template")
    await fill(server.url(postgres.OWNER, DATABASE))
    owner = await asyncpg.connect(server.url(postgres.OWNER, DATABASE))
    await owner.execute("""
        insert into bags (code, kind, area_id, created_by)
        select 'C' || n, 'child', (select min(id) from areas), (select min(id) from users)
        from generate_series(1, 60000) n""")
    await owner.close()
    with worker(server, DATABASE) as running:
        await running.sign_in()
        yield running
    server.drop_database(DATABASE)


def request(path: str, token: str | None = None) -> bytes:
    more = f"authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n".encode()


async def test_hanging_up_on_a_download_is_no_error(served: Served) -> None:
    for path in ("/exports/bags?format=csv", "/exports/bags", "/exports/links", "/reports/end-of-day"):
        for taken in (0, 200, 50_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(request(f"/api/v1{path}", served.tokens["admin"]))
            if taken:
                await reader.read(taken)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
    async with served.client("admin") as client:
        for _ in range(3):
            # Answered by the same loop after what ended; garbage is collected on the way.
            whole = await client.get("/exports/bags", params={"format": "csv"})
            assert whole.text.count("\n") == 60_001
    lines = served.log.read_text("utf-8")
    assert "Traceback" not in lines
    assert [
        line for line in lines.splitlines() if line.startswith("{") and json.loads(line)["level"] == "error"
    ] == []


async def test_a_worker_that_stops_answers_open_connections_once_more(
    served: Served,
) -> None:
    connections = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(5)]

    async def answer(reader: asyncio.StreamReader) -> str:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        return head.decode().lower()

    for reader, writer in connections:
        writer.write(request("/healthz"))
        assert "connection: close" not in await answer(reader)
    served.process.send_signal(signal.SIGTERM)
    for reader, writer in connections:
        said = ""
        # It may not have noticed yet, and then goes on as before; no request is lost.
        async with asyncio.timeout(20):
            while "connection: close" not in said:
                writer.write(request("/healthz"))
                said = await answer(reader)
                assert said.startswith("http/1.1 200")
            assert await reader.read() == b""
    served.process.wait(30)


async def test_probes_are_counted_under_their_names(served: Served) -> None:
    async with served.client() as client:
        for path in ("/healthz", "/readyz", "/openapi.json", "/metrics"):
            assert (await client.get(f"{served.url}{path}")).status_code == 200
        said = (await client.get(f"{served.url}/metrics")).text
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert f'tracetrack_request_seconds_count{{method="GET",route="{path}",status="200"}}' in said
    assert 'route="unmatched"' not in said


async def test_what_one_caller_leaves_unread_keeps_nobody_out(served: Served) -> None:
    held = []
    for path in [*["/exports/bags"] * 20, *["/exports/bags?format=csv"] * 20]:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(request(f"/api/v1{path}", served.tokens["admin"]))
        held.append(writer)
    # A file that comes a byte at a time.
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(
            b"POST /api/v1/imports HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n"
            b"content-type: multipart/form-data; boundary=x\r\nauthorization: Bearer "
            + served.tokens["admin"].encode()
            + b"\r\n\r\n--"
        )
        held.append(writer)
    async with served.client("biller") as client:
        for path in (
            *("/search?q=C1", "/imports", "/lists/empty", "/lists/unbilled", "/reports/end-of-day", "/bags"),
            *("/bills", "/dashboard/summary", "/exports/links?format=csv"),
        ):
            # At the first attempt: nothing of the biller's is in the way.
            assert (await client.get(path)).status_code == 200, path
        file = {"file": ("a.csv", b"parent,child\nP1,C1\n", "text/csv")}
        assert (await client.post("/imports", files=file, data={"dry_run": "true"})).status_code == 202
    for writer in held:
        writer.transport.abort()
