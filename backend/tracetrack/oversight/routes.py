"""The routes of this room's parts, for the application to include."""

from __future__ import annotations

from tracetrack.oversight.audit import routes as audit
from tracetrack.oversight.dashboard import routes as dashboard
from tracetrack.oversight.dashboard import service as tallies
from tracetrack.oversight.search import routes as search
from tracetrack.oversight.stream import routes as stream

ROUTERS = (dashboard.router, search.router, stream.router, audit.router)
JOBS = tallies.JOBS
