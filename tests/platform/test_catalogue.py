"""A problem's type leads to a page that explains it."""

from __future__ import annotations

from html import unescape

import httpx
import pytest

from tests.floor import Floor
from tracetrack.platform.catalogue import ADVICE
from tracetrack.platform.problems import PROBLEMS, Problem


@pytest.fixture
async def site(application: httpx.ASGITransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=application, base_url="http://site")


async def test_the_type_of_an_answer_resolves_to_its_page(floor: Floor, site: httpx.AsyncClient) -> None:
    answer = await floor.north.get("/bags/lookup", code="NOWHERE")
    problem = answer.json()
    assert problem["type"] == "/problems/bag_not_found"
    page = await site.get(problem["type"])
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert problem["title"] in page.text
    assert PROBLEMS["bag_not_found"].hi in page.text


async def test_every_problem_has_a_page_and_a_place_in_the_catalogue(site: httpx.AsyncClient) -> None:
    everything = (await site.get("/problems")).text
    for code, kind in PROBLEMS.items():
        assert f'id="{code}"' in everything
        page = await site.get(Problem(code).document()["type"])
        assert page.status_code == 200, code
        assert ADVICE[kind.status] in unescape(page.text)
    assert (await site.get("/problems/no_such_code")).status_code == 404
