"""The routes of this room's parts, for the application to include."""

from __future__ import annotations

from tracetrack.oversight.audit import routes as audit

ROUTERS = (audit.router,)
