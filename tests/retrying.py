"""Retries as every client of the API must: 503 ``busy`` means "nothing was done, try again"."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import httpx

LIMIT_SECONDS = 60.0
"""A site that is busy for longer is at fault."""

# The server closes an idle connection after five seconds; a client that does so first never writes to a
# connection that is being closed.
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2)

_retries: ContextVar[bool] = ContextVar("retries", default=True)


@contextlib.contextmanager
def single_attempts() -> Iterator[None]:
    """Answers as the server gave them, for tests of the refusal itself."""
    token = _retries.set(False)
    try:
        yield
    finally:
        _retries.reset(token)


def retry_after(answer: httpx.Response) -> float | None:
    """Seconds to wait before the next attempt; None for an answer that is final."""
    if answer.status_code == 503 and "retry-after" in answer.headers:
        return float(answer.headers["retry-after"])
    return None


class RetryingTransport(httpx.AsyncBaseTransport):
    """Sends a request again, after ``Retry-After`` seconds, while the answer is 503."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The first answer that is not "busy", or the last one after ``LIMIT_SECONDS``."""
        until = time.monotonic() + LIMIT_SECONDS
        while True:
            answer = await self.inner.handle_async_request(request)
            wait = retry_after(answer)
            if wait is None or not _retries.get() or time.monotonic() + wait > until:
                return answer
            await answer.aclose()
            await asyncio.sleep(wait)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.inner.aclose()


class RetryingSyncTransport(httpx.BaseTransport):
    """The same for a client that blocks."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The first answer that is not "busy", or the last one after ``LIMIT_SECONDS``."""
        until = time.monotonic() + LIMIT_SECONDS
        while True:
            answer = self.inner.handle_request(request)
            wait = retry_after(answer)
            if wait is None or not _retries.get() or time.monotonic() + wait > until:
                return answer
            answer.close()
            time.sleep(wait)

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()


def client(base_url: str, **settings: Any) -> httpx.AsyncClient:
    """A client of a served site that retries."""
    settings.setdefault("timeout", 60)
    transport = RetryingTransport(httpx.AsyncHTTPTransport(limits=_LIMITS))
    return httpx.AsyncClient(base_url=base_url, transport=transport, **settings)


def sync_client(base_url: str, **settings: Any) -> httpx.Client:
    """A blocking client of a served site that retries."""
    settings.setdefault("timeout", 60)
    transport = RetryingSyncTransport(httpx.HTTPTransport(limits=_LIMITS))
    return httpx.Client(base_url=base_url, transport=transport, **settings)
