"""One person's line to the site: a kept-alive connection, and nothing hidden.

A full HTTP client would try again by itself and hide how long it waited; here each call is sent
once, and comes back as an answer or as :class:`Lost`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.floor import PASSWORD
from tests.retrying import LIMIT_SECONDS
from tests.trust.meter import Meter


class Lost(Exception):  # noqa: N818 - what happened to an answer, not what went wrong
    """No answer came: whether it was done is unknown."""


@dataclass
class Answer:
    """What the site said to one call."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def said(self) -> Any:
        """The JSON of its body; nothing where there is none."""
        return orjson.loads(self.body) if self.body else {}

    @property
    def word(self) -> str:
        """Its outcome, problem code or state, whichever it has."""
        said = self.said if self.headers.get("content-type", "").endswith("json") else {}
        names = ("code",) if self.status >= 400 else ("outcome", "state")
        return str(next((said[name] for name in names if said.get(name)), self.status))


@dataclass
class Line:
    """A person at a device, signed in when first needed."""

    port: int
    username: str
    patience: float = 30.0
    """Seconds that one waits for an answer."""
    token: str = ""
    user_id: int = 0
    meter: Meter | None = field(default=None, repr=False)
    _reader: asyncio.StreamReader | None = field(default=None, repr=False)
    _writer: asyncio.StreamWriter | None = field(default=None, repr=False)

    async def sign_in(self) -> None:
        """Sign in.

        Raises:
            Lost: no answer, or busy for too long.
        """
        answer = await self.insist("POST", "/auth/login", {"username": self.username, "password": PASSWORD})
        if answer.status != 200:
            raise Lost(f"sign-in: {answer.status} {answer.word}")
        self.token, self.user_id = answer.said["access_token"], answer.said["user"]["id"]

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one call below ``/api/v1``, once.

        Raises:
            Lost: no whole answer came.
        """
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.patience):
                await self._send(method, path, _content(body), headers or {})
                status, answered, text = await self._answer()
        except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            self.hang_up()
            raise Lost(f"{type(error).__name__} {error}") from error
        except BaseException:
            self.hang_up()
            raise
        if answered.get("connection") == "close":
            self.hang_up()
        answer = Answer(status, answered, text, time.perf_counter() - began)
        if self.meter is not None:
            self.meter.count(method, path, status, answer.word, answer.seconds, "retry-after" in answered)
        return answer

    async def insist(self, method: str, path: str, body: Any = None) -> Answer:
        """The first answer that is not "busy", or the last one after ``LIMIT_SECONDS``.

        Raises:
            Lost: no whole answer came.
        """
        until = time.monotonic() + LIMIT_SECONDS
        while True:
            answer = await self.call(method, path, body)
            if answer.status != 503 or time.monotonic() > until:
                return answer
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")))

    async def _send(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> None:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        sent = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(content))}
        sent |= {"authorization": f"Bearer {self.token}"} if self.token else {}
        head = "".join(f"{name}: {value}\r\n" for name, value in (sent | headers).items())
        self._writer.write(f"{method} /api/v1{path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        await self._writer.drain()

    async def _answer(self) -> tuple[int, dict[str, str], bytes]:
        assert self._reader is not None
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        named = (line.partition(": ") for line in lines[1:] if line)
        headers = {name.lower(): value for name, _, value in named}
        if headers.get("transfer-encoding") == "chunked":
            return int(lines[0].split()[1]), headers, await self._chunks()
        length = int(headers.get("content-length", 0))
        return int(lines[0].split()[1]), headers, await self._reader.readexactly(length)

    async def _chunks(self) -> bytes:
        assert self._reader is not None
        parts = []
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readuntil(b"\r\n")
        return b"".join(parts)

    async def abandon(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        """Send a call and hang up before its answer."""
        with contextlib.suppress(OSError):
            await self._send(method, path, _content(body), headers or {})
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection; the next call makes another."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def _content(body: Any) -> bytes:
    return b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
