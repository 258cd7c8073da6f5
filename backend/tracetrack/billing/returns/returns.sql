-- Returns: a dealer brings parents back. A ticket collects them; confirming it takes them off their
-- completed bills and frees them, with a record on each bill; cancelling puts everything back.
--
-- Locked in the order of bills.sql: the ticket, then bills by id, then parents by id.

drop view if exists return_cards cascade;
create view return_cards as
select r.id, r.number, r.state, r.reason, r.dealer,
    case when a.id is not null then jsonb_build_object('id', a.id, 'name', a.name) end as area,
    (select count(*)::integer from return_bags g where g.return_id = r.id) as parent_count,
    jsonb_build_object('id', u.id, 'username', u.username) as created_by, r.created_at,
    case when c.id is not null then jsonb_build_object('id', c.id, 'username', c.username) end as confirmed_by,
    r.confirmed_at,
    case when x.id is not null then jsonb_build_object('id', x.id, 'username', x.username) end as cancelled_by,
    r.cancelled_at, r.cancelled_because
from returns r
join users u on u.id = r.created_by
left join areas a on a.id = r.area_id
left join users c on c.id = r.confirmed_by
left join users x on x.id = r.cancelled_by;
grant select on return_cards to tracetrack_app;

create or replace function return_card(p_id bigint) returns jsonb stable language sql as $$
    select to_jsonb(c) from return_cards c where c.id = p_id
$$;

create or replace function return_create(actor floor_actor, wanted jsonb, p_day date) returns jsonb
    language plpgsql as $$
declare
    ticket returns;
    v_next integer;
begin
    insert into return_days (day, last_number) values (p_day, 1)
    on conflict (day) do update set last_number = return_days.last_number + 1
    returning last_number into v_next;
    insert into returns (number, reason, dealer, area_id, created_by)
    values ('RET-' || to_char(p_day, 'YYYYMMDD') || '-' || lpad(v_next::text, greatest(4, length(v_next::text)), '0'),
            wanted ->> 'reason', coalesce(wanted ->> 'dealer', ''), (actor).home_area, (actor).user_id)
    returning * into ticket;
    perform ledger_record(actor, 'return_created', 'return', ticket.id, ticket.number, ticket.area_id, null, wanted);
    return return_card(ticket.id);
end $$;

-- A parent scanned onto an open ticket; it must be on a completed bill.
create or replace function return_scan(
    actor floor_actor, p_return_id bigint, p_scan_id uuid, p_code text, p_at timestamptz) returns jsonb
    language plpgsql as $$
declare
    v_request uuid := md5(jsonb_build_array('return', p_return_id, p_code)::text)::uuid;
    earlier scan_receipts;
    ticket returns;
    bag bags;
    bill bills;
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
    select * into ticket from returns where id = p_return_id for share;
    select * into bag from find_bag(p_code);
    select * into bill from bills where id = bag.bill_id;
    if ticket.id is null then
        v_answer := '{"problem": "return_not_found"}';
    elsif ticket.state <> 'open' then
        v_answer := '{"problem": "return_closed"}';
    elsif bag.id is null then
        v_answer := jsonb_build_object('problem', 'bag_not_found', 'code', p_code);
    elsif bag.kind = 'child' then
        v_answer := jsonb_build_object('problem', 'bag_is_child',
            'bag', jsonb_build_object('id', bag.id, 'code', bag.code));
    elsif bag.dispatched_at is null then
        v_answer := jsonb_build_object('problem', 'bag_not_dispatched',
            'bag', jsonb_build_object('id', bag.id, 'code', bag.code));
    else
        insert into return_bags (return_id, bag_id, code, added_by)
        values (ticket.id, bag.id, bag.code, (actor).user_id) on conflict do nothing;
        outcome := case when found then 'added' else 'already_added' end;
        if outcome = 'added' then
            perform ledger_record(actor, 'return_bag_added', 'return', ticket.id, ticket.number, ticket.area_id, null,
                jsonb_build_object('bag_id', bag.id, 'code', bag.code, 'bill_id', bill.id), bag.id, p_scan_id);
        end if;
        v_answer := jsonb_build_object('outcome', outcome, 'bag', bag_card(bag.id, null),
            'bill', bill_ref(bill), 'return', return_card(ticket.id));
    end if;
    v_answer := jsonb_build_object('scan_id', p_scan_id) || v_answer;
    insert into scans (scan_id, user_id, area_id, action, outcome, refused, code, scanned_at, bag_id, bill_id)
    values (p_scan_id, (actor).user_id, coalesce(bag.area_id, (actor).home_area), 'return',
            coalesce(outcome, v_answer ->> 'problem'), v_answer ? 'problem', p_code, p_at, bag.id, bill.id);
    update scan_receipts set answer = v_answer where scan_id = p_scan_id;
    return v_answer;
end $$;

-- A bill's totals as they stand after a return changed it, kept as a new snapshot while it is completed.
create or replace function return_record(
    actor floor_actor, p_bill_id bigint, ticket returns, p_action text, p_reason text, p_parents integer)
    returns void language plpgsql as $$
declare
    bill bills;
    before jsonb;
    after jsonb;
begin
    select * into bill from bills where id = p_bill_id;
    -- The snapshot is the one before; without one (the bill is open again) its live totals were.
    select bill_totals_of(s) into before from bill_snapshots s where s.id = bill.snapshot_id;
    if bill.completed_at is not null then
        after := bill_totals_of(bill_take_snapshot(actor, bill.id, p_action));
    else
        select jsonb_build_object('parent_count', c.parent_count, 'child_count', c.child_count,
            'weight_kg', c.weight_kg, 'expected_weight_kg', c.expected_weight_kg)
        into after from bill_cards c where c.id = bill.id;
        before := '{}';
    end if;
    update bills set version = version + 1, updated_at = now() where id = bill.id;
    insert into bill_returns (bill_id, return_id, action, by_user, reason, parents, before, after)
    values (bill.id, ticket.id, p_action, (actor).user_id, p_reason, p_parents, coalesce(before, '{}'), after);
    perform ledger_record(actor, 'bill_' || p_action, 'bill', bill.id, bill.number, bill.area_id, before,
        after || jsonb_build_object('return_id', ticket.id, 'return_number', ticket.number,
                                    'reason', p_reason, 'parents', p_parents));
end $$;

-- What is in a parent, in few letters: two parents hold the same children if theirs are equal.
create or replace function return_children(p_parent_id bigint) returns text stable language sql as $$
    select coalesce(md5(string_agg(id::text, ',' order by id)), '') from bags where parent_id = p_parent_id
$$;

create or replace function return_confirm(actor floor_actor, p_return_id bigint) returns jsonb language plpgsql as $$
declare
    ticket returns;
    wrong jsonb;
    one record;
    part bigint[];
    v_bills bigint[];
begin
    select * into ticket from returns where id = p_return_id for update;
    if ticket.id is null then
        return '{"problem": "return_not_found"}';
    elsif ticket.state = 'confirmed' then
        return return_card(ticket.id);
    elsif ticket.state <> 'open' then
        return '{"problem": "return_closed"}';
    end if;
    select coalesce(array_agg(distinct g.bill_id), '{}') into v_bills
    from return_bags r join bags g on g.id = r.bag_id where r.return_id = ticket.id;
    perform from bills where id = any (v_bills) order by id for update;
    perform from bags where id in (select bag_id from return_bags where return_id = ticket.id)
        order by id for no key update;
    if exists (select from return_bags r join bags g on g.id = r.bag_id
               where r.return_id = ticket.id and g.bill_id is not null and not g.bill_id = any (v_bills)) then
        raise exception 'a bag changed its bill meanwhile' using errcode = 'serialization_failure';
    end if;
    if not exists (select from return_bags where return_id = ticket.id) then
        return '{"problem": "return_empty"}';
    end if;
    select jsonb_agg(r.code order by r.code) into wrong
    from return_bags r left join bags g on g.id = r.bag_id
    where r.return_id = ticket.id and g.dispatched_at is null;
    if wrong is not null then
        return jsonb_build_object('problem', 'return_changed', 'codes', wrong);
    end if;
    update return_bags r set bill_id = g.bill_id, billed_by = g.billed_by, billed_at = g.billed_at,
        dispatched_at = g.dispatched_at, child_count = g.child_count, children = return_children(g.id)
    from bags g where r.return_id = ticket.id and g.id = r.bag_id;
    for part in select in_parts(array(select bag_id from return_bags where return_id = ticket.id order by bag_id))
    loop
        update bags set bill_id = null, dispatched_at = null, updated_at = now() where id = any (part);
    end loop;
    for one in
        select r.*, b.number, b.area_id from return_bags r join bills b on b.id = r.bill_id
        where r.return_id = ticket.id order by r.bag_id
    loop
        perform ledger_record(actor, 'parent_returned', 'bill', one.bill_id, one.number, one.area_id,
            jsonb_build_object('bill_id', one.bill_id, 'bag_id', one.bag_id, 'code', one.code,
                'child_count', one.child_count, 'attached_at', one.billed_at, 'attached_by', one.billed_by),
            jsonb_build_object('bill_id', null, 'return_id', ticket.id, 'reason', ticket.reason), one.bag_id);
    end loop;
    for one in select bill_id, count(*)::integer as parents from return_bags
               where return_id = ticket.id group by bill_id order by bill_id loop
        perform return_record(actor, one.bill_id, ticket, 'returned', ticket.reason, one.parents);
    end loop;
    update returns set state = 'confirmed', confirmed_by = (actor).user_id, confirmed_at = now()
    where id = ticket.id;
    perform ledger_record(actor, 'return_confirmed', 'return', ticket.id, ticket.number, ticket.area_id,
        '{"state": "open"}', '{"state": "confirmed"}');
    return return_card(ticket.id);
end $$;

create or replace function return_cancel(actor floor_actor, p_return_id bigint, p_reason text) returns jsonb
    language plpgsql as $$
declare
    ticket returns;
    wrong jsonb;
    one record;
    part bigint[];
begin
    select * into ticket from returns where id = p_return_id for update;
    if ticket.id is null then
        return '{"problem": "return_not_found"}';
    elsif ticket.state = 'cancelled' then
        return return_card(ticket.id);
    end if;
    if ticket.state = 'confirmed' then
        perform from bills where id in (select bill_id from return_bags where return_id = ticket.id)
            order by id for update;
        perform from bags where id in (select bag_id from return_bags where return_id = ticket.id)
            order by id for no key update;
        -- Only what is as it came back can be put back.
        select jsonb_agg(r.code order by r.code) into wrong
        from return_bags r left join bags g on g.id = r.bag_id
        where r.return_id = ticket.id
          and (g.id is null or g.bill_id is not null or g.child_count <> r.child_count
               or return_children(g.id) <> r.children);
        if wrong is not null then
            return jsonb_build_object('problem', 'return_changed', 'codes', wrong);
        end if;
        for part in select in_parts(array(select bag_id from return_bags where return_id = ticket.id order by bag_id))
        loop
            update bags g set bill_id = r.bill_id, billed_by = r.billed_by, billed_at = r.billed_at,
                dispatched_at = case when b.completed_at is not null then r.dispatched_at end, updated_at = now()
            from return_bags r join bills b on b.id = r.bill_id
            where r.return_id = ticket.id and g.id = any (part) and g.id = r.bag_id;
        end loop;
        for one in
            select r.*, b.number, b.area_id from return_bags r join bills b on b.id = r.bill_id
            where r.return_id = ticket.id order by r.bag_id
        loop
            perform ledger_record(actor, 'parent_put_back', 'bill', one.bill_id, one.number, one.area_id,
                '{"bill_id": null}',
                jsonb_build_object('bill_id', one.bill_id, 'bag_id', one.bag_id, 'code', one.code,
                    'child_count', one.child_count, 'return_id', ticket.id, 'reason', p_reason), one.bag_id);
        end loop;
        for one in select bill_id, count(*)::integer as parents from return_bags
                   where return_id = ticket.id group by bill_id order by bill_id loop
            perform return_record(actor, one.bill_id, ticket, 'return_cancelled', p_reason, one.parents);
        end loop;
    end if;
    update returns set state = 'cancelled', cancelled_by = (actor).user_id, cancelled_at = now(),
        cancelled_because = p_reason where id = ticket.id;
    perform ledger_record(actor, 'return_cancelled', 'return', ticket.id, ticket.number, ticket.area_id,
        jsonb_build_object('state', ticket.state), jsonb_build_object('state', 'cancelled', 'reason', p_reason));
    return return_card(ticket.id);
end $$;
