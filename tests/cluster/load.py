"""People who scan while the cluster suffers, and what must be there afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from uuid import UUID, uuid4

import asyncpg
import httpx
from deploy.cluster.loopback import Cluster

SCANNERS = 8
PAUSE_SECONDS = 0.1
"""Between two scans of one person."""
PATIENCE_SECONDS = 4.0
"""How long a phone waits for an answer before it sends the same scan again."""


async def until(true: Callable[[], bool], seconds: float) -> float:
    """Wait until something holds; how many seconds that took."""
    began = time.monotonic()
    while not await asyncio.to_thread(true):
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.1)
    return time.monotonic() - began


class Load:
    """Scans without end, each sent again under its own ``scan_id`` until it is acknowledged."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.run = uuid4().hex[:6]
        self.acknowledged: dict[UUID, str] = {}
        """Scans that the site said yes to, and the code of the child that is linked."""
        self.times: list[float] = []
        """When each was acknowledged."""
        self.failures = 0
        """Answers that said no, or did not come; the scan was sent again."""
        self.wrong: list[str] = []
        """Answers that are wrong whatever happens."""
        self.reads = 0
        self._client: httpx.AsyncClient

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        """Sign in, scan while the block runs, and see in the end that all is there."""
        async with httpx.AsyncClient(
            base_url=f"{self.cluster.url}/api/v1", timeout=PATIENCE_SECONDS
        ) as self._client:
            await self._sign_in()
            tasks = [asyncio.create_task(self._scan_on(number)) for number in range(SCANNERS)]
            tasks.append(asyncio.create_task(self._list_on()))
            await self.more(20, 60)
            yield self
            await self.more(20, 60)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                assert task.cancelled(), task.exception()
        assert self.wrong == [], self.wrong
        lost = await self.lost()
        assert lost == [], lost

    async def _sign_in(self) -> None:
        for _ in range(30):
            answer = await self._client.post(
                "/auth/login", json={"username": "admin", "password": self.cluster.secrets.secret("admin")}
            )
            if answer.status_code == 200:
                break
            await asyncio.sleep(1)
        self._client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    async def _post(self, path: str, body: dict[str, str]) -> httpx.Response | None:
        """One try; None when there was no answer that counts."""
        try:
            answer = await self._client.post(path, json=body)
        except httpx.TransportError:
            answer = None
        if answer is None or answer.status_code in (429, 500, 502, 503, 504):
            self.failures += 1
            if answer is not None and answer.status_code == 500:
                self.wrong.append(f"500: {answer.text[:200]}")
            return None
        return answer

    async def _until_answered(self, path: str, body: dict[str, str]) -> httpx.Response:
        """The same again until there is an answer, as a phone does."""
        while True:
            answer = await self._post(path, body)
            if answer is not None:
                return answer
            await asyncio.sleep(0.2)

    async def _scan_on(self, number: int) -> None:
        parent = f"P-{self.run}-{number}"
        await self._until_answered("/scans/parent", {"code": parent, "scan_id": str(uuid4())})
        count = 0
        while True:
            count += 1
            scan_id, code = uuid4(), f"C-{self.run}-{number}-{count}"
            body = {"parent_code": parent, "code": code, "scan_id": str(scan_id)}
            answer = await self._until_answered("/scans/child", body)
            if answer.status_code == 200 and answer.json()["outcome"] == "linked":
                self.acknowledged[scan_id] = code
                self.times.append(time.monotonic())
            else:
                self.wrong.append(f"{code}: {answer.status_code} {answer.text[:200]}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _list_on(self) -> None:
        """A list has what was acknowledged before it was asked for, from whichever server it comes."""
        while True:
            known = list(self.acknowledged.values())[-1:]
            if known:
                try:
                    answer = await self._client.get("/bags", params={"q": known[0], "limit": 50})
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == 200:
                    self.reads += 1
                    if known[0] not in {bag["code"] for bag in answer.json()["items"]}:
                        self.wrong.append(f"{known[0]} was acknowledged and is in no list")
            await asyncio.sleep(PAUSE_SECONDS)

    async def more(self, count: int, seconds: float) -> None:
        """Wait until so many more scans are acknowledged."""
        wanted = len(self.times) + count
        await until(lambda: len(self.times) >= wanted, seconds)

    def silence(self, since: float) -> float:
        """The longest time without an acknowledged scan since a moment, in seconds."""
        times = [since, *(moment for moment in self.times if moment > since)]
        return max((b - a for a, b in pairwise(times)), default=0.0)

    async def lost(self) -> list[str]:
        """Acknowledged scans that are not in the leader's database, exactly once each."""
        owner = await asyncpg.connect(self.cluster.dsn())
        try:
            rows = await owner.fetch(
                """
                select a.code, count(*) as scans, count(b.id) as bags
                from unnest($1::uuid[], $2::text[]) as a(scan_id, code)
                left join scans s on s.scan_id = a.scan_id
                left join bags b
                    on lower(b.code) = lower(a.code) and b.parent_id is not null and b.id = s.bag_id
                group by a.code having count(s.id) <> 1 or count(b.id) <> 1
                """,
                list(self.acknowledged),
                list(self.acknowledged.values()),
            )
            return [row["code"] for row in rows]
        finally:
            await owner.close()
