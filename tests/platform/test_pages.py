"""How the built front end is served: packed where the browser takes it, kept where its name says so."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tracetrack.app import create_app
from tracetrack.platform.pages import FOREVER, Pages
from tracetrack.settings import Settings


@pytest.fixture
def site(tmp_path: Path) -> httpx.AsyncClient:
    """A small front end, as a build leaves it."""
    (tmp_path / "assets").mkdir()
    for name in ("index.html", "assets/app-1a2b.js"):
        for ending in ("", ".br", ".gz"):
            (tmp_path / (name + ending)).write_text(f"{name}{ending}")
    (tmp_path / "manifest.json").write_text("{}")
    transport = httpx.ASGITransport(app=Starlette(routes=[Mount("/", Pages(tmp_path))]))
    return httpx.AsyncClient(transport=transport, base_url="http://site")


async def read(
    site: httpx.AsyncClient, path: str, accepts: str, **headers: str
) -> tuple[httpx.Response, str]:
    """An answer and its body as it was sent, not unpacked."""
    async with site.stream("GET", path, headers={"accept-encoding": accepts, **headers}) as answer:
        return answer, b"".join([part async for part in answer.aiter_raw()]).decode()


@pytest.mark.parametrize(
    ("accepts", "coding", "ending"),
    [
        ("gzip, deflate, br, zstd", "br", ".br"),
        ("gzip", "gzip", ".gz"),
        ("br;q=0, GZIP;q=0.5", "gzip", ".gz"),
        ("br; q=0.000, gzip;q=0", None, ""),
        ("", None, ""),
        ("identity", None, ""),
    ],
)
async def test_a_file_comes_in_the_best_coding_that_the_browser_takes(
    site: httpx.AsyncClient, accepts: str, coding: str | None, ending: str
) -> None:
    answer, body = await read(site, "/assets/app-1a2b.js", accepts)
    assert body == f"assets/app-1a2b.js{ending}"
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["cache-control"] == FOREVER


async def test_every_path_without_a_file_is_the_application(site: httpx.AsyncClient) -> None:
    for path in ("/", "/scan", "/bills/7"):
        answer, body = await read(site, path, "br")
        assert (answer.status_code, body) == (200, "index.html.br")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
    assert (await read(site, "/assets/gone-3c4d.js", "br"))[0].status_code == 404
    assert (await read(site, "/%2e%2e/secret.js", "br"))[0].status_code == 404


async def test_what_has_not_changed_is_not_sent_again(site: httpx.AsyncClient) -> None:
    etags = {accepts: (await read(site, "/", accepts))[0].headers["etag"] for accepts in ("br", "gzip", "")}
    for accepts, etag in etags.items():
        answer, body = await read(site, "/", accepts, **{"if-none-match": etag})
        assert (answer.status_code, body, answer.headers["vary"]) == (304, "", "Accept-Encoding")


async def test_what_was_not_worth_packing_comes_as_it_is(site: httpx.AsyncClient) -> None:
    answer, body = await read(site, "/manifest.json", "br")
    assert (body, answer.headers.get("content-encoding")) == ("{}", None)
    assert answer.headers["content-type"] == "application/json"


async def test_the_api_document_is_written_out_once_and_packed(settings: Settings) -> None:
    app = create_app(settings)
    usual, made = app.openapi, []

    def openapi() -> dict[str, Any]:
        made.append(1)
        return usual()

    app.openapi = openapi  # type: ignore[method-assign]
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver")
    async with client:
        answers = await asyncio.gather(*(client.get("/openapi.json") for _ in range(20)))
        assert {answer.json()["info"]["title"] for answer in answers} == {"TraceTrack"}
        assert made == [1]
        packed = answers[0]
        assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
        plain = await client.get("/openapi.json", headers={"accept-encoding": "identity"})
        assert plain.json() == packed.json()
        assert int(packed.headers["content-length"]) * 5 < int(plain.headers["content-length"])
        assert plain.headers["etag"] != packed.headers["etag"]
        for answer, accepts in ((packed, "gzip"), (plain, "identity")):
            headers = {"if-none-match": answer.headers["etag"], "accept-encoding": accepts}
            again = await client.get("/openapi.json", headers=headers)
            assert (again.status_code, again.content) == (304, b"")
