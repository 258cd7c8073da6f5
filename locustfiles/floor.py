"""The floor: dispatchers who pack 30 children into a parent, and look up a bag now and then."""

from __future__ import annotations

import os
import random
from uuid import uuid4

from arrivals import Person
from locust import task

CHILDREN = 30
LOOKUPS = 0.1
"""The share of acts that look something up."""


class Dispatcher(Person):
    role = "floor"
    fixed_count = int(os.environ.get("FLOOR", "50"))
    # The whole floor's rate, shared by its people.
    acts_per_second = float(os.environ.get("RATE", "300")) / max(1, fixed_count)

    def on_start(self) -> None:
        self.run = uuid4().hex[:6]
        self.parents = self.children = 0
        self.parent = ""
        super().on_start()

    @task
    def work(self) -> None:
        if self.parent and random.random() < LOOKUPS:
            self.act("look up", "GET", f"/bags/lookup?code={self.parent}")
        elif not self.parent or self.children == CHILDREN:
            self.parents += 1
            self.children = 0
            self.parent = f"L{self.run}-{self.number}-{self.parents}"
            self.act("scan a parent", "POST", "/scans/parent", {"code": self.parent, "scan_id": str(uuid4())})
        else:
            self.children += 1
            body = {
                "parent_code": self.parent,
                "code": f"{self.parent}-{self.children}",
                "scan_id": str(uuid4()),
            }
            self.act("scan a child", "POST", "/scans/child", body)
