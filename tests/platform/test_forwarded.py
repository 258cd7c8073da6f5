"""Whose word about the client's address is believed: the configured proxy's, and nobody else's."""

from __future__ import annotations

import asyncpg
import pytest

from tests.floor import PASSWORD
from tests.serving import fill, worker
from tracetrack.platform.embedded import postgres

FORGED = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "forwarded": "for=203.0.113.9"}


@pytest.mark.parametrize(
    ("proxy", "said", "address"),
    [
        ("", FORGED, "127.0.0.1"),
        ("192.0.2.1", FORGED, "127.0.0.1"),
        ("127.0.0.1", FORGED, "203.0.113.9"),
        # What a client puts in front of what the proxy adds is his own story.
        ("127.0.0.1", {"x-forwarded-for": "198.51.100.1, 203.0.113.9"}, "203.0.113.9"),
    ],
)
async def test_addresses_are_believed_from_the_proxy_alone(
    server: postgres.Postgres, proxy: str, said: dict[str, str], address: str
) -> None:
    server.create_database("tracetrack_proxy", "tracetrack_template")
    try:
        await fill(server.url(postgres.OWNER, "tracetrack_proxy"))
        with worker(server, "tracetrack_proxy", TRACETRACK_FORWARDED_ALLOW_IPS=proxy) as served:
            body = {"username": "admin", "password": PASSWORD}
            async with served.client() as client:
                answer = await client.post("/auth/login", json=body, headers=said)
            assert answer.status_code == 200
        owner = await asyncpg.connect(server.url(postgres.OWNER, "tracetrack_proxy"))
        kept = await owner.fetch("select address from sessions union select address from audit_events")
        await owner.close()
        assert {row["address"] for row in kept} == {address}
    finally:
        server.drop_database("tracetrack_proxy")
