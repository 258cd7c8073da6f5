"""The data folder: one running TraceTrack each, private, and everything of a site in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tracetrack.platform.embedded.processes import Remembered, StartError

_STOPPING_SECONDS = 90.0
"""How long a start waits for the one before it, when that one has begun to stop."""


MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
"""Where Linux keeps files in memory."""


@dataclass
class DataFolder:
    """A data folder that is ours alone while the lock is held."""

    path: Path
    remembered: Remembered
    _lock: int

    def stopping(self) -> None:
        """Tell a next start that waiting for us is worth it."""
        os.pwrite(self._lock, f"{os.getpid()} stopping\n".encode(), 0)

    def metrics(self) -> Path:
        """An empty folder in which the workers share their counters.

        In memory where the system has a place for it: the files are mapped, and a process that writes to a
        mapped file on a full disk is killed.
        """
        name = f"tracetrack-metrics-{os.getuid()}-{sha256(str(self.path).encode()).hexdigest()[:12]}"
        for place in (MEMORY / name, self.path / "metrics"):
            shutil.rmtree(place, ignore_errors=True)
            with contextlib.suppress(OSError):
                place.mkdir(mode=0o700)
                return place
        raise StartError(f"{self.path / 'metrics'} cannot be made.")


@contextlib.contextmanager
def hold(path: Path) -> Iterator[DataFolder]:
    """Make the folder if needed, and hold it against a second TraceTrack.

    The kernel drops the lock when this process ends, however it ends.

    Raises:
        StartError: it cannot be written, or another TraceTrack holds it.
    """
    path = path.expanduser().absolute()
    try:
        # Root's PostgreSQL may have to be another user, who must get through, not see in.
        path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        (path / ".writable").touch()
        (path / ".writable").unlink()
    except OSError as error:
        raise StartError(
            f"The data folder {path} cannot be written ({error.strerror}):"
            " make it writable, or set TRACETRACK_DATA to another folder."
        ) from None
    try:
        _take(lock, path)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} running \n".encode(), 0)
        yield DataFolder(path, Remembered(path / "secrets.json"), lock)
    finally:
        os.close(lock)


def holder(path: Path) -> int | None:
    """The process id of the TraceTrack that runs on a data folder; None where none does."""
    try:
        lock = os.open(path.expanduser().absolute() / "lock", os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid, _, state = os.pread(lock, 100, 0).decode().partition(" ")
        return int(pid) if pid.isdigit() and state.strip() == "running" else None
    else:
        return None
    finally:
        os.close(lock)


def _take(lock: int, path: Path) -> None:
    """Take the lock; wait only for a holder that is stopping."""
    deadline = time.monotonic() + _STOPPING_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, _, state = os.pread(lock, 100, 0).decode().partition(" ")
            if state.strip() != "stopping" or time.monotonic() > deadline:
                raise StartError(
                    f"TraceTrack already runs on the data folder {path} (process {pid or 'unknown'}):"
                    " stop it first, or set TRACETRACK_DATA to another folder."
                ) from None
            time.sleep(0.05)
        else:
            return
