"""A way to a server that can be cut: connections end, and new ones are refused."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class Relay:
    """Passes on TCP connections to a port of this machine, in a thread of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._to = 0
        self._cut = False
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()

    def open(self, to: int) -> None:
        """Begin to pass on."""
        self._to = to
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Nothing passes any more."""
        self._cut = True
        with self._lock:
            for one in list(self._pairs):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Everything passes again."""
        self._cut = False

    def close(self) -> None:
        """End for good."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._to), 2)
            except OSError:
                near.close()
                continue
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        with self._lock:
            self._pairs |= {near: far, far: near}
        with selectors.DefaultSelector() as ready, near, far:
            for one in (near, far):
                ready.register(one, selectors.EVENT_READ)
            with contextlib.suppress(OSError):
                while not self._cut:
                    for key, _ in ready.select(1):
                        one = key.fileobj
                        assert isinstance(one, socket.socket)
                        data = one.recv(65536)
                        if not data:
                            return
                        self._pairs[one].sendall(data)
        with self._lock:
            self._pairs.pop(near, None)
            self._pairs.pop(far, None)
