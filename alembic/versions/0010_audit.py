"""Indexes by which the ledger is searched at ten million rows, and followed in commit order.

Lists of the ledger are newest first by time, so the indexes end with it: a filter together with
a range of time is one stretch of one index. ``txid`` is how readers follow what is committed.
"""

from tracetrack.platform.migrate import run_script

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    drop index audit_events_actor_idx, audit_events_area_idx;
    create index audit_events_actor_idx on audit_events (actor_id, at, id);
    create index audit_events_area_idx on audit_events (area_id, at, id);
    create index audit_events_action_idx on audit_events (action, at, id);
    create index audit_events_at_idx on audit_events (at, id);
    create index audit_events_txid_idx on audit_events (txid);
    -- What is gone can be found by its name in the ledger alone.
    create index audit_events_gone_idx on audit_events (lower(subject_code))
        where action in ('bag_deleted', 'bill_deleted', 'bag_type_removed', 'label_pattern_removed');
    """)


def downgrade() -> None:
    run_script("""
    drop index audit_events_actor_idx, audit_events_area_idx, audit_events_action_idx, audit_events_at_idx,
        audit_events_txid_idx, audit_events_gone_idx;
    create index audit_events_actor_idx on audit_events (actor_id, id);
    create index audit_events_area_idx on audit_events (area_id, id);
    """)
