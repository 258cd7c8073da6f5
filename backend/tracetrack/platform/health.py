"""Whether this worker lives (``/healthz``) and whether it can serve (``/readyz``)."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from functools import lru_cache

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tracetrack.platform import cache, db
from tracetrack.platform.breaker import State
from tracetrack.platform.logs import get_logger
from tracetrack.platform.problems import Problem
from tracetrack.platform.reach import DATABASE
from tracetrack.settings import ROOT

log = get_logger("health")

_NAMED = re.compile(r'^(revision|down_revision)\b[^=\n]*= "(\w+)"', re.MULTILINE)
_REVISION = text("select version_num from alembic_version")


@lru_cache
def newest_revision() -> str:
    """The revision of the schema that this code expects: the one that no other migration follows.

    Read off the files, since importing Alembic would slow the start of every worker.
    """
    followed: set[str] = set()
    known: set[str] = set()
    for path in (ROOT / "alembic" / "versions").glob("[0-9]*.py"):
        for name, revision in _NAMED.findall(path.read_text("utf-8")):
            (known if name == "revision" else followed).add(revision)
    (newest,) = known - followed
    return newest


BELIEVED_SECONDS = 1.0
"""How long the schema is not looked at again: anybody may ask, as often as he likes."""
_right_at = float("-inf")


async def alive(_: Request) -> Response:
    """``GET /healthz``: the process answers."""
    return JSONResponse({"status": "alive"})


async def warm() -> None:
    """Look once, so that whoever asks first need not wait for connections and files."""
    with suppress(Exception):
        await asyncio.to_thread(newest_revision)
        async with db.reading() as connection:
            await connection.scalar(_REVISION)
        await cache.cache_state()


async def ready(request: Request) -> Response:
    """``GET /readyz``: the database answers and has the schema that this code expects.

    Redis is reported but not needed.
    """
    if DATABASE.state is not State.closed:
        away = Problem("busy", "The database does not answer.", headers={"Retry-After": "1"})
        return away.response(request)
    global _right_at
    if time.monotonic() - _right_at > BELIEVED_SECONDS:
        try:
            async with asyncio.timeout(1.5), db.reading() as connection:
                revision = await connection.scalar(_REVISION)
        except Exception as error:
            log.warning("not ready", error=f"{type(error).__name__}: {error}"[:300])
            return Problem("busy", "The database does not answer.").response(request)
        if revision != newest_revision():
            log.warning("not ready", schema=revision, wanted=newest_revision())
            return Problem("busy", "The database has another schema; run `tracetrack migrate`.").response(
                request
            )
        _right_at = time.monotonic()
    return JSONResponse({"status": "ready", "database": "up", "redis": await cache.cache_state()})
