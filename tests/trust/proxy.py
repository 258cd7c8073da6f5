"""A store seen through a bad wire: slow, silent, reset, or cut in the middle of an answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Literal

Fault = Literal["fine", "slow", "silent", "reset", "cut"]
SLOW_SECONDS = 0.3
"""By which each part of a conversation is late, in each direction, where nothing else is said."""


class Proxy:
    """Passes everything on to a port of this machine, as well or badly as it is told."""

    def __init__(self, target: int, late: float = SLOW_SECONDS) -> None:
        self.target = target
        self.late = late
        self.fault: Fault = "fine"
        self.port = 0
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._open: set[asyncio.StreamWriter] = set()

    def turn(self, fault: Fault) -> None:
        """From now on."""
        self.fault = fault
        if fault == "silent":
            self._speaks.clear()
        else:
            # What was held back goes on, as after a cable was put back.
            self._speaks.set()
        if fault == "reset":
            for writer in list(self._open):
                _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault == "reset":
            _reset(writer)
            return
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        both = {writer, to_writer}
        self._open |= both
        pumps = [
            asyncio.create_task(self._pump(reader, to_writer, answers=False)),
            asyncio.create_task(self._pump(to_reader, writer, answers=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self._open -= both
            for one in both:
                one.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(65_536):
                await self._speaks.wait()
                if self.fault == "slow":
                    await asyncio.sleep(self.late)
                if self.fault == "cut" and answers:
                    writer.write(part[: len(part) // 2])
                    await writer.drain()
                    return
                writer.write(part)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without a goodbye: the other side reads ``connection reset``."""
    with contextlib.suppress(OSError):
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def proxy(target: int, late: float = SLOW_SECONDS) -> AsyncIterator[Proxy]:
    """A proxy in front of a port, until the end of the block."""
    made = Proxy(target, late)
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.turn("reset")
