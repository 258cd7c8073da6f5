"""HTTP for load generators: one kept-alive connection a user, and as little work as can be.

The generator shares the machine with what it measures, so a full client library would mostly
measure itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson


class Wire:
    """One connection to the site, used by one user at a time."""

    def __init__(self, port: int, token: str = "") -> None:
        self.port = port
        self.headers = (
            f"host: 127.0.0.1:{port}\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\n"
        )
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """One request; status and body of its answer."""
        if self.writer is None or self.reader is None or self.reader.at_eof():
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        content = b"" if body is None else orjson.dumps(body)
        head = f"{method} /api/v1{path} HTTP/1.1\r\n{self.headers}content-length: {len(content)}\r\n\r\n"
        self.writer.write(head.encode() + content)
        answered = await self.reader.readuntil(b"\r\n\r\n")
        lower = answered.lower()
        at = lower.index(b"content-length:") + 15
        length = int(lower[at : lower.index(b"\r\n", at)])
        return int(answered[9:12]), await self.reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        if self.writer is not None:
            self.writer.close()
