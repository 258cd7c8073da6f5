"""One web worker: uvicorn on the listening socket that the supervisor hands down.

``python -m tracetrack.platform.worker FACTORY FD [READY]`` where FACTORY is ``module:function`` of the
application, FD the number of the inherited socket, and READY that of a pipe to say on that it serves.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from types import FrameType

import uvicorn

from tracetrack.platform.door import Door
from tracetrack.platform.stopping import stop
from tracetrack.settings import get_settings


class Server(uvicorn.Server):
    """uvicorn, but open streams learn that it stops before it waits for them, and it says when it serves."""

    def __init__(self, config: uvicorn.Config, ready: int | None) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        # What the program itself consists of stays for good: each time the collector walked through it
        # to find nothing, every request waited for 0.15 s.
        gc.collect()
        gc.freeze()
        if self.ready is not None and self.started:
            os.write(self.ready, b".")
            os.close(self.ready)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Asked to stop by a signal."""
        stop()
        super().handle_exit(sig, frame)


def serve(factory: str, sock: socket.socket, ready: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then let running requests finish for a while."""
    settings = get_settings()
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
    Server(config, ready).run(sockets=[sock])


if __name__ == "__main__":
    listening, *ready = map(int, sys.argv[2:])
    serve(sys.argv[1], socket.socket(fileno=listening), *ready)
