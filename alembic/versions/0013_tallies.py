"""Counts of bags and scans for dashboards, kept as they change, without a row that all must lock.

Each statement that changes bags or scans appends what it changed to ``bag_changes`` or
``scan_changes``; a job folds those into the tallies every few seconds. What is true is the tallies
and the changes together, at any moment, in one statement.
"""

from tracetrack.platform.migrate import run_script

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    -- No area is 0, so that keys have no nulls.
    create table bag_tallies (
        area_id bigint not null,
        kind text not null,
        state text not null,
        n bigint not null,
        primary key (area_id, kind, state)
    ) with (fillfactor = 50);
    create table bag_changes (
        area_id bigint not null,
        kind text not null,
        state text not null,
        n bigint not null
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

    -- By quarters of an hour, for every time zone's hours begin with one; minutes for a few hours.
    create table scan_tallies (
        slot timestamptz not null,
        area_id bigint not null,
        user_id bigint not null,
        scans bigint not null,
        refused bigint not null,
        undone bigint not null,
        primary key (slot, area_id, user_id)
    ) with (fillfactor = 70);
    create table scan_minutes (
        minute timestamptz not null,
        area_id bigint not null,
        scans bigint not null,
        refused bigint not null,
        primary key (minute, area_id)
    ) with (fillfactor = 70);
    create table scan_changes (
        minute timestamptz not null,
        area_id bigint not null,
        user_id bigint not null,
        scans bigint not null,
        refused bigint not null,
        undone bigint not null
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

    create function bags_tallied() returns trigger language plpgsql as $$
    begin
        if tg_op = 'INSERT' then
            insert into public.bag_changes
            select coalesce(area_id, 0), kind, state, count(*) from new_rows group by 1, 2, 3;
        elsif tg_op = 'DELETE' then
            insert into public.bag_changes
            select coalesce(area_id, 0), kind, state, -count(*) from old_rows group by 1, 2, 3;
        else
            insert into public.bag_changes
            select coalesce(area_id, 0), kind, state, sum(n) from (
                select area_id, kind, state, 1 as n from new_rows
                union all select area_id, kind, state, -1 from old_rows) r
            group by 1, 2, 3 having sum(n) <> 0;
        end if;
        return null;
    end $$;
    create function scans_tallied() returns trigger language plpgsql as $$
    begin
        insert into public.scan_changes
        select date_trunc('minute', received_at), coalesce(area_id, 0), user_id,
               count(*) filter (where not refused and action <> 'undo'), count(*) filter (where refused),
               count(*) filter (where not refused and action = 'undo')
        from new_rows group by 1, 2, 3;
        return null;
    end $$;

    -- From here until commit nobody writes, so the first count misses nothing.
    create trigger bags_3_tallied_insert after insert on bags
        referencing new table as new_rows for each statement execute function bags_tallied();
    -- The counting of children, inside other triggers, changes neither area nor state.
    create trigger bags_3_tallied_update after update on bags
        referencing old table as old_rows new table as new_rows
        for each statement when (pg_trigger_depth() = 0) execute function bags_tallied();
    create trigger bags_3_tallied_delete after delete on bags
        referencing old table as old_rows for each statement execute function bags_tallied();
    create trigger scans_tallied after insert on scans
        referencing new table as new_rows for each statement execute function scans_tallied();
    insert into bag_tallies select coalesce(area_id, 0), kind, state, count(*) from bags group by 1, 2, 3;
    insert into scan_tallies
    select date_bin('15 minutes', received_at, '2000-01-01Z'), coalesce(area_id, 0), user_id,
           count(*) filter (where not refused and action <> 'undo'), count(*) filter (where refused),
           count(*) filter (where not refused and action = 'undo')
    from scans group by 1, 2, 3;
    insert into scan_minutes
    select date_trunc('minute', received_at), coalesce(area_id, 0),
           count(*) filter (where not refused and action <> 'undo'), count(*) filter (where refused)
    from scans where received_at > now() - interval '3 hours' group by 1, 2;

    -- What a dashboard asks beside the tallies.
    create index scans_refused_idx on scans (received_at) where refused;
    create index bills_open_idx on bills (area_id, id) where completed_at is null;
    create index bills_completed_idx on bills (completed_at) where completed_at is not null;

    grant select on bag_tallies, bag_changes, scan_tallies, scan_minutes, scan_changes to tracetrack_app;
    grant insert on bag_changes, scan_changes to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    drop function if exists fold_tallies(), dashboard_summary(bigint, boolean, timestamptz, text);
    drop index scans_refused_idx, bills_open_idx, bills_completed_idx;
    drop trigger scans_tallied on scans;
    drop trigger bags_3_tallied_insert on bags;
    drop trigger bags_3_tallied_update on bags;
    drop trigger bags_3_tallied_delete on bags;
    drop function bags_tallied(), scans_tallied();
    drop table scan_changes, scan_minutes, scan_tallies, bag_changes, bag_tallies cascade;
    """)
