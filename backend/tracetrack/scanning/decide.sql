-- What a scanned code means: parent or child, decided by the server in the order of scanning.
--
-- Each scan names the scan before it. The current parent after a scan is stored with it
-- (context_parent_id), so deciding the next one needs no state of a device. The current parent may be
-- a bag that the worker cannot fill (another area's, say): what is scanned after it is then refused
-- for that reason, and never goes into the parent before it.

-- The current parent after one's own scan p_previous; known is false where there is no such scan.
-- null begins a chain, without a current parent.
create or replace function chain_context(
    actor floor_actor, p_previous uuid, out known boolean, out parent_id bigint) stable language plpgsql as $$
declare
    receipt scan_receipts;
    done scans;
begin
    known := true;
    if p_previous is null then
        return;
    end if;
    select * into receipt from scan_receipts where scan_id = p_previous and user_id = (actor).user_id;
    if receipt.in_chain then
        parent_id := receipt.context_parent_id;
        return;
    end if;
    -- Receipts are kept for a week; scans of before chains say what they did.
    select * into done from scans where scan_id = p_previous and user_id = (actor).user_id
    order by id desc limit 1;
    known := done.id is not null;
    parent_id := case
        when done.in_chain then done.context_parent_id
        when done.refused then null
        when done.action = 'parent' then done.bag_id
        when done.action in ('child', 'move') then done.parent_id end;
end $$;

-- The current parent after an act that is not decided here: as the act says, not a guess.
create or replace function chain_after(actor floor_actor, scan jsonb, answer jsonb, p_context bigint)
    returns bigint stable language plpgsql as $$
declare
    v_action text := scan ->> 'action';
    v_bag_id bigint := (answer #>> '{bag,id}')::bigint;
    v_done boolean := not answer ? 'problem';
begin
    if not scan ? 'previous' then
        -- A client that sends no chain packs into one parent at a time, on whichever device.
        return case when v_done and v_action = 'parent' then v_bag_id
                    when v_done and v_action = 'child' then (answer #>> '{parent,id}')::bigint
                    else (select parent_id from packing where user_id = (actor).user_id) end;
    end if;
    return case
        when v_action = 'parent' then
            case when v_done then v_bag_id
                 else coalesce((select id from find_bag(scan ->> 'code')), p_context) end
        when v_action = 'complete' and v_done and v_bag_id = p_context then null
        when v_action = 'reopen' and v_done then coalesce(p_context, v_bag_id)
        else p_context end;
end $$;

-- The current parent as the worker may see it.
create or replace function chain_parent(actor floor_actor, p_id bigint) returns jsonb stable language sql as $$
    select floor_ref(b) from bags b
    where id = p_id and kind = 'parent' and not floor_foreign(actor, b)
$$;

-- Codes in questions are kept as a hash.
create or replace function question_label(p_code text) returns uuid immutable language sql as $$
    select md5(lower(p_code))::uuid
$$;

-- The question that this scan answers by being the same label again, right after it: it follows the scan
-- that was asked about, or stands where that one stood.
create or replace function question_answered(
    actor floor_actor, p_scan_id uuid, p_previous uuid, p_code text) returns scan_questions
    stable language sql as $$
    select q from scan_questions q
    where user_id = (actor).user_id and label = question_label(p_code) and scan_id <> p_scan_id
      and (scan_id = p_previous or previous = p_previous
           or (previous is null and p_previous is null and asked_at > now() - interval '10 minutes'))
    order by asked_at desc limit 1
$$;

create or replace function question_ask(
    actor floor_actor, scan jsonb, p_code text, p_reason text) returns void language sql as $$
    insert into scan_questions (scan_id, user_id, area_id, previous, label, reason)
    values ((scan ->> 'scan_id')::uuid, (actor).user_id, (actor).home_area, (scan ->> 'previous')::uuid,
            question_label(p_code), p_reason)
    on conflict (scan_id) do update set reason = excluded.reason
    where scan_questions.user_id = excluded.user_id
$$;

create or replace function question_close(actor floor_actor, p_scan_id uuid, p_answer text)
    returns void language sql as $$
    update scan_questions set answer = p_answer, answered_at = now()
    where scan_id = p_scan_id and user_id = (actor).user_id and answer is null
$$;

-- How many bags have codes of this shape, in the area or in none, and of how many. What is not folded in yet
-- counts, up to a number that no answer depends on.
create or replace function shape_counts(
    p_area bigint, p_shape text, out parents bigint, out children bigint, out all_parents bigint,
    out all_children bigint) stable language sql as $$
    select coalesce(sum(n) filter (where kind = 'parent' and shape = p_shape), 0),
           coalesce(sum(n) filter (where kind = 'child' and shape = p_shape), 0),
           coalesce(sum(n) filter (where kind = 'parent' and (shape = '' or fresh)), 0),
           coalesce(sum(n) filter (where kind = 'child' and (shape = '' or fresh)), 0)
    from (
        select kind, shape, n, false as fresh from bag_shapes
        where area_id in (coalesce(p_area, 0), 0) and shape in (p_shape, '')
        union all
        (select kind, shape, n, true from shape_changes
         where area_id in (coalesce(p_area, 0), 0) and shape = p_shape limit 200)) s
$$;

-- A kind whose shape this is, and hardly ever that of the other: five have it, under 1 % of the other's do.
create or replace function shape_is(p_own bigint, p_other bigint, p_all_other bigint) returns boolean
    immutable language sql as $$
    select p_own >= 5 and (p_other = 0 or p_other * 100 < p_all_other)
$$;

-- Whether the shape of an unknown code speaks against what it would be: a child of the parent, or, without
-- one, a parent. The reason to ask, or null.
create or replace function shape_doubt(actor floor_actor, parent bags, p_code text) returns text
    stable language plpgsql as $$
declare
    v_shape text := code_shape(p_code);
    c record;
begin
    if not coalesce((select shape_guard from bag_types
                     where case when parent.id is null then is_default else id = parent.bag_type_id end), true) then
        return null;
    end if;
    c := shape_counts(case when parent.id is null then (actor).home_area else parent.area_id end, v_shape);
    if parent.id is null then
        return case when shape_is(c.children, c.parents, c.all_parents) then 'looks_like_child' end;
    elsif shape_is(case when code_shape(parent.code) = v_shape then 5 else c.parents end, c.children, c.all_children)
    then
        return 'looks_like_parent';
    elsif c.children = 0 and c.parents = 0 and parent.child_count >= 5
        -- Not one child of this parent is like it, however long its runs of digits and letters are.
        and not exists (
            select from bags where parent_id = parent.id
            and regexp_replace(code_shape(code), '([9A])\1+', '\1', 'g')
                = regexp_replace(v_shape, '([9A])\1+', '\1', 'g'))
    then
        return 'unlike_children';
    end if;
    return null;
end $$;

-- Fold what was appended into the counts.
create or replace function fold_shapes() returns integer language sql as $$
    with gone as (
        delete from shape_changes returning *
    ), folded as (
        insert into bag_shapes
        select area_id, coalesce(shape, ''), kind, sum(n) from gone
        group by grouping sets ((area_id, shape, kind), (area_id, kind))
        on conflict (area_id, shape, kind) do update set n = bag_shapes.n + excluded.n
        returning 1)
    select count(*)::integer from folded
$$;

-- A parent with what the worker is asked about it.
create or replace function floor_count(b bags) returns jsonb stable language sql as $$
    select floor_ref(b) || jsonb_build_object('child_count', b.child_count, 'expected_children',
        (select expected_children from bag_types where id = b.bag_type_id))
$$;

-- The next parent closes the one before: full, it is completed; short, it stays open and the answer says so.
create or replace function floor_close_parent(
    actor floor_actor, p_scan_id uuid, parent bags, p_automatic boolean) returns jsonb language plpgsql as $$
declare
    expected integer := (select expected_children from bag_types where id = parent.bag_type_id);
    outcome text;
begin
    if parent.completed_at is not null or parent.dispatched_at is not null then
        outcome := 'already_completed';
    elsif parent.child_count < expected or parent.child_count = 0 then
        outcome := 'short';
    elsif not p_automatic then
        outcome := 'open';
    else
        outcome := 'completed';
        update bags set completed_at = now(), updated_at = now() where id = parent.id;
        perform ledger_record(actor, 'parent_completed', 'bag', parent.id, parent.code, parent.area_id,
            '{"completed_at": null}',
            jsonb_build_object('completed_at', now(), 'child_count', parent.child_count, 'automatic', true),
            null, p_scan_id);
    end if;
    return jsonb_build_object('outcome', outcome, 'bag', bag_card(parent.id, (actor).sees_area));
end $$;

-- Decide what a code means and do it. scan: {scan_id, code, previous, as?, label_kind?, bag_type_id?, asks?,
-- auto_complete?}; asks: why the label's text alone calls for a question. The context is the current parent
-- before, and after. A question is answered with final = false: nothing is recorded under the scan_id.
create or replace function floor_decide(
    actor floor_actor, scan jsonb, inout context bigint, out answer jsonb, out final boolean)
    language plpgsql as $$
declare
    v_scan_id uuid := (scan ->> 'scan_id')::uuid;
    v_code text := scan ->> 'code';
    v_as text := scan ->> 'as';
    v_kind text;
    bag bags;
    parent bags;
    asked scan_questions;
    reason text;
    closed jsonb;
begin
    final := true;
    select * into bag from find_bag(v_code);
    if context is not null then
        -- Locked first: what follows counts on it.
        select * into parent from bags where id = context for no key update;
    end if;
    v_kind := coalesce(v_as, bag.kind, scan ->> 'label_kind');
    if v_kind is null then
        asked := question_answered(actor, v_scan_id, (scan ->> 'previous')::uuid, v_code);
        if asked.reason in ('looks_like_parent', 'looks_like_child') then
            v_kind := 'parent';
        elsif asked.reason = 'unlike_children' then
            v_kind := 'child';
        else
            reason := coalesce(case when asked.scan_id is null then scan ->> 'asks' end,
                               shape_doubt(actor, parent, v_code));
            v_kind := case when context is null then 'parent' else 'child' end;
        end if;
        if reason is not null then
            perform question_ask(actor, scan, v_code, reason);
            final := false;
            answer := jsonb_build_object('problem', 'kind_uncertain', 'reason', reason,
                'as_parent', jsonb_build_object('outcome', 'created', 'closes',
                    case when parent.kind = 'parent' and not floor_foreign(actor, parent)
                        then floor_count(parent) end),
                'as_child', case when context is null then '{"problem": "no_current_parent"}'::jsonb
                    else jsonb_build_object('outcome', 'linked', 'parent',
                        case when parent.kind = 'parent' and not floor_foreign(actor, parent)
                            then floor_count(parent) end) end);
            return;
        end if;
        if asked.scan_id is not null then
            perform question_close(actor, asked.scan_id, v_kind);
        end if;
    end if;
    if v_as is not null then
        perform question_close(actor, v_scan_id, v_as);
    end if;

    if v_kind = 'parent' then
        answer := floor_open_parent(actor, v_scan_id, v_code, null, (scan ->> 'bag_type_id')::bigint);
        if answer ? 'problem' then
            -- The worker has this bag in hand now: nothing more goes into the one before.
            context := coalesce((select id from find_bag(v_code)), context);
        else
            select * into bag from bags where id = (answer #>> '{bag,id}')::bigint;
            if bag.completed_at is not null and bag.dispatched_at is null then
                asked := question_answered(actor, v_scan_id, (scan ->> 'previous')::uuid, bag.code);
                if asked.reason = 'parent_completed' then
                    perform question_close(actor, asked.scan_id, 'reopened');
                    answer := floor_set_completed(actor, v_scan_id, bag.code, false);
                else
                    perform question_ask(actor, scan, bag.code, 'parent_completed');
                    answer := answer || '{"was_completed": true}';
                end if;
            end if;
            if parent.kind = 'parent' and parent.id <> bag.id and not floor_foreign(actor, parent) then
                closed := floor_close_parent(
                    actor, v_scan_id, parent, coalesce((scan ->> 'auto_complete')::boolean, true));
                answer := answer || jsonb_build_object('closed', closed);
            end if;
            context := bag.id;
        end if;
    elsif context is null then
        answer := case when bag.id is null then jsonb_build_object('problem', 'no_current_parent')
            when floor_foreign(actor, bag) then '{"problem": "bag_in_other_area"}'
            when bag.kind = 'parent' then jsonb_build_object('problem', 'bag_is_parent', 'bag', floor_ref(bag))
            else jsonb_build_object('problem', 'no_current_parent', 'bag', floor_ref(bag),
                'parent', (select floor_ref(p) from bags p where p.id = bag.parent_id),
                'linked_by', floor_who(bag.linked_by), 'linked_at', bag.linked_at) end;
    elsif parent.id is null then
        answer := '{"problem": "parent_not_found"}';
    elsif floor_foreign(actor, parent) then
        answer := '{"problem": "bag_in_other_area"}';
    elsif parent.kind = 'child' then
        answer := jsonb_build_object('problem', 'bag_is_child', 'bag', floor_ref(parent));
    elsif parent.completed_at is not null and parent.dispatched_at is null and v_as is null
        and (bag.id is null or (bag.kind = 'child' and bag.parent_id is null and not floor_foreign(actor, bag))) then
        perform question_ask(actor, scan, parent.code, 'parent_completed');
        final := false;
        answer := jsonb_build_object('problem', 'parent_completed', 'parent', floor_count(parent));
        return;
    else
        answer := floor_add_child(actor, v_scan_id, parent, v_code, null);
    end if;
    if answer ->> 'problem' = 'bag_in_other_area' and bag.kind = 'child'
        and bag.linked_at > now() - interval '10 minutes' then
        -- One label on two bags, or a bag that travels: counted, for the refusal tells nothing of it.
        perform question_ask(actor, scan, v_code, 'two_areas');
    end if;
    answer := jsonb_build_object('kind', v_kind) || answer;
end $$;
