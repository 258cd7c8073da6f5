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

from tracetrack.platform.admission import STATE, TURN, Admission, Kind, kind_of


class Door(HttpToolsProtocol):
    """One connection.

    A refused request's body is read and dropped, so that the next one of the connection is understood.
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

    def data_received(self, data: bytes) -> None:
        """Read on; after a refusal the connection may rest as long as after any answer."""
        super().data_received(data)
        if self.refused and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        super().on_message_begin()
        self.refused = False

    def on_headers_complete(self) -> None:
        """Refuse the request, or have it served."""
        if self.last:
            # Whoever sends more than he was told to gets nothing done.
            self.refused = True
            return
        kind = self._kind()
        if kind is not None and self.admission is not None:
            turn = self.admission.ask(kind)
            if isinstance(turn, str):
                self._refuse(self.admission, kind, turn)
                return
            self.scope[TURN] = turn  # type: ignore[literal-required]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body, unless nobody waits for it."""
        if not self.refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is read whole."""
        if not self.refused:
            super().on_message_complete()
        elif self.last:
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
            self.parser.get_http_version() != "1.0"
            and self.parser.should_keep_alive()
            and not self.expect_100_continue
        )
        self.refused = True
        self.last = not stays
        self.transport.write(
            b"".join(
                (
                    STATUS_LINE[503],
                    *(b"%b: %b\r\n" % header for header in self.server_state.default_headers),
                    refusal.lines,
                    b"x-request-id: %b\r\n" % current,
                    b"\r\n" if stays else b"connection: close\r\n\r\n",
                    b"" if self.parser.get_method() == b"HEAD" else refusal.body,
                )
            )
        )
        self.server_state.total_requests += 1
