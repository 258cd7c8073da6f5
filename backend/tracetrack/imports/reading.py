"""Running the reader: a child process that is confined, watched, and never believed to end well."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson

from tracetrack.bags.codes import Labels
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.platform.logs import get_logger
from tracetrack.platform.problems import Problem

log = get_logger("imports")

WALL_SECONDS = 300
"""However slow the machine, the next piece comes within this time, or the file is not read at all."""

KEPT_SECONDS = 600
"""How long the process that readers are forked from waits for the next file."""

PREVIEWS = 2
"""At a time in one process: a reader may take 3 GiB and two minutes of a processor."""

PREVIEW_WAIT_SECONDS = 5.0
"""How long another one waits for its turn."""

_previews = asyncio.Semaphore(PREVIEWS)

_PIPE = 1 << 20
_AT_ONCE = 1 << 18
"""Bytes that are passed on before others of this process have their turn."""


class _Nursery:
    """The process that readers are forked from: it has loaded what reading needs, which takes a while."""

    def __init__(self) -> None:
        self.process: asyncio.subprocess.Process | None = None
        self.socket: socket.socket | None = None
        self.used = time.monotonic()
        self.turn = asyncio.Lock()

    async def start(self) -> None:
        mine, its = socket.socketpair()
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tracetrack.imports.reader",
                str(os.getpid()),
                str(its.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(its.fileno(),),
                env={
                    name: value
                    for name, value in os.environ.items()
                    # It needs none of our secrets.
                    if not name.startswith("TRACETRACK_") and name not in ("DATABASE_URL", "REDIS_URL")
                }
                | {"POLARS_MAX_THREADS": "2", "RAYON_NUM_THREADS": "2"},
            )
        except BaseException:
            mine.close()
            raise
        finally:
            its.close()
        mine.setblocking(False)
        self.socket = mine

    async def fork(self, descriptors: list[int]) -> int:
        """A reader with these descriptors; its process id."""
        async with self.turn:
            self.used = time.monotonic()
            if self.process is None or self.process.returncode is not None:
                await self.stop()
                await self.start()
            assert self.socket is not None
            socket.send_fds(self.socket, [b"j"], descriptors)
            answer = b""
            async with asyncio.timeout(START_SECONDS):
                while len(answer) < 8:
                    more = await asyncio.get_running_loop().sock_recv(self.socket, 8 - len(answer))
                    if not more:
                        raise ConnectionError("the reader ended")
                    answer += more
            return int.from_bytes(answer, "big")

    async def stop(self) -> None:
        if self.socket is not None:
            self.socket.close()
        if self.process is not None:
            if self.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self.process.kill()
            await self.process.wait()
        self.socket = self.process = None


START_SECONDS = 60.0
"""Loading takes half a second, on a busy machine more."""

_nursery: _Nursery | None = None
_warming: asyncio.Task[None] | None = None


def warm() -> None:
    """Get ready to read: called when an upload begins, so that the file does not wait."""
    global _nursery, _warming
    if _nursery is None:
        _nursery = _Nursery()
    _nursery.used = time.monotonic()
    if _nursery.process is None and (_warming is None or _warming.done()):
        _warming = asyncio.create_task(_start(_nursery))


async def _start(nursery: _Nursery) -> None:
    async with nursery.turn:
        if nursery.process is None:
            await nursery.start()


async def rest() -> None:
    """End the waiting process when nothing has been read for long."""
    if (
        _nursery is not None
        and time.monotonic() - _nursery.used > KEPT_SECONDS
        and not _nursery.turn.locked()
    ):
        async with _nursery.turn:
            await _nursery.stop()


async def close_reading() -> None:
    """End the waiting process."""
    global _nursery
    if _warming is not None:
        await asyncio.gather(_warming, return_exceptions=True)
    if _nursery is not None:
        await _nursery.stop()
    _nursery = None


class Reader:
    """One reader process, for one file."""

    def __init__(self) -> None:
        self.pid = 0
        self._ended = False
        self._transports: list[asyncio.BaseTransport] = []

    async def start(self, job: dict[str, Any]) -> None:
        """Fork it and give it its job."""
        global _nursery
        if _nursery is None:
            _nursery = _Nursery()
        pipes = [os.pipe() for _ in range(3)]
        (job_out, job_in), (self._rows_fd, rows_in), (self._events_fd, events_in) = pipes
        try:
            for last in (False, True):
                try:
                    self.pid = await _nursery.fork([job_out, rows_in, events_in])
                    break
                except (OSError, TimeoutError):
                    # The process that we fork from was killed: a new one is started.
                    async with _nursery.turn:
                        await _nursery.stop()
                    if last:
                        raise
        except BaseException:
            for descriptor in (job_in, self._rows_fd, self._events_fd):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (job_out, rows_in, events_in):
                os.close(descriptor)
        self._rows = await self._stream(self._rows_fd)
        self._events = await self._stream(self._events_fd)
        await asyncio.to_thread(_send, job_in, orjson.dumps(job) + b"\n")

    async def _stream(self, descriptor: int) -> asyncio.StreamReader:
        stream = asyncio.StreamReader(limit=8 * _PIPE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb", 0)
        )
        self._transports.append(transport)
        return stream

    async def next_event(self) -> dict[str, Any]:
        """What it says next.

        Raises:
            UnreadableError: the file cannot be read, or reading it killed the process.
        """
        try:
            async with asyncio.timeout(WALL_SECONDS):
                line = await self._events.readline()
        except TimeoutError:
            raise UnreadableError("file_too_demanding") from None
        if not line.endswith(b"\n"):
            self._ended = True
            log.warning("reader died")
            raise UnreadableError("file_too_demanding")
        event: dict[str, Any] = orjson.loads(line)
        if event["event"] == "unreadable":
            if "why" in event:
                log.error("reader failed", why=event["why"])
            raise UnreadableError(event["code"], **event["values"])
        return event

    async def bytes(self, size: int | None) -> AsyncIterator[bytes]:
        """The next ``size`` bytes of its rows, or all that are left."""
        left = size
        while left is None or left > 0:
            try:
                async with asyncio.timeout(WALL_SECONDS):
                    chunk = await self._rows.read(min(_AT_ONCE, left) if left is not None else _AT_ONCE)
            except TimeoutError:
                raise UnreadableError("file_too_demanding") from None
            if not chunk:
                break
            if left is not None:
                left -= len(chunk)
            yield chunk
            # Neither the pipe nor the database makes us wait while both have room.
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """End it, whatever it does; again is as good as once."""
        if self.pid and not self._events.at_eof() and not self._ended:
            self._ended = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        for transport in self._transports:
            transport.close()


def _send(descriptor: int, line: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
        pipe.write(line)


@contextlib.asynccontextmanager
async def reader(job: dict[str, Any]) -> AsyncIterator[Reader]:
    """A reader at work on one file; it is ended when the block is left."""
    child = Reader()
    try:
        await child.start(job)
        yield child
    finally:
        if child.pid:
            await child.stop()


def labels_json(labels: Labels) -> dict[str, Any]:
    """The site's labels as the reader takes them."""
    return {
        "hosts": sorted(labels.hosts),
        "patterns": [[p.expression.pattern, p.kind, p.bag_type_id] for p in labels.patterns],
        "types": [[expression.pattern, type_id] for expression, type_id in labels.types],
    }


async def preview(job: dict[str, Any]) -> list[dict[str, Any]]:
    """How the sheets of a file are understood, with their first rows.

    Raises:
        UnreadableError: with the reason.
        Problem: ``busy`` (503) while others are previewed.
    """
    try:
        async with asyncio.timeout(PREVIEW_WAIT_SECONDS):
            await _previews.acquire()
    except TimeoutError:
        raise Problem("busy", headers={"Retry-After": "5"}) from None
    try:
        async with reader({**job, "mode": "preview"}) as child:
            sheets: list[dict[str, Any]] = []
            while (event := await child.next_event())["event"] != "done":
                if event["event"] == "sheets":
                    sheets = event["sheets"]
            return sheets
    finally:
        _previews.release()
