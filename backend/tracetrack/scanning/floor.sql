-- The rules of the floor, each written once.
--
-- A scan is one call of floor_scan(): it claims the scan's id, does what the action says, writes
-- the scan and the audit event, and answers, all in one transaction and one round trip. The same
-- function serves one scan, a batch and the queue of a phone that was offline.
--
-- A rule answers {"outcome": ..., ...} or {"problem": code, ...}; it raises only for what cannot
-- happen. Rows are locked in one order, parents by id and then the child, so that scans wait for
-- each other but rarely deadlock; the caller repeats a deadlocked call.

create or replace function floor_who(p_user bigint) returns jsonb stable language sql as $$
    select jsonb_build_object('id', id, 'username', username) from users where id = p_user
$$;

create or replace function floor_ref(b bags) returns jsonb immutable language sql as $$
    select jsonb_build_object('id', b.id, 'code', b.code)
$$;

-- A bag without an area is nobody's yet, and open to all.
create or replace function floor_foreign(actor floor_actor, b bags) returns boolean immutable language sql as $$
    select (actor).sees_area is not null and b.area_id <> (actor).sees_area is true
$$;

-- Give an area to these parents, with what is in them, and to these free children; how many bags that were.
-- Locked in the order of scans: parents by id, then children.
create or replace function bags_give_area(actor floor_actor, p_ids bigint[], p_area bigint, p_scan_id uuid default null)
    returns integer language plpgsql as $$
declare
    given integer;
begin
    perform from bags where id = any (p_ids) and kind = 'parent' order by id for no key update;
    perform from bags where id = any (p_ids) and kind = 'child' order by id for no key update;
    with before as (
        select id, code, area_id from bags
        where id = any (p_ids) and parent_id is null and area_id is distinct from p_area
    ), moved as (
        update bags b set area_id = p_area, updated_at = now()
        where b.id in (select id from before) or b.parent_id in (select id from before)
        returning b.id
    )
    select (select count(*) from moved),
        count(ledger_record(actor, 'bag_area_given', 'bag', o.id, o.code, p_area,
            jsonb_build_object('area_id', o.area_id), jsonb_build_object('area_id', p_area), null, p_scan_id)::text)
    into given from before o;
    return given;
end $$;

-- A bag without an area takes that of the first worker of an area who scans it, and so does what it is in
-- or holds. The bag as it is then.
create or replace function floor_take_area(actor floor_actor, p_scan_id uuid, b bags) returns bags
    language plpgsql as $$
begin
    if b.id is null or b.area_id is not null or (actor).sees_area is null then
        return b;
    end if;
    -- Of two areas at once the second waits here, and then finds that it has one.
    perform from bags where id = coalesce(b.parent_id, b.id) and area_id is null for no key update;
    if found then
        perform bags_give_area(actor, array[coalesce(b.parent_id, b.id)], (actor).sees_area, p_scan_id);
    end if;
    select * into b from bags where id = b.id;
    return b;
end $$;

-- Rule 2's refusal, with who put the child where it is, and when.
create or replace function floor_in_other(child bags, wanted bags) returns jsonb stable language sql as $$
    select jsonb_build_object(
        'problem', 'child_in_other_parent', 'bag', floor_ref(child), 'wanted_parent', floor_ref(wanted),
        'parent', (select floor_ref(p) from bags p where p.id = child.parent_id),
        'linked_by', floor_who(child.linked_by), 'linked_at', child.linked_at)
$$;

-- A parent by code, locked until the end of the transaction; a problem instead where there is none.
create or replace function floor_parent_locked(
    actor floor_actor, p_code text, out parent bags, out problem jsonb) language plpgsql as $$
begin
    select * into parent from find_bag(p_code);
    if parent.id is null then
        problem := jsonb_build_object('problem', 'parent_not_found', 'code', p_code);
        return;
    end if;
    parent := floor_take_area(actor, null, parent);
    if floor_foreign(actor, parent) then
        problem := '{"problem": "bag_in_other_area"}';
    elsif parent.kind = 'child' then
        problem := jsonb_build_object('problem', 'bag_is_child', 'bag', floor_ref(parent));
    else
        select * into parent from bags where id = parent.id for no key update;
        if parent.id is null then
            problem := jsonb_build_object('problem', 'parent_not_found', 'code', p_code);
        end if;
    end if;
end $$;

-- The bill is named to who may see it.
create or replace function floor_locked_problem(actor floor_actor, parent bags) returns jsonb
    stable language sql as $$
    select jsonb_build_object('problem', 'parent_locked', 'parent', floor_ref(parent),
        'bill', (select jsonb_build_object('id', id, 'number', number) from bills
                 where id = parent.bill_id and ((actor).sees_area is null or area_id = (actor).sees_area)))
$$;
drop function if exists floor_locked_problem(bags);

-- Rule 1: an unknown code becomes a parent in the worker's area, a known parent is opened.
create or replace function floor_open_parent(
    actor floor_actor, p_scan_id uuid, p_code text, p_label_kind text, p_type bigint) returns jsonb
    language plpgsql as $$
declare
    parent bags;
    outcome text := 'opened';
begin
    loop
        select * into parent from find_bag(p_code);
        exit when parent.id is not null;
        if p_label_kind = 'child' then
            return jsonb_build_object('problem', 'bag_is_child', 'bag', jsonb_build_object('code', p_code));
        end if;
        insert into bags (code, kind, area_id, bag_type_id, created_by)
        values (p_code, 'parent', (actor).home_area,
                coalesce(p_type, (select id from bag_types where is_default)), (actor).user_id)
        on conflict (lower(code)) do nothing
        returning * into parent;
        if parent.id is not null then
            outcome := 'created';
            perform ledger_record(actor, 'bag_created', 'bag', parent.id, parent.code, parent.area_id, null,
                jsonb_build_object('kind', 'parent', 'bag_type_id', parent.bag_type_id), null, p_scan_id);
            exit;
        end if;
    end loop;
    parent := floor_take_area(actor, p_scan_id, parent);
    if floor_foreign(actor, parent) then
        return '{"problem": "bag_in_other_area"}';
    elsif parent.kind = 'child' then
        return jsonb_build_object('problem', 'bag_is_child', 'bag', floor_ref(parent),
            'parent', (select floor_ref(p) from bags p where p.id = parent.parent_id));
    end if;
    insert into packing (user_id, parent_id) values ((actor).user_id, parent.id)
    on conflict (user_id) do update set parent_id = excluded.parent_id, since = now();
    return jsonb_build_object('outcome', outcome, 'bag', bag_card(parent.id, (actor).sees_area));
end $$;

-- Rule 2: put a child into a parent that is already locked.
create or replace function floor_put_child(
    actor floor_actor, p_scan_id uuid, parent bags, p_code text, p_label_kind text) returns jsonb
    language plpgsql as $$
declare
    child bags;
    was jsonb;
begin
    loop
        select * into child from find_bag(p_code);
        if child.id is null then
            if p_label_kind = 'parent' then
                return jsonb_build_object('problem', 'bag_is_parent', 'bag', jsonb_build_object('code', p_code));
            elsif parent.dispatched_at is not null then
                return floor_locked_problem(actor, parent);
            end if;
            insert into bags (code, kind, area_id, parent_id, linked_by, linked_at, created_by)
            values (p_code, 'child', parent.area_id, parent.id, (actor).user_id, now(), (actor).user_id)
            on conflict (lower(code)) do nothing
            returning * into child;
            continue when child.id is null;
            was := 'null';
            exit;
        end if;
        if child.parent_id is not null then
            child := floor_take_area(actor, p_scan_id, child);
        end if;
        if floor_foreign(actor, child) then
            return '{"problem": "bag_in_other_area"}';
        elsif child.kind = 'parent' then
            return jsonb_build_object('problem', 'bag_is_parent', 'bag', floor_ref(child));
        elsif child.parent_id is null and parent.dispatched_at is null then
            select * into child from bags where id = child.id for no key update;
            -- Deleted, recoded, linked or taken to another area while we waited: look again.
            continue when child.id is null or child.parent_id is not null or floor_foreign(actor, child);
            was := jsonb_build_object('parent_id', null, 'area_id', child.area_id);
            update bags set parent_id = parent.id, area_id = parent.area_id, linked_by = (actor).user_id,
                            linked_at = now(), updated_at = now()
            where id = child.id returning * into child;
            exit;
        elsif child.parent_id = parent.id then
            return jsonb_build_object('outcome', 'already_linked',
                'bag', bag_card(child.id, (actor).sees_area), 'parent', bag_card(parent.id, (actor).sees_area),
                'linked_by', floor_who(child.linked_by), 'linked_at', child.linked_at);
        elsif child.parent_id is not null then
            return floor_in_other(child, parent);
        else
            return floor_locked_problem(actor, parent);
        end if;
    end loop;
    perform ledger_record(actor, 'child_linked', 'bag', child.id, child.code, child.area_id, was,
        jsonb_build_object('parent_id', parent.id, 'parent_code', parent.code), parent.id, p_scan_id);
    return jsonb_build_object('outcome', 'linked',
        'bag', bag_card(child.id, (actor).sees_area), 'parent', bag_card(parent.id, (actor).sees_area));
end $$;

-- Put a child into a locked parent; a completed one is opened again, in words, for its count has changed.
create or replace function floor_add_child(
    actor floor_actor, p_scan_id uuid, parent bags, p_code text, p_label_kind text) returns jsonb
    language plpgsql as $$
declare
    answer jsonb := floor_put_child(actor, p_scan_id, parent, p_code, p_label_kind);
begin
    if parent.completed_at is null or answer ->> 'outcome' is distinct from 'linked' then
        return answer;
    end if;
    perform floor_set_completed(actor, p_scan_id, parent.code, false);
    return answer || jsonb_build_object('parent', bag_card(parent.id, (actor).sees_area), 'reopened', true);
end $$;

create or replace function floor_link_child(
    actor floor_actor, p_scan_id uuid, p_parent_code text, p_code text, p_label_kind text) returns jsonb
    language plpgsql as $$
declare
    parent bags;
    target record;
begin
    target := floor_parent_locked(actor, p_parent_code);
    parent := target.parent;
    if target.problem is not null then
        return target.problem;
    end if;
    return floor_add_child(actor, p_scan_id, parent, p_code, p_label_kind);
end $$;

-- Take a child, whose row and parent are locked, out of its parent.
create or replace function floor_take_out(actor floor_actor, p_scan_id uuid, p_action text, child bags, parent bags)
    returns void language plpgsql as $$
begin
    update bags set parent_id = null, linked_by = null, linked_at = null, updated_at = now()
    where id = child.id;
    perform ledger_record(actor, p_action, 'bag', child.id, child.code, child.area_id,
        jsonb_build_object('parent_id', parent.id, 'parent_code', parent.code,
                           'linked_by', child.linked_by, 'linked_at', child.linked_at),
        '{"parent_id": null}', parent.id, p_scan_id);
end $$;

create or replace function floor_unlink_child(
    actor floor_actor, p_scan_id uuid, p_parent_code text, p_code text) returns jsonb language plpgsql as $$
declare
    parent bags;
    child bags;
begin
    select * into child from find_bag(p_code);
    if child.id is null or floor_foreign(actor, child) then
        return jsonb_build_object('problem', case when child.id is null then 'bag_not_found'
                                                  else 'bag_in_other_area' end);
    elsif child.kind = 'parent' then
        return jsonb_build_object('problem', 'bag_is_parent', 'bag', floor_ref(child));
    elsif child.parent_id is null then
        return jsonb_build_object('problem', 'child_not_linked', 'bag', floor_ref(child));
    end if;
    select * into parent from bags where id = child.parent_id for no key update;
    select * into child from bags where id = child.id for no key update;
    if child.id is null then
        return '{"problem": "bag_not_found"}';
    elsif floor_foreign(actor, child) then
        return '{"problem": "bag_in_other_area"}';
    elsif child.parent_id is distinct from parent.id then
        return jsonb_build_object('problem', 'child_not_linked', 'bag', floor_ref(child));
    elsif p_parent_code is not null
        and parent.id is distinct from (select id from find_bag(p_parent_code)) then
        return floor_in_other(child, (select p from find_bag(p_parent_code) p));
    elsif parent.dispatched_at is not null then
        return floor_locked_problem(actor, parent);
    end if;
    perform floor_take_out(actor, p_scan_id, 'child_unlinked', child, parent);
    return jsonb_build_object('outcome', 'unlinked',
        'bag', bag_card(child.id, (actor).sees_area), 'parent', bag_card(parent.id, (actor).sees_area));
end $$;

-- Rule 3: unlink and link in one transaction, both audited.
create or replace function floor_move_child(
    actor floor_actor, p_scan_id uuid, p_parent_code text, p_code text) returns jsonb language plpgsql as $$
declare
    target bags;
    origin bags;
    child bags;
    answer jsonb;
begin
    select * into target from find_bag(p_parent_code);
    select * into child from find_bag(p_code);
    if child.id is null then
        return jsonb_build_object('problem', 'bag_not_found');
    elsif target.id is null then
        return jsonb_build_object('problem', 'parent_not_found', 'code', p_parent_code);
    elsif floor_foreign(actor, child) or floor_foreign(actor, target) then
        return '{"problem": "bag_in_other_area"}';
    elsif child.kind = 'parent' then
        return jsonb_build_object('problem', 'bag_is_parent', 'bag', floor_ref(child));
    elsif target.kind = 'child' then
        return jsonb_build_object('problem', 'bag_is_child', 'bag', floor_ref(target));
    end if;
    perform from bags where id in (target.id, child.parent_id) order by id for no key update;
    select * into target from bags where id = target.id;
    select * into origin from bags where id = child.parent_id;
    select * into child from bags where id = child.id for no key update;
    if child.id is null then
        return '{"problem": "bag_not_found"}';
    elsif target.id is null then
        return jsonb_build_object('problem', 'parent_not_found', 'code', p_parent_code);
    end if;
    target := floor_take_area(actor, p_scan_id, target);
    if floor_foreign(actor, child) or floor_foreign(actor, target) then
        return '{"problem": "bag_in_other_area"}';
    elsif child.parent_id is distinct from origin.id then
        -- Somebody moved it meanwhile: tell where it is now rather than follow it.
        return case when child.parent_id is null
            then jsonb_build_object('problem', 'child_not_linked', 'bag', floor_ref(child))
            else floor_in_other(child, target) end;
    elsif child.parent_id = target.id then
        return jsonb_build_object('outcome', 'already_linked',
            'bag', bag_card(child.id, (actor).sees_area), 'parent', bag_card(target.id, (actor).sees_area),
            'linked_by', floor_who(child.linked_by), 'linked_at', child.linked_at);
    elsif target.dispatched_at is not null then
        return floor_locked_problem(actor, target);
    elsif origin.dispatched_at is not null then
        return floor_locked_problem(actor, origin);
    end if;
    if origin.id is not null then
        perform floor_take_out(actor, p_scan_id, 'child_unlinked', child, origin);
    end if;
    answer := floor_add_child(actor, p_scan_id, target, child.code, null);
    return case when answer ? 'problem' or origin.id is null then answer
        else jsonb_build_object('outcome', 'moved', 'from_parent', floor_ref(origin)) || (answer - 'outcome') end;
end $$;

-- Say that a parent is done, or take that back.
create or replace function floor_set_completed(
    actor floor_actor, p_scan_id uuid, p_parent_code text, p_done boolean) returns jsonb language plpgsql as $$
declare
    parent bags;
    target record;
    outcome text;
begin
    target := floor_parent_locked(actor, p_parent_code);
    parent := target.parent;
    if target.problem is not null then
        return target.problem;
    elsif (parent.completed_at is not null) = p_done then
        outcome := case when p_done then 'already_completed' else 'already_open' end;
    elsif parent.dispatched_at is not null then
        return floor_locked_problem(actor, parent);
    else
        outcome := case when p_done then 'completed' else 'reopened' end;
        update bags set completed_at = case when p_done then now() end, updated_at = now() where id = parent.id;
        perform ledger_record(actor, 'parent_' || outcome, 'bag', parent.id, parent.code, parent.area_id,
            jsonb_build_object('completed_at', parent.completed_at),
            jsonb_build_object('completed_at', case when p_done then now() end,
                               'child_count', parent.child_count), null, p_scan_id);
    end if;
    if p_done then
        delete from packing where user_id = (actor).user_id and parent_id = parent.id;
    end if;
    return jsonb_build_object('outcome', outcome, 'bag', bag_card(parent.id, (actor).sees_area));
end $$;

-- Rule 7: a new code for a damaged label. The old one still finds the bag.
create or replace function floor_replace_label(
    actor floor_actor, p_scan_id uuid, p_bag_id bigint, p_code text) returns jsonb language plpgsql as $$
declare
    bag bags;
    holder bags;
begin
    select * into bag from bags where id = p_bag_id for no key update;
    if bag.id is null or floor_foreign(actor, bag) then
        return '{"problem": "bag_not_found"}';
    end if;
    select * into holder from find_bag(p_code);
    if holder.id is not null and holder.id <> bag.id then
        return jsonb_build_object('problem', 'code_taken', 'code', p_code);
    elsif bag.code = p_code then
        return jsonb_build_object('outcome', 'already_labelled', 'bag', bag_card(bag.id, (actor).sees_area));
    elsif bag.dispatched_at is not null
        or exists (select from bags p where p.id = bag.parent_id and p.dispatched_at is not null) then
        return floor_locked_problem(actor, coalesce((select p from bags p where p.id = bag.parent_id), bag));
    end if;
    update bags set code = p_code, updated_at = now() where id = bag.id;
    if lower(bag.code) <> lower(p_code) then
        insert into retired_codes (code, bag_id, retired_by) values (bag.code, bag.id, (actor).user_id)
        on conflict (lower(code)) do nothing;
    end if;
    perform ledger_record(actor, 'label_replaced', 'bag', bag.id, p_code, bag.area_id,
        jsonb_build_object('code', bag.code), jsonb_build_object('code', p_code), bag.parent_id, p_scan_id);
    return jsonb_build_object('outcome', 'label_replaced', 'bag', bag_card(bag.id, (actor).sees_area));
end $$;

-- Where a refused act happened: in the area of the bag that it was about, whoever tried it.
create or replace function floor_place(answer jsonb) returns bigint stable language sql as $$
    select coalesce((answer #>> '{bag,area,id}')::bigint,
        (select area_id from bags
         where id = coalesce(answer #>> '{bag,id}', answer #>> '{wanted_parent,id}',
                             answer #>> '{parent,id}')::bigint))
$$;

-- What is told again of an act to a worker who was in another area then: that it was done or refused.
create or replace function floor_told_again(actor floor_actor, p_scan_id uuid, answer jsonb) returns jsonb
    stable language sql as $$
    select case when (actor).sees_area is null or not exists (
            select from scans where scan_id = p_scan_id and area_id is distinct from (actor).sees_area)
        then answer
        when answer ? 'results'
        then jsonb_build_object('scan_id', answer -> 'scan_id', 'problem', 'bag_in_other_area')
        else answer - '{bag,parent,wanted_parent,from_parent,linked_by,linked_at,bill,closed,current_parent}'::text[] end
$$;

-- Write down one act: refused ones too, for they happened. act: {scan_id, action, code, scanned_at?,
-- device_id?, sequence?, previous?, context?}; context: the current parent after it.
create or replace function floor_note_act(
    actor floor_actor, act jsonb, answer jsonb, p_undoes uuid default null) returns void language sql as $$
    insert into scans (scan_id, user_id, area_id, action, outcome, refused, code, scanned_at, undoes,
                       bag_id, parent_id, from_parent_id, device_id, device_sequence,
                       previous, context_parent_id, in_chain)
    values ((act ->> 'scan_id')::uuid, (actor).user_id,
            coalesce(floor_place(answer), (actor).home_area),
            act ->> 'action', coalesce(answer ->> 'outcome', answer ->> 'problem'), answer ? 'problem',
            act ->> 'code', (act ->> 'scanned_at')::timestamptz, p_undoes, (answer #>> '{bag,id}')::bigint,
            coalesce(answer #> '{wanted_parent,id}', answer #> '{parent,id}')::bigint,
            (answer #>> '{from_parent,id}')::bigint,
            (act ->> 'device_id')::uuid, (act ->> 'sequence')::bigint,
            (act ->> 'previous')::uuid, (act ->> 'context')::bigint, act ? 'context')
$$;

-- One scan, whole. scan: {scan_id, action, parent_code?, code?, codes?, bag_id?, scanned_at?, previous?, as?,
-- label_kind?, bag_type_id?, device_id?, sequence?, about?, reason?, by_id?}; codes are clean already. by_id:
-- {code?, parent_code?}, the ids of bags that were asked for by them, whose codes may change before a retry.
-- Rule 5: the same scan_id answers the same. A question, and a scan whose previous one is missing, are no
-- answers: nothing is kept under the scan_id, and nothing is done.
create or replace function floor_scan(actor floor_actor, scan jsonb) returns jsonb language plpgsql as $$
declare
    v_scan_id uuid := (scan ->> 'scan_id')::uuid;
    v_action text := scan ->> 'action';
    v_code text := scan ->> 'code';
    v_parent_code text := scan ->> 'parent_code';
    -- What the worker did, without how and under which settings it came. What a label says may be read
    -- otherwise the next time: of a scan that is decided here its text counts.
    v_request uuid := md5((scan - '{scanned_at,label_kind,bag_type_id,device_id,sequence,anyones,window}'::text[]
                           - '{previous,as,asks,auto_complete}'::text[]
                           - case when scan ? 'label' then '{code}'::text[] else '{}' end
                           - array(select jsonb_object_keys(scan -> 'by_id')))::text)::uuid;
    receipt scan_receipts;
    asked scan_questions;
    decided record;
    v_context bigint;
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
            else floor_told_again(actor, v_scan_id, receipt.answer) end;
    end if;

    if scan ? 'previous' then
        if not (chain_context(actor, (scan ->> 'previous')::uuid)).known then
            -- It may follow the very question that it answers, by being the same label again.
            select * into asked from scan_questions
            where scan_id = (scan ->> 'previous')::uuid and user_id = (actor).user_id
              and label = question_label(v_code) and v_action = 'scan';
            if asked.scan_id is null then
                delete from scan_receipts where scan_id = v_scan_id;
                return jsonb_build_object('scan_id', v_scan_id, 'problem', 'previous_missing');
            end if;
            scan := scan || jsonb_build_object('previous', asked.previous);
        end if;
        v_context := (chain_context(actor, (scan ->> 'previous')::uuid)).parent_id;
        if v_action = 'complete' and v_parent_code is null then
            v_parent_code := (select code from bags where id = v_context);
        end if;
    end if;

    case v_action
        when 'scan' then
            decided := floor_decide(actor, scan, v_context);
            v_context := decided.context;
            v_answer := decided.answer;
            if not decided.final then
                delete from scan_receipts where scan_id = v_scan_id;
                return jsonb_build_object('scan_id', v_scan_id) || v_answer;
            end if;
            v_answer := v_answer || jsonb_build_object('current_parent', chain_parent(actor, v_context));
            -- Recorded as what it was decided to be.
            scan := scan || jsonb_build_object('action', v_answer ->> 'kind');
        when 'parent' then
            v_answer := floor_open_parent(actor, v_scan_id, v_code, scan ->> 'label_kind',
                                        (scan ->> 'bag_type_id')::bigint);
        when 'child' then
            v_answer := floor_link_child(actor, v_scan_id, v_parent_code, v_code, scan ->> 'label_kind');
        when 'children' then
            return floor_link_children(actor, scan);
        when 'unlink' then
            v_answer := floor_unlink_child(actor, v_scan_id, v_parent_code, v_code);
        when 'move' then
            v_answer := floor_move_child(actor, v_scan_id, v_parent_code, v_code);
        when 'complete' then
            v_answer := case when v_parent_code is null then '{"problem": "no_current_parent"}'
                             else floor_set_completed(actor, v_scan_id, v_parent_code, true) end;
        when 'reopen' then
            v_answer := floor_set_completed(actor, v_scan_id, v_parent_code, false);
        when 'replace_label' then
            v_answer := floor_replace_label(actor, v_scan_id, (scan ->> 'bag_id')::bigint, v_code);
        when 'undo' then
            begin
                v_answer := floor_undo(actor, scan || jsonb_build_object('context', v_context));
            exception when sqlstate 'TT001' then
                v_answer := '{"problem": "parent_locked"}';
            end;
        when 'discard' then
            v_answer := floor_discard(actor, scan);
    end case;
    v_answer := jsonb_build_object('scan_id', v_scan_id) || v_answer;
    if v_action = 'undo' then
        v_context := case when v_answer ? 'context' then (v_answer ->> 'context')::bigint else v_context end;
        v_answer := v_answer - 'context';
    elsif v_action <> 'scan' then
        v_context := chain_after(actor, scan, v_answer, v_context);
    end if;
    if scan ? 'previous' and v_action <> 'scan' then
        v_answer := v_answer || jsonb_build_object('current_parent', chain_parent(actor, v_context));
    end if;
    -- An undo writes itself down; what came to nothing is a link of the chain all the same.
    if v_action <> 'discard' and (v_action <> 'undo' or (scan ? 'previous'
            and not exists (select from scans where scan_id = v_scan_id))) then
        perform floor_note_act(actor, scan || jsonb_build_object('context', v_context,
            'code', coalesce(v_code, v_parent_code, '')), v_answer);
    end if;
    update scan_receipts set answer = v_answer, context_parent_id = v_context, in_chain = true
    where scan_id = v_scan_id;
    return v_answer;
end $$;

-- Many children of one parent under one scan_id; each code is judged by itself.
create or replace function floor_link_children(actor floor_actor, scan jsonb) returns jsonb
    language plpgsql as $$
declare
    p_scan_id uuid := (scan ->> 'scan_id')::uuid;
    p_parent_code text := scan ->> 'parent_code';
    parent bags;
    target record;
    item jsonb;
    one jsonb;
    results jsonb[] := '{}';
    v_context bigint;
    v_answer jsonb;
begin
    target := floor_parent_locked(actor, p_parent_code);
    parent := target.parent;
    v_context := case when target.problem is null then parent.id
                      else (select parent_id from packing where user_id = (actor).user_id) end;
    scan := scan || jsonb_build_object('context', v_context);
    if target.problem is not null then
        v_answer := jsonb_build_object('scan_id', p_scan_id) || target.problem;
        perform floor_note_act(actor, scan || jsonb_build_object('code', p_parent_code), v_answer);
    else
        for item in select jsonb_array_elements(scan -> 'codes') loop
            if item ? 'problem' then
                results := results || item;
                continue;
            end if;
            one := floor_add_child(actor, p_scan_id, parent, item ->> 'code', item ->> 'label_kind');
            if one ? 'reopened' then
                select * into parent from bags where id = parent.id;
            end if;
            perform floor_note_act(
                actor, scan || jsonb_build_object('action', 'child', 'code', item ->> 'code'), one);
            results := results || (jsonb_build_object('code', item ->> 'code') || (one - '{parent,bag,reopened}'::text[])
                || case when one ? 'problem' then one else '{}' end);
        end loop;
        v_answer := jsonb_build_object('scan_id', p_scan_id, 'results', to_jsonb(results),
                                     'parent', bag_card(parent.id, (actor).sees_area));
    end if;
    update scan_receipts set answer = v_answer, context_parent_id = v_context, in_chain = true
    where scan_id = p_scan_id;
    return v_answer;
end $$;

-- A queue of scans in order; later ones see what earlier ones did.
create or replace function floor_scans(actor floor_actor, scans jsonb) returns jsonb language plpgsql as $$
declare
    item jsonb;
    results jsonb[] := '{}';
begin
    for item in select jsonb_array_elements(scans) loop
        results := results || floor_scan(actor, item);
    end loop;
    return to_jsonb(results);
end $$;

-- A link that an undo puts back is as it was before the scan took it away: made by whom, and when.
create or replace function floor_restore_link(p_child_id bigint, p_scan_id uuid) returns void language sql as $$
    update bags set linked_by = (before ->> 'linked_by')::bigint, linked_at = (before ->> 'linked_at')::timestamptz
    from audit_events
    where bags.id = p_child_id and subject_type = 'bag' and subject_id = p_child_id
      and scan_id = p_scan_id and action = 'child_unlinked'
$$;

-- A free child that a scan took into its parent's area goes back to its own.
create or replace function floor_restore_area(p_child_id bigint, p_scan_id uuid) returns void language sql as $$
    update bags set area_id = (before ->> 'area_id')::bigint
    from audit_events
    where bags.id = p_child_id and subject_type = 'bag' and subject_id = p_child_id
      and scan_id = p_scan_id and action = 'child_linked' and before ? 'area_id'
$$;

-- Rule 3: take back what a scan did, unless something happened to the bag since.
-- Undo never deletes a bag; undoing twice answers the same. undo: {scan_id, about, anyones, window (minutes),
-- scanned_at?, device_id?, sequence?, previous?, context?}. In a chain, whoever takes back what changed the
-- current parent has the one before it again: the answer's context.
create or replace function floor_undo(actor floor_actor, undo jsonb) returns jsonb language plpgsql as $$
declare
    p_undo_id uuid := (undo ->> 'scan_id')::uuid;
    p_scan_id uuid := (undo ->> 'about')::uuid;
    p_anyones boolean := (undo ->> 'anyones')::boolean;
    p_window interval := make_interval(mins => (undo ->> 'window')::integer);
    v_context bigint := (undo ->> 'context')::bigint;
    v_before bigint;
    done scans;
    child bags;
    parent bags;
    origin bags;
    answer jsonb;
    undone integer := 0;
    many boolean;
begin
    perform pg_advisory_xact_lock(hashtextextended(p_scan_id::text, 0));
    -- Of many children put in at once, those that can be are taken out.
    many := (select count(*) > 1 from scans where scan_id = p_scan_id);
    if not exists (select from scans where scan_id = p_scan_id) then
        return '{"problem": "scan_not_found"}';
    end if;
    for done in select * from scans where scan_id = p_scan_id order by id loop
        if done.user_id <> (actor).user_id and not p_anyones then
            return '{"problem": "scan_not_found"}';
        elsif done.received_at < now() - p_window and not p_anyones then
            return '{"problem": "undo_too_late"}';
        end if;
        continue when done.refused or done.outcome not in
            ('linked', 'moved', 'unlinked', 'completed', 'reopened', 'created', 'opened');
        if (actor).sees_area is not null and done.area_id is distinct from (actor).sees_area then
            -- The worker was in another area then.
            return '{"problem": "bag_in_other_area"}';
        end if;
        select * into parent from bags where id = coalesce(done.parent_id, done.bag_id);
        v_before := case when done.in_chain then (chain_context(actor, done.previous)).parent_id end;
        if undo ? 'previous' and done.in_chain and done.user_id = (actor).user_id
            and v_context is not distinct from done.context_parent_id then
            v_context := v_before;
        end if;
        if exists (select from scans where undoes = p_scan_id and not refused) then
            return jsonb_build_object('outcome', 'undone', 'context', v_context,
                'parent', case when parent.kind = 'parent' then bag_card(parent.id, (actor).sees_area) end);
        end if;
        perform from bags where id in (done.parent_id, done.from_parent_id) and kind = 'parent'
            order by id for no key update;
        select * into parent from bags where id = coalesce(done.parent_id, done.bag_id);
        select * into child from bags where id = done.bag_id for no key update;
        if child.id is null or parent.id is null or (done.from_parent_id is not null
            and not exists (select from bags where id = done.from_parent_id)) then
            -- Deleted since: there is nothing to put back, or nowhere to put it.
            continue when many;
            return '{"problem": "undo_superseded"}';
        elsif (actor).sees_area is not null and exists (
                select from bags where id in (child.id, parent.id, done.from_parent_id)
                and area_id is distinct from (actor).sees_area) then
            continue when many;
            return '{"problem": "bag_in_other_area"}';
        end if;

        if done.outcome in ('created', 'opened') then
            delete from packing where user_id = done.user_id and parent_id = child.id;
            -- The parent that it closed is open again.
            if exists (
                    select from bags b join audit_events e on e.subject_type = 'bag' and e.subject_id = b.id
                    where b.id = v_before and e.scan_id = p_scan_id and e.action = 'parent_completed'
                      and b.completed_at = done.received_at and b.dispatched_at is null) then
                perform floor_set_completed(actor, p_undo_id, (select code from bags where id = v_before), false);
            end if;
        elsif parent.dispatched_at is not null then
            return floor_locked_problem(actor, parent);
        elsif done.outcome in ('completed', 'reopened') then
            answer := floor_set_completed(actor, p_undo_id, child.code, done.outcome = 'reopened');
            if answer ? 'problem' then
                return answer;
            elsif answer ->> 'outcome' like 'already%' then
                return '{"problem": "undo_superseded"}';
            end if;
        elsif done.outcome = 'unlinked' then
            if child.parent_id is not null then
                return '{"problem": "undo_superseded"}';
            end if;
            answer := floor_put_child(actor, p_undo_id, parent, child.code, null);
            if answer ? 'problem' then
                return answer;
            end if;
            perform floor_restore_link(child.id, p_scan_id);
        else
            -- The link must be the very one that this scan made.
            if child.parent_id is distinct from done.parent_id or child.linked_by is distinct from done.user_id
                or child.linked_at is distinct from done.received_at then
                continue when many;
                return '{"problem": "undo_superseded"}';
            end if;
            perform floor_take_out(actor, p_undo_id, 'child_unlinked', child, parent);
            if done.outcome = 'moved' then
                select * into origin from bags where id = done.from_parent_id;
                answer := floor_put_child(actor, p_undo_id, origin, child.code, null);
                if answer ? 'problem' then
                    raise exception 'cannot move back' using errcode = 'TT001';
                end if;
                perform floor_restore_link(child.id, p_scan_id);
            else
                perform floor_restore_area(child.id, p_scan_id);
            end if;
        end if;
        undone := undone + 1;
    end loop;
    if undone = 0 then
        return '{"problem": "nothing_to_undo"}';
    end if;
    if not undo ? 'previous' then
        v_context := (select parent_id from packing where user_id = (actor).user_id);
    end if;
    answer := jsonb_build_object('outcome', 'undone',
        'bag', bag_card(child.id, (actor).sees_area),
        'parent', case when parent.kind = 'parent' then bag_card(parent.id, (actor).sees_area) end,
        'context', v_context);
    undo := undo || jsonb_build_object('context', v_context);
    perform floor_note_act(
        actor, undo || jsonb_build_object('action', 'undo', 'code', coalesce(child.code, parent.code)), answer,
        p_scan_id);
    -- Given back to another area, it is not shown.
    select * into child from bags where id = child.id;
    return case when floor_foreign(actor, child) then answer - 'bag' else answer end;
end $$;

-- A refused scan that its worker has dealt with otherwise: why, once. wish: {about, reason, anyones,
-- refused_with?, code?}; the last two are the device's word on what never became a scan here.
create or replace function floor_discard(actor floor_actor, wish jsonb) returns jsonb language plpgsql as $$
declare
    v_about uuid := (wish ->> 'about')::uuid;
    done scans;
begin
    perform pg_advisory_xact_lock(hashtextextended(v_about::text, 0));
    select * into done from scans
    where scan_id = v_about and (user_id = (actor).user_id or (wish ->> 'anyones')::boolean)
    order by refused desc, id limit 1;
    if done.id is null then
        if not wish ? 'refused_with' or exists (select from scans where scan_id = v_about) then
            return '{"problem": "scan_not_found"}';
        end if;
        perform ledger_record(actor, 'scan_discarded', 'scan', null, wish ->> 'code', (actor).home_area,
            jsonb_build_object('refused_with', wish ->> 'refused_with', 'told_by', 'device'),
            jsonb_build_object('reason', wish ->> 'reason'), null, v_about);
        return '{"outcome": "discarded"}';
    elsif not done.refused then
        return '{"problem": "scan_not_refused"}';
    end if;
    if not exists (select from audit_events where subject_type = 'scan' and subject_id = done.id
                   and action = 'scan_discarded') then
        perform ledger_record(actor, 'scan_discarded', 'scan', done.id, done.code, done.area_id,
            jsonb_build_object('action', done.action, 'refused_with', done.outcome),
            jsonb_build_object('reason', wish ->> 'reason'), null, v_about);
    end if;
    return '{"outcome": "discarded"}';
end $$;
