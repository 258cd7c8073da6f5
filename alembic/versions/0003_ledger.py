"""Scans and audit events: append-only, a partition a month, so that old months cost nothing.

The application's role may insert and select, and no more. Scan receipts answer a repeated
``scan_id`` for seven days; they are the only part that is pruned.
"""

from tracetrack.platform.migrate import run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create table scans (
        id bigint generated always as identity,
        received_at timestamptz not null default now(),
        scan_id uuid not null,
        user_id bigint not null,
        area_id bigint,
        bag_id bigint,
        parent_id bigint,
        from_parent_id bigint,
        undoes uuid,
        scanned_at timestamptz,
        action text not null,
        outcome text not null,
        refused boolean not null default false,
        code text not null,
        primary key (id, received_at)
    ) partition by range (received_at);
    create index scans_user_idx on scans (user_id, id);
    create index scans_area_idx on scans (area_id, id);
    create index scans_scan_id_idx on scans (scan_id);
    create index scans_bag_idx on scans (bag_id, id) where bag_id is not null;
    create index scans_parent_idx on scans (parent_id, id) where parent_id is not null;
    create index scans_undoes_idx on scans (undoes) where undoes is not null;
    create table scans_default partition of scans default;

    create table scan_receipts (
        scan_id uuid primary key,
        user_id bigint not null,
        received_at timestamptz not null default now(),
        request uuid not null,
        answer jsonb
    ) with (fillfactor = 60);
    create index scan_receipts_received_idx on scan_receipts using brin (received_at);

    create table audit_events (
        id bigint generated always as identity,
        at timestamptz not null default now(),
        -- Ids are taken before commit: readers that follow the log must stay below
        -- pg_snapshot_xmin(pg_current_snapshot()), for which each event keeps its transaction.
        txid xid8 not null default pg_current_xact_id(),
        actor_id bigint,
        area_id bigint,
        subject_id bigint,
        parent_id bigint,
        import_id bigint,
        scan_id uuid,
        action text not null,
        subject_type text not null,
        subject_code text,
        before jsonb,
        after jsonb,
        request_id text,
        address text,
        primary key (id, at)
    ) partition by range (at);
    create index audit_events_subject_idx on audit_events (subject_type, subject_id, id);
    create index audit_events_parent_idx on audit_events (parent_id, id) where parent_id is not null;
    create index audit_events_actor_idx on audit_events (actor_id, id);
    create index audit_events_area_idx on audit_events (area_id, id);
    create table audit_events_default partition of audit_events default;

    -- Partitions for this month and the two that follow; called at each migration and once a day.
    create function keep_partitions() returns integer language plpgsql
        security definer set search_path = public, pg_temp as $$
    declare
        made integer := 0;
        starts date;
        part text;
        parent text;
    begin
        perform pg_advisory_xact_lock(hashtext('tracetrack partitions'));
        foreach parent in array array['scans', 'audit_events'] loop
            for ahead in 0..2 loop
                starts := date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead);
                part := format('%s_%s', parent, to_char(starts, 'YYYY_MM'));
                if to_regclass(part) is null then
                    execute format(
                        'create table %I partition of %I for values from (%L) to (%L)',
                        part, parent, starts::text || ' 00:00:00+00',
                        (starts + interval '1 month')::date::text || ' 00:00:00+00');
                    made := made + 1;
                end if;
            end loop;
        end loop;
        return made;
    end $$;
    revoke all on function keep_partitions() from public;
    grant execute on function keep_partitions() to tracetrack_app;

    grant select, insert on scans, audit_events to tracetrack_app;
    grant select, insert, update, delete on scan_receipts to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    drop table audit_events, scan_receipts, scans cascade;
    drop function keep_partitions();
    """)
