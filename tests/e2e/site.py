"""A site of its own for the browser tests: served by the real command on a database of its own."""

from __future__ import annotations

import contextlib
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
import psutil

from tests import retrying
from tracetrack.platform.embedded import postgres
from tracetrack.platform.embedded.processes import Remembered, free_port
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
        return self.client("admin")

    def client(self, username: str) -> httpx.Client:
        """A user's way to the API."""
        with retrying.sync_client(f"{self.url}/api/v1") as client:
            signed_in = client.post("/auth/login", json={"username": username, "password": PASSWORD})
        token = signed_in.raise_for_status().json()["access_token"]
        return retrying.sync_client(f"{self.url}/api/v1", headers={"Authorization": f"Bearer {token}"})

    def guard_shapes(self, *, on: bool) -> None:
        """Whether codes whose shape is unusual are asked about."""
        with self.admin() as admin:
            for kind in admin.get("/bag-types").raise_for_status().json()["items"]:
                admin.patch(f"/bag-types/{kind['id']}", json={"shape_guard": on}).raise_for_status()

    def dispatcher(self, username: str, *, area: str = "North", **more: Any) -> str:
        """Add a dispatcher of an area; answers his name."""
        with self.admin() as admin:
            if area not in self.areas:
                self.areas[area] = admin.post("/areas", json={"name": area}).raise_for_status().json()["id"]
            user = {"password": PASSWORD, "role": "dispatcher", "must_change_password": False, **more}
            user = {"username": username, "area_id": self.areas[area], **user}
            admin.post("/users", json=user).raise_for_status()
        return username


class Served:
    """One ``tracetrack serve``, with these settings, on a folder of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = {"PORT": str(free_port()), **settings}
        self.url = f"http://127.0.0.1:{self.settings['PORT']}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        output = self.folder / "output.txt"
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ
        }
        environment = {
            **kept,
            "TRACETRACK_DATA": str(self.folder / "data"),
            "TRACETRACK_HOST": "127.0.0.1",
            "TRACETRACK_WORKERS": "1",
            "TRACETRACK_BCRYPT_ROUNDS": "4",
            "TRACETRACK_WAL_KEPT_MB": "0",
            "TRACETRACK_ADMIN_PASSWORD": PASSWORD,
            **self.settings,
        }
        with output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from tracetrack.cli import app; app()", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=ROOT,
            )
        until = time.monotonic() + START_SECONDS
        while "Ready: " not in output.read_text("utf-8"):
            assert self.process.poll() is None, output.read_text("utf-8")[-2000:]
            assert time.monotonic() < until, output.read_text("utf-8")[-2000:]
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill -9 it and all that it started: workers, database and cache."""
        assert self.process is not None
        family = [
            psutil.Process(self.process.pid),
            *psutil.Process(self.process.pid).children(recursive=True),
        ]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait(30)
        psutil.wait_procs(family, timeout=30)

    def stop(self) -> None:
        """Stop it as a service is stopped."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def database(self) -> str:
        """The address of its own database; empty where it was given one."""
        data = self.folder / "data"
        urls = postgres.attach(data, Remembered(data / "secrets.json"))
        return urls[postgres.OWNER] if urls else ""


@contextmanager
def serve(folder: Path, **settings: str) -> Iterator[Site]:
    """Run ``tracetrack serve`` with these settings until the block ends."""
    served = Served(folder, **settings)
    try:
        served.start()
        yield Site(served.url)
    finally:
        served.stop()
