"""An alert reaches people by webhook and mail: once when it begins, once when it is over, whoever is down."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.billing.test_mail import mail_server
from tests.floor import Floor
from tracetrack.oversight.alerts import service
from tracetrack.oversight.alerts.service import judge, send_due
from tracetrack.oversight.performance.service import ENOUGH, beyond_limits, store
from tracetrack.settings import Settings


@contextlib.asynccontextmanager
async def webhook(*statuses: int) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A server that takes posts, with these answers one after another and 200 from then on."""
    taken: list[dict[str, Any]] = []
    answers = iter(statuses)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        taken.append(json.loads(await reader.readexactly(length)))
        status = next(answers, 200)
        writer.write(f"HTTP/1.1 {status} x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/alerts", taken


async def set_up(floor: Floor, **settings: Any) -> None:
    changed = await floor.admin.patch("/settings", settings)
    assert changed.status_code == 200, changed.text
    await some_requests(floor)


async def some_requests(floor: Floor) -> None:
    """As many as say something."""
    for _ in range(ENOUGH):
        await floor.north.get("/bags")


async def test_a_few_slow_requests_are_no_alert(floor: Floor) -> None:
    # What this process was asked before does not count.
    await store()
    await floor.owner.execute("truncate performance_minutes")
    await floor.admin.patch("/settings", {"alert_p95_ms": 1, "alert_loop_lag_ms": 600_000})
    await store()
    assert "p95_ms" not in [alert.name for alert in await beyond_limits()]
    await some_requests(floor)
    await store()
    assert "p95_ms" in [alert.name for alert in await beyond_limits()]


async def test_an_alert_is_told_once_by_each_way_and_its_end_too(
    floor: Floor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "OVER_SECONDS", 0.0)
    async with webhook() as (url, posted), mail_server() as (port, mailed):
        mail = settings.model_copy(
            update={"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"}
        )
        await set_up(
            floor,
            site_name="Depot",
            alert_p95_ms=1,
            alert_loop_lag_ms=600_000,
            alert_errors_percent=100,
            alert_pool_percent=100,
            alert_webhook=url,
            alert_mail_to=["boss@example.org"],
        )
        await store()
        assert sum(await asyncio.gather(*(judge() for _ in range(4)))) == 1
        assert await judge() == 0
        assert sum(await asyncio.gather(*(send_due(mail) for _ in range(4)))) == 2
        assert await send_due(mail) == 0
        assert [(one["name"], one["state"], one["site"]) for one in posted] == [("p95_ms", "raised", "Depot")]
        assert posted[0]["value"] > posted[0]["limit"] == 1
        assert "Depot: Alert: One request in twenty" in posted[0]["text"]
        assert b"boss@example.org" in mailed[0]

        await set_up(floor, alert_p95_ms=600_000)
        assert await judge() == 1
        assert await send_due(mail) == 2
        assert [one["state"] for one in posted] == ["raised", "over"]
        assert (len(mailed), await judge()) == (2, 0)


async def test_what_cannot_be_told_now_is_told_later(floor: Floor, settings: Settings) -> None:
    async with webhook(500, 302) as (url, posted):
        await set_up(floor, alert_p95_ms=1, alert_webhook=url)
        await store()
        assert await judge() >= 1
        waiting = "select count(*) from alert_messages where sent_at is null"
        number = await floor.owner.fetchval(waiting)
        for _ in range(2):
            assert await send_due(settings) == 0
            # Not at once again, but after a pause.
            await floor.owner.execute("update alert_messages set next_try = now()")
        assert await floor.owner.fetchval("select max(tries) from alert_messages") == 2
        [untold] = (await floor.admin.get("/performance/summary")).json()["untold"]
        assert (untold["channel"], untold["messages"], untold["given_up"]) == ("webhook", 1, 0)
        assert "302" in untold["error"]
        assert await send_due(settings) == number
        assert len(posted) == number + 2
        assert await floor.owner.fetchval(waiting) == 0
        assert (await floor.admin.get("/performance/summary")).json()["untold"] == []


async def test_what_nobody_takes_for_a_day_is_given_up_and_that_is_seen(
    floor: Floor, settings: Settings
) -> None:
    due = "update alert_messages set next_try = now(), tries = $1 where sent_at is null"
    paused = "select max(extract(epoch from next_try - now()))::float8 from alert_messages"
    async with webhook(503, 503) as (url, posted):
        await set_up(floor, alert_p95_ms=1, alert_webhook=url)
        await store()
        assert await judge() == 1
        for tries, shortest, longest in ((0, 7, 13), (20, 2800, 4400)):
            await floor.owner.execute(due, tries)
            assert await send_due(settings) == 0
            assert shortest < await floor.owner.fetchval(paused) < longest
        await floor.owner.execute("update alert_messages set created_at = now() - interval '25 hours'")
        await floor.owner.execute(due, 20)
        assert await send_due(settings) == 0
        assert len(posted) == 2
        [untold] = (await floor.admin.get("/performance/summary")).json()["untold"]
        assert (untold["messages"], untold["given_up"]) == (1, 1)
        assert "503" in untold["error"]
        # What comes later is told as before, and then nothing more is said of it.
        await floor.owner.execute("insert into alert_messages (channel, body) values ('webhook', '{}')")
        assert await send_due(settings) == 1
        assert (await floor.admin.get("/performance/summary")).json()["untold"] == []


async def test_an_admin_tries_where_alerts_go(floor: Floor) -> None:
    assert (await floor.admin.post("/performance/alerts/try")).json() == []
    assert (await floor.biller.post("/performance/alerts/try")).status_code == 403
    async with webhook(200, 410) as (url, posted):
        await set_up(floor, site_name="Depot", alert_webhook=url, alert_mail_to=["boss@example.org"])
        taken, missed = (await floor.admin.post("/performance/alerts/try")).json()
        assert taken == {"channel": "webhook", "error": None}
        assert missed["channel"] == "mail"
        assert "TRACETRACK_SMTP_HOST" in missed["error"]
        assert posted[0]["text"] == "Depot: Trial: alerts reach you here"
        refused, _ = (await floor.admin.post("/performance/alerts/try")).json()
        assert "410" in refused["error"]
    gone, _ = (await floor.admin.post("/performance/alerts/try")).json()
    assert "urlopen" not in gone["error"]
    assert len((await floor.admin.get("/audit", action="alerts_tried")).json()["items"]) == 4


async def test_nothing_is_sent_where_nobody_is_to_be_told(floor: Floor, settings: Settings) -> None:
    await set_up(floor, alert_p95_ms=1)
    await store()
    assert await judge() >= 1
    assert await send_due(settings) == 0
    for wrong in ({"alert_webhook": "ftp://x"}, {"alert_webhook": "x"}, {"alert_mail_to": ["a b@c"]}):
        assert (await floor.admin.patch("/settings", wrong)).status_code == 422
