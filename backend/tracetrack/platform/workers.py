"""The web workers' processes: started, brought back when they end, renewed one after the other, stopped."""

from __future__ import annotations

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import multiprocess

from tracetrack.platform.embedded.processes import StartError, spawn
from tracetrack.platform.progress import say
from tracetrack.settings import Settings

READY_SECONDS = 120.0
"""For a worker, and for the site, to come up."""


@dataclass
class Worker:
    """One web worker."""

    process: subprocess.Popen[bytes]
    place: int
    """Among the workers: the number of the socket that is its own."""
    born: float
    ready: int
    """A pipe on which it says that it serves; -1 when closed."""

    def serves(self) -> bool:
        """Whether it has said so."""
        if self.ready < 0 or not select.select([self.ready], [], [], 0)[0]:
            return False
        return os.read(self.ready, 1) == b"."

    def close(self) -> None:
        """Listen no more."""
        if self.ready >= 0:
            os.close(self.ready)
        self.ready = -1


class Workers:
    """The web workers: processes that each accept from a socket of their own, if there are several.

    The sockets stay open here, so what was let in while a worker is away is not lost: its neighbours take it.
    """

    def __init__(
        self, factory: str, sockets: list[socket.socket], environment: dict[str, str], settings: Settings
    ) -> None:
        self.factory = factory
        self.sockets = sockets
        self.environment = environment
        self.grace = settings.shutdown_seconds
        self.serving: list[Worker] = []
        self._old: list[Worker] = []
        """Those still to be renewed, the next one first."""
        self._coming: Worker | None = None
        """Will take the place of the first of the old ones when it serves."""
        self._leaving: list[tuple[Worker, float]] = []
        """Asked to stop, and by when they must have."""

    def start(self, count: int) -> None:
        """Start that many."""
        self.serving += [self._one(place) for place in range(count)]

    def _one(self, place: int) -> Worker:
        # Killed with us: a worker that outlived its supervisor would hold the port.
        ready, say_ready = os.pipe()
        first = place % len(self.sockets)
        listening = [sock.fileno() for sock in self.sockets[first:] + self.sockets[:first]]
        command = (
            *(sys.executable, "-m", "tracetrack.platform.worker", self.factory),
            *(",".join(map(str, listening)), str(say_ready)),
        )
        process = spawn(
            command,
            # Progress is for the person, on standard output; logs are for machines.
            log=sys.stderr.fileno(),
            death_signal=signal.SIGKILL,
            env=self.environment,
            cwd=Path.cwd(),
            pass_fds=(*listening, say_ready),
        )
        os.close(say_ready)
        return Worker(process, place, time.monotonic(), ready)

    def ended(self) -> int | None:
        """The exit code of a worker that has ended, if one has."""
        return next((code for one in self.serving if (code := one.process.poll()) is not None), None)

    def mend(self) -> None:
        """Start anew each worker that has ended, at most one a second each."""
        for place, worker in enumerate(self.serving):
            if worker.process.poll() is None or time.monotonic() - worker.born < 1:
                continue
            say(f"A web worker ended (exit code {worker.process.returncode}); starting another")
            self._forget(worker)
            self.serving[place] = self._one(place)
            if worker in self._old:
                # The one in its place is new already.
                self._old.remove(worker)

    def renew(self) -> None:
        """Have each worker replaced, one after the other; more is done by :meth:`go_on_renewing`."""
        say(f"Renewing {len(self.serving)} web workers")
        self._old = list(self.serving)

    def go_on_renewing(self) -> None:
        """The next step of a renewal, if one is under way; never waits.

        The new worker serves before the old one is asked to stop. Should it fail to, the old ones go on.
        """
        for leaver, deadline in self._leaving[:]:
            if leaver.process.poll() is None and time.monotonic() > deadline:
                leaver.process.kill()
            elif leaver.process.poll() is not None:
                self._forget(leaver)
                self._leaving.remove((leaver, deadline))
        if self._coming is not None:
            self._see_whether_it_serves(self._coming)
        elif self._old and not self._leaving:
            self._coming = self._one(self._old[0].place)

    def _see_whether_it_serves(self, coming: Worker) -> None:
        late = time.monotonic() - coming.born > READY_SECONDS
        if coming.process.poll() is not None or late:
            why = "does not serve" if late else f"ended (exit code {coming.process.returncode})"
            say(f"A new web worker {why}; the old ones go on")
            coming.process.kill()
            coming.process.wait()
            self._forget(coming)
            self._coming, self._old = None, []
        elif coming.serves():
            self._coming = None
            old = self.serving[coming.place]
            if old not in self._old:
                # What it was to replace died meanwhile, and has been replaced.
                self._let_go(coming)
                return
            self._old.remove(old)
            self.serving[coming.place] = coming
            self._let_go(old)
            if not self._old:
                say("Web workers are renewed")

    def _let_go(self, worker: Worker) -> None:
        """Ask a worker to finish what it has and end."""
        worker.process.terminate()
        self._leaving.append((worker, time.monotonic() + self.grace + 3))

    def _forget(self, worker: Worker) -> None:
        """Drop a dead worker's gauges from the shared metrics."""
        worker.close()
        multiprocess.mark_process_dead(  # type: ignore[no-untyped-call]
            worker.process.pid, self.environment["PROMETHEUS_MULTIPROC_DIR"]
        )

    def stop(self) -> None:
        """Ask all at once to finish what they have, then end those that do not."""
        leaving = [worker for worker, _ in self._leaving]
        all_ = [*self.serving, *leaving, *([self._coming] if self._coming else [])]
        for worker in all_:
            if worker.process.poll() is None:
                worker.process.terminate()
        deadline = time.monotonic() + self.grace + 3
        for worker in all_:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.close()


def wait_ready(sock: socket.socket, workers: Workers) -> None:
    """Wait until the site answers that it can serve."""
    deadline = time.monotonic() + READY_SECONDS
    said = "no answer"
    while time.monotonic() < deadline:
        code = workers.ended()
        if code is not None:
            raise StartError(f"A web worker ended while starting (exit code {code}); its words are above.")
        host = "::1" if sock.family == socket.AF_INET6 else "127.0.0.1"
        bound = str(sock.getsockname()[0])
        if bound not in ("0.0.0.0", "::"):  # noqa: S104
            host = bound
        line = http.client.HTTPConnection(host, sock.getsockname()[1], timeout=5)
        try:
            line.request("GET", "/readyz")
            answer = line.getresponse()
            if answer.status == 200:
                return
            said = f"{answer.status} {answer.read(500).decode('utf-8', 'replace')}"
        except (OSError, http.client.HTTPException):
            pass
        finally:
            line.close()
        time.sleep(0.1)
    raise StartError(f"The site was not ready within {READY_SECONDS:.0f} seconds: {said}")
