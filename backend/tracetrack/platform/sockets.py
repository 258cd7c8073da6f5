"""The site's port, bound by the supervisor and handed down to the web workers."""

from __future__ import annotations

import contextlib
import socket
import sys
import time

from tracetrack.platform.embedded.processes import StartError


def listen(stack: contextlib.ExitStack, host: str, port: int, workers: int) -> list[socket.socket]:
    """Bind the site's port. Nobody is let in before the workers listen on it.

    Where the system spreads connections evenly over the sockets of a port, there is one for each worker.
    """
    # Workers of a supervisor that was just killed need a moment to go.
    deadline = time.monotonic() + 1
    while True:
        try:
            first = stack.enter_context(_bind(host, port))
            if sys.platform != "linux" or workers == 1:
                return [first]
            number = first.getsockname()[1]
            # Sites of one user could share a port now; no two programs can have this name.
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(f"\0tracetrack port {number}")
        except OSError as error:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise StartError(
                f"Port {port} cannot be used ({error.strerror}): stop the program that has it,"
                f" or choose another with PORT={port + 1 if port < 65535 else 8000}."
            ) from None
        # Only now: bound before, it would have shared the port with whoever has it.
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return [first, *(stack.enter_context(_bind(host, number, shared=True)) for _ in range(workers - 1))]


def _bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
