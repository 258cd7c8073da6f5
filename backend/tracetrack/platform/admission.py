"""Who is served now, who waits a moment, and who is told at once to come again.

Each kind of request has its places in a worker and a short queue in front of them. What finds the
queue full, or has waited too long in it, gets 503 with Retry-After before it costs anything: a
site that is asked for five times what it can do goes on doing what it can. While scans wait, of
each other kind only one runs at a time.

Of the desk's kinds one caller (a user or key, else an address) has a share of the places and of the queue,
and a place that becomes free goes to whoever of those that wait has fewest: nobody keeps the others out.

When the database is away, everything that needs it is refused at once, and what was waiting for
it when it went is told so: a scan may always be sent again.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter as Counted
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

import orjson
from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracetrack.platform import db, minutes
from tracetrack.platform.breaker import State
from tracetrack.platform.http import API, SOUND_ID
from tracetrack.platform.logs import get_logger
from tracetrack.platform.problems import MEDIA_TYPE, Problem
from tracetrack.platform.reach import DATABASE
from tracetrack.settings import Settings

log = get_logger("admission")

REFUSED = Counter(
    "tracetrack_refused_total",
    "Requests refused before they cost anything, by kind and why: full, late, database (503); slow (408).",
    ("kind", "why"),
)
SERVED_SECONDS = 0.06
"""When a scan takes longer, so many at a time help nobody: the worker serves fewer until it does not."""
LEAST_SHARE = 0.25
"""Of its places, which it keeps however slow it is."""
FLOOD_SECONDS = 1.0
"""For so long after a scan was refused, others come faster than they can be served: a queue only makes
all of them wait."""
FLOOD_SERVED_SECONDS = 0.03
"""As SERVED_SECONDS, while they do: as many are served a second, and each waits half as long for others."""
FLOOD_SHARE = 0.5
"""Of a scan's own time, which it may wait then: so many for each place, enough that none stays empty."""
LONGEST_SECONDS = 1.0
"""How long a request waits for its turn, and then for connections that others use."""
BODY_SECONDS = 20.0
"""How long a request's body may take. It takes no place meanwhile: else a few clients that send nothing
more would keep everybody out."""
GATHERED_BYTES = 64 * 1_048_576
"""Of bodies that are still coming, in one worker at a time."""
TOLD_SECONDS = 5.0
"""How often the log says how many were refused."""

Name = Literal["floor", "batch", "desk", "report", "download", "upload", "sign_in", "stream"]


@dataclass(frozen=True)
class Kind:
    """A kind of request."""

    name: Name
    pool: db.Pool
    places: int
    """How many of it one worker serves at a time."""
    queue: int
    """How many may wait for a place."""
    patience: float
    """Seconds that one may wait, at most :data:`LONGEST_SECONDS`."""
    share: int | None = None
    """How many of the places one caller may have, and half of the queue; None for all."""


def kinds(settings: Settings) -> dict[Name, Kind]:
    """Every kind, the most urgent first."""
    floor, desk = settings.pool_size, settings.desk_pool_size
    made = (
        # Twice the connections: while one waits for the database, another is read or answered.
        Kind("floor", "floor", 2 * floor, 3 * floor, settings.queue_ms / 1000),
        # Many scans in one request: a phone that comes back with its queue, a whole bill.
        Kind("batch", "floor", max(1, floor // 2), 4 * floor, LONGEST_SECONDS, max(1, floor // 4)),
        Kind("desk", "desk", 2 * desk, 8 * desk, LONGEST_SECONDS, desk),
        Kind("report", "desk", desk, 4 * desk, LONGEST_SECONDS, max(1, desk // 2)),
        # A file that is sent takes its place for as long as its client takes to read it.
        Kind("download", "desk", desk, 4 * desk, LONGEST_SECONDS, 1),
        # Large files come slowly, and are stored as they come: each is in nobody's way.
        Kind("upload", "desk", 2 * desk, 0, 0.0, max(1, desk // 2)),
        # The threads that hash passwords have a queue of their own.
        Kind("sign_in", "desk", 100 * desk, 0, 0.0),
        # To begin; one that goes on takes no place.
        Kind("stream", "desk", 2 * desk, 64 * desk, LONGEST_SECONDS),
    )
    return {kind.name: kind for kind in made}


_REPORTS = ("/reports", "/imports", "/search", "/bags/states", "/lists", "/audit", "/performance")
_DOWNLOADS = re.compile(r"/(exports/.*|labels|.*/export|imports/\d+/report)")
_OF_THE_FLOOR = ("/scans", "/bags", "/bills", "/returns")
_READ_ON_THE_FLOOR = re.compile(
    r"/(scans/(current|device)|bags/lookup|bills/lookup|auth/(me|refresh)|bags/\d+)"
)
_HASHES = re.compile(r"/(auth/(login|password|reauthenticate)|registrations|users/\d+/one-time-password)")
"""What hashes passwords, and would keep the desk's places meanwhile."""
_BATCHES = re.compile(r"/(scans/(sync|children)|bills/\d+/bags/(many|detach-many|detach))")


def kind_of(method: str, path: str) -> Name | None:
    """The kind of a request; None for pages, health and metrics, which are always served."""
    # What strangers send is remembered only as far as it is as short as our own paths are.
    return _kind_of(method, path) if len(path) <= 200 else _kind_of.__wrapped__(method, path)


@lru_cache(4_096)
def _kind_of(method: str, path: str) -> Name | None:
    if not path.startswith(API + "/"):
        return None
    path = path.removeprefix(API)
    if method == "POST" and _HASHES.fullmatch(path):
        return "sign_in"
    if path == "/events":
        return "stream"
    if (method, path) == ("POST", "/imports"):
        return "upload"
    if _BATCHES.fullmatch(path):
        return "batch"
    if _READ_ON_THE_FLOOR.fullmatch(path):
        return "floor"
    if _DOWNLOADS.fullmatch(path):
        return "download"
    if method != "GET" and path.startswith(_OF_THE_FLOOR) and not path.startswith("/bags/states"):
        return "floor"
    if path.startswith(_REPORTS):
        return "report"
    return "desk"


def sends_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request with these headers has a body."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in headers
    )


class Turn(asyncio.Future[None]):
    """To be served: done when it has come."""

    caller = ""
    """Whose turn it is, where that counts."""


TURN = "tracetrack.turn"
"""Where a request's scope has it, when it was asked for before the request came here."""
STATE = "tracetrack.admission"
"""Where the state of the lifespan has this worker's :class:`Admission`."""


class Gate:
    """The places of one worker.

    Args:
        all_kinds: of requests, the most urgent first.
        clock: seconds that only grow.
    """

    def __init__(
        self, all_kinds: Mapping[Name, Kind], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.kinds = all_kinds
        self._clock = clock
        self.running = dict.fromkeys(all_kinds, 0)
        self.places: dict[Name, float] = {name: kind.places for name, kind in all_kinds.items()}
        """How many of each kind are served at a time now: of the floor's fewer, when it is slow."""
        self.waiting: dict[Name, deque[Turn]] = {name: deque() for name in all_kinds}
        self.held: Counted[tuple[Name, str]] = Counted()
        """How many places each caller has."""
        self.refused_at = -FLOOD_SECONDS
        """When a scan was last refused."""

    def _may(self, kind: Kind, caller: str = "") -> bool:
        running = self.running[kind.name]
        if kind.share is not None and self.held[kind.name, caller] >= kind.share:
            return False
        # What has no queue of its own here has nowhere to wait.
        yields = kind.name != "floor" and kind.queue and running and self.waiting["floor"]
        return running < self.places[kind.name] and not yields

    def served(self, kind: Kind, seconds: float) -> None:
        """Learn from how long one took: slowly more places, quickly fewer."""
        if kind.name != "floor":
            return
        places = self.places["floor"]
        if seconds > (FLOOD_SERVED_SECONDS if self._flooded() else SERVED_SECONDS):
            self.places["floor"] = max(1.0, kind.places * LEAST_SHARE, places * 0.98)
        else:
            self.places["floor"] = min(kind.places, places + 0.1)

    def _flooded(self) -> bool:
        return self._clock() - self.refused_at < FLOOD_SECONDS

    def _may_wait(self, kind: Kind) -> int:
        """How many may wait now: all of a burst, and few of a flood."""
        flood = kind.name == "floor" and self._flooded()
        return min(kind.queue, max(1, round(self.places["floor"] * FLOOD_SHARE))) if flood else kind.queue

    def _refuse(self, kind: Kind) -> None:
        if kind.name == "floor":
            self.refused_at = self._clock()

    def _free(self, kind: Kind, caller: str) -> bool:
        # Those that wait may all have their share already.
        first = self._next(kind)
        return first is None and self._may(kind, caller)

    def _next(self, kind: Kind) -> Turn | None:
        """Who of those that wait would have a free place now: whoever has fewest, then who came first."""
        queue = self.waiting[kind.name]
        if kind.share is None:
            return queue[0] if queue else None
        those = [turn for turn in queue if not turn.done() and self._may(kind, turn.caller)]
        return min(those, key=lambda turn: self.held[kind.name, turn.caller], default=None)

    def _full(self, kind: Kind, caller: str) -> bool:
        queue = self.waiting[kind.name]
        if len(queue) >= self._may_wait(kind):
            return True
        return kind.share is not None and sum(turn.caller == caller for turn in queue) >= max(
            1, kind.queue // 2
        )

    def refuses(self, kind: Kind, caller: str = "") -> bool:
        """Whether the queue is full; taken note of, as whoever asks is refused."""
        full = self._full(kind, caller) and not self._free(kind, caller)
        if full:
            self._refuse(kind)
        return full

    def ask(self, kind: Kind, caller: str = "") -> Turn | None:
        """A turn, which has come where a place is free; None where the queue or one's part of it is full."""
        if self.refuses(kind, caller):
            return None
        turn = Turn(loop=asyncio.get_running_loop())
        turn.caller = caller
        if self._free(kind, caller):
            self._grant(kind, turn)
        else:
            self.waiting[kind.name].append(turn)
        return turn

    def _grant(self, kind: Kind, turn: Turn) -> None:
        self.running[kind.name] += 1
        if kind.share is not None:
            self.held[kind.name, turn.caller] += 1
        turn.set_result(None)

    async def wait(self, kind: Kind, turn: Turn) -> bool:
        """Wait for one's turn, which takes a place; whether it came in time."""
        if turn.done():
            return True
        late = asyncio.get_running_loop().call_later(kind.patience, turn.cancel)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                # Given up with its turn just granted.
                self.leave(kind, turn.caller)
                raise
            # Whoever left meanwhile may have passed over it already.
            if turn in self.waiting[kind.name]:
                self.waiting[kind.name].remove(turn)
            if _cancelling():
                raise
            self._refuse(kind)
            return False
        finally:
            late.cancel()
        return True

    def leave(self, kind: Kind, caller: str = "") -> None:
        """Give the place to whoever waits, scans first."""
        self.running[kind.name] -= 1
        if kind.share is not None:
            self.held[kind.name, caller] -= 1
            if not self.held[kind.name, caller]:
                del self.held[kind.name, caller]
        for name, queue in self.waiting.items():
            one = self.kinds[name]
            while (turn := self._next(one)) is not None and self._may(one, turn.caller):
                queue.remove(turn)
                if not turn.done():
                    self._grant(one, turn)


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@dataclass(eq=False)
class Call:
    """A request that is being served."""

    gate: Gate
    kind: Kind
    task: asyncio.Task[Any]
    raw_send: Send
    started: bool = False
    """Whether its answer has begun."""
    refused: bool = False
    placed: bool = True
    """Whether it still has its place."""
    caller: str = ""

    async def send(self, message: Message) -> None:
        """Pass on a part of its answer, unless it has had one already."""
        if not self.refused:
            self.started = True
            if self.kind.name == "stream":
                self.leave()
            await self.raw_send(message)

    def leave(self) -> None:
        """Give its place back, once."""
        if self.placed:
            self.placed = False
            self.gate.leave(self.kind, self.caller)


@dataclass(frozen=True)
class Refusal:
    """503, 408, 400 or 431, in one language, made once: refusing must cost next to nothing."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """All but the request's id."""
    body: bytes
    lines: bytes
    """The headers as they go over the wire."""


def _refusal(why: str, language: str, headers: Mapping[str, str]) -> Refusal:
    problem = Problem({"slow": "too_slow", "broken": "malformed", "head": "head_too_large"}.get(why, "busy"))
    body = orjson.dumps(problem.document(language))
    all_ = [
        *((name.encode(), value.encode()) for name, value in headers.items()),
        (b"content-type", MEDIA_TYPE.encode()),
        (b"cache-control", b"no-store"),
        *([(b"retry-after", b"1")] if why not in ("broken", "head") else []),
        (b"content-length", b"%d" % len(body)),
        # The rest of what was not read whole cannot be told from the next request.
        *([(b"connection", b"close")] if why in ("slow", "broken", "head") else []),
    ]
    return Refusal(problem.kind.status, all_, body, b"".join(b"%b: %b\r\n" % header for header in all_))


class Admission:
    """Pure ASGI middleware, outside of everything else.

    A server that can refuse sooner than by an ASGI answer finds it in the state of the lifespan, see
    :mod:`tracetrack.platform.door`.

    Args:
        app: the application inside.
        settings: of the installation.
        headers: that every answer has.
        identify: whose bearer token it is, None for one that is nobody's; it asks nobody.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        headers: Mapping[str, str],
        identify: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.app = app
        self.identify = identify
        self.gate = Gate(kinds(settings))
        self.refusals = {
            (why, hindi): _refusal(why, "hi" if hindi else "en", headers)
            for why in ("full", "late", "database", "slow", "broken", "head")
            for hindi in (False, True)
        }
        self.calls: set[Call] = set()
        self.max_body_bytes = settings.max_body_bytes
        self.gathered = 0
        """Bytes of bodies that are still coming."""
        self._refused = 0
        self._told_at = 0.0
        DATABASE.on_lost.append(self.database_lost)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "lifespan" and "state" in scope:
            scope["state"][STATE] = self
        name = kind_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if name is None:
            await self.app(scope, receive, send)
            return
        kind = self.gate.kinds[name]
        turn = scope.pop(TURN, None)
        if turn is None:
            if kind.name != "upload" and sends_body(scope["headers"]):
                body = await self._gather(receive)
                if isinstance(body, str):
                    await self._refuse(kind, body, scope, send)
                    return
                receive = body
            turn = self.ask(kind, self.caller(kind, scope["headers"], scope.get("client")))
        came = time.monotonic()
        if isinstance(turn, str):
            await self._refuse(kind, turn, scope, send)
            return
        if not await self.gate.wait(kind, turn):
            await self._refuse(kind, "late", scope, send)
            return
        if DATABASE.state is not State.closed:
            # Lost while this one waited.
            self.gate.leave(kind, turn.caller)
            await self._refuse(kind, "database", scope, send)
            return
        task = asyncio.current_task()
        assert task is not None
        call = Call(self.gate, kind, task, send, caller=turn.caller)
        self.calls.add(call)
        db.pool.set(kind.pool)
        if kind.pool == "floor" or kind.name == "desk":
            # An export or a stream goes on for long, and what it takes is not waiting.
            db.until.set(came + LONGEST_SECONDS)
        began = time.monotonic()
        try:
            await self.app(scope, receive, call.send)
        except BaseException:
            # What a request says that has been answered already is of no interest.
            if not call.refused:
                raise
            task.uncancel()
        finally:
            self.calls.discard(call)
            self.gate.served(kind, time.monotonic() - began)
            call.leave()

    async def _gather(self, receive: Receive) -> Receive | Literal["slow", "full"]:
        """Wait for a request's body; what gives it to the application, or why it is not waited for."""
        parts: list[Message] = []
        gathered = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while not parts or parts[-1].get("more_body"):
                    parts.append(await receive())
                    size = len(parts[-1].get("body", b""))
                    gathered += size
                    self.gathered += size
                    if gathered > self.max_body_bytes:
                        # The application says that it is too large.
                        break
                    if self.gathered > GATHERED_BYTES:
                        return "full"
        except TimeoutError:
            return "slow"
        finally:
            self.gathered -= gathered
        parts.reverse()

        async def replay() -> Message:
            return parts.pop() if parts else await receive()

        return replay

    def caller(self, kind: Kind, headers: Iterable[tuple[bytes, bytes]], client: Any) -> str:
        """Who asks, where it counts: a user or a key, else an address."""
        if kind.share is None:
            return ""
        for name, value in headers:
            if name == b"authorization":
                scheme, _, token = value.decode("latin-1").partition(" ")
                if scheme.lower() == "bearer" and (who := self.identify(token)) is not None:
                    return who
        return str(client[0]) if client else ""

    def ask(self, kind: Kind, caller: str) -> Turn | str:
        """A turn for one request; or why it is refused at once: ``full`` or ``database``."""
        if DATABASE.state is not State.closed:
            return "database"
        return self.gate.ask(kind, caller) or "full"

    def refuses(self, kind: Kind, caller: str) -> str | None:
        """Why one that asks is refused at once, before its body has come."""
        if DATABASE.state is not State.closed:
            return "database"
        return "full" if self.gathered > GATHERED_BYTES or self.gate.refuses(kind, caller) else None

    async def database_lost(self) -> None:
        """Tell all that wait for the database that it is away, and give up what they asked of it."""
        for call in list(self.calls):
            if call.kind.name == "stream" and call.started:
                # Streams look again by themselves.
                continue
            call.refused = True
            if not call.started:
                await self._refuse(call.kind, "database", {"headers": []}, call.raw_send)
            call.task.cancel()

    def refuse(self, kind: Kind, why: str, headers: Iterable[tuple[bytes, bytes]]) -> tuple[Refusal, bytes]:
        """Count one that is refused, with these headers; its answer, and its id."""
        _counter(kind.name, why).inc()
        minutes.count("*", "refused", 408 if why == "slow" else 503, 0.0)
        self._tell()
        given = language = b""
        for name, value in headers:
            if name == b"x-request-id":
                given = value
            elif name == b"accept-language":
                language = value
        sound = given and SOUND_ID.fullmatch(given.decode("latin-1"))
        current = given if sound else b"%032x" % random.getrandbits(128)
        return self.refusals[why, language.startswith(b"hi")], current

    async def _refuse(self, kind: Kind, why: str, scope: Mapping[str, Any], send: Send) -> None:
        refusal, current = self.refuse(kind, why, scope["headers"])
        headers = [*refusal.headers, (b"x-request-id", current)]
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": refusal.body})

    def _tell(self) -> None:
        self._refused += 1
        if time.monotonic() - self._told_at > TOLD_SECONDS:
            log.warning(
                "refused",
                requests=self._refused,
                places=round(self.gate.places["floor"]),
                waiting={k: len(q) for k, q in self.gate.waiting.items()},
            )
            self._told_at = time.monotonic()
            self._refused = 0


@cache
def _counter(kind: str, why: str) -> Counter:
    return REFUSED.labels(kind, why)
