"""The routes of this room's parts, for the application to include."""

from __future__ import annotations

from tracetrack.oversight.audit import routes as audit
from tracetrack.oversight.stream import routes as stream

ROUTERS = (audit.router, stream.router)
