"""What operators look at: health, readiness, metrics, logs, headers."""

import httpx
from alembic.script import ScriptDirectory

from tests.floor import Floor
from tracetrack.platform.health import newest_revision
from tracetrack.settings import ROOT


def outside(floor: Floor) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=floor.application, base_url="http://testserver")


async def test_alive_and_ready(floor: Floor) -> None:
    async with outside(floor) as operator:
        assert (await operator.get("/healthz")).json() == {"status": "alive"}
        ready = await operator.get("/readyz")
        assert (ready.status_code, ready.json()["redis"]) == (200, "up")


def test_the_newest_schema_is_the_one_that_migrations_lead_to() -> None:
    assert newest_revision() == ScriptDirectory(str(ROOT / "alembic")).get_current_head()


async def test_a_database_with_another_schema_is_not_ready(floor: Floor) -> None:
    revision = await floor.owner.fetchval("select version_num from alembic_version")
    await floor.owner.execute("update alembic_version set version_num = '0000'")
    try:
        async with outside(floor) as operator:
            answer = await operator.get("/readyz")
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert "tracetrack migrate" in answer.json()["detail"]
    finally:
        await floor.owner.execute("update alembic_version set version_num = $1", revision)


async def test_metrics_are_labelled_by_route_template(floor: Floor) -> None:
    bag = (await floor.north.scan_parent("P1")).json()["bag"]
    await floor.north.get(f"/bags/{bag['id']}")
    async with outside(floor) as operator:
        await operator.get("/api/v1/nothing/here/12345")
        text = (await operator.get("/metrics")).text
    assert 'route="/api/v1/bags/{bag_id}"' in text
    assert 'tracetrack_scans_total{action="parent",outcome="created"}' in text
    assert "12345" not in text
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


async def test_errors_speak_the_language_asked_for(floor: Floor) -> None:
    async with outside(floor) as operator:
        answer = await operator.get("/api/v1/bags", headers={"Accept-Language": "hi"})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.json()["detail"] == "कृपया साइन इन करें।"
