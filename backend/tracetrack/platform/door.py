"""uvicorn's HTTP, which refuses as soon as a request's headers are read.

Who is refused is said by :mod:`tracetrack.platform.admission`. Refusing there, with bytes that were
prepared, costs a third of what a task and an ASGI answer cost; and when five times as many scans come as can
be done, four of five requests are refused.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from tracetrack.platform.admission import (
    BODY_SECONDS,
    STATE,
    TURN,
    Admission,
    Kind,
    kind_of,
    sends_body,
)

HELD_BYTES = 65_536
"""Of a body that is waited for here; a larger one is waited for by the middleware, which counts them all."""


class Door(HttpToolsProtocol):
    """One connection.

    A request is begun when its body is whole, so that one whose body never comes takes no place. A refused
    request's body is read and dropped, so that the next one of the connection is understood.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.admission: Admission | None = app_state.get(STATE)
        self.refused = False
        """Whether the request that is being read has had its answer here."""
        self.last = False
        """Whether that answer said that no other follows."""
        self.held: bytearray | None = None
        """What has come of the body of a request that is not begun yet."""
        self.whole = False
        """Whether nothing is being read that is waited for here."""
        self.late: asyncio.TimerHandle | None = None
        """When a request that is not whole is given up; most come whole, and need none."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody who says nothing is not listened to for ever."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """They hung up."""
        self._come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; after a refusal the connection may rest as long as after any answer."""
        super().data_received(data)
        if not self.whole and self.late is None:
            self._wait()
        if self.refused and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        super().on_message_begin()
        self.refused = False
        self.held = None
        self.whole = False

    def on_headers_complete(self) -> None:
        """Refuse the request, have it served, or wait for its body."""
        if self.last:
            # Whoever sends more than he was told to gets nothing done.
            self.refused = True
            return
        kind = self._kind()
        if kind is None or self.admission is None:
            self._come()
            super().on_headers_complete()
        elif kind.name == "upload" or not sends_body(self.headers):
            self._come()
            self._ask(self.admission, kind)
        elif why := self.admission.refuses(kind):
            # Before it sends its body in vain.
            self._come()
            self._refuse(self.admission, kind, why)
        elif self.expect_100_continue:
            # It sends its body when it is told to, which the middleware does.
            self._come()
            super().on_headers_complete()
        else:
            self.held = bytearray()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body, unless nobody waits for it."""
        if self.held is not None:
            self.held += body
            if len(self.held) > HELD_BYTES:
                held, self.held = bytes(self.held), None
                self._come()
                super().on_headers_complete()
                super().on_body(held)
        elif not self.refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is read whole."""
        self._come()
        if self.held is not None:
            held, self.held = bytes(self.held), None
            kind = self._kind()
            if kind is None or self.admission is None:
                super().on_headers_complete()
            else:
                self._ask(self.admission, kind)
            if not self.refused:
                super().on_body(held)
        if not self.refused:
            super().on_message_complete()
        elif self.last:
            self.transport.close()

    def _ask(self, admission: Admission, kind: Kind) -> None:
        turn = admission.ask(kind)
        if isinstance(turn, str):
            self._refuse(admission, kind, turn)
            return
        self.scope[TURN] = turn  # type: ignore[literal-required]
        super().on_headers_complete()

    def _wait(self) -> None:
        self.late = self.loop.call_later(BODY_SECONDS, self._too_slow)

    def _come(self) -> None:
        self.whole = True
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def _too_slow(self) -> None:
        kind = None if self.held is None else self._kind()
        if kind is not None and self.admission is not None:
            self.held = None
            self._refuse(self.admission, kind, "slow")
        self.transport.close()

    def _kind(self) -> Kind | None:
        """Of a request that can be refused here; None for all others, which are served as ever."""
        busy = self.cycle is not None and not self.cycle.response_complete
        # Answers go out in the order of the requests, and no faster than they are read.
        if self.admission is None or busy or self.flow.write_paused or self.parser.should_upgrade():
            return None
        path = httptools.parse_url(self.url).path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        name = kind_of(self.parser.get_method().decode("ascii"), path)
        return None if name is None else self.admission.gate.kinds[name]

    def _refuse(self, admission: Admission, kind: Kind, why: str) -> None:
        refusal, current = admission.refuse(kind, why, self.headers)
        # Who asked whether to send the body, and hears no, will send none: nothing can follow it.
        stays = (
            why != "slow"
            and self.parser.get_http_version() != "1.0"
            and self.parser.should_keep_alive()
            and not self.expect_100_continue
        )
        self.refused = True
        self.last = not stays
        self.transport.write(
            b"".join(
                (
                    STATUS_LINE[refusal.status],
                    *(b"%b: %b\r\n" % header for header in self.server_state.default_headers),
                    refusal.lines,
                    b"x-request-id: %b\r\n" % current,
                    b"\r\n" if stays or why == "slow" else b"connection: close\r\n\r\n",
                    b"" if self.parser.get_method() == b"HEAD" else refusal.body,
                )
            )
        )
        self.server_state.total_requests += 1
