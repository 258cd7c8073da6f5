"""What operators look at: health, readiness, metrics, logs, headers."""

import httpx
import pytest
from alembic.script import ScriptDirectory
from pydantic import SecretStr

from tests.floor import Floor
from tests.retrying import single_attempts
from tracetrack.app import create_app
from tracetrack.platform import db, health, metrics
from tracetrack.platform.health import newest_revision
from tracetrack.platform.http import HEADERS
from tracetrack.settings import ROOT, Settings


def outside(floor: Floor) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=floor.application, base_url="http://testserver")


async def test_alive_and_ready(floor: Floor) -> None:
    async with outside(floor) as operator:
        assert (await operator.get("/healthz")).json() == {"status": "alive"}
        ready = await operator.get("/readyz")
        assert (ready.status_code, ready.json()["redis"]) == (200, "up")


def test_the_newest_schema_is_the_one_that_migrations_lead_to() -> None:
    assert newest_revision() == ScriptDirectory(str(ROOT / "alembic")).get_current_head()


async def test_a_database_with_another_schema_is_not_ready(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "BELIEVED_SECONDS", -1.0)
    revision = await floor.owner.fetchval("select version_num from alembic_version")
    await floor.owner.execute("update alembic_version set version_num = '0000'")
    try:
        async with outside(floor) as operator:
            answer = await operator.get("/readyz")
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert "tracetrack migrate" in answer.json()["detail"]
    finally:
        await floor.owner.execute("update alembic_version set version_num = $1", revision)


async def test_metrics_are_labelled_by_route_template(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "BELIEVED_SECONDS", -1.0)
    bag = (await floor.north.scan_parent("P1")).json()["bag"]
    await floor.north.get(f"/bags/{bag['id']}")
    async with outside(floor) as operator:
        await operator.get("/api/v1/nothing/here/12345")
        text = (await operator.get("/metrics")).text
    assert 'route="/api/v1/bags/{bag_id}"' in text
    assert 'tracetrack_scans_total{action="parent",outcome="created"}' in text
    assert "here/12345" not in text
    assert f"/bags/{bag['id']}" not in text


async def test_every_answer_has_its_id_and_the_headers_that_protect_it(floor: Floor) -> None:
    async with outside(floor) as operator:
        for path in ("/api/v1/bags", "/api/v1/nothing", "/healthz"):
            answer = await operator.get(path, headers={"X-Request-Id": "from-the-proxy-1"})
            assert answer.headers["x-request-id"] == "from-the-proxy-1"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        forged = await operator.get("/healthz", headers={"X-Request-Id": 'a"b'})
        assert forged.headers["x-request-id"] != 'a"b'


async def test_what_is_shown_to_everybody_can_be_hidden(floor: Floor, settings: Settings) -> None:
    async def asked(path: str, token: str = "", **changed: object) -> int:
        app = create_app(settings.model_copy(update=changed))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return (await client.get(path, headers=headers)).status_code

    secret = SecretStr("a token for prometheus")
    assert await asked("/metrics") == 200
    assert await asked("/metrics", metrics_token=secret) == 401
    assert await asked("/metrics", "a token for prometheu", metrics_token=secret) == 401
    assert await asked("/metrics", "a token for prometheus", metrics_token=secret) == 200
    # What is not there is a page of the application, which says so.
    assert await asked("/metrics/", metrics=False) != 401
    for path in ("/docs", "/docs/index.html"):
        assert await asked(path, docs=False) == 404
        assert await asked(path) == 200
    assert await asked("/openapi.json") == 200
    assert await asked("/openapi.json", docs=False) == 404


async def test_no_other_site_is_let_in(floor: Floor) -> None:
    """CORS is closed: no answer names an origin, not even to a preflight."""
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    async with outside(floor) as operator:
        for method, path in (("OPTIONS", "/api/v1/scans/parent"), ("GET", "/api/v1/bags"), ("GET", "/")):
            answer = await operator.request(method, path, headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_every_kind_of_answer_is_protected(floor: Floor, settings: Settings) -> None:
    """Pages, files, errors, refusals and redirects alike; over TLS browsers are told to insist on it."""
    app = create_app(settings.model_copy(update={"public_url": "https://bags.example"}))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        for method, path, status in (
            ("GET", "/", 200),
            ("GET", "/favicon.svg", 200),
            ("GET", "/docs", 200),
            ("GET", "/none.js", 404),
            ("GET", "/api/v1/nothing", 404),
            ("PUT", "/api/v1/bags", 405),
            ("POST", "/api/v1/auth/login", 422),
            ("GET", "/metrics", 200),
        ):
            answer = await client.request(method, path)
            assert answer.status_code == status, path
            policy = answer.headers["content-security-policy"]
            assert "unsafe-inline" not in policy
            assert "default-src 'self'" in policy
            for name in HEADERS:
                assert name in answer.headers, (path, name)
            for rule in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
                assert rule in policy
            assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_errors_speak_the_language_asked_for(floor: Floor) -> None:
    async with outside(floor) as operator:
        answer = await operator.get("/api/v1/bags", headers={"Accept-Language": "hi"})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.json()["detail"] == "कृपया साइन इन करें।"


async def test_a_server_that_leads_no_more_is_told_as_busy_and_left(floor: Floor) -> None:
    database = await floor.owner.fetchval("select quote_ident(current_database())")

    async def reads_only(on: bool) -> None:
        change = "set default_transaction_read_only = on" if on else "reset default_transaction_read_only"
        await floor.owner.execute(
            f"begin read write; alter database {database} {change};"
            " select pg_terminate_backend(pid) from pg_stat_activity"
            f" where application_name = 'tracetrack' and datname = current_database() and {on}; commit"
        )

    assert (await floor.north.scan_parent("P1")).status_code == 200
    await reads_only(True)
    try:
        with single_attempts():
            answers = [await floor.north.scan_parent(f"P{n}") for n in range(2, 30)]
        assert {answer.status_code for answer in answers} == {503}
        assert all(answer.headers["retry-after"] for answer in answers)
    finally:
        await reads_only(False)
    # The connections to it are left, not used again.
    assert (await floor.north.scan_parent("P99")).status_code == 200
    # A job in the background may have connected to it since.
    db.renew_connections()
