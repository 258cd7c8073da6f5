"""Somebody is disabled while he works: within a second no worker lets him in, with Redis dead."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import psutil
import pytest

from tests.lengths import assert_fast, figure, length
from tests.trust.line import Line, Lost
from tests.trust.site import WORKERS, hire, site
from tracetrack.platform.embedded.processes import free_port

pytestmark = pytest.mark.slow

DISABLED = length(6, 40)
"""People who are disabled, one after the other."""
DEVICES = 6
"""Of each, all trying at once."""
WITHIN_SECONDS = 1.0


class Device:
    """A device that tries without end, and when it last got in."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.last = 0.0
        """When the last call that succeeded was sent, by the monotonic clock."""
        self.ended = False

    async def try_on(self) -> None:
        scan = {"code": f"P-{self.line.username}"}
        for turn in range(10**9):
            sent = time.monotonic()
            with contextlib.suppress(Lost):
                asked = ("POST", "/scans/parent", scan) if turn % 3 == 0 else ("GET", "/auth/me", None)
                answer = await self.line.call(*asked)
                if answer.status == 401:
                    self.ended = True
                elif answer.status < 300:
                    self.last = sent
            await asyncio.sleep(0.03)


async def test_nobody_is_let_in_later_than_a_second_after_being_disabled(tmp_path: Path) -> None:
    with site(tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as running:
        *people, admin = await hire(running, DISABLED, 0)
        devices = {
            person.username: [
                Device(Line(running.port, person.username, token=person.token)) for _ in range(DEVICES)
            ]
            for person in people
        }
        tasks = [asyncio.create_task(one.try_on()) for mine in devices.values() for one in mine]
        await asyncio.sleep(1)
        assert len([worker for worker in running.workers() if _served(running.port, worker)]) == WORKERS
        done = {}
        for person in people:
            answer = await admin.insist("PATCH", f"/users/{person.user_id}", {"disabled": True})
            done[person.username] = time.monotonic()
            assert answer.status == 200, answer.body
            await asyncio.sleep(0.3)
        # Everybody tries on to the end: who got in again, however late, would be seen.
        await asyncio.sleep(WITHIN_SECONDS + 1)
        late = []
        for username, mine in devices.items():
            assert all(device.last for device in mine), "nobody was in before"
            assert all(device.ended for device in mine)
            late.append(max(device.last for device in mine) - done[username])
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []
        figure(
            "revocation",
            f"{len(people)} people on {DEVICES} devices each over {WORKERS} workers, without Redis:"
            f" the last success was sent {max(late) * 1000:.0f} ms after the admin's answer",
        )
        assert_fast(max(late), WITHIN_SECONDS, "last success after the answer, s")


def _served(port: int, worker: psutil.Process) -> bool:
    """Whether a worker has connections to the site's port."""
    return any(
        one.laddr and one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED
        for one in worker.net_connections("tcp4")
    )
