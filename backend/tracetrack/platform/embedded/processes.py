"""What the launchers share: children that die with us, private files, loopback ports."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_NOBODY = 65534


class StartError(Exception):
    """A server cannot be started; the text is one plain sentence that says what to do."""


def after_fork(
    death_signal: signal.Signals | None = None, *, new_user: bool = False
) -> Callable[[], None] | None:
    """What a child does between fork and exec (``preexec_fn``), or None for nothing.

    Args:
        death_signal: sent to the child by the kernel when this process dies, even by kill -9.
            Linux only; elsewhere nothing is set, and the next start cleans up instead.
        new_user: show the child a user of its own (``nobody``) that is root outside, so that a
            server which refuses root runs on files that root owns.
    """
    if _LIBC is None or (death_signal is None and not new_user):
        return None
    libc = _LIBC
    parent = os.getpid()

    def prepare() -> None:
        if new_user:
            uid, gid = os.getuid(), os.getgid()
            if libc.unshare(_CLONE_NEWUSER) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{_NOBODY} {uid} 1"),
                ("gid_map", f"{_NOBODY} {gid} 1"),
            ):
                Path("/proc/self", name).write_text(text)
        if death_signal is not None:
            # Last, since a change of user clears it.
            libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def spawn(
    command: Sequence[str | Path],
    *,
    log: IO[bytes] | int,
    death_signal: signal.Signals | None = None,
    new_user: bool = False,
    user: int | None = None,
    group: int | None = None,
    env: dict[str, str] | None = None,
    cwd: str | Path = "/",
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C reaches us alone."""
    return subprocess.Popen(  # noqa: S603 - our own binaries
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=env,
        start_new_session=True,
        user=user,
        group=group,
        extra_groups=[] if user is not None else None,
        pass_fds=tuple(pass_fds),
        preexec_fn=after_fork(death_signal, new_user=new_user),
    )


def stop(process: subprocess.Popen[bytes], polite: signal.Signals, seconds: float) -> bool:
    """Stop a child: ``polite``, then after ``seconds`` SIGKILL. True when it went politely."""
    if process.poll() is not None:
        return True
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(polite)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def running(pid: int) -> psutil.Process | None:
    """The process with this id, unless it is gone or only waits to be reaped (a zombie)."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def write_private(path: Path, text: str) -> None:
    """Replace a file at once and for good; nobody but its owner may ever read it (0600)."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Remembered:
    """Values that a data folder keeps between starts, in one private JSON file.

    Passwords and ports are made when first asked for and stay the same from then on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            self._values = {}
        except (ValueError, OSError) as error:
            raise StartError(f"The file {path} cannot be read: {error}.") from None

    def secret(self, name: str) -> str:
        """A random password of 256 bits, made once; letters, digits, ``-`` and ``_`` only."""
        if name not in self._values:
            self._keep(name, secrets.token_urlsafe(32))
        return str(self._values[name])

    def port(self, name: str) -> int:
        """A loopback port: the one used before if it is free, else a new one."""
        port = self._values.get(name)
        if not isinstance(port, int) or not port_is_free(port):
            port = free_port()
            self._keep(name, port)
        return port

    def last_port(self, name: str) -> int | None:
        """The port used last, whoever listens there now; None before the first start."""
        port = self._values.get(name)
        return port if isinstance(port, int) else None

    def _keep(self, name: str, value: str | int) -> None:
        self._values[name] = value
        write_private(self.path, json.dumps(self._values, indent=1))
