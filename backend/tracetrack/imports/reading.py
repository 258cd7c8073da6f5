"""Running the reader: a child process that is confined, watched, and never believed to end well."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from tracetrack.bags.codes import Labels
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.platform.logs import get_logger

log = get_logger("imports")

WALL_SECONDS = 300
"""However slow the machine, a file is read within this time or not at all."""

KEPT_SECONDS = 600
"""How long a reader that was started ahead waits for the next file."""

_PIPE = 1 << 20


class Reader:
    """One reader process, for one file.

    It can be started ahead, so that what it imports is in memory when the file is.
    """

    def __init__(self) -> None:
        self.process: asyncio.subprocess.Process | None = None
        self.started = time.monotonic()
        self._events: asyncio.StreamReader | None = None
        self._transport: asyncio.BaseTransport | None = None

    async def start(self) -> Reader:
        """Start the process; it waits for its job."""
        mine, its = os.pipe()
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tracetrack.imports.reader",
                str(os.getpid()),
                str(its),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(its,),
                limit=_PIPE,
                env={
                    name: value
                    for name, value in os.environ.items()
                    # It needs none of our secrets.
                    if not name.startswith("TRACETRACK_") and name not in ("DATABASE_URL", "REDIS_URL")
                }
                | {"POLARS_MAX_THREADS": "2", "RAYON_NUM_THREADS": "2"},
            )
        except BaseException:
            os.close(mine)
            raise
        finally:
            os.close(its)
        loop = asyncio.get_running_loop()
        self._events = asyncio.StreamReader(limit=8 << 20)
        self._transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._events),  # type: ignore[arg-type]
            os.fdopen(mine, "rb", 0),
        )
        return self

    @property
    def fit(self) -> bool:
        """Whether it still waits for a job."""
        return (
            self.process is not None
            and self.process.returncode is None
            and time.monotonic() - self.started < KEPT_SECONDS
        )

    async def give(self, job: dict[str, Any]) -> None:
        """Give it its job."""
        assert self.process is not None
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.process.stdin.write(orjson.dumps(job) + b"\n")
            await self.process.stdin.drain()
            self.process.stdin.close()

    async def next_event(self) -> dict[str, Any]:
        """What it says next.

        Raises:
            UnreadableError: the file cannot be read, or reading it killed the process.
        """
        assert self._events is not None
        line = await self._events.readline()
        if not line.endswith(b"\n"):
            code = await self.process.wait() if self.process else None
            log.warning("reader died", exit_code=code)
            raise UnreadableError("file_too_demanding")
        event: dict[str, Any] = orjson.loads(line)
        if event["event"] == "unreadable":
            raise UnreadableError(event["code"], **event["values"])
        return event

    async def bytes(self, size: int | None) -> AsyncIterator[bytes]:
        """The next ``size`` bytes of its rows, or all that are left."""
        assert self.process is not None
        assert self.process.stdout is not None
        left = size
        while left is None or left > 0:
            chunk = await self.process.stdout.read(min(_PIPE, left) if left is not None else _PIPE)
            if not chunk:
                break
            if left is not None:
                left -= len(chunk)
            yield chunk

    async def stop(self) -> None:
        """End it, whatever it does."""
        if self._transport is not None:
            self._transport.close()
        if self.process is not None:
            if self.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self.process.kill()
            await self.process.wait()


_spare: asyncio.Task[Reader] | None = None


def warm() -> None:
    """Start a reader ahead, unless one waits already: called when an upload begins."""
    global _spare
    if _spare is not None and _spare.done() and not _spare.cancelled() and _spare.exception() is None:
        if _spare.result().fit:
            return
    elif _spare is not None and not _spare.done():
        return
    _drop_spare()
    _spare = asyncio.create_task(Reader().start())


def _drop_spare() -> None:
    global _spare
    if _spare is not None and _spare.done() and not _spare.cancelled() and _spare.exception() is None:
        task = asyncio.create_task(_spare.result().stop())
        _ending.add(task)
        task.add_done_callback(_ending.discard)
    _spare = None


_ending: set[asyncio.Task[None]] = set()


async def close_spare() -> None:
    """End the waiting reader, if there is one."""
    global _spare
    if _spare is not None:
        with contextlib.suppress(Exception):
            await (await _spare).stop()
    _spare = None


@contextlib.asynccontextmanager
async def reader() -> AsyncIterator[Reader]:
    """A reader for one file; it is ended when the block is left."""
    global _spare
    taken: Reader | None = None
    if _spare is not None:
        with contextlib.suppress(OSError):
            waiting = await _spare
            if waiting.fit:
                taken = waiting
            else:
                await waiting.stop()
        _spare = None
    if taken is None:
        taken = await Reader().start()
    try:
        async with asyncio.timeout(WALL_SECONDS):
            yield taken
    except TimeoutError:
        raise UnreadableError("file_too_demanding") from None
    finally:
        await taken.stop()


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
    """
    async with reader() as child:
        await child.give({**job, "mode": "preview"})
        sheets: list[dict[str, Any]] = []
        while (event := await child.next_event())["event"] != "done":
            if event["event"] == "sheets":
                sheets = event["sheets"]
        return sheets


Told = Callable[[dict[str, Any]], None]
