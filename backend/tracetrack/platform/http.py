"""What every request passes through: id, size limit, timing, log line, headers, last-resort error."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import uuid
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracetrack.platform import minutes
from tracetrack.platform.logs import get_logger, request_id
from tracetrack.platform.metrics import IN_FLIGHT, REQUEST_SECONDS
from tracetrack.platform.problems import Problem
from tracetrack.platform.stopping import stopping

log = get_logger("http")

API = "/api/v1"
"""Where the API lies; every other path is a page."""

PLAIN_ROUTES = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"})
"""What lies beside the API and the pages; only FastAPI's own routes say in the scope which they are."""

LINGER_SECONDS = 1.0
LINGER_BYTES = 8 * 1_048_576
"""How long, and how much, is read on after a body was refused for its size: of a connection that is
closed with bytes unread, the client often loses the answer too."""

SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
    "script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; font-src 'self'; worker-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), screen-wake-lock=(self), geolocation=(), microphone=()",
    "content-security-policy": PAGE_POLICY,
}


def protective_headers(https: bool) -> dict[str, str]:
    """What every answer carries; over TLS browsers are told to insist on it."""
    return HEADERS | ({"strict-transport-security": "max-age=31536000; includeSubDomains"} if https else {})


class Envelope:
    """Pure ASGI middleware around the whole application.

    Args:
        app: the application inside.
        max_body_bytes: the largest body, in bytes, refused with 413 before more is read.
        body_limits: larger limits for paths that take files, by path.
        https: the site is reached over TLS, so browsers may be told to insist on it.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        body_limits: Mapping[str, int] | None = None,
        https: bool = False,
    ) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.body_limits = dict(body_limits or {})
        self.headers = protective_headers(https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        current = given if SOUND_ID.fullmatch(given) else uuid.uuid4().hex
        token = request_id.set(current)
        status = 0
        lasting = hung_up = False
        limit = self.body_limits.get(scope["path"], self.max_body_bytes)
        is_api = scope["path"].startswith("/api/")

        async def answer(message: Message) -> None:
            nonlocal status, lasting
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = MutableHeaders(raw=message["headers"])
                lasting = answered.get("content-type", "").startswith("text/event-stream")
                answered["x-request-id"] = current
                for name, value in self.headers.items():
                    answered.setdefault(name, value)
                if is_api:
                    answered.setdefault("cache-control", "no-store")
                if status == 413 or stopping():
                    # The rest of the body will not be read, or the next request would come too late.
                    answered["connection"] = "close"
            elif status == 413 and not message.get("more_body"):
                await send({**message, "more_body": True})
                await _linger(receive)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > limit:
                    raise HTTPException(413)
            return message

        IN_FLIGHT.inc()
        try:
            if (declared_length(headers) or 0) > limit:
                await Problem("too_large").response(Request(scope))(scope, receive, answer)
            else:
                await self.app(scope, bounded, answer)
        except ClientDisconnect:
            # Hung up while a file was sent: nobody is left to answer.
            hung_up = True
        except Exception:
            log.exception("unhandled error", method=scope["method"], path=scope["path"])
            if status == 0:
                await Problem("internal_error").response(Request(scope))(scope, receive, answer)
            else:
                raise
        finally:
            IN_FLIGHT.dec()
            seconds = time.perf_counter() - started
            # A client that hung up has no status: it did not have the answer.
            status = 499 if hung_up else status
            route = route_template(scope)
            if not lasting:
                # How long somebody listened is no measure of how fast we answer.
                REQUEST_SECONDS.labels(scope["method"], route, str(status or 499)).observe(seconds)
                minutes.count(scope["method"], route, status or 499, seconds)
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status or 499,
                ms=round(seconds * 1000, 2),
                user=scope.get("state", {}).get("user_id"),
            )
            request_id.reset(token)


def declared_length(headers: Headers) -> int | None:
    """The ``Content-Length`` of a request in bytes; None when absent, or no number."""
    length = headers.get("content-length", "")
    # The first 19 digits of a longer number are more than any limit.
    return int(length[:19]) if length.isascii() and length.isdigit() else None


async def _linger(receive: Receive) -> None:
    """Read on for a moment what nobody wants."""
    dropped = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while dropped < LINGER_BYTES:
                message = await receive()
                if not message.get("more_body"):
                    break
                dropped += len(message.get("body", b""))


def route_template(scope: Scope) -> str:
    """The route's path with its parameters unfilled, so that labels stay few."""
    path: str = getattr(scope.get("route"), "path", "")
    if not path:
        return scope["path"] if scope["path"] in PLAIN_ROUTES else "unmatched"
    # An included route knows its path below the prefix only.
    return path if path.startswith(API) or not scope["path"].startswith(API) else API + path
