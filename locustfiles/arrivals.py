"""People who act when it is time, not when the site has answered: what waits is counted.

Each person's acts are due at random moments of a fixed rate (a Poisson process). An act's time runs from
when it was due, so a slow answer makes the next ones late, as at a real scanner. Every act is written to
``LOAD_TIMES`` as ``due,kind,milliseconds,error`` for exact percentiles; a file beside it, ``.started``, says
that all ``PEOPLE`` have signed in, and only what was due after that is written.

Environment: ``PASSWORD`` of the people, whose names are ``floor-0``, ``office-0``, ``admin-0`` and on.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, events

PEOPLE = int(os.environ.get("PEOPLE", "1"))
PASSWORD = os.environ.get("PASSWORD", "")
API = "/api/v1"

_times: list[str] = []
_signed_in: list[str] = []
_numbers: dict[str, itertools.count[int]] = defaultdict(itertools.count)
_dice = random.Random(1)


@events.test_stop.add_listener
def write_times(**_: Any) -> None:
    """The whole account, once."""
    place = os.environ.get("LOAD_TIMES")
    if place:
        Path(place).write_text("".join(_times), "utf-8")


class Person(FastHttpUser):
    """Somebody with a name, a session, and an act that is due now and then."""

    abstract = True
    role = ""
    acts_per_second = 1.0
    """Of one person, on average."""
    network_timeout = 30.0
    connection_timeout = 5.0

    def on_start(self) -> None:
        """Sign in; the first act is due after a random while."""
        self.number = next(_numbers[self.role])
        while not self.sign_in():
            gevent.sleep(1)
        _signed_in.append(self.role)
        if len(_signed_in) == PEOPLE:
            _times.clear()
            if place := os.environ.get("LOAD_TIMES"):
                Path(f"{place}.started").touch()
        self.due = time.perf_counter()
        gevent.sleep(self.wait_time())

    def sign_in(self) -> bool:
        """Get an access token, which holds for ten minutes; False when there was none."""
        with self.client.post(
            f"{API}/auth/login",
            json={"username": f"{self.role}-{self.number}", "password": PASSWORD},
            name="sign in",
            catch_response=True,
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code} {answer.text}")
                return False
            self.token = answer.json()["access_token"]
        self.signed_in_at = time.monotonic()
        return True

    def wait_time(self) -> float:
        """Until the next act is due; nothing when it is late already."""
        self.due += _dice.expovariate(self.acts_per_second)
        return max(0.0, self.due - time.perf_counter())

    def act(
        self,
        kind: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        fine: tuple[int, ...] = (200,),
        **more: Any,
    ) -> Any:
        """One request; its answer's JSON, or None when it was not what was to come."""
        if time.monotonic() - self.signed_in_at > 540:
            self.sign_in()
        with self.client.request(
            method,
            API + path,
            name=kind,
            headers={"authorization": f"Bearer {self.token}", **more.pop("headers", {})},
            catch_response=True,
            **({"json": body} if body is not None else {}),
            **more,
        ) as answer:
            milliseconds = (time.perf_counter() - self.due) * 1000
            answer.request_meta["response_time"] = milliseconds
            wrong = answer.status_code not in fine
            _times.append(f"{self.due:.4f},{kind},{milliseconds:.2f},{answer.status_code if wrong else ''}\n")
            if wrong:
                answer.failure(f"{answer.status_code} {(answer.text or '')[:200]}")
                return None
            answer.success()
            return answer.json() if answer.text else {}
