"""Whatever goes wrong becomes a problem document, in one place."""

from __future__ import annotations

import errno
from collections.abc import Callable

import asyncpg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from tracetrack.platform.db import sqlstate
from tracetrack.platform.logs import get_logger
from tracetrack.platform.problems import Problem

log = get_logger("errors")

BY_STATUS = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    503: "busy",
}
BY_SQLSTATE = {
    "TT001": "parent_locked",
    "TT002": "bag_in_use",
    "TT004": "bill_completed",
}
BUSY = ("08", "53", "57", "40", "55", "25006")
"""Beginnings of the SQLSTATE of a server that is away, full, stopping, kept us waiting, or leads no more."""
RETRY_AFTER = {"Retry-After": "1"}
DISK_FULL = "53100"
FULL_RETRY_AFTER = {"Retry-After": "15"}
"""Room does not come back by itself; phones keep what they scan meanwhile."""


def handle_errors(app: FastAPI, noted: Callable[[Request, Problem], None]) -> None:
    """Register the handlers.

    Args:
        app: the application.
        noted: hears of each problem that a route answers with.
    """

    @app.exception_handler(Problem)
    async def on_problem(request: Request, problem: Problem) -> Response:
        noted(request, problem)
        return problem.response(request)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            # Each route knows its own method only.
            headers["Allow"] = ", ".join(_allowed(app, request))
        return Problem(BY_STATUS.get(error.status_code, "malformed"), headers=headers).response(request)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        # The input is never repeated: it may be what cannot be written as JSON.
        found = [
            {"loc": [str(part)[:64] for part in e["loc"]], "msg": e["msg"][:200]} for e in error.errors()[:20]
        ]
        if any(e["type"] in ("json_invalid",) for e in error.errors()):
            return Problem("malformed", errors=found).response(request)
        return Problem("invalid", errors=found).response(request)

    @app.exception_handler(DBAPIError)
    async def on_database(request: Request, error: DBAPIError) -> Response:
        return _database_problem(error).response(request)

    @app.exception_handler(asyncpg.PostgresError)
    async def on_driver(request: Request, error: asyncpg.PostgresError) -> Response:
        return _database_problem(error).response(request)

    @app.exception_handler(asyncpg.DataError)
    async def on_unfit(request: Request, error: asyncpg.DataError) -> Response:
        return Problem("invalid").response(request)

    @app.exception_handler(asyncpg.InterfaceError)
    @app.exception_handler(asyncpg.InternalClientError)
    @app.exception_handler(PoolTimeout)
    @app.exception_handler(OSError)
    async def on_away(request: Request, error: Exception) -> Response:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            log.error("the data folder's disk is full", error=str(error)[:200])
            return Problem("storage_full", headers=FULL_RETRY_AFTER).response(request)
        log.warning("database not available", error=str(error)[:200])
        return Problem("busy", headers=RETRY_AFTER).response(request)


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """The methods that some route has for a path."""
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def _database_problem(error: BaseException) -> Problem:
    state = sqlstate(error) or ""
    if isinstance(getattr(getattr(error, "orig", None), "__cause__", None), asyncpg.DataError):
        # The driver could not even send it: a number too large for its column.
        return Problem("invalid")
    if state in BY_SQLSTATE:
        return Problem(BY_SQLSTATE[state])
    if state.startswith("22"):
        # Data that the database cannot hold, such as NUL in text.
        return Problem("invalid")
    if state in ("23514", "23502"):
        # A table's check, or that there must be a value, is stricter than what was let in; PostgreSQL's log
        # names it.
        log.warning("refused by a check of the database", sqlstate=state)
        return Problem("invalid")
    if state == DISK_FULL:
        log.error("the database's disk is full", sqlstate=state)
        return Problem("storage_full", headers=FULL_RETRY_AFTER)
    if state.startswith(BUSY) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        log.warning("database busy", sqlstate=state)
        return Problem("busy", headers=RETRY_AFTER)
    log.error("database error", sqlstate=state, exc_info=error)
    return Problem("internal_error")
