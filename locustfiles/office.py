"""The office: billers who make bills, put parents on them, and read lists and reports."""

from __future__ import annotations

import os
import random

from arrivals import Person
from locust import task

STORED = int(os.environ.get("STORED_PARENTS", "1000"))
"""Parents that were there before, ``SP000000001`` and on."""


class Biller(Person):
    role = "office"
    fixed_count = int(os.environ.get("OFFICE", "5"))
    acts_per_second = float(os.environ.get("OFFICE_RATE", "1"))

    def on_start(self) -> None:
        super().on_start()
        self.bill: int | None = None

    def some_parent(self) -> str:
        return f"SP{random.randint(1, STORED):09}"

    @task(2)
    def make_a_bill(self) -> None:
        made = self.act("make a bill", "POST", "/bills", {"destination": "Pune"}, fine=(201,))
        self.bill = made["id"] if made else None

    @task(8)
    def put_on_the_bill(self) -> None:
        if self.bill is None:
            self.make_a_bill()
            return
        # Another biller's bill may have it: that is an answer, too.
        self.act(
            "put on a bill", "POST", f"/bills/{self.bill}/bags", {"code": self.some_parent()}, fine=(200, 409)
        )

    @task(4)
    def read_bills(self) -> None:
        self.act("list bills", "GET", "/bills?limit=50")

    @task(4)
    def read_bags(self) -> None:
        self.act("list bags", "GET", f"/bags?kind=parent&limit=50&q={self.some_parent()[-5:]}")

    @task(2)
    def find(self) -> None:
        self.act("search", "GET", f"/search?q={self.some_parent()[-6:]}")

    @task(1)
    def read_a_report(self) -> None:
        self.act("report", "GET", random.choice(["/reports/end-of-day", "/reports/bills", "/reports/areas"]))
