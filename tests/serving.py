"""Web workers in processes of their own, for what must not happen in the tests' own process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import psutil

from tests import retrying
from tests.floor import PASSWORD
from tracetrack.access.passwords import hash_now
from tracetrack.platform.embedded import postgres
from tracetrack.settings import ROOT


@dataclass
class Served:
    """One worker as ``tracetrack serve`` runs it, on a port of its own."""

    url: str
    port: int
    process: psutil.Process
    log: Path
    tokens: dict[str, str] = field(default_factory=dict)
    """Access tokens by role, of :func:`sign_in`."""

    def client(self, role: str | None = None) -> httpx.AsyncClient:
        """A client below ``/api/v1``, signed in as this role or not at all."""
        headers = {"authorization": f"Bearer {self.tokens[role]}"} if role else {}
        return retrying.client(f"{self.url}/api/v1", headers=headers)

    async def sign_in(self) -> None:
        """Sign in a user of each role, as :func:`fill` makes them."""
        async with self.client() as client:
            for role in ("dispatcher", "biller", "admin"):
                body = {"username": role, "password": PASSWORD}
                until = time.monotonic() + 60
                while (answer := await client.post("/auth/login", json=body)).status_code in (429, 503):
                    # Others have tried many passwords from this address, or the machine is busy: as told.
                    assert time.monotonic() < until, answer.text
                    await asyncio.sleep(int(answer.headers["retry-after"]))
                assert answer.status_code == 200, answer.text
                self.tokens[role] = answer.json()["access_token"]


async def fill(owner_url: str) -> None:
    """An area and a user of each role, with ids that no fuzzer comes upon."""
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute(
            "alter sequence users_id_seq restart 4611686018427387904;"
            " alter sequence areas_id_seq restart 4611686018427387904"
        )
        area = await owner.fetchval("insert into areas (name) values ('North') returning id")
        for role in ("dispatcher", "biller", "admin"):
            await owner.execute(
                "insert into users (username, role, area_id, password_hash) values ($1, $1, $2, $3)",
                role,
                area if role == "dispatcher" else None,
                hash_now(PASSWORD, 4),
            )
    finally:
        await owner.close()


@contextlib.contextmanager
def worker(server: postgres.Postgres, database: str, **settings: str) -> Iterator[Served]:
    """Run a worker on a database of this server, until the end of the block."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        sock.bind(("127.0.0.1", 0))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tracetrack-worker-")))
        environment = {
            **{
                name: os.environ[name]
                for name in ("PATH", "HOME", "LANG", "PYTHONPATH")
                if name in os.environ
            },
            "TRACETRACK_BCRYPT_ROUNDS": "4",
            "TRACETRACK_SECRET_KEY": "tests-" + "k" * 40,
            "TRACETRACK_DATABASE_URL": server.url(postgres.APP, database),
            "TRACETRACK_SIGN_INS_PER_MINUTE": "1000000",
            "TRACETRACK_SIGN_INS_PER_MINUTE_ADDRESS": "1000000",
            "TRACETRACK_REQUESTS_PER_MINUTE": "1000000",
            "TRACETRACK_REPORTS_PER_MINUTE": "1000000",
            "TRACETRACK_REPORTS_PER_MINUTE_ADDRESS": "1000000",
            **settings,
        }
        log = folder / "log.jsonl"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tracetrack.platform.worker"),
                    *("tracetrack.app:create_app", str(sock.fileno())),
                ],
                stdout=out,
                stderr=out,
                env=environment,
                cwd=ROOT,
                pass_fds=(sock.fileno(),),
            )
        stack.callback(process.wait)
        stack.callback(process.kill)
        port = sock.getsockname()[1]
        served = Served(f"http://127.0.0.1:{port}", port, psutil.Process(process.pid), log)
        until = time.monotonic() + 120
        while True:
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < until, log.read_text("utf-8")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{served.url}/healthz").status_code == 200:
                    break
            time.sleep(0.02)
        yield served


class Growth:
    """How much resident memory of a process grows, at most, during the block; in bytes."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Growth:
        self._before = self.process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self.bytes = max(self.bytes, self.process.memory_info().rss - self._before)
