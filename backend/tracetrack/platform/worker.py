"""One web worker: uvicorn on the listening socket that the supervisor hands down.

``python -m tracetrack.platform.worker FACTORY FD[,FD...] [READY]`` where FACTORY is ``module:function`` of
the application, FD the number of the inherited socket and after it those of the other workers, and READY
that of a pipe to say on that it serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import sys
from types import FrameType

import uvicorn

from tracetrack.platform.door import MOST_CONNECTIONS, Door
from tracetrack.platform.stopping import stop
from tracetrack.settings import get_settings

LINGER_SECONDS = 1.5
"""How long a worker that stops serves connections that are open already."""
_TAKEN_AT_ONCE = 100
"""Connections of a neighbour: some are left to the other neighbours."""


class Server(uvicorn.Server):
    """uvicorn, but open streams learn that it stops before it waits for them, and it says when it serves.

    Args:
        config: of uvicorn.
        others: the sockets of the other workers. What one leaves waiting there, for it died or hangs, is
            taken: this looks ten times a second.
        ready: a pipe to say on that it serves.
    """

    def __init__(self, config: uvicorn.Config, others: list[socket.socket], ready: int | None) -> None:
        super().__init__(config)
        self.others = others
        self.ready = ready
        for sock in others:
            sock.setblocking(False)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        if self.ready is not None and self.started:
            os.write(self.ready, b".")
            os.close(self.ready)

    async def on_tick(self, counter: int) -> bool:
        """Every tenth of a second; whether to stop."""
        for sock in self.others if not self.should_exit else ():
            # None is waiting, it does not listen yet, or the client has gone again.
            with contextlib.suppress(OSError):
                for _ in range(_TAKEN_AT_ONCE):
                    taken, _ = sock.accept()
                    await asyncio.get_running_loop().connect_accepted_socket(self._connection, taken)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: nobody new is let in, and connections that are kept open are served a little longer.

        Each answer says by now that it is the last of its connection; one that is closed while a
        request is on its way would lose it.
        """
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while self.server_state.connections and not self.force_exit:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    def _connection(self) -> Door:
        return Door(self.config, self.server_state, self.lifespan.state)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Asked to stop by a signal."""
        stop()
        super().handle_exit(sig, frame)


def serve(factory: str, sock: socket.socket, others: list[socket.socket], ready: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then let running requests finish for a while."""
    settings = get_settings()
    _may_open(2 * MOST_CONNECTIONS)
    config = uvicorn.Config(
        factory,
        factory=True,
        http=Door,
        # The middleware logs requests with what uvicorn does not know, and sets up logging.
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        # Nobody's word about the client's address is believed, but the configured proxy's.
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips,
        # An open event stream would otherwise hold the shutdown for ever.
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    Server(config, others, ready).run(sockets=[sock])


def _may_open(files: int) -> None:
    """Have room for so many connections and files, as far as the system lets us."""
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = files if most == resource.RLIM_INFINITY else min(files, most)
    if least != resource.RLIM_INFINITY and least < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


if __name__ == "__main__":
    own, *rest = (socket.socket(fileno=int(number)) for number in sys.argv[2].split(","))
    serve(sys.argv[1], own, rest, *map(int, sys.argv[3:]))
