"""The admin: a dashboard that stays open, its figures, the audit log, and an import now and then."""

from __future__ import annotations

import http.client
import os
import random
import time
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import uuid4

import gevent
from arrivals import API, Person
from locust import task

ROWS = int(os.environ.get("IMPORT_ROWS", "5000"))
EDGE = "tracetrack-load"


class Admin(Person):
    role = "admin"
    fixed_count = int(os.environ.get("ADMINS", "2"))
    acts_per_second = float(os.environ.get("ADMIN_RATE", "0.5"))

    def on_start(self) -> None:
        super().on_start()
        self.heard = 0
        self.stream = gevent.spawn(self.watch)

    def on_stop(self) -> None:
        self.stream.kill()

    def watch(self) -> None:
        """Keep the dashboard's stream open, and read all that comes."""
        place = urlsplit(self.host or "")
        while True:
            with suppress(OSError, http.client.HTTPException):
                line = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
                line.request(
                    "GET", f"{API}/events?summary=true", headers={"authorization": f"Bearer {self.token}"}
                )
                answer = line.getresponse()
                while answer.status == 200 and (said := answer.readline()):
                    self.heard += said.startswith(b"data:")
            gevent.sleep(1)

    @task(6)
    def look_at_the_figures(self) -> None:
        self.act("dashboard", "GET", "/dashboard/summary")

    @task(3)
    def read_the_audit(self) -> None:
        self.act("audit", "GET", "/audit?limit=50")

    @task(2)
    def see_who_works(self) -> None:
        self.act("performance", "GET", "/performance/summary")

    @task(1)
    def bring_a_file(self) -> None:
        mark = uuid4().hex[:8]
        lines = ["parent,child"] + [f"IP{mark}-{n // 30},IC{mark}-{n}" for n in range(ROWS)]
        content = "\r\n".join(
            (
                f"--{EDGE}",
                'Content-Disposition: form-data; name="file"; filename="bags.csv"',
                "Content-Type: text/csv",
                "",
                "\n".join(lines),
                f"--{EDGE}--",
                "",
            )
        )
        taken = self.act(
            "upload a file",
            "POST",
            "/imports?confirm=true",
            data=content.encode(),
            headers={"content-type": f"multipart/form-data; boundary={EDGE}"},
            fine=(202,),
        )
        until = time.monotonic() + 60
        while taken and taken["state"] in ("queued", "running") and time.monotonic() < until:
            gevent.sleep(0.5 + random.random())
            self.due = time.perf_counter()
            taken = self.act("look at an import", "GET", f"/imports/{taken['id']}")
