"""A client of the event stream, as a browser has one: it remembers the last id and comes back."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson


@dataclass
class Stream:
    """Messages as they come; ``seen`` is what to come back with."""

    answer: httpx.Response
    seen: str | None = None
    _lines: AsyncIterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.answer.aiter_lines()

    async def message(self) -> tuple[str, dict[str, Any]]:
        """The next message: its kind and value."""
        parts: dict[str, str] = {}
        async for line in self._lines:
            if line == "":
                self.seen = parts["id"]
                return parts["event"], orjson.loads(parts["data"])
            name, _, value = line.partition(": ")
            parts[name] = value
        raise StopAsyncIteration

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The next so many events, or those until the stream ends."""
        got: list[dict[str, Any]] = []
        with contextlib.suppress(StopAsyncIteration):
            while len(got) < count:
                kind, value = await self.message()
                assert kind in ("ledger", "hello", "beat", "import"), kind
                got += value.get("events", [])
        return got


@contextlib.asynccontextmanager
async def listening(
    client: httpx.AsyncClient, seen: str | None = None, path: str = "/events"
) -> AsyncIterator[Stream]:
    """An open stream."""
    headers = {"Last-Event-ID": seen} if seen else {}
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer, seen)
