"""A whole site for the tests of trust: the real command with several workers, and its people.

Everything is as in production: durable PostgreSQL, Valkey, a supervisor that brings back what dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil

from tests.floor import PASSWORD
from tests.lengths import length
from tests.test_serve import Site
from tests.trust.line import Line
from tracetrack.access.passwords import hash_now
from tracetrack.platform.embedded import postgres
from tracetrack.platform.embedded.processes import Remembered

WORKERS = length(test=2, soak=4)
START_SECONDS = 180
SETTINGS = {
    "TRACETRACK_WORKERS": str(WORKERS),
    "TRACETRACK_LOG_LEVEL": "WARNING",
    "TRACETRACK_SIGN_INS_PER_MINUTE": "1000000",
    "TRACETRACK_SIGN_INS_PER_MINUTE_ADDRESS": "1000000",
    "TRACETRACK_REQUESTS_PER_MINUTE": "1000000",
    "TRACETRACK_REPORTS_PER_MINUTE": "1000000",
    "TRACETRACK_REPORTS_PER_MINUTE_ADDRESS": "1000000",
}


class TrustSite(Site):
    """A site, its processes by what they are, and its database as the owner sees it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.given = settings
        path = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        super().__init__(folder, **(SETTINGS | path | settings))

    def until_ready(self) -> TrustSite:
        """Wait for it, on a machine that may be busy with other tests."""
        until = time.monotonic() + START_SECONDS
        while "Ready: " not in self.words():
            assert self.process.poll() is None, self.words()
            assert time.monotonic() < until, self.words()
            time.sleep(0.05)
        return self

    def workers(self) -> list[psutil.Process]:
        """The web workers, oldest first."""
        return sorted(self._kind("tracetrack.platform.worker"), key=lambda one: one.create_time())

    def _kind(self, word: str) -> list[psutil.Process]:
        found = []
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if word in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def kill(self, what: str, chance: float = 0.0) -> bool:
        """``kill -9`` a ``worker``, or all of ``postgres`` or ``valkey``; False where none runs now."""
        if what == "worker":
            found = self.workers()
            victims = found[int(chance * len(found)) :][:1]
        else:
            mains = self._kind("postgresql-" if what == "postgres" else "valkey")
            # The processes of a server at once, as when the machine takes its memory back.
            victims = [one for main in mains for one in (main, *main.children(recursive=True))]
        for victim in victims:
            with contextlib.suppress(psutil.Error):
                victim.kill()
        return bool(victims)

    def owner_url(self) -> str:
        """The database as its owner."""
        if url := self.given.get("TRACETRACK_MIGRATE_URL"):
            return url
        data = self.folder / "data"
        until = time.monotonic() + 60
        while (urls := postgres.attach(data, Remembered(data / "secrets.json"))) is None:
            assert time.monotonic() < until, "the database is not back"
            time.sleep(0.1)
        return urls[postgres.OWNER]

    async def owner(self) -> asyncpg.Connection:
        """A connection as the owner; waited for while the database recovers."""
        until = time.monotonic() + 60
        while True:
            try:
                return await asyncpg.connect(self.owner_url(), timeout=10)
            except (OSError, asyncpg.PostgresError, TimeoutError):
                assert time.monotonic() < until, "the database is not back"
                await asyncio.sleep(0.1)

    def serves(self) -> bool:
        """Whether it answers that it can serve."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def until_serving(self, seconds: float = 60) -> float:
        """Wait until it can serve; seconds it took."""
        began = time.monotonic()
        while not self.serves():
            assert time.monotonic() - began < seconds, self.words()[-3000:]
            time.sleep(0.05)
        return time.monotonic() - began


@contextlib.contextmanager
def site(folder: Path, **settings: str) -> Iterator[TrustSite]:
    """A running site until the end of the block."""
    running = TrustSite(folder, **settings)
    try:
        running.until_ready()
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


async def hire(running: TrustSite, dispatchers: int, billers: int, admins: int = 1) -> list[Line]:
    """People in two areas, signed in: dispatchers of North and South in turn, billers, admins."""
    owner = await running.owner()
    try:
        areas = [
            await owner.fetchval("insert into areas (name) values ($1) returning id", name)
            for name in ("North", "South")
        ]
        hashed = hash_now(PASSWORD, 4)
        people = [
            *((f"{('north', 'south')[n % 2]}-{n}", "dispatcher", areas[n % 2]) for n in range(dispatchers)),
            *((f"biller-{n}", "biller", None) for n in range(billers)),
            *((f"admin-{n}", "admin", None) for n in range(admins)),
        ]
        await owner.executemany(
            "insert into users (username, role, area_id, password_hash) values ($1, $2, $3, $4)",
            [(*person, hashed) for person in people],
        )
    finally:
        await owner.close()
    lines = [Line(running.port, name) for name, _, _ in people]
    for line in lines:
        await line.sign_in()
    return lines
