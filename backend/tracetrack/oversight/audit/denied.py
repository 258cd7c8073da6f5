"""Denied access in the audit log: to a bag or bill of another area, or to a route of another role.

A request is noted when it is refused and looked into afterwards, so that the answer takes no longer for
what exists elsewhere than for what does not exist. Each worker writes a person's denial of one thing once an
hour, and :data:`MOST_AN_HOUR` of a person at most; the rest is counted (``tracetrack_denied_total``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter
from sqlalchemy import text
from starlette.requests import Request

from tracetrack.access.sessions import SignedIn
from tracetrack.ledger.service import record
from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.http import route_template
from tracetrack.platform.logs import request_id
from tracetrack.platform.problems import Problem

DENIED = Counter(
    "tracetrack_denied_total", "Denied requests of people who are signed in, by kind.", ("kind",)
)

MOST_AN_HOUR = 30
"""Events of one person an hour and worker."""
MOST_WAITING = 1_000
HOUR_SECONDS = 3_600.0

_CODES = {"bag_not_found": "bag", "bill_not_found": "bill", "forbidden": "route"}
_IDS = {"bag": ("bag_id", "child_id", "parent_id"), "bill": ("bill_id",)}
_NAMES = {"bag": "code", "bill": "number"}

# What exists, but not for somebody who sees this area alone.
_FOREIGN = {
    "bag": text("""
        select id, code, area_id from bags
        where (id = any (:ids) or id in (select id from find_bag(:name)))
          and area_id is distinct from cast(:sees as bigint)
    """),
    "bill": text("""
        select id, number as code, area_id from bills
        where (id = any (:ids) or lower(number) = lower(:name))
          and area_id is distinct from cast(:sees as bigint)
          and (completed_at is null or destination_area_id is distinct from cast(:sees as bigint))
    """),
}


@dataclass(frozen=True)
class _Refused:
    kind: str
    user_id: int
    sees: int | None
    route: str
    ids: tuple[int, ...]
    name: str
    request_id: str
    address: str


_waiting: list[_Refused] = []
_written: dict[int, dict[object, float]] = {}
"""When each person's denials were written, by what was denied."""


def note(request: Request, problem: Problem) -> None:
    """Remember a refusal of somebody who is signed in."""
    kind = _CODES.get(problem.code)
    session: SignedIn | None = getattr(request.state, "session", None)
    if kind is None or session is None:
        return
    DENIED.labels(kind).inc()
    sees = session.area_id if session.role == "dispatcher" else None
    if len(_waiting) >= MOST_WAITING or (kind != "route" and sees is None):
        return
    ids = [request.path_params.get(name) for name in _IDS.get(kind, ())]
    _waiting.append(
        _Refused(
            kind,
            session.user_id,
            sees,
            f"{request.method} {route_template(request.scope)}",
            tuple(int(one) for one in ids if isinstance(one, int) or (isinstance(one, str) and _is_id(one))),
            request.query_params.get(_NAMES.get(kind, ""), "")[:200],
            request_id.get(),
            request.client.host if request.client else "",
        )
    )


def _is_id(text_: str) -> bool:
    return text_.isascii() and text_.isdigit() and len(text_) < 19


async def write() -> None:
    """Write down what was refused since the last time, and is news."""
    waiting, _waiting[:] = list(_waiting), []
    for one in waiting:
        if one.kind == "route":
            if _is_news(one.user_id, one.route):
                await _write(one, "route", None, one.route, None)
            continue
        async with db.reading() as tx:
            values = {"ids": list(one.ids), "name": one.name.replace("\0", ""), "sees": one.sees}
            found = (await tx.execute(_FOREIGN[one.kind], values)).all()
        for row in found:
            if _is_news(one.user_id, (one.kind, row.id)):
                await _write(one, one.kind, row.id, row.code, row.area_id)


def _is_news(user_id: int, what: object) -> bool:
    """Whether this was not written within the hour, and the person has some left; then it counts."""
    now = time.monotonic()
    for user, told in list(_written.items()):
        _written[user] = {key: at for key, at in told.items() if at > now - HOUR_SECONDS}
        if not _written[user]:
            del _written[user]
    told = _written.setdefault(user_id, {})
    if what in told or len(told) >= MOST_AN_HOUR:
        return False
    told[what] = now
    return True


async def _write(one: _Refused, kind: str, thing_id: int | None, name: str, area_id: int | None) -> None:
    after: dict[str, Any] = {"route": one.route, "because": "role" if kind == "route" else "area"}
    async with db.transaction() as tx:
        await record(
            tx,
            one,
            action="access_denied",
            subject_type=kind,
            subject_id=thing_id,
            subject_code=name,
            area_id=area_id,
            after=after,
        )


def forget() -> None:
    """Between tests."""
    _waiting.clear()
    _written.clear()


JOBS = (Job("denied_access", 1.0, write),)
