"""Hostile input in every field, parameter and header that the API document names: 4xx, never 500."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, TypeVar

import asyncpg
import httpx
import pytest

from tests.api import (
    JSON,
    Operation,
    body_with,
    fields,
    is_problem,
    operations,
    resolved,
    sample,
)
from tests.conftest import empty
from tests.floor import Floor
from tests.lengths import length
from tests.serving import Growth, Served, fill, worker
from tracetrack.platform import stamps
from tracetrack.platform.embedded import postgres

ALL = [one for one in operations() if not one.streams]
DEEP = 10_000
BIDI = "\\u202eevil\\u202c\\u2066x"

RAW: dict[str, str | bytes] = {
    "lone surrogate": '"\\ud800"',
    "other lone surrogate": '"a\\udfffb"',
    "surrogate as bytes": b'"\xed\xa0\x80"',
    "bytes that are no text": b'"\xff\xfe"',
    "not a number": "NaN",
    "infinity": "Infinity",
    "minus infinity": "-Infinity",
    "too large": "1e400",
    "too large to be whole": "1e308",
    "raw NUL": b'"a\x00b"',
    "escaped NUL": '"a\\u0000b"',
    "5,000 digits": "9" * 5_000,
    "4,000 digits": "9" * 4_000,
    "64 bits": str(2**63),
    "minus 64 bits": str(-(2**63) - 1),
    "32 bits": str(2**31),
    "minus one": "-1",
    "nought": "0",
    "fraction": "1.5",
    "tiny": "1e-400",
    "deep lists": "[" * DEEP + "]" * DEEP,
    "deep objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "unclosed": "[" * DEEP,
    "null": "null",
    "true": "true",
    "text": '"x"',
    "empty text": '""',
    "blank": '" \\t\\r\\n "',
    "empty list": "[]",
    "list of null": "[null]",
    "list of lists": "[[[]]]",
    "empty object": "{}",
    "own prototype": '{"__proto__": {"role": "admin"}, "$ref": "#"}',
    "bidirectional": f'"{BIDI}"',
    "zero width": '"\\u200b\\u200d\\ufeff"',
    "huge text": json.dumps("x" * 300_000),
    "huge name": json.dumps("\U0001f4a3" * 2_000),
    "combining": json.dumps("e" + "\u0301" * 5_000),
    "SQL": '"\'; drop table bags; --"',
    "pattern": '"(a+)+$(?P<code>"',
    "large repeat": '"(((a{100}){100}){100}){100}"',
    "not a moment": '"9999-99-99T99:99:99Z"',
    "year nought": '"0000-01-01T00:00:00Z"',
    "far moment": '"9999-12-31T23:59:59-12:00"',
    "seconds": "253402300800",
}
"""JSON text, or bytes, that stands where a value should."""

TEXTS = [
    *("NaN", "Infinity", "-Infinity", "1e400", "1.5", "-1", "0", "", " ", "null", "true", "[]", "{}"),
    *("9" * 5_000, str(2**63), str(2**63 - 1), "x" * 10_000, "a\u202eb", "\u200b", "'; --", "%", "_", "\\"),
    *("../../etc/passwd", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "WzFd", "WzFlNDAwXQ", "W10"),
    *("WyJcdTAwMDAiXQ", "WyJcdWQ4MDAiXQ", "WyJcdTAwMDAiLCAxXQ", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTldCg"),
    *("e" + "\u0301" * 200, "\U0001f4a3" * 100, "]Q1", "http://[", "\r\n"),
    # The place of a list ordered by time, or by time and id.
    *("WyI5OTk5LTEyLTMxVDIzOjU5OjU5LTEyOjAwIiwgMV0", "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgMV0"),
    *("WyIyMDI2LTAxLTAxIiwgMV0", "WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwgIngiXQ"),
]
"""What is said in a query or a path; some are cursors of what no list has."""

FORM_VALUES = [
    *TEXTS,
    *(
        "²",
        "1²",
        "१",
        "9" * 4_300,
        "9" * 4_301,
        "1_0",
        "+1",
        " 1 ",
        "1e3",
        "0x10",
        "\x00",
        "é",
        "[{}]",
        "[[]]",
    ),
    *('[{"name": "\\ud800"}]', '[{"name": NaN}]', '{"a":' * 5_000, "true\x00", "ＴＲＵＥ"),
]
"""What stands in a part of a multipart form, which is read by hand."""

RAW_PARTS = ["%00", "a%00b", "%ED%A0%80", "%FF%FE", "%", "%zz", "%C0%AF", "%2F", "%252F"]
"""As above, but already in the form of a URL, however wrong."""


@pytest.fixture(scope="module")
async def warehouse(application: httpx.ASGITransport, owner: asyncpg.Connection) -> AsyncIterator[Floor]:
    """One warehouse for all these tests, with a parent, a child and a scan to be rude to.

    The user and the area with id 1, which the sound values name, are nobody's and nothing's.
    """
    await empty(owner)
    await owner.execute(
        "insert into users (username, role, password_hash) values ('nobody', 'biller', '-');"
        "insert into areas (name) values ('Nowhere')"
    )
    stamps.forget_stamps()
    async with contextlib.AsyncExitStack() as stack:
        floor = await Floor.set_up(application, owner, stack)
        await floor.north.scan_parent("P1")
        await floor.north.scan_child("P1", "C1")
        yield floor


T = TypeVar("T")
_turns = itertools.count()


def some(values: Sequence[T]) -> list[T]:
    """The values that are tried next: a third at a time and each in its turn, in a soak always all."""
    every = length(test=3, soak=1)
    return list(values[next(_turns) % every :: every])


def path_of(operation: Operation, places: dict[str, Any] | None = None) -> str:
    sound = {name: sample(schema, name) for name, schema in operation.parameters("path").items()}
    return operation.path.format(**sound | (places or {}))


def refuses_or_serves(answer: httpx.Response, what: str) -> None:
    """Whatever was asked, the answer is one that the API may give."""
    assert answer.status_code < 500, (what, answer.status_code, answer.text[:500])
    if answer.status_code >= 400:
        assert is_problem(answer), (what, answer.status_code, answer.text[:300])
    elif answer.status_code not in (204, 304) and answer.headers.get("content-type") == JSON:
        answer.json()


async def all_of(calls: Iterable[tuple[str, Any]]) -> None:
    """Do them a few at a time, and assert_fast each answer."""
    gate = asyncio.Semaphore(8)

    async def one(what: str, call: Any) -> None:
        async with gate:
            refuses_or_serves(await call, what)

    await asyncio.gather(*(one(what, call) for what, call in calls))


async def still_there(floor: Floor) -> None:
    """Nobody was signed out or locked out on the way: what was tested was behind the door."""
    for person in (floor.north, floor.biller, floor.admin):
        assert (await person.get("/auth/me")).status_code == 200
    # By the admin, who sees it also where a sound body gave it to another area.
    assert (await floor.admin.bag("C1"))["kind"] == "child"


@pytest.mark.parametrize("operation", [one for one in ALL if one.body_schema], ids=str)
async def test_every_field_of_every_body(warehouse: Floor, operation: Operation) -> None:
    schema = operation.body_schema
    assert schema is not None
    calls = []
    for at in fields(schema):
        for name, raw in some(list(RAW.items())):
            if isinstance(raw, bytes):
                content = body_with(schema, at, '"HERE"').encode().replace(b'"HERE"', raw)
            else:
                content = body_with(schema, at, raw).encode()
            calls.append(
                (
                    f"{operation} {at}: {name}",
                    warehouse.admin.http.request(
                        operation.method,
                        path_of(operation),
                        content=content,
                        headers={"content-type": JSON},
                    ),
                )
            )
    await all_of(calls)
    # A field that nobody knows is refused, at every level.
    for at in fields(schema):
        inner: Any = sample(schema)
        if at or resolved(schema).get("type") != "object":
            continue
        answer = await warehouse.admin.http.request(
            operation.method, path_of(operation), json=inner | {"is_admin": True}
        )
        assert (answer.status_code, is_problem(answer)) == (422, True), answer.text
    await still_there(warehouse)


@pytest.mark.parametrize("operation", ALL, ids=str)
async def test_every_parameter_of_every_route(warehouse: Floor, operation: Operation) -> None:
    if operation.path == "/auth/logout":
        return  # With a token it signs out, whatever the header says: tests/access has it.
    calls = []

    def call(what: str, path: str, query: str = "", headers: dict[bytes, bytes] | None = None) -> None:
        body = sample(operation.body_schema) if operation.body_schema else None
        url = httpx.URL(f"http://testserver/api/v1{path}" + (f"?{query}" if query else ""))
        request = warehouse.admin.http.request(operation.method, url, json=body, headers=headers)
        calls.append((f"{operation} {what}", request))

    required = [f"{name}={value}" for name, value in operation.required("query").items()]
    for name in operation.parameters("query"):
        others = [pair for pair in required if not pair.startswith(f"{name}=")]
        for text in some([*(_quoted(text) for text in TEXTS), *RAW_PARTS]):
            call(f"?{name}={text[:40]}", path_of(operation), "&".join([*others, f"{name}={text}"]))
        call(f"{name} twice", path_of(operation), "&".join([*others, f"{name}=1", f"{name}=x"]))
        call(f"{name} as a list", path_of(operation), "&".join([*others, f"{name}[]=1", f"{name}[a]=1"]))
    call("an unknown parameter", path_of(operation), "&".join([*required, "%00=%00", "limit[]="]))
    for name in operation.parameters("path"):
        for text in some([*(_quoted(text) for text in TEXTS), *RAW_PARTS]):
            call(f"{{{name}}} {text[:40]}", path_of(operation, {name: text}), "&".join(required))
    for name in operation.parameters("header"):
        for text in (
            "",
            "x" * 5_000,
            '"',
            '"1',
            'W/"1"',
            "*",
            "NaN",
            "-1",
            "9" * 5_000,
            "\x7f",
            "é",
            '"²"',
            "²",
            '"-²"',
        ):
            query = "&".join(required)
            call(f"{name}: {text[:20]}", path_of(operation), query, {name.encode(): text.encode("latin-1")})
    await all_of(calls)
    await still_there(warehouse)


def _quoted(text: str) -> str:
    return str(httpx.QueryParams({"x": text}))[2:]


@pytest.mark.parametrize("operation", [one for one in ALL if one.body_schema], ids=str)
async def test_bodies_that_are_not_what_they_say(warehouse: Floor, operation: Operation) -> None:
    body = json.dumps(sample(operation.body_schema or {})).encode()
    optional = not operation.said["requestBody"].get("required")
    for kind, content in (
        ("text/plain", body),
        ("application/x-www-form-urlencoded", b"code=P1"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--\r\n"),
        ("application/xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        (None, body),
        ("\xff", body),
        (JSON, b""),
        (JSON, b"\xef\xbb\xbf"),
        (JSON, b"{"),
        (JSON, body.decode().encode("utf-16")),
        (JSON + "; charset=utf-7", b"+AHs-"),
    ):
        request = warehouse.admin.http.build_request(operation.method, path_of(operation), content=content)
        if kind:
            request.headers = httpx.Headers([*request.headers.raw, (b"content-type", kind.encode("latin-1"))])
        answer = await warehouse.admin.http.send(request)
        what = f"{operation} as {kind}: {content[:20]!r}"
        refuses_or_serves(answer, what)
        if not (optional and content == b"") and kind != JSON:
            assert 400 <= answer.status_code < 500, (what, answer.text)
    await still_there(warehouse)


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer " + "a" * 9_000, "bearer é"]
)
async def test_what_is_no_token(warehouse: Floor, token: str) -> None:
    for operation in ALL:
        if "bearer" not in str(operation.said.get("security")):
            continue
        answer = await warehouse.anyone.request(
            operation.method, path_of(operation), headers={b"authorization": token.encode("latin-1")}
        )
        assert (answer.status_code, is_problem(answer)) == (401, True), (operation, answer.text)


async def test_paths_and_methods_that_are_not_there(warehouse: Floor) -> None:
    client = warehouse.admin.http
    for path in (
        "/nothing",
        "/bags/1/nothing",
        "/",
        "",
        "/scans/",
        "/bags//1",
        "/..%2f..%2fetc/passwd",
        "/%00",
    ):
        for method in ("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"):
            answer = await client.request(method, f"http://testserver/api/v1{path}")
            assert answer.status_code in (404, 405), (method, path, answer.status_code)
            assert method == "HEAD" or is_problem(answer), (method, path, answer.text[:200])
    for path in {one.path for one in ALL}:
        known = {one.method for one in ALL if one.path == path}
        example = next(one for one in ALL if one.path == path)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "HEAD", "BREW"} - known:
            answer = await client.request(method, path_of(example))
            if method == "HEAD":
                assert answer.status_code in (200, 404, 405, 422), (path, answer.status_code)
                continue
            # "/bags/lookup" is also "/bags/{id}" with an id that cannot be.
            assert answer.status_code in (405, 422), (method, path, answer.text[:200])
            assert is_problem(answer), (method, path, answer.text[:200])
            if answer.status_code == 405:
                assert answer.headers["allow"], (method, path)


async def test_heads_and_options_of_what_is_no_api(warehouse: Floor) -> None:
    client = warehouse.anyone
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        whole, head = [await client.request(m, f"http://testserver{path}") for m in ("GET", "HEAD")]
        assert (whole.status_code, head.status_code, head.content) == (200, 200, b""), path
        for method in ("OPTIONS", "POST"):
            answer = await client.request(method, f"http://testserver{path}")
            assert (answer.status_code, is_problem(answer)) == (405, True), (path, method)
    for path in (
        "/..%2f..%2fetc%2fa.conf",
        "/assets/..%2f..%2f..%2fMakefile.js",
        "/a.js",
        "/a%00.js",
        "/" + "a" * 5_000 + ".js",
    ):
        answer = await client.get(httpx.URL(f"http://testserver{path}"))
        assert (answer.status_code, is_problem(answer)) == (404, True), (path, answer.status_code)
    answer = await client.post("http://testserver/scan")
    assert (answer.status_code, is_problem(answer)) == (405, True)


@pytest.mark.parametrize("given", ["-1", "\xb2", "1e3", "", "9" * 400, "0x10"])
async def test_lengths_that_are_no_lengths(warehouse: Floor, given: str) -> None:
    request = warehouse.admin.http.build_request("POST", "/scans/parent", json={"code": "P1"})
    del request.headers["content-length"]
    request.headers = httpx.Headers([*request.headers.raw, (b"content-length", given.encode("latin-1"))])
    refuses_or_serves(await warehouse.admin.http.send(request), given)


@pytest.mark.parametrize("name", ["kind", "area_id", "dry_run", "hold", "confirm", "mapping"])
async def test_every_field_of_the_upload(warehouse: Floor, name: str) -> None:
    file = {"file": ("a.csv", b"parent,child\nP1,C1\n", "text/csv")}
    calls = [
        (f"{name}={text[:40]!r}", warehouse.admin.http.post("/imports", data={name: text}, files=file))
        for text in FORM_VALUES
    ]
    await all_of(calls)
    await still_there(warehouse)


def _form(
    boundary: bytes, head: bytes = b'content-disposition: form-data; name="file"; filename="a.csv"'
) -> bytes:
    return b"--" + boundary + b"\r\n" + head + b"\r\n\r\nP1,C1\r\n--" + boundary + b"--\r\n"


@pytest.mark.parametrize("size", [1, 70, 71, 256, 257, 5_000])
async def test_every_length_of_a_boundary(warehouse: Floor, size: int) -> None:
    boundary = b"x" * size
    headers = {"content-type": f"multipart/form-data; boundary={boundary.decode()}"}
    refuses_or_serves(
        await warehouse.admin.http.post("/imports", content=_form(boundary), headers=headers), str(size)
    )


async def test_every_head_of_a_part(warehouse: Floor) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    heads = [
        *(
            b"",
            b":",
            b"content-disposition:",
            b"content-disposition: form-data",
            b"\xff: \xff",
            b"a: " + b"b" * 9_000,
        ),
        *(b'content-disposition: form-data; name="\xff"', b'content-disposition: form-data; name="file'),
        b"content-disposition: form-data; name=file; filename*=utf-8''%ff; filename=\x00",
        b'content-disposition: form-data; name="file"; filename="' + b"../" * 2_000 + b'"',
        b"\r\n".join(b"a%d: b" % n for n in range(200)),
    ]
    await all_of(
        (str(head[:60]), warehouse.admin.http.post("/imports", content=_form(b"x", head), headers=headers))
        for head in heads
    )
    await still_there(warehouse)


@pytest.mark.parametrize("given", ["\xb2", "-1", "1e3", "9" * 4_400])
async def test_lengths_that_are_none_of_an_upload(warehouse: Floor, given: str) -> None:
    request = warehouse.admin.http.build_request("POST", "/imports", content=_form(b"x"))
    del request.headers["content-length"]
    more = [
        (b"content-length", given.encode("latin-1")),
        (b"content-type", b"multipart/form-data; boundary=x"),
    ]
    request.headers = httpx.Headers([*request.headers.raw, *more])
    refuses_or_serves(await warehouse.admin.http.send(request), given)


@pytest.fixture(scope="module")
async def served(server: postgres.Postgres) -> AsyncIterator[Served]:
    """A real worker process, whose memory can be watched."""
    server.create_database("tracetrack_hostile", "tracetrack_template")
    await fill(server.url(postgres.OWNER, "tracetrack_hostile"))
    with worker(server, "tracetrack_hostile") as running:
        await running.sign_in()
        yield running
    server.drop_database("tracetrack_hostile")


MB = 1_048_576
HUGE = 300 * MB


async def _stream(served: Served, head: str, chunked: bool = False, size: int = HUGE) -> tuple[str, int]:
    """Send a huge body until the server has had enough; its answer, and how many bytes it took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    part = b'"' + b"x" * (64 * 1024 - 1)
    framed = b"%x\r\n%b\r\n" % (len(part), part) if chunked else part
    sent = 0
    with contextlib.suppress(ConnectionError):
        writer.write(head.encode())
        while sent < size and not reader.at_eof() and not writer.is_closing():
            writer.write(framed)
            await writer.drain()
            sent += len(part)
            if reader._buffer:  # type: ignore[attr-defined]
                break
            await asyncio.sleep(0)
    # What came before the connection was cut counts, and reading it would raise that first.
    said = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(10):
            while b"\r\n\r\n{" not in said and (more := await reader.read(65_536)):
                said += more
    writer.close()
    return said.decode("latin-1"), sent


def _head(path: str, *lines: str) -> str:
    return "\r\n".join([f"POST /api/v1{path} HTTP/1.1", "host: x", f"content-type: {JSON}", *lines, "", ""])


@pytest.mark.parametrize(
    ("role", "how"),
    # Each role and each way.
    [(None, "content-length"), ("dispatcher", "chunked"), ("admin", "content-length")],
)
async def test_three_hundred_megabytes_cost_nothing(served: Served, role: str | None, how: str) -> None:
    paths = sorted(
        {one.path for one in ALL if one.body_type == JSON and "{" not in one.path and one.method == "POST"}
    )
    token = [f"authorization: Bearer {served.tokens[role]}"] if role else []
    framing = "transfer-encoding: chunked" if how == "chunked" else f"content-length: {HUGE}"
    with Growth(served.process) as growth:
        for path in paths:
            said, sent = await _stream(served, _head(path, *token, framing), chunked=how == "chunked")
            assert " 413 " in said.split("\r\n")[0], (path, said)
            assert "application/problem+json" in said
            assert '"code":"too_large"' in said
            assert sent < 20 * MB, (path, sent)
        # And from five at once, without waiting for each other.
        answers = await asyncio.gather(
            *(_stream(served, _head("/scans/parent", *token, framing), how == "chunked") for _ in range(5))
        )
        assert all(" 413 " in said for said, _ in answers)
    assert growth.bytes < 20 * MB, growth.bytes
    async with served.client("admin") as client:
        assert (await client.get("/auth/me")).status_code == 200


async def test_lying_about_the_length(served: Served) -> None:
    """Less than promised, more than promised, two promises: nobody waits for ever and nothing breaks."""
    token = f"authorization: Bearer {served.tokens['admin']}"
    for lines, body in (
        (("content-length: 1000",), b'{"code":'),
        (("content-length: 5",), b'{"code": "P1"}' * 1_000),
        (("content-length: 5", "content-length: 6"), b'{"code": "P1"}'),
        (("content-length: 14", "transfer-encoding: chunked"), b"0\r\n\r\n"),
        (("transfer-encoding: chunked",), b"zz\r\n{}"),
        (("transfer-encoding: chunked",), b"ffffffffffffffff\r\n{}"),
        (("transfer-encoding: gzip, chunked",), b"2\r\n{}\r\n0\r\n\r\n"),
        (("content-encoding: gzip", "content-length: 2"), b"{}"),
        (("expect: 100-continue", "content-length: 2"), b"{}"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(_head("/scans/parent", token, *lines).encode() + body)
        await writer.drain()
        writer.write_eof()
        said = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                said = await reader.read(4_096)
        first = said.split(b"\r\n")[0]
        assert b" 500 " not in first, (lines, said)
        # Where a body ends is said once: whoever hears two words of it may hear another request in it.
        if len(lines) > 1 and not lines[0].startswith(("content-encoding", "expect")):
            assert b" 400 " in first, (lines, said)
        writer.close()
    async with served.client("admin") as client:
        assert (await client.get("/auth/me")).status_code == 200
    assert "unhandled error" not in served.log.read_text("utf-8")
