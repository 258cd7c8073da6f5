-- The rules of bills, each written once. As on the floor, a scan is one call, one transaction and
-- one round trip; rules answer {"outcome": ...} or {"problem": code, ...}.
--
-- Rows are locked in one order: the bill, then parents by id, then (by trigger) the bill's totals.
-- Attaching holds the bill for key share, so that many may attach at once; completing and reopening
-- hold it for update, so that they wait for those who are attaching and everybody waits for them.

-- What is unusual about a parent on a bill; it never refuses anything.
create or replace function bill_warnings(p_children integer, p_expected integer) returns jsonb
    immutable language sql as $$
    select case
        when p_children = 0 then '["no_children"]'::jsonb
        when p_expected > 0 and abs(p_children - p_expected) > p_expected * 0.2 then '["far_from_expected"]'
        else '[]' end
$$;

drop view if exists bill_cards cascade;
create view bill_cards as
select b.id, b.number, b.description, b.destination, b.vehicle,
    case when b.completed_at is not null then 'completed'
         when t.parents > 0 then 'processing' else 'new' end as state,
    case when a.id is not null then jsonb_build_object('id', a.id, 'name', a.name) end as area,
    case when d.id is not null then jsonb_build_object('id', d.id, 'name', d.name) end as destination_area,
    b.target_parents,
    coalesce(s.parent_count, t.parents, 0)::integer as parent_count,
    coalesce(s.child_count, t.children, 0)::integer as child_count,
    coalesce(s.weight_kg, t.weight_kg, 0)::float8 as weight_kg,
    coalesce(s.expected_weight_kg, t.expected_weight_kg, 0)::float8 as expected_weight_kg,
    (coalesce(s.weight_kg, t.weight_kg, 0) - coalesce(s.expected_weight_kg, t.expected_weight_kg, 0))::float8
        as variance_kg,
    jsonb_build_object('id', c.id, 'username', c.username) as created_by,
    b.created_at, b.updated_at,
    case when f.id is not null then jsonb_build_object('id', f.id, 'username', f.username) end as completed_by,
    b.completed_at, s.revision,
    -- The version of the bill's own fields, then a digest of its bags and totals.
    format('"%s-%s"', b.version, left(md5(concat_ws(' ', t.changes,
        coalesce(s.parent_count, t.parents, 0), coalesce(s.child_count, t.children, 0),
        coalesce(s.weight_kg, t.weight_kg, 0)::float8,
        coalesce(s.expected_weight_kg, t.expected_weight_kg, 0)::float8)), 16)) as etag,
    b.area_id, b.destination_area_id, b.version, b.snapshot_id
from bills b
join users c on c.id = b.created_by
left join users f on f.id = b.completed_by
left join areas a on a.id = b.area_id
left join areas d on d.id = b.destination_area_id
left join bill_snapshots s on s.id = b.snapshot_id
left join lateral (
    select sum(n.parents) as parents, sum(n.children) as children, sum(n.changes) as changes,
        sum(n.children * y.child_weight_kg) as weight_kg,
        sum(n.parents * y.expected_children * y.child_weight_kg) as expected_weight_kg
    from bill_totals n join bag_types y on y.id = n.bag_type_id where n.bill_id = b.id
) t on true;
grant select on bill_cards to tracetrack_app;

-- Bills that changed at this time or later: their fields, what is on them, what was taken off.
create or replace function bills_changed_since(since timestamptz) returns setof bigint stable language sql as $$
    select id from bills where updated_at >= since
    union
    select bill_id from bags where bill_id is not null and updated_at >= since
    union
    select subject_id from audit_events where subject_type = 'bill' and subject_id is not null and at >= since
$$;

-- Whether a bill is meant by part of its number, place, vehicle or description.
create or replace function bill_has(
    wanted text, number text, destination text, vehicle text, description text) returns boolean
    immutable parallel safe language sql as $$
    select strpos(lower(number), lower(wanted)) > 0 or strpos(lower(destination), lower(wanted)) > 0
        or strpos(lower(vehicle), lower(wanted)) > 0 or strpos(lower(description), lower(wanted)) > 0
$$;

create or replace function bill_card(p_id bigint) returns jsonb stable language sql as $$
    select to_jsonb(c) - '{area_id,destination_area_id,version,snapshot_id}'::text[]
    from bill_cards c where c.id = p_id
$$;

create or replace function bill_ref(b bills) returns jsonb immutable language sql as $$
    select jsonb_build_object('id', b.id, 'number', b.number,
        'state', case when b.completed_at is null then 'processing' else 'completed' end)
$$;

-- Make a bill. Without a number it is the day's next; two who make one at once take turns.
create or replace function bill_create(actor floor_actor, wanted jsonb, p_day date) returns jsonb
    language plpgsql as $$
declare
    v_id bigint;
    v_number text := wanted ->> 'number';
    v_next integer;
    v_area bigint := coalesce((wanted ->> 'area_id')::bigint, (actor).home_area);
begin
    if exists (
        select from unnest(array[(wanted ->> 'area_id')::bigint, (wanted ->> 'destination_area_id')::bigint]) n (id)
        where n.id is not null and not exists (select from areas a where a.id = n.id and a.disabled_at is null)
    ) then
        return '{"problem": "area_not_found"}';
    end if;
    loop
        if wanted ->> 'number' is null then
            insert into bill_days (day, last_number) values (p_day, 1)
            on conflict (day) do update set last_number = bill_days.last_number + 1
            returning last_number into v_next;
            v_number := 'BILL-' || to_char(p_day, 'YYYYMMDD') || '-'
                || lpad(v_next::text, greatest(4, length(v_next::text)), '0');
        end if;
        insert into bills (number, description, destination, vehicle, target_parents, area_id,
                           destination_area_id, created_by)
        values (v_number, coalesce(wanted ->> 'description', ''), coalesce(wanted ->> 'destination', ''),
                coalesce(wanted ->> 'vehicle', ''), (wanted ->> 'target_parents')::integer, v_area,
                (wanted ->> 'destination_area_id')::bigint, (actor).user_id)
        on conflict (lower(number)) do nothing
        returning id into v_id;
        exit when v_id is not null;
        if wanted ->> 'number' is not null then
            return jsonb_build_object('problem', 'number_taken', 'number', v_number);
        end if;
    end loop;
    perform ledger_record(actor, 'bill_created', 'bill', v_id, v_number, v_area, null,
        jsonb_strip_nulls(wanted || jsonb_build_object('number', v_number, 'area_id', v_area)));
    return bill_card(v_id);
end $$;

-- Put a parent on an open bill, whose row is held.
create or replace function bill_put_parent(actor floor_actor, p_scan_id uuid, bill bills, p_code text)
    returns jsonb language plpgsql as $$
declare
    bag bags;
    outcome text := 'attached';
    v_bill bills;
begin
    loop
        select * into bag from find_bag(p_code);
        if bag.id is null then
            return jsonb_build_object('problem', 'bag_not_found', 'code', p_code);
        elsif bag.kind = 'child' then
            return jsonb_build_object('problem', 'bag_is_child',
                'bag', jsonb_build_object('id', bag.id, 'code', bag.code),
                'parent', (select jsonb_build_object('id', p.id, 'code', p.code) from bags p where p.id = bag.parent_id));
        elsif bag.bill_id = bill.id then
            outcome := 'already_attached';
            exit;
        elsif bag.bill_id is not null then
            select * into v_bill from bills where id = bag.bill_id;
            return jsonb_build_object('problem', 'bag_on_other_bill',
                'bag', jsonb_build_object('id', bag.id, 'code', bag.code), 'bill', bill_ref(v_bill));
        end if;
        update bags set bill_id = bill.id, billed_by = (actor).user_id, billed_at = clock_timestamp(),
                        updated_at = now()
        where id = bag.id and bill_id is null and kind = 'parent' returning * into bag;
        -- Deleted or put on a bill while we waited: look again.
        continue when bag.id is null;
        perform ledger_record(actor, 'parent_attached', 'bill', bill.id, bill.number, bill.area_id,
            '{"bill_id": null}', jsonb_build_object('bill_id', bill.id, 'bag_id', bag.id, 'code', bag.code,
                                                    'child_count', bag.child_count), bag.id, p_scan_id);
        exit;
    end loop;
    return jsonb_build_object('outcome', outcome, 'bag', bag_card(bag.id, null));
end $$;

-- Take a parent off an open bill, whose row is held.
create or replace function bill_take_parent(actor floor_actor, p_scan_id uuid, bill bills, p_bag_id bigint)
    returns jsonb language plpgsql as $$
declare
    bag bags;
begin
    select * into bag from bags where id = p_bag_id for no key update;
    if bag.id is null then
        return '{"problem": "bag_not_found"}';
    elsif bag.bill_id is distinct from bill.id then
        return jsonb_build_object('problem', 'bag_not_on_bill',
            'bag', jsonb_build_object('id', bag.id, 'code', bag.code));
    end if;
    update bags set bill_id = null, updated_at = now() where id = bag.id;
    perform ledger_record(actor, 'parent_detached', 'bill', bill.id, bill.number, bill.area_id,
        jsonb_build_object('bill_id', bill.id, 'bag_id', bag.id, 'code', bag.code,
                           'child_count', bag.child_count, 'attached_by', bag.billed_by,
                           'attached_at', bag.billed_at),
        '{"bill_id": null}', bag.id, p_scan_id);
    return jsonb_build_object('outcome', 'detached', 'bag', bag_card(bag.id, null));
end $$;

create or replace function bill_write_scan(
    actor floor_actor, p_scan_id uuid, p_action text, p_code text, p_at timestamptz, bill bills, answer jsonb)
    returns void language sql as $$
    insert into scans (scan_id, user_id, area_id, action, outcome, refused, code, scanned_at, bag_id, bill_id)
    values (p_scan_id, (actor).user_id,
            coalesce(floor_place(answer), (bill).area_id, (actor).home_area), p_action,
            coalesce(answer ->> 'outcome', answer ->> 'problem'), answer ? 'problem',
            coalesce(p_code, answer #>> '{bag,code}', ''), p_at, (answer #>> '{bag,id}')::bigint, (bill).id)
$$;

-- One scan at a bill, whole. scan: {scan_id, action: attach | detach, bill_id, and code, bag_id or
-- codes: [{code} or {code, problem}], scanned_at?}; codes are clean already. The same scan_id
-- answers the same, as on the floor.
create or replace function bill_scan(actor floor_actor, scan jsonb) returns jsonb language plpgsql as $$
declare
    v_scan_id uuid := (scan ->> 'scan_id')::uuid;
    v_action text := scan ->> 'action';
    v_code text := scan ->> 'code';
    v_at timestamptz := (scan ->> 'scanned_at')::timestamptz;
    v_request uuid := md5((scan - 'scanned_at')::text)::uuid;
    receipt scan_receipts;
    bill bills;
    item jsonb;
    one jsonb;
    results jsonb[] := '{}';
    v_answer jsonb;
begin
    insert into scan_receipts (scan_id, user_id, request) values (v_scan_id, (actor).user_id, v_request)
    on conflict (scan_id) do nothing;
    if not found then
        select * into receipt from scan_receipts where scan_id = v_scan_id;
        perform ledger_as_durable();
        return case
            when receipt.user_id <> (actor).user_id then '{"problem": "scan_id_taken"}'
            when receipt.request <> v_request then '{"problem": "scan_id_reused"}'
            else receipt.answer end;
    end if;
    select * into bill from bills where id = (scan ->> 'bill_id')::bigint for key share;
    if bill.id is null then
        v_answer := '{"problem": "bill_not_found"}';
    elsif scan ? 'codes' then
        if bill.completed_at is null then
            perform from bags where id in (
                select f.id from jsonb_array_elements(scan -> 'codes') c, find_bag(c ->> 'code') f
                where not c ? 'problem') and kind = 'parent' order by id for no key update;
        end if;
        for item in select jsonb_array_elements(scan -> 'codes') loop
            if item ? 'problem' then
                one := item;
            else
                one := bill_judge(actor, v_scan_id, v_action, bill, item ->> 'code', null);
                perform bill_write_scan(actor, v_scan_id, v_action, item ->> 'code', v_at, bill, one);
            end if;
            results := results || (one || jsonb_build_object('code', item ->> 'code'));
        end loop;
        v_answer := jsonb_build_object('scan_id', v_scan_id, 'results', to_jsonb(results),
                                       'bill', bill_card(bill.id));
    else
        one := bill_judge(actor, v_scan_id, v_action, bill, v_code, (scan ->> 'bag_id')::bigint);
        perform bill_write_scan(actor, v_scan_id, v_action, v_code, v_at, bill, one);
        v_answer := jsonb_build_object('scan_id', v_scan_id) || one
            || case when one ? 'problem' then '{}' else jsonb_build_object('bill', bill_card(bill.id)) end;
    end if;
    update scan_receipts set answer = v_answer where scan_id = v_scan_id;
    return v_answer;
end $$;

-- What one code, or bag, comes to at a bill that is held.
create or replace function bill_judge(
    actor floor_actor, p_scan_id uuid, p_action text, bill bills, p_code text, p_bag_id bigint) returns jsonb
    language plpgsql as $$
declare
    bag bags;
    answer jsonb;
begin
    if p_bag_id is null then
        select * into bag from find_bag(p_code);
    end if;
    if bill.completed_at is not null then
        if p_action = 'attach' and bag.bill_id = bill.id then
            answer := jsonb_build_object('outcome', 'already_attached', 'bag', bag_card(bag.id, null));
        else
            return jsonb_build_object('problem', 'bill_completed', 'bill', bill_ref(bill));
        end if;
    elsif p_action = 'attach' then
        answer := bill_put_parent(actor, p_scan_id, bill, p_code);
    elsif p_bag_id is null and bag.id is null then
        return jsonb_build_object('problem', 'bag_not_found', 'code', p_code);
    else
        answer := bill_take_parent(actor, p_scan_id, bill, coalesce(p_bag_id, bag.id));
    end if;
    return answer || case when answer ? 'problem' then '{}' else jsonb_build_object('warnings',
        bill_warnings((answer #>> '{bag,child_count}')::integer,
                      (answer #>> '{bag,expected_children}')::integer)) end;
end $$;

-- Keep what a completed bill says now, parent by parent; its parents are locked. Weights are the
-- types' at this moment.
create or replace function bill_take_snapshot(actor floor_actor, p_bill_id bigint, p_reason text)
    returns bill_snapshots language plpgsql as $$
declare
    snapshot bill_snapshots;
begin
    insert into bill_snapshots (bill_id, revision, reason, taken_by, parent_count, child_count, weight_kg,
                                expected_weight_kg, number, description, destination, vehicle)
    select b.id, 1 + (select count(*) from bill_snapshots s where s.bill_id = b.id), p_reason, (actor).user_id,
        count(g.id), coalesce(sum(g.child_count), 0), coalesce(sum(g.child_count * t.child_weight_kg), 0),
        coalesce(sum(t.expected_children * t.child_weight_kg), 0),
        b.number, b.description, b.destination, b.vehicle
    from bills b left join bags g on g.bill_id = b.id left join bag_types t on t.id = g.bag_type_id
    where b.id = p_bill_id group by b.id
    returning * into snapshot;
    insert into bill_snapshot_parents (snapshot_id, position, bag_id, code, area_id, bag_type_id, child_count,
        expected_children, weight_kg, expected_weight_kg, attached_at, attached_by)
    select snapshot.id, row_number() over (order by g.billed_at, g.id), g.id, g.code, g.area_id, g.bag_type_id,
        g.child_count, t.expected_children, g.child_count * t.child_weight_kg,
        t.expected_children * t.child_weight_kg, g.billed_at, g.billed_by
    from bags g join bag_types t on t.id = g.bag_type_id where g.bill_id = p_bill_id;
    update bills set snapshot_id = snapshot.id where id = p_bill_id;
    return snapshot;
end $$;

create or replace function bill_totals_of(s bill_snapshots) returns jsonb immutable language sql as $$
    select jsonb_build_object('snapshot_id', s.id, 'revision', s.revision, 'parent_count', s.parent_count,
        'child_count', s.child_count, 'weight_kg', s.weight_kg::float8,
        'expected_weight_kg', s.expected_weight_kg::float8)
$$;

-- Complete a bill: its parents are dispatched and what it says is kept. p_tags: the ETags, without
-- quotes, that the caller knows, null for any; seen: the totals that were checked, null for any.
drop function if exists bill_complete(floor_actor, bigint, bigint[], jsonb);
create or replace function bill_complete(actor floor_actor, p_bill_id bigint, p_tags text[], seen jsonb)
    returns jsonb language plpgsql as $$
declare
    bill bills;
    snapshot bill_snapshots;
    card bill_cards;
    part bigint[];
begin
    select * into bill from bills where id = p_bill_id for update;
    if bill.id is null then
        return '{"problem": "bill_not_found"}';
    end if;
    -- From here on neither its bags, nor what is in them, nor what they weigh can change.
    perform from bags where bill_id = bill.id order by id for no key update;
    perform from bag_types where id in (select bag_type_id from bags where bill_id = p_bill_id) order by id for share;
    select * into card from bill_cards where id = bill.id;
    if not trim(both '"' from card.etag) = any (p_tags) then
        return jsonb_build_object('problem', 'stale', 'bill', bill_card(bill.id));
    elsif bill.completed_at is not null then
        return bill_card(bill.id);
    elsif card.parent_count = 0 then
        return '{"problem": "bill_empty"}';
    elsif card.parent_count <> coalesce((seen ->> 'parent_count')::integer, card.parent_count)
        or card.child_count <> coalesce((seen ->> 'child_count')::integer, card.child_count)
        or abs(card.weight_kg - coalesce((seen ->> 'weight_kg')::float8, card.weight_kg)) >= 0.001 then
        return jsonb_build_object('problem', 'totals_changed', 'bill', bill_card(bill.id));
    end if;
    update bills set completed_at = now(), completed_by = (actor).user_id, updated_at = now(),
                     version = version + 1 where id = bill.id;
    for part in select in_parts(array(select id from bags where bill_id = bill.id order by id)) loop
        update bags set dispatched_at = now(), updated_at = now() where id = any (part);
    end loop;
    snapshot := bill_take_snapshot(actor, bill.id, 'completed');
    perform ledger_record(actor, 'bill_completed', 'bill', bill.id, bill.number, bill.area_id,
        '{"state": "processing"}', '{"state": "completed"}' || bill_totals_of(snapshot));
    return bill_card(bill.id);
end $$;

-- Open a completed bill again: its parents may change, the snapshot stays with the reason.
drop function if exists bill_reopen(floor_actor, bigint, bigint[], text);
create or replace function bill_reopen(actor floor_actor, p_bill_id bigint, p_tags text[], p_reason text)
    returns jsonb language plpgsql as $$
declare
    bill bills;
    part bigint[];
begin
    select * into bill from bills where id = p_bill_id for update;
    if bill.id is null then
        return '{"problem": "bill_not_found"}';
    elsif not (select trim(both '"' from etag) from bill_cards where id = bill.id) = any (p_tags) then
        return jsonb_build_object('problem', 'stale', 'bill', bill_card(bill.id));
    elsif bill.completed_at is null then
        return '{"problem": "bill_not_completed"}';
    end if;
    perform from bags where bill_id = bill.id order by id for no key update;
    update bills set completed_at = null, completed_by = null, snapshot_id = null, updated_at = now(),
                     version = version + 1 where id = bill.id;
    for part in select in_parts(array(select id from bags where bill_id = bill.id order by id)) loop
        update bags set dispatched_at = null, updated_at = now() where id = any (part);
    end loop;
    if bill.snapshot_id is not null then
        insert into bill_reopenings (snapshot_id, reopened_by, reason)
        values (bill.snapshot_id, (actor).user_id, p_reason);
    end if;
    perform ledger_record(actor, 'bill_reopened', 'bill', bill.id, bill.number, bill.area_id,
        jsonb_build_object('state', 'completed', 'completed_at', bill.completed_at,
                           'completed_by', bill.completed_by, 'snapshot_id', bill.snapshot_id),
        jsonb_build_object('state', 'processing', 'reason', p_reason));
    return bill_card(bill.id);
end $$;
