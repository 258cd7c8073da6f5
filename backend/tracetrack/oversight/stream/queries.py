"""Reading the ledger as it is committed.

A position is a PostgreSQL snapshot as text: it says of every transaction whether it is seen. What
is new since a position is what that snapshot does not see and the present one does. So nothing is
missed or seen twice whatever the order of commits, and nothing waits for a long transaction, as it
would below a cursor that stops at the oldest one still running.
"""

from __future__ import annotations

from sqlalchemy import text

BATCH = 2_000
"""Events a poll at most; a client is told to look anew when there were more."""
BACKLOG = 5_000
"""Events that somebody who comes back can still get one by one."""

_EVENTS = """
    select e.id, e.at, e.action, e.subject_type, e.subject_id, e.subject_code as code, e.area_id,
        case when e.subject_type = 'bag' then e.parent_id end as parent_id, e.scan_id,
        case when u.id is not null then jsonb_build_object('id', u.id, 'username', u.username) end as actor
    from audit_events e left join users u on u.id = e.actor_id
    where e.txid >= pg_snapshot_xmin(cast(cast(:seen as text) as pg_snapshot))
        and not pg_visible_in_snapshot(e.txid, cast(cast(:seen as text) as pg_snapshot))
        and e.at > now() - interval '1 day'
        -- An import tells of itself, not of each of its parents.
        and (e.import_id is null or e.subject_type = 'import')
"""

POSITION = text("select pg_current_snapshot()::text")

NEWS = text(f"""
    select pg_current_snapshot()::text as position,
        (select jsonb_agg(to_jsonb(n)) from ({_EVENTS} order by e.txid, e.id limit {BATCH + 1}) n) as events
""")  # noqa: S608 - only what stands above is put in

# What came between two positions; null where the first is none of this database's past.
BETWEEN = text(f"""
    select pg_snapshot_xmax(cast(cast(:seen as text) as pg_snapshot))
            <= pg_snapshot_xmax(cast(cast(:until as text) as pg_snapshot)) as known,
        (select jsonb_agg(to_jsonb(n)) from ({_EVENTS}
            and pg_visible_in_snapshot(e.txid, cast(cast(:until as text) as pg_snapshot))
            order by e.txid, e.id limit {BACKLOG + 1}) n) as events
""")  # noqa: S608
