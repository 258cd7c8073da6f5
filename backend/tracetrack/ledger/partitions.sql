-- Partitions of the ledger, a month each: this month's, the two that follow, and those of rows
-- that came when theirs was missing. Called at each migration and once a day by the workers.
--
-- A new partition is filled and checked beside the table and then attached, so that scans wait for
-- it only for the moment of attaching. Rows that went to the default partition move to their own;
-- with them there a month could not be attached at all.

create or replace function keep_partitions() returns integer language plpgsql
    security definer set search_path = public, pg_temp set lock_timeout = '5s' as $$
declare
    made integer := 0;
    parent text;
    moment text;
    starts timestamp;
    part text;
    begins text;
    ends text;
begin
    perform pg_advisory_xact_lock(hashtext('tracetrack partitions'));
    for parent, moment in values ('scans', 'received_at'), ('audit_events', 'at') loop
        for starts in execute format(
            'select date_trunc(''month'', now() at time zone ''UTC'') + make_interval(months => ahead)
             from generate_series(0, 2) ahead
             union select date_trunc(''month'', %I at time zone ''UTC'') from %I',
            moment, parent || '_default')
        loop
            part := format('%s_%s', parent, to_char(starts, 'YYYY_MM'));
            continue when to_regclass(part) is not null;
            begins := starts::text || '+00';
            ends := (starts + interval '1 month')::text || '+00';
            -- Scans wait before they choose a partition: one that had chosen the default already,
            -- and waited only there, would be refused as not belonging to it any more.
            execute format('lock table %I in share row exclusive mode', parent);
            execute format('lock table %I in access exclusive mode', parent || '_default');
            execute format(
                'create table %I (like %I including defaults including constraints
                                  including indexes including storage including generated)', part, parent);
            execute format(
                'with moved as (delete from %1$I where %2$I >= %4$L and %2$I < %5$L returning *)
                 insert into %3$I select * from moved', parent || '_default', moment, part, begins, ends);
            execute format(
                'alter table %I attach partition %I for values from (%L) to (%L)', parent, part, begins, ends);
            made := made + 1;
        end loop;
    end loop;
    return made;
end $$;
revoke all on function keep_partitions() from public;
grant execute on function keep_partitions() to tracetrack_app;
