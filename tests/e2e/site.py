"""A site of its own for the browser tests: served by the real command on a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tracetrack.platform.embedded.processes import free_port
from tracetrack.settings import ROOT

PASSWORD = "a password for the tests"
START_SECONDS = 60


@dataclass
class Site:
    """A running site, and what its admin does before a test."""

    url: str
    areas: dict[str, int] = field(default_factory=dict)

    def admin(self) -> httpx.Client:
        """The admin's way to the API."""
        signed_in = httpx.post(
            f"{self.url}/api/v1/auth/login", json={"username": "admin", "password": PASSWORD}
        )
        signed_in.raise_for_status()
        token = signed_in.json()["access_token"]
        return httpx.Client(base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {token}"})

    def dispatcher(self, username: str, *, area: str = "North", **more: Any) -> str:
        """Add a dispatcher of an area; answers his name."""
        with self.admin() as admin:
            if area not in self.areas:
                self.areas[area] = admin.post("/areas", json={"name": area}).raise_for_status().json()["id"]
            user = {"username": username, "password": PASSWORD, "role": "dispatcher", **more}
            admin.post(
                "/users", json={"must_change_password": False, "area_id": self.areas[area], **user}
            ).raise_for_status()
        return username


@contextmanager
def serve(folder: Path, **settings: str) -> Iterator[Site]:
    """Run ``tracetrack serve`` with these settings until the block ends."""
    port = free_port()
    output = folder / "output.txt"
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ},
        "TRACETRACK_DATA": str(folder / "data"),
        "TRACETRACK_HOST": "127.0.0.1",
        "TRACETRACK_WORKERS": "1",
        "TRACETRACK_BCRYPT_ROUNDS": "4",
        "TRACETRACK_ADMIN_PASSWORD": PASSWORD,
        "PORT": str(port),
        **settings,
    }
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", "from tracetrack.cli import app; app()", "serve"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=ROOT,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while "Ready: " not in output.read_text("utf-8"):
            assert process.poll() is None, output.read_text("utf-8")[-2000:]
            assert time.monotonic() < until, output.read_text("utf-8")[-2000:]
            time.sleep(0.05)
        yield Site(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)
