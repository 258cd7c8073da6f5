"""What comes over real sockets to a worker that refuses at its door: answers, order, what stays open."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import uvicorn

from tracetrack.platform import admission, door, minutes
from tracetrack.platform.admission import REFUSED, Admission
from tracetrack.platform.http import API, protective_headers
from tracetrack.platform.reach import DATABASE
from tracetrack.settings import Settings

PATIENT = 5.0


@dataclass
class Answer:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


class Served:
    """A worker whose application holds each request until it is told to go on."""

    def __init__(self, settings: Settings) -> None:
        self.go_on = asyncio.Event()
        self.bodies: list[bytes] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.admission = Admission(self.hold, settings, protective_headers(True))
        self.asked = 0
        """Requests that came so far as the application, or its middleware."""
        config = uvicorn.Config(
            self, http=door.Door, log_config=None, server_header=False, timeout_keep_alive=1
        )
        self.server = uvicorn.Server(config)
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.task = asyncio.create_task(self.server._serve([self.sock]))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """What the server calls."""
        self.asked += scope["type"] == "http"
        await self.admission(scope, receive, send)

    async def hold(self, scope: Any, receive: Any, send: Any) -> None:
        """The application."""
        if scope["type"] == "lifespan":
            for name in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{name}.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.bodies.append(body)
        self.headers.append(scope["headers"])
        if not scope["path"].startswith("/healthz"):
            await self.go_on.wait()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT):
        while not true():  # noqa: ASYNC110 - what is waited for happens in the server
            await asyncio.sleep(0.01)


class Client:
    """A plain connection that sends bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, served: Served) -> Client:
        return cls(*await asyncio.open_connection(*served.sock.getsockname()))

    async def answer(self, *, body: bool = True) -> Answer:
        """The next one."""
        async with asyncio.timeout(PATIENT):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            read = await self.reader.readexactly(int(headers["content-length"])) if body else b""
        return Answer(int(head[0].split()[1]), headers, read)

    async def closed(self) -> bool:
        """Whether the server hangs up without another word."""
        async with asyncio.timeout(PATIENT):
            return await self.reader.read() == b""


def scan(body: bytes = b"", more: str = "", *, method: str = "POST", version: str = "1.1") -> bytes:
    """A request of the floor's, each with its id."""
    head = (
        f"{method} {API}/scans/child HTTP/{version}\r\nhost: x\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode() + body


HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    few = settings.model_copy(update={"pool_size": 1, "queue_ms": 60_000})
    one = Served(few)
    await until(lambda: one.server.started)
    yield one
    one.go_on.set()
    one.server.should_exit = True
    await one.task
    DATABASE.reset()
    DATABASE.on_lost.remove(one.admission.database_lost)


@contextlib.contextmanager
def counted() -> Iterator[dict[str, float]]:
    """How many were counted as refused meanwhile, by why."""
    seen: dict[str, float] = {}

    def read() -> dict[str, float]:
        told = {why: REFUSED.labels("floor", why)._value.get() for why in ("full", "database", "slow")}
        return told | {"minutes": sum(t.requests for (_, r), t in minutes._routes.items() if r == "refused")}

    before = read()
    yield seen
    seen.update({name: value - before[name] for name, value in read().items()})


async def fill(served: Served) -> list[Client]:
    """Take every place, and every place in the queue."""
    floor = served.admission.gate.kinds["floor"]
    clients = [await Client.of(served) for _ in range(floor.places + floor.queue)]
    for client in clients[: floor.places]:
        client.writer.write(scan())
    await until(lambda: len(served.bodies) == floor.places)
    for client in clients[floor.places :]:
        client.writer.write(scan())
    await until(lambda: len(served.admission.gate.waiting["floor"]) == floor.queue)
    return clients


async def test_a_refusal_says_what_every_answer_says_and_the_connection_goes_on(served: Served) -> None:
    waiting = await fill(served)
    client = await Client.of(served)
    with counted() as seen:
        client.writer.write(scan(b"{}", "X-Request-ID: r-7\r\nAccept-Language: hi-IN\r\n"))
        hindi = await client.answer()
        client.writer.write(scan(b"{}", "x-request-id: not sound\r\n"))
        english = await client.answer()
    assert seen == {"full": 2, "database": 0, "slow": 0, "minutes": 2}
    assert served.asked == len(waiting), "refused before it is a task"
    assert (hindi.status, english.status) == (503, 503)
    document = orjson.loads(english.body)
    assert (document["code"], document["status"]) == ("busy", 503)
    assert re.search("[ऀ-ॿ]", orjson.loads(hindi.body)["detail"])
    assert hindi.headers["x-request-id"] == "r-7"
    assert re.fullmatch("[0-9a-f]{32}", english.headers["x-request-id"])
    assert protective_headers(True).items() <= english.headers.items()
    assert english.headers["retry-after"] == "1"
    assert english.headers["content-type"] == "application/problem+json"
    assert english.headers["cache-control"] == "no-store"
    assert {"date", "connection"} & english.headers.keys() == {"date"}
    # None of what waited had to give way, and all places are free again.
    served.go_on.set()
    assert [(await one.answer()).status for one in waiting] == [200] * len(waiting)
    client.writer.write(scan(b"last"))
    assert (await client.answer()).body == b"last"
    assert set(served.admission.gate.running.values()) == {0}


async def test_the_body_of_a_refused_request_is_read_and_dropped(served: Served) -> None:
    await fill(served)
    client = await Client.of(served)
    body = b"x" * 1_000_000
    request = scan(body)
    client.writer.write(request[:200_000])
    assert (await client.answer()).status == 503, "before the body has come"
    # Health is never refused, and is understood behind the rest of the body.
    client.writer.write(request[200_000:] + HEALTH)
    assert (await client.answer()).status == 200
    assert body not in served.bodies


async def test_who_never_sends_the_body_takes_no_place(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 1.0)
    monkeypatch.setattr(admission, "BODY_SECONDS", 1.0)
    head, large = scan(b"{}")[:-2], scan(b"x" * 200_000)
    silent = [await Client.of(served) for _ in range(30)]
    with counted() as refused:
        for n, client in enumerate(silent):
            # At the door; beyond what is kept there; and behind a request that is still being served.
            client.writer.write((head, large[:100_000], scan(method="GET") + head)[n % 3])
        await asyncio.sleep(0.2)
        served.go_on.set()
        honest = await Client.of(served)
        honest.writer.write(scan(b"{}"))
        assert (await honest.answer()).body == b"{}"
        for n, client in enumerate(silent):
            if n % 3 == 2:
                # The one before it was waited for as long as its turn needed, and answered or refused.
                await client.answer()
            given_up = await client.answer()
            assert given_up.status == 408
            assert orjson.loads(given_up.body)["code"] == "too_slow"
            assert given_up.headers["connection"] == "close"
            assert await client.closed()
    assert refused["slow"] == len(silent)
    assert served.admission.gathered == 0
    assert set(served.admission.gate.running.values()) == {0}


async def test_a_body_in_parts_is_put_together(served: Served) -> None:
    served.go_on.set()
    client = await Client.of(served)
    for body in (b"12345", b"y" * 300_000):
        request = scan(body)
        for part in (request[:-3], request[-3:-1], request[-1:] + HEALTH):
            client.writer.write(part)
            await asyncio.sleep(0.05)
        assert (await client.answer()).body == body
        assert (await client.answer()).status == 200


async def test_more_bodies_than_memory_has_room_for_are_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "GATHERED_BYTES", 300_000)
    request = scan(b"x" * 500_000)
    first, second = await Client.of(served), await Client.of(served)
    first.writer.write(request[:200_000])
    await until(lambda: served.admission.gathered > 100_000)
    second.writer.write(request[:200_000])
    assert (await second.answer()).status == 503
    await until(lambda: served.admission.gathered < 300_000)


async def test_small_bodies_that_wait_are_counted(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "GATHERED_BYTES", 100)
    first, second = await Client.of(served), await Client.of(served)
    first.writer.write(scan(b"x" * 200)[:-1])
    await until(lambda: served.admission.gathered == 199)
    second.writer.write(scan(b"x" * 200)[:-1])
    assert (await second.answer()).status == 503
    first.writer.close()
    await until(lambda: served.admission.gathered == 0)


async def test_who_says_nothing_is_not_listened_to(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 0.3)
    for said in (b"", b"POST /api/v1/scans/child HT", scan(b"{}")[:40]):
        client = await Client.of(served)
        client.writer.write(said)
        assert await client.closed()


@pytest.mark.parametrize(
    "sent", [b"what is this\r\n\r\n", b"GET / HTTP/1.1\r\nno header\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"]
)
async def test_what_is_no_http_is_told_as_everything_else_is(served: Served, sent: bytes) -> None:
    client = await Client.of(served)
    client.writer.write(sent)
    answer = await client.answer()
    assert (answer.status, orjson.loads(answer.body)["code"]) == (400, "malformed")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.items() >= protective_headers(True).items()
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
    assert (answer.headers["connection"], "retry-after" in answer.headers) == ("close", False)
    assert await client.closed()
    assert served.asked == 0


async def test_an_endless_head_is_told_so(served: Served) -> None:
    for more in (b"a:\r\n", b"x" * 1_000, b"/" * 1_000):
        client = await Client.of(served)
        client.writer.write(b"GET /" if more.startswith(b"/") else b"GET / HTTP/1.1\r\na: ")
        sending = asyncio.create_task(_without_end(client.writer, more))
        answer = await client.answer()
        assert (answer.status, orjson.loads(answer.body)["code"]) == (431, "head_too_large")
        sending.cancel()
    client = await Client.of(served)
    cookies = "".join(f"x-{n}: {'y' * 300}\r\n" for n in range(90))
    client.writer.write(b"GET /healthz HTTP/1.1\r\n" + cookies.encode() + b"\r\n")
    assert (await client.answer()).status == 200, "more than any browser sends"


async def _without_end(writer: asyncio.StreamWriter, part: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)


async def test_what_comes_after_a_body_is_no_header(served: Served) -> None:
    served.go_on.set()
    client = await Client.of(served)
    head = scan(more="transfer-encoding: chunked\r\n").replace(b"content-length: 0\r\n", b"")
    client.writer.write(head + b"2\r\n{}\r\n0\r\nx-forwarded-for: 10.9.8.7\r\n\r\n" + HEALTH)
    assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert served.bodies == [b"{}", b""]
    assert b"x-forwarded-for" not in {name for headers in served.headers for name, _ in headers}


async def test_who_reads_nothing_is_left(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "UNREAD_SECONDS", 0.3)
    served.go_on.set()
    body = b"x" * 20_000_000
    client = await Client.of(served)
    writing = asyncio.create_task(_send(client.writer, scan(body)))
    await until(lambda: not served.server.server_state.connections)
    writing.cancel()
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await client.answer()


async def test_empty_lines_hold_no_connection(served: Served) -> None:
    client = await Client.of(served)
    client.writer.write(HEALTH)
    assert (await client.answer()).status == 200
    client.writer.write(b"\r\n")
    assert await client.closed()


async def test_a_worker_has_so_many_connections_and_no_more(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOST_CONNECTIONS", 3)
    busy = [await Client.of(served) for _ in range(2)]
    for client in busy:
        client.writer.write(scan(b"{}"))
    await until(lambda: len(served.bodies) == 2)
    resting = await Client.of(served)
    resting.writer.write(HEALTH)
    assert (await resting.answer()).status == 200
    newest = await Client.of(served)
    assert await resting.closed(), "it made room"
    newest.writer.write(scan(b"{}"))
    await until(lambda: len(served.admission.gate.waiting["floor"]) == 1)
    assert await (await Client.of(served)).closed(), "nobody can make room"
    served.go_on.set()
    assert [(await client.answer()).status for client in [*busy, newest]] == [200] * 3


async def test_requests_sent_together_are_answered_in_their_order(served: Served) -> None:
    await fill(served)
    client = await Client.of(served)
    ids = [scan(b"{}", f"x-request-id: {name}\r\n") for name in ("one", "two")]
    # The third is served, and what comes behind it waits for it.
    client.writer.write(ids[0] + ids[1] + HEALTH + scan(b"{}", "x-request-id: four\r\n"))
    answers = [await client.answer() for _ in range(4)]
    assert [one.status for one in answers] == [503, 503, 200, 503]
    assert [one.headers.get("x-request-id") for one in answers] == ["one", "two", None, "four"]


@pytest.mark.parametrize(
    ("version", "more"),
    [("1.0", ""), ("1.0", "connection: keep-alive\r\n"), ("1.1", "Connection: close\r\n")],
)
async def test_who_wants_one_answer_gets_it_whole_and_no_other(
    served: Served, version: str, more: str
) -> None:
    await fill(served)
    client = await Client.of(served)
    body = b"x" * 300_000
    client.writer.write(scan(body, more, version=version) + HEALTH)
    refused = await client.answer()
    assert (refused.status, refused.headers["connection"]) == (503, "close")
    assert await client.closed()
    assert served.bodies.count(b"") == served.admission.gate.kinds["floor"].places, "health was not asked"


async def test_who_asks_before_sending_the_body_is_told_not_to(served: Served) -> None:
    await fill(served)
    client = await Client.of(served)
    head = scan(b"{}", "Expect: 100-continue\r\n").removesuffix(b"{}")
    client.writer.write(head)
    refused = await client.answer()
    assert (refused.status, refused.headers["connection"]) == (503, "close")
    assert await client.closed(), "when it has rested for a second"
    other = await Client.of(served)
    other.writer.write(head + b"{}")
    assert (await other.answer()).status == 503
    assert await other.closed()


async def test_a_refused_head_has_no_body(served: Served) -> None:
    await fill(served)
    client = await Client.of(served)
    client.writer.write(scan(method="HEAD") + HEALTH)
    refused = await client.answer(body=False)
    assert refused.status == 503
    assert int(refused.headers["content-length"]) > 0
    assert (await client.answer()).status == 200


async def test_a_lost_database_is_told_at_the_door_and_to_who_waits(served: Served) -> None:
    waiting = await fill(served)
    await DATABASE.lost("tested")
    client = await Client.of(served)
    with counted() as seen:
        client.writer.write(scan(b"{}") + HEALTH)
        assert [(await client.answer()).status for _ in range(2)] == [503, 200]
    assert seen["database"] == 1
    assert [(await one.answer()).status for one in waiting] == [503] * len(waiting)
    DATABASE.succeeded()
    served.go_on.set()
    client.writer.write(scan(b"again"))
    assert (await client.answer()).body == b"again"
    assert set(served.admission.gate.running.values()) == {0}


async def test_a_refused_connection_rests_no_longer_than_another(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 1.0)
    await fill(served)
    client = await Client.of(served)
    client.writer.write(scan(b"x" * 100)[:-50])
    assert (await client.answer()).status == 503
    dribbling = asyncio.create_task(_dribble(client.writer))
    assert await client.closed(), "though half of the body is to come, and comes"
    dribbling.cancel()


async def _dribble(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.2)


async def test_who_reads_no_answers_cannot_fill_the_memory(served: Served) -> None:
    await fill(served)
    client = await Client.of(served)
    # Each answer is larger than its request.
    many = 20_000
    sending = asyncio.create_task(_send(client.writer, scan(b"{}") * many))
    await asyncio.sleep(0.5)
    [connection] = [one for one in served.server.server_state.connections if one.pipeline]  # type: ignore[union-attr]
    assert connection.transport.get_write_buffer_size() < 1_000_000
    statuses = {(await client.answer()).status for _ in range(many)}
    assert statuses == {503}
    await sending


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
