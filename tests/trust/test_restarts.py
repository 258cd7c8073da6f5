"""Every worker is renewed, again and again, while fifty people work and fifty screens listen.

No call fails but those whose connection closed under them, and each of these succeeds when it is
sent once more; no stream misses an event or has one twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.lengths import figure, length
from tests.oversight.streams import listening
from tests.trust.line import Answer, Line, Lost
from tests.trust.record import Recorder, hold_to_account
from tests.trust.site import WORKERS, TrustSite, hire, site
from tests.trust.workload import Workload
from tracetrack.platform.folder import holder

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("ROUNDS", length("1", "10")))
STREAMS = length(10, 50)
PEOPLE = length((16, 4), (40, 9))
"""Dispatchers and others: in the short form few, for a busy machine's overload is no renewal's fault."""
REST = 0.25


class Once(Line):
    """A line that sends a call once more when its connection closed before an answer began, or when it is
    told to come again."""

    again = 0
    failed: list[str]

    async def call(self, *asked: object, **more: object) -> Answer:
        try:
            answer = await super().call(*asked, **more)  # type: ignore[arg-type]
            if answer.status not in (408, 503):
                return answer
            await asyncio.sleep(int(answer.headers["retry-after"]))
        except Lost:
            pass
        self.again += 1
        try:
            answer = await super().call(*asked, **more)  # type: ignore[arg-type]
        except Lost as lost:
            self.failed.append(f"{asked[:2]}: {lost}")
            raise
        if answer.status in (408, 503):
            self.failed.append(f"{asked[:2]}: {answer.status} twice")
        return answer


async def renewed(running: TrustSite) -> float:
    """Renew all workers; seconds until the last old one has gone."""
    began = time.monotonic()
    before = {process.pid for process in running.workers()}
    pid = holder(running.folder / "data")
    assert pid == running.process.pid
    # As ``tracetrack reload`` does.
    os.kill(pid, signal.SIGUSR1)
    while before & {process.pid for process in running.workers()} or len(running.workers()) != WORKERS:
        assert time.monotonic() - began < 180, running.words()[-2000:]
        await asyncio.sleep(0.1)
    return time.monotonic() - began


class Listener:
    """A screen that listens, and comes back where it stopped."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self.events: list[int] = []
        self.resets = 0
        self.breaks = 0
        self.seen: str | None = None
        self.began = asyncio.Event()

    async def listen(self) -> None:
        headers = {"authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, timeout=30) as client:
            while True:
                with contextlib.suppress(httpx.TransportError, StopAsyncIteration, AssertionError):
                    async with listening(client, self.seen) as stream:
                        while True:
                            kind, value = await stream.message()
                            self.began.set()
                            self.seen = stream.seen
                            self.resets += kind == "reset"
                            self.events += [event["id"] for event in value.get("events", [])]
                self.breaks += 1
                await asyncio.sleep(0.05)


async def test_workers_are_renewed_and_nobody_notices(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        hired = await hire(running, *PEOPLE)
        lines = [Once(running.port, line.username, token=line.token, user_id=line.user_id) for line in hired]
        for line, before in zip(lines, hired, strict=True):
            line.failed = []
            before.hang_up()
        work = Workload(list[Line](lines), Recorder(tmp_path / "account.jsonl"), rest=REST)
        admin = lines[-1]
        listeners = [Listener(running.url, admin.token) for _ in range(STREAMS)]
        listening_ = [asyncio.create_task(one.listen()) for one in listeners]
        # So that no event is under way, and told to some alone, when they begin.
        await asyncio.gather(*(one.began.wait() for one in listeners))
        working = asyncio.create_task(work.run(10**9))
        await asyncio.sleep(3)
        took = [await renewed(running) for _ in range(ROUNDS)]
        await asyncio.sleep(1)
        work.over = True
        await working
        work.over = False
        await work.settle()
        await asyncio.sleep(2)
        for task in listening_:
            task.cancel()
        work.recorder.close()
        failed = [one for line in lines for one in line.failed]
        answers = work.recorder.answers
        told = Counter(len(one.events) for one in listeners)
        figure(
            "rolling restarts",
            f"{ROUNDS} renewals of {WORKERS} workers ({min(took):.1f} to {max(took):.1f} s each),"
            f" {answers.total():,} answers, {sum(line.again for line in lines)} sent once more,"
            f" {len(failed)} failed; {STREAMS} streams with {sum(one.breaks for one in listeners)} breaks,"
            f" {dict(told)} events",
        )
        assert failed == []
        assert answers["lost"] == answers["500"] == answers["internal_error"] == 0
        owner = await running.owner()
        await hold_to_account(work.recorder.path, owner)
        await owner.close()
        for one in listeners:
            assert len(one.events) == len(set(one.events)), "an event came twice"
            assert one.resets == 0
        # All began before the work did.
        assert len({tuple(sorted(one.events)) for one in listeners}) == 1
        assert running.words().count("Web workers are renewed") == ROUNDS
