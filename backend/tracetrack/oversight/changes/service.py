"""Reading the ledger from a position on, without a gap and without a repetition.

A position holds two snapshots and an event's id: what the first sees was told; what the second sees
beyond it is being told, in the order of ids, up to this one. Whatever the order of commits, nothing is
missed: what is not visible yet belongs to a later window. A transaction that waited for another's lock is
never in an earlier window than that one, and within a window it has the higher id, so changes of one
subject are in order.
"""

from __future__ import annotations

import re

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from tracetrack.oversight.changes.schemas import SUBJECTS, Change, Changes
from tracetrack.platform import db
from tracetrack.platform.paging import decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem

BEGINNING = "1:1:"
"""The snapshot that sees nothing."""

_SNAPSHOT = re.compile(r"(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)", re.ASCII)

_NOW = text("select pg_current_snapshot()::text")

_FORGOTTEN = text("""
    select exists (
        select from ledger_anchor
        where to_txid > pg_snapshot_xmin(cast(cast(:seen as text) as pg_snapshot)))
""")

_CHANGES = text("""
    select e.id, e.at, e.subject_type, e.subject_id, e.subject_code as code, e.action,
        e.action like '%\\_deleted' or e.action = 'import_removed' as removed,
        e.area_id, case when e.subject_type = 'bag' then e.parent_id end as parent_id, e.import_id, e.scan_id,
        e.before, e.after,
        case when u.id is not null then jsonb_build_object('id', u.id, 'username', u.username) end as actor
    from audit_events e left join users u on u.id = e.actor_id
    where e.id > :last
        and e.txid >= pg_snapshot_xmin(cast(cast(:seen as text) as pg_snapshot))
        and e.txid < pg_snapshot_xmax(cast(cast(:until as text) as pg_snapshot))
        and not pg_visible_in_snapshot(e.txid, cast(cast(:seen as text) as pg_snapshot))
        and pg_visible_in_snapshot(e.txid, cast(cast(:until as text) as pg_snapshot))
        and e.subject_type = any(:subjects)
    order by e.id limit :limit
""").columns(actor=JSONB, before=JSONB, after=JSONB)


def _end(snapshot: str) -> int:
    """The transaction from which on a snapshot sees nothing.

    Raises:
        Problem: ``bad_cursor`` where PostgreSQL would not take it for a snapshot.
    """
    parts = _SNAPSHOT.fullmatch(snapshot)
    if parts is None:
        raise Problem("bad_cursor")
    first, end = int(parts[1]), int(parts[2])
    running = [int(one) for one in parts[3].split(",")] if parts[3] else []
    if not 0 < first <= end < 2**63 or running != sorted(set(running)):
        raise Problem("bad_cursor")
    if running and not first <= running[0] <= running[-1] < end:
        raise Problem("bad_cursor")
    return end


async def changes(after: str | None, limit: int) -> Changes:
    """The changes after a position.

    Args:
        after: of the answer before; ``now`` for the present; None for the beginning of the log.
        limit: changes at most.

    Raises:
        Problem: ``bad_cursor`` (422) for a position that is none of this database's past, or is older than
            what the log still holds.
    """
    async with db.snapshot() as tx:
        now = str(await tx.scalar(_NOW))
        if after == "now":
            return Changes(items=[], after=encode_cursor(now, now, 0), more=False)
        place = decode_cursor(after, str, str, int)
        seen, until, last = place or (BEGINNING, now, 0)
        if not _end(seen) <= _end(until) <= _end(now):
            raise Problem("bad_cursor")
        if seen != BEGINNING and await tx.scalar(_FORGOTTEN, {"seen": seen}):
            raise Problem("bad_cursor")
        if seen == until:
            until = now
        asked = {"seen": seen, "until": until, "last": last, "subjects": list(SUBJECTS), "limit": limit + 1}
        rows = (await tx.execute(_CHANGES, asked)).mappings().all()
    items = [Change.model_validate(dict(row)) for row in rows[:limit]]
    if len(rows) > limit:
        return Changes(items=items, after=encode_cursor(seen, until, items[-1].id), more=True)
    # The window is told; what came since is in the next.
    return Changes(items=items, after=encode_cursor(until, until, 0), more=until != now)
