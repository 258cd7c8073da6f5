-- Receiving a bill: what arrives is scanned and compared with what the bill said when it left.

drop view if exists receipt_cards cascade;
create view receipt_cards as
select r.id, r.bill_id, b.number, r.note, r.started_at, r.finished_at, s.parent_count as expected_count,
    jsonb_build_object('id', u.id, 'username', u.username) as started_by,
    case when f.id is not null then jsonb_build_object('id', f.id, 'username', f.username) end as finished_by,
    coalesce(r.found_count, c.found) as found_count,
    coalesce(r.short_count, s.parent_count - c.found) as short_count,
    coalesce(r.excess_count, c.excess) as excess_count, r.snapshot_id
from bill_receipts r
join bills b on b.id = r.bill_id
join bill_snapshots s on s.id = r.snapshot_id
join users u on u.id = r.started_by
left join users f on f.id = r.finished_by
cross join lateral (
    select count(bag_id)::integer as found, (count(*) - count(bag_id))::integer as excess
    from bill_receipt_scans where receipt_id = r.id
) c;
grant select on receipt_cards to tracetrack_app;

create or replace function receipt_card(p_id bigint) returns jsonb stable language sql as $$
    select to_jsonb(c) - 'snapshot_id' from receipt_cards c where c.id = p_id
$$;

-- A receipt of a bill that stands, locked until the end of the transaction: for share, or to be closed. Nothing
-- is received on a bill that was opened again, nor on a paper that is not the last.
create or replace function receipt_locked(
    p_bill_id bigint, p_receipt_id bigint, p_to_close boolean, out receipt bill_receipts, out problem text)
    language plpgsql as $$
declare
    bill bills;
begin
    select * into bill from bills where id = p_bill_id for share;
    if p_to_close then
        select * into receipt from bill_receipts where id = p_receipt_id and bill_id = p_bill_id for update;
    else
        select * into receipt from bill_receipts where id = p_receipt_id and bill_id = p_bill_id for share;
    end if;
    problem := case
        when receipt.id is null then 'receipt_not_found'
        when receipt.finished_at is not null then 'receipt_finished'
        when bill.completed_at is null then 'bill_not_completed'
        when bill.snapshot_id is distinct from receipt.snapshot_id then 'receipt_finished' end;
end $$;

-- Keep what was counted: found, short and excess.
create or replace function receipt_close(actor floor_actor, p_receipt_id bigint, p_note text) returns void
    language plpgsql as $$
declare
    counted receipt_cards;
begin
    select * into counted from receipt_cards where id = p_receipt_id;
    update bill_receipts set finished_by = (actor).user_id, finished_at = now(),
        note = coalesce(p_note, note), found_count = counted.found_count,
        short_count = counted.short_count, excess_count = counted.excess_count
    where id = p_receipt_id;
    perform ledger_record(actor, 'bill_received', 'bill', b.id, b.number, b.area_id, null,
        jsonb_build_object('receipt_id', p_receipt_id, 'snapshot_id', counted.snapshot_id,
            'found_count', counted.found_count, 'short_count', counted.short_count,
            'excess_count', counted.excess_count))
    from bills b where b.id = counted.bill_id;
end $$;

-- Begin to receive a completed bill, or go on where somebody has begun. One that was begun on an earlier
-- paper is closed as it stands.
create or replace function receipt_start(actor floor_actor, p_bill_id bigint, p_note text) returns jsonb
    language plpgsql as $$
declare
    bill bills;
    old bill_receipts;
    v_id bigint;
begin
    select * into bill from bills where id = p_bill_id for share;
    if bill.id is null or bill.completed_at is null or bill.snapshot_id is null then
        return jsonb_build_object('problem', case when bill.id is null then 'bill_not_found'
                                                  else 'bill_not_completed' end);
    end if;
    select * into old from bill_receipts where bill_id = bill.id and finished_at is null
        and snapshot_id <> bill.snapshot_id for update;
    if old.id is not null then
        perform receipt_close(actor, old.id, null);
    end if;
    insert into bill_receipts (bill_id, snapshot_id, note, started_by)
    values (bill.id, bill.snapshot_id, p_note, (actor).user_id)
    on conflict (bill_id) where finished_at is null do nothing
    returning id into v_id;
    if v_id is null then
        select id into v_id from bill_receipts where bill_id = bill.id and finished_at is null;
        return jsonb_build_object('outcome', 'continued', 'receipt', receipt_card(v_id));
    end if;
    perform ledger_record(actor, 'bill_receipt_started', 'bill', bill.id, bill.number, bill.area_id, null,
        jsonb_build_object('receipt_id', v_id, 'snapshot_id', bill.snapshot_id));
    return jsonb_build_object('outcome', 'started', 'receipt', receipt_card(v_id));
end $$;

-- One bag scanned at the far end. What is not on the bill is excess, and nothing more is said of it.
create or replace function receipt_scan(
    actor floor_actor, p_bill_id bigint, p_receipt_id bigint, p_scan_id uuid, p_code text, p_at timestamptz)
    returns jsonb language plpgsql as $$
declare
    v_request uuid := md5(jsonb_build_array('receive', p_receipt_id, p_code)::text)::uuid;
    earlier scan_receipts;
    target record;
    receipt bill_receipts;
    kept bill_snapshot_parents;
    v_new boolean;
    outcome text;
    v_answer jsonb;
begin
    insert into scan_receipts (scan_id, user_id, request) values (p_scan_id, (actor).user_id, v_request)
    on conflict (scan_id) do nothing;
    if not found then
        select * into earlier from scan_receipts where scan_id = p_scan_id;
        perform ledger_as_durable();
        return case
            when earlier.user_id <> (actor).user_id then '{"problem": "scan_id_taken"}'
            when earlier.request <> v_request then '{"problem": "scan_id_reused"}'
            else earlier.answer end;
    end if;
    target := receipt_locked(p_bill_id, p_receipt_id, false);
    receipt := target.receipt;
    if target.problem is not null then
        v_answer := jsonb_build_object('problem', target.problem);
    else
        select s.* into kept from find_bag(p_code) f
        join bill_snapshot_parents s on s.snapshot_id = receipt.snapshot_id and s.bag_id = f.id;
        insert into bill_receipt_scans (receipt_id, bag_id, code, scanned_by)
        values (receipt.id, kept.bag_id, coalesce(kept.code, p_code), (actor).user_id)
        on conflict do nothing;
        v_new := found;
        if v_new then
            perform ledger_record(actor, 'receipt_scanned', 'bill', b.id, b.number, b.area_id, null,
                jsonb_build_object('receipt_id', receipt.id, 'code', coalesce(kept.code, p_code),
                    'result', case when kept.bag_id is null then 'excess' else 'found' end),
                kept.bag_id, p_scan_id)
            from bills b where b.id = p_bill_id;
        end if;
        outcome := case when v_new then '' else 'already_' end
            || case when kept.bag_id is null then 'excess' else 'found' end;
        v_answer := jsonb_build_object('outcome', outcome, 'code', coalesce(kept.code, p_code),
            'child_count', kept.child_count, 'receipt', receipt_card(receipt.id));
    end if;
    v_answer := jsonb_build_object('scan_id', p_scan_id) || v_answer;
    insert into scans (scan_id, user_id, area_id, action, outcome, refused, code, scanned_at, bag_id, bill_id)
    values (p_scan_id, (actor).user_id,
            coalesce((actor).sees_area, (select destination_area_id from bills where id = p_bill_id)), 'receive',
            coalesce(outcome, v_answer ->> 'problem'), v_answer ? 'problem', p_code, p_at, kept.bag_id,
            p_bill_id);
    update scan_receipts set answer = v_answer where scan_id = p_scan_id;
    return v_answer;
end $$;

-- Take back a scan that was a mistake.
create or replace function receipt_unscan(actor floor_actor, p_bill_id bigint, p_receipt_id bigint, p_code text)
    returns jsonb language plpgsql as $$
declare
    target record;
    receipt bill_receipts;
    v_reverted integer;
begin
    target := receipt_locked(p_bill_id, p_receipt_id, false);
    receipt := target.receipt;
    if target.problem is not null then
        return jsonb_build_object('problem', target.problem);
    end if;
    with gone as (
        delete from bill_receipt_scans
        where receipt_id = receipt.id
          and (lower(code) = lower(p_code) or bag_id in (select id from find_bag(p_code)))
        returning *
    )
    select count(ledger_record(actor, 'receipt_scan_reverted', 'bill', b.id, b.number, b.area_id,
        jsonb_build_object('receipt_id', receipt.id, 'code', g.code, 'scanned_by', g.scanned_by,
            'result', case when g.bag_id is null then 'excess' else 'found' end),
        null, g.bag_id)::text)
    into v_reverted from gone g join bills b on b.id = p_bill_id;
    return receipt_card(receipt.id);
end $$;

-- Close a receipt; once more changes nothing.
create or replace function receipt_finish(
    actor floor_actor, p_bill_id bigint, p_receipt_id bigint, p_note text) returns jsonb language plpgsql as $$
declare
    target record;
begin
    target := receipt_locked(p_bill_id, p_receipt_id, true);
    if target.problem = 'receipt_finished' and (target.receipt).finished_at is not null then
        return receipt_card(p_receipt_id);
    elsif target.problem is not null then
        return jsonb_build_object('problem', target.problem);
    end if;
    perform receipt_close(actor, p_receipt_id, p_note);
    return receipt_card(p_receipt_id);
end $$;
