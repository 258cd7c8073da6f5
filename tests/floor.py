"""A small warehouse for tests: its people, and what they do, through HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from tracetrack.access.passwords import hash_password

from .retrying import RetryingTransport

PASSWORD = "correct horse battery"


async def together(calls: Iterable[Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """All at once."""
    return list(await asyncio.gather(*calls))


def outcomes(answers: Iterable[httpx.Response]) -> dict[str, int]:
    """How often each outcome, or problem code, was answered."""
    return dict(
        Counter(a.json().get("outcome") or a.json().get("code") or str(a.status_code) for a in answers)
    )


@dataclass
class Person:
    """Somebody signed in."""

    id: int
    username: str
    http: httpx.AsyncClient

    async def get(self, path: str, **query: Any) -> httpx.Response:
        """GET below ``/api/v1``."""
        return await self.http.get(path, params={k: v for k, v in query.items() if v is not None})

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """POST below ``/api/v1``."""
        return await self.http.post(path, json=body, headers=headers)

    async def patch(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """PATCH below ``/api/v1``."""
        return await self.http.patch(path, json=body, headers=headers)

    async def delete(self, path: str, **query: Any) -> httpx.Response:
        """DELETE below ``/api/v1``."""
        return await self.http.delete(path, params=query)

    async def scan_parent(self, code: str, scan_id: UUID | None = None) -> httpx.Response:
        """Scan a parent."""
        return await self.post("/scans/parent", {"code": code, "scan_id": str(scan_id or uuid4())})

    async def scan_child(self, parent: str, code: str, scan_id: UUID | None = None) -> httpx.Response:
        """Scan a child into a parent."""
        return await self.post(
            "/scans/child", {"parent_code": parent, "code": code, "scan_id": str(scan_id or uuid4())}
        )

    async def undo(self, scan_id: str) -> httpx.Response:
        """Take back a scan."""
        return await self.post(f"/scans/{scan_id}/undo")

    async def bag(self, code: str) -> dict[str, Any]:
        """The bag with this code, which must exist."""
        answer = await self.get("/bags/lookup", code=code)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["bag"])


@dataclass
class Floor:
    """Areas North and South, a dispatcher in each, a biller and an admin."""

    application: httpx.ASGITransport
    owner: asyncpg.Connection
    stack: contextlib.AsyncExitStack
    areas: dict[str, int] = field(default_factory=dict)
    anyone: httpx.AsyncClient = field(init=False)
    north: Person = field(init=False)
    south: Person = field(init=False)
    biller: Person = field(init=False)
    admin: Person = field(init=False)

    @classmethod
    async def set_up(
        cls, application: httpx.ASGITransport, owner: asyncpg.Connection, stack: contextlib.AsyncExitStack
    ) -> Floor:
        """Fill an empty database and sign everybody in."""
        floor = cls(application, owner, stack)
        floor.anyone = await floor.client()
        for name in ("North", "South"):
            floor.areas[name] = await owner.fetchval(
                "insert into areas (name) values ($1) returning id", name
            )
        floor.north = await floor.person("north", "dispatcher", "North")
        floor.south = await floor.person("south", "dispatcher", "South")
        floor.biller = await floor.person("biller", "biller")
        floor.admin = await floor.person("admin", "admin")
        return floor

    async def client(self) -> httpx.AsyncClient:
        """A browser or phone of its own, with its own cookies."""
        return await self.stack.enter_async_context(
            httpx.AsyncClient(
                transport=RetryingTransport(self.application),
                base_url="http://testserver/api/v1",
                timeout=60,
            )
        )

    async def person(self, username: str, role: str, area: str | None = None) -> Person:
        """Somebody new, signed in."""
        user_id = await self.owner.fetchval(
            "insert into users (username, role, area_id, password_hash) values ($1, $2, $3, $4) returning id",
            username,
            role,
            self.areas.get(area or ""),
            await _hashed(),
        )
        return await self.sign_in(user_id, username)

    async def sign_in(self, user_id: int, username: str, password: str = PASSWORD) -> Person:
        """Somebody on one more device."""
        http = await self.client()
        answer = await http.post("/auth/login", json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        return Person(user_id, username, http)

    async def live_links(self, code: str) -> int:
        """In how many parents the database says this child is."""
        return int(
            await self.owner.fetchval(
                "select count(*) from bags where lower(code) = lower($1) and parent_id is not null", code
            )
        )

    async def true_counts(self) -> bool:
        """Whether every parent's count equals its links."""
        return not await self.owner.fetchval("""
            select exists (select from bags p where kind = 'parent'
                and child_count <> (select count(*) from bags c where c.parent_id = p.id))""")


_hash: str | None = None


async def _hashed() -> str:
    global _hash
    if _hash is None:
        _hash = await hash_password(PASSWORD)
    return _hash
