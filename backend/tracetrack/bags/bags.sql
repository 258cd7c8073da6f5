-- What the API calls a bag, in one place for the floor, the lists and the lookups.

drop view if exists bag_cards cascade;
create view bag_cards as
select b.id, b.code, b.kind, b.state,
    case when b.area_id is not null then jsonb_build_object('id', b.area_id, 'name', a.name) end as area,
    b.child_count,
    case when b.kind = 'parent' then t.expected_children end as expected_children,
    case when b.kind = 'parent' then (b.child_count * t.child_weight_kg)::float8
         else coalesce(pt.child_weight_kg, d.child_weight_kg, 1)::float8 end as weight_kg,
    case when b.kind = 'parent' then (t.expected_children * t.child_weight_kg)::float8 end as expected_weight_kg,
    case when p.id is not null then jsonb_build_object('id', p.id, 'code', p.code) end as parent,
    case when l.id is not null then jsonb_build_object(
        'id', l.id, 'number', l.number,
        'state', case when l.completed_at is null then 'processing' else 'completed' end) end as bill,
    case when t.id is not null then jsonb_build_object('id', t.id, 'name', t.name) end as bag_type,
    b.lot, b.variety, b.tag, b.created_at, b.updated_at, b.completed_at, b.linked_at,
    b.area_id, b.parent_id, b.bill_id, l.area_id as bill_area_id, b.created_by, b.linked_by
from bags b
left join areas a on a.id = b.area_id
left join bag_types t on t.id = b.bag_type_id
left join bags p on p.id = b.parent_id
left join bag_types pt on pt.id = p.bag_type_id
left join bag_types d on d.is_default
left join bills l on l.id = b.bill_id;
grant select on bag_cards to tracetrack_app;

-- A bag as JSON for somebody who sees one area, or all (null): a bill of another area is not named.
create or replace function bag_card(p_id bigint, sees_area bigint) returns jsonb stable language sql as $$
    select jsonb_build_object(
        'id', id, 'code', code, 'kind', kind, 'state', state, 'area', area, 'child_count', child_count,
        'expected_children', expected_children, 'weight_kg', weight_kg,
        'expected_weight_kg', expected_weight_kg, 'parent', parent,
        'bill', case when sees_area is null or bill_area_id = sees_area then bill end,
        'bag_type', bag_type, 'lot', lot, 'variety', variety, 'tag', tag,
        'created_at', created_at, 'updated_at', updated_at)
    from bag_cards where id = p_id
$$;

-- The events of the import that brought a child: they stand with the parent that it came into, which
-- is its parent now or the one named by whatever happened to it since.
create or replace function bag_import_events(p_id bigint) returns bigint[] stable language sql as $$
    select coalesce(array_agg(e.id), '{}')
    from bags b join audit_events e on e.import_id = b.import_id
    where b.id = p_id and e.action = 'children_imported' and e.after -> 'children' @> to_jsonb(p_id)
      and e.parent_id in (select b.parent_id
                          union select h.parent_id from audit_events h
                          where h.subject_type = 'bag' and h.subject_id = p_id)
$$;

-- A bag by its code, whatever the case, or by a code it had before its label was replaced.
create or replace function find_bag(p_code text) returns setof bags stable language plpgsql rows 1 as $$
begin
    return query select * from bags where lower(code) = lower(p_code);
    if not found then
        return query select b.* from retired_codes r join bags b on b.id = r.bag_id
                     where lower(r.code) = lower(p_code);
    end if;
end $$;
