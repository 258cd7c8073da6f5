"""Whether the database can be reached, as its watcher sees it."""

from __future__ import annotations

import asyncio
import contextlib
import struct

import pytest

from tracetrack.platform import reach
from tracetrack.platform.reach import DATABASE


def message(kind: bytes, body: bytes) -> bytes:
    """One message of PostgreSQL's protocol."""
    return kind + struct.pack(">I", len(body) + 4) + body


WELCOME = (
    message(b"R", struct.pack(">I", 0))
    + message(b"S", b"server_version\x0018.0\x00")
    + message(b"S", b"client_encoding\x00UTF8\x00")
    + message(b"S", b"integer_datetimes\x00on\x00")
    + message(b"S", b"standard_conforming_strings\x00on\x00")
    + message(b"K", struct.pack(">II", 1, 2))
    + message(b"Z", b"I")
)
REFUSAL = message(b"E", b"SFATAL\x00C08P01\x00Mserver login has been failing\x00\x00")
TLS_WANTED = 80877103


async def test_a_pooler_that_lets_in_and_refuses_the_first_question_is_a_lost_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    came = 0
    told: list[str] = []

    # Another application's watcher of this process may find its own database well meanwhile.
    async def lost(why: str) -> None:
        told.append(why)

    monkeypatch.setattr(DATABASE, "lost", lost)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        came += 1
        with contextlib.suppress(OSError, EOFError):
            size, code = struct.unpack(">II", await reader.readexactly(8))
            if code == TLS_WANTED:
                writer.write(b"N")
                size, _ = struct.unpack(">II", await reader.readexactly(8))
            await reader.readexactly(size - 8)
            writer.write(WELCOME)
            await reader.read(1000)
            writer.write(REFUSAL)
            await writer.drain()
        writer.close()

    pooler = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = pooler.sockets[0].getsockname()[1]
    watching = asyncio.create_task(reach.watch(f"postgresql://u:p@127.0.0.1:{port}/d"))
    try:
        await asyncio.sleep(2)
        assert told
        assert "server login has been failing" in told[0]
        # Four times a second, and no more.
        assert 1 < came <= 10
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        pooler.close()
