"""The routes of this room's parts, for the application to include."""

from __future__ import annotations

from tracetrack.oversight.alerts import routes as alert_routes
from tracetrack.oversight.alerts import service as alerts
from tracetrack.oversight.audit import denied
from tracetrack.oversight.audit import routes as audit
from tracetrack.oversight.changes import routes as changes
from tracetrack.oversight.dashboard import routes as dashboard
from tracetrack.oversight.dashboard import service as tallies
from tracetrack.oversight.lists import routes as lists
from tracetrack.oversight.performance import routes as performance
from tracetrack.oversight.performance import service as minutes
from tracetrack.oversight.search import routes as search
from tracetrack.oversight.stream import routes as stream

ROUTERS = (
    dashboard.router,
    lists.router,
    search.router,
    stream.router,
    changes.router,
    audit.router,
    performance.router,
    alert_routes.router,
)
JOBS = (*tallies.JOBS, *minutes.JOBS, *alerts.JOBS, *denied.JOBS)
UPKEEP = (*minutes.UPKEEP, *alerts.UPKEEP)
