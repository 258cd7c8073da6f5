"""uvicorn's HTTP, which refuses as soon as a request's headers are read.

Who is refused is said by :mod:`tracetrack.platform.admission`. Refusing there, with bytes that were
prepared, costs a third of what a task and an ASGI answer cost; and when five times as many scans come as can
be done, four of five requests are refused.
"""

from __future__ import annotations

import asyncio
import random
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
    Refusal,
    kind_of,
    sends_body,
)
from tracetrack.platform.stopping import stopping

HELD_BYTES = 65_536
"""Of a body that is waited for here; a larger one is waited for by the middleware."""
HEAD_BYTES = 65_536
"""Of a request's line and headers, beyond the segment they begin in."""
HEAD_FIELDS = 100
"""Headers of one request."""
UNREAD_SECONDS = 60.0
"""How long an answer may lie here because the client reads none of it."""
MOST_CONNECTIONS = 4_000
"""Of one worker. Beyond that one that rests is closed for the new one, or the new one is."""


class Door(HttpToolsProtocol):
    """One connection.

    A request is begun when its body is whole, so that one whose body never comes takes no place. A refused
    request's body is read and dropped, so that the next one of the connection is understood. Whatever a
    client does or leaves undone, some timer of the connection runs, unless its request is being served.
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
        self.headed = True
        """Whether the headers of the request that is being read are complete."""
        self.begun = False
        """Whether a request began in the segment that is being read."""
        self.came = 0
        """Bytes of segments that held nothing but a part of a head."""
        self.too_large = False
        """Whether the head is larger than heads are."""
        self.late: asyncio.TimerHandle | None = None
        """When a request that is not whole is given up; most come whole, and need none."""
        self.unread: asyncio.TimerHandle | None = None
        """When an answer that nobody reads is given up."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody who says nothing is not listened to for ever."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > MOST_CONNECTIONS:
            resting = (one for one in self.connections if getattr(one, "timeout_keep_alive_task", None))
            next(resting, self).transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """They hung up."""
        self._come()
        self._taken()
        self._read_on()
        # uvicorn leaves it running when the connection broke.
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and see to it that a timer runs."""
        self.begun = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self.headed and not self.begun:
            self.came += len(data)
            if self.came > HEAD_BYTES:
                self.too_large = True
                self.send_400_response("")
                return
        if not self.whole:
            if self.late is None:
                self._wait()
        elif self.timeout_keep_alive_task is None and (self.cycle is None or self.cycle.response_complete):
            # After a refusal, or after what was no request, it may rest as long as after any answer.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def pause_writing(self) -> None:
        """More lies here than goes out."""
        super().pause_writing()
        self.unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """They read on."""
        super().resume_writing()
        self._read_on()

    def _read_on(self) -> None:
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        super().on_message_begin()
        self.refused = self.whole = self.headed = False
        self.begun = True
        self.came = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes after a body cannot change who asked for what."""
        if self.headed:
            return
        if len(self.headers) >= HEAD_FIELDS:
            self.too_large = True
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse the request, have it served, or wait for its body."""
        self.headed = True
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
        elif why := self.admission.refuses(kind, self._caller(self.admission, kind)):
            # Before it sends its body in vain; what comes of it all the same has its time, too.
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
            assert self.admission is not None
            self.admission.gathered += len(body)
            if len(self.held) > HELD_BYTES:
                held = self._taken()
                self._come()
                super().on_headers_complete()
                super().on_body(held)
        elif not self.refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is read whole."""
        self._come()
        if self.held is not None:
            held = self._taken()
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

    def send_400_response(self, msg: str) -> None:
        """Tell whoever sends what is no HTTP, as everything else is told."""
        if self.admission is None:
            super().send_400_response(msg)
            return
        refusal = self.admission.refusals["head" if self.too_large else "broken", False]
        current = b"%032x" % random.getrandbits(128)
        self._write(refusal, b"x-request-id: %b\r\n\r\n" % current, refusal.body)
        self.transport.close()

    def _caller(self, admission: Admission, kind: Kind) -> str:
        return admission.caller(kind, self.headers, self.client)

    def _ask(self, admission: Admission, kind: Kind) -> None:
        turn = admission.ask(kind, self._caller(admission, kind))
        if isinstance(turn, str):
            self._refuse(admission, kind, turn)
            return
        self.scope[TURN] = turn  # type: ignore[literal-required]
        super().on_headers_complete()

    def _taken(self) -> bytes:
        """What was held, which is held no longer."""
        held, self.held = self.held, None
        if held is None:
            return b""
        assert self.admission is not None
        self.admission.gathered -= len(held)
        return bytes(held)

    def _wait(self, seconds: float | None = None) -> None:
        if self.late is not None:
            self.late.cancel()
        self.late = self.loop.call_later(BODY_SECONDS if seconds is None else seconds, self._too_slow)

    def _come(self) -> None:
        self.whole = True
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def _too_slow(self) -> None:
        kind = None if self.held is None else self._kind()
        if kind is not None and self.admission is not None:
            self._taken()
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
            and not stopping()
            and self.parser.get_http_version() != "1.0"
            and self.parser.should_keep_alive()
            and not self.expect_100_continue
        )
        self.refused = True
        self.last = not stays
        if self.last and not self.whole:
            self._wait(self.timeout_keep_alive)
        end = b"\r\n" if stays or why == "slow" else b"connection: close\r\n\r\n"
        body = b"" if self.parser.get_method() == b"HEAD" else refusal.body
        self._write(refusal, b"x-request-id: %b\r\n%b" % (current, end), body)
        self.server_state.total_requests += 1

    def _write(self, refusal: Refusal, rest: bytes, body: bytes) -> None:
        defaults = (b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        self.transport.write(b"".join((STATUS_LINE[refusal.status], *defaults, refusal.lines, rest, body)))
