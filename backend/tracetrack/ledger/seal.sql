-- The seal of the ledger: a chain of SHA-256 over its rows in the order of their transactions.
--
-- It is made after commit, in batches, so that no scan waits for it: a chain inside the scans'
-- own transactions would put them in a queue. A batch takes only transactions below the oldest
-- one still running, which can get no more rows.

-- Everything a row says, in a form that depends on no setting of the session.
create or replace function ledger_row_digest(e audit_events) returns bytea stable language sql as $$
    select sha256(convert_to(jsonb_build_array(
        e.id, extract(epoch from e.at), e.txid::text, e.actor_id, e.area_id, e.subject_id, e.parent_id,
        e.import_id, e.scan_id, e.action, e.subject_type, e.subject_code, e.before, e.after, e.request_id,
        e.address)::text, 'UTF8'))
$$;

-- The rows of a stretch of transactions as the ledger has them now.
create or replace function ledger_stretch(
    p_from xid8, p_to xid8, out row_count integer, out ids bigint[], out marks bytea, out digest bytea)
    stable language sql as $$
    select count(*)::integer, array_agg(id order by id), string_agg(substr(d, 1, 8), '' order by id),
           sha256(coalesce(string_agg(d, '' order by id), ''))
    from (select e.id, ledger_row_digest(e) as d from audit_events e
          where e.txid >= p_from and e.txid < p_to) r
$$;

create or replace function ledger_head(
    p_previous bytea, p_from xid8, p_to xid8, p_rows integer, p_digest bytea) returns bytea
    immutable language sql as $$
    select sha256(coalesce(p_previous, '') || p_digest
                  || convert_to(format('%s %s %s', p_from, p_to, p_rows), 'UTF8'))
$$;

-- Seal what can be sealed, about p_most rows at most; how many that were. One at a time.
create or replace function ledger_seal(p_most integer) returns integer language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    last ledger_seals;
    v_from xid8;
    v_to xid8;
    v_first xid8;
    v_cut xid8;
    stretch record;
begin
    if not pg_try_advisory_xact_lock(hashtext('tracetrack seal')) then
        return 0;
    end if;
    select * into last from ledger_seals order by id desc limit 1;
    v_from := coalesce(last.to_txid, '0');
    v_to := pg_snapshot_xmin(pg_current_snapshot());
    -- The statements that follow see all that is below.
    select txid into v_cut from audit_events where txid >= v_from and txid < v_to
    order by txid offset p_most limit 1;
    select txid into v_first from audit_events where txid >= v_from and txid < v_to order by txid limit 1;
    -- A transaction is sealed whole, however many rows it wrote.
    if v_cut = v_first then
        v_to := (v_cut::text::numeric + 1)::text::xid8;
    elsif v_cut is not null then
        v_to := v_cut;
    end if;
    stretch := ledger_stretch(v_from, v_to);
    if stretch.row_count > 0 then
        insert into ledger_seals (from_txid, to_txid, row_count, ids, marks, digest, head)
        values (v_from, v_to, stretch.row_count, stretch.ids, stretch.marks, stretch.digest,
                ledger_head(last.head, v_from, v_to, stretch.row_count, stretch.digest));
    end if;
    return stretch.row_count;
end $$;
revoke all on function ledger_seal(integer) from public;
grant execute on function ledger_seal(integer) to tracetrack_app;
