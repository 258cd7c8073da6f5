-- Forget whole months of the audit log that are older than the setting audit_months; how many rows
-- that were. With the rows go their seals, and the last of those is kept as the anchor from which the
-- chain is verified. A seal that reaches over the border stays, and all of its rows with it.
create or replace function forget_audit() returns bigint language plpgsql
    security definer set search_path = public, pg_temp set lock_timeout = '5s' as $$
declare
    v_months integer := coalesce(
        (select (value #>> '{}')::integer from site_settings where name = 'audit_months'), 0);
    v_cutoff timestamptz;
    v_kept xid8;
    v_from xid8;
    v_head bytea;
    v_sealed bigint;
    v_gone bigint := 0;
    v_n bigint;
    part record;
begin
    if v_months < 1 then
        return 0;
    end if;
    -- No seal is made, and no partition, meanwhile.
    perform pg_advisory_xact_lock(hashtext('tracetrack seal'));
    perform pg_advisory_xact_lock(hashtext('tracetrack partitions'));
    v_cutoff := (date_trunc('month', now() at time zone 'UTC') - make_interval(months => v_months))
                at time zone 'UTC';
    select txid into v_kept from audit_events where at >= v_cutoff order by txid limit 1;
    -- The seal with the first row that stays, else the newest: the chain goes on from it.
    select coalesce(
        (select from_txid from ledger_seals where from_txid <= v_kept and to_txid > v_kept),
        (select from_txid from ledger_seals order by id desc limit 1)) into v_from;
    if v_from is null then
        return 0;
    end if;
    for part in
        select c.relname, (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)'''))[1]::timestamptz as ends
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'audit_events'::regclass and c.relname <> 'audit_events_default'
    loop
        continue when part.ends > v_cutoff;
        execute format('select count(*) from %I where txid < $1', part.relname) into v_n using v_from;
        continue when v_n = 0;
        execute format('create temp table audit_kept on commit drop as select * from %I where txid >= $1',
                       part.relname) using v_from;
        execute format('drop table %I', part.relname);
        -- They go to the default partition, and at the next upkeep to one of their month.
        insert into audit_events overriding system value select * from audit_kept;
        drop table audit_kept;
        v_gone := v_gone + v_n;
    end loop;
    delete from audit_events_default where at < v_cutoff and txid < v_from;
    get diagnostics v_n = row_count;
    v_gone := v_gone + v_n;
    if v_gone = 0 then
        return 0;
    end if;
    select head into v_head from ledger_seals where to_txid <= v_from order by id desc limit 1;
    select coalesce(sum(row_count), 0) into v_sealed from ledger_seals where to_txid <= v_from;
    if v_head is not null then
        insert into ledger_anchor (to_txid, head, row_count) values (v_from, v_head, v_sealed)
        on conflict (one) do update set to_txid = excluded.to_txid, head = excluded.head,
            row_count = ledger_anchor.row_count + excluded.row_count, forgotten_at = now();
        delete from ledger_seals where to_txid <= v_from;
    end if;
    perform ledger_record(null, 'audit_forgotten', 'setting', null, 'audit_months', null, null,
                          jsonb_build_object('before', v_cutoff, 'rows', v_gone, 'head', encode(v_head, 'hex')));
    return v_gone;
end $$;
revoke all on function forget_audit() from public;
grant execute on function forget_audit() to tracetrack_app;
