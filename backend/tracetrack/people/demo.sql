-- The demo's bags: parents and children through the same tables, triggers and ledger as scanned
-- ones. Run inside one transaction with the settings tracetrack.parents and tracetrack.children;
-- a code that exists already is left as it is.

create temp table demo_parent on commit drop as
select 'DEMO-P' || lpad(n::text, 5, '0') as code, u.id as user_id, u.area_id, n
from generate_series(1, current_setting('tracetrack.parents')::integer) n
join users u on lower(u.username) = case when n % 2 = 1 then 'dispatcher-north' else 'dispatcher-south' end;

create temp table demo_made (id bigint, code text) on commit drop;

with made as (
    insert into bags (code, kind, area_id, bag_type_id, created_by)
    select d.code, 'parent', d.area_id, t.id, d.user_id
    from demo_parent d cross join (select id from bag_types where is_default) t
    order by d.n
    on conflict (lower(code)) do nothing
    returning id, code
)
insert into demo_made select id, code from made;

insert into audit_events (actor_id, area_id, subject_id, action, subject_type, subject_code, after, request_id)
select b.created_by, b.area_id, b.id, 'bag_created', 'bag', b.code,
    jsonb_build_object('kind', 'parent', 'bag_type_id', b.bag_type_id), 'demo'
from demo_made m join bags b on b.id = m.id;

create temp table demo_child on commit drop as
select 'DEMO-C' || lpad(c.n::text, 6, '0') as code, p.id as parent_id, p.area_id, p.created_by as user_id
from generate_series(1, current_setting('tracetrack.children')::integer) c (n)
join demo_parent d on d.n = 1 + (c.n - 1) / greatest(1, current_setting('tracetrack.children')::integer
                                                      / current_setting('tracetrack.parents')::integer)
join demo_made m on m.code = d.code
join bags p on p.id = m.id;

with made as (
    insert into bags (code, kind, area_id, parent_id, linked_by, linked_at, created_by)
    select code, 'child', area_id, parent_id, user_id, now(), user_id from demo_child order by parent_id, code
    on conflict (lower(code)) do nothing
    returning id, code, area_id, parent_id, created_by
)
insert into audit_events (actor_id, area_id, subject_id, parent_id, action, subject_type, subject_code,
                          before, after, request_id)
select c.created_by, c.area_id, c.id, c.parent_id, 'child_linked', 'bag', c.code, 'null',
    jsonb_build_object('parent_id', c.parent_id, 'parent_code', m.code), 'demo'
from made c join demo_made m on m.id = c.parent_id;

-- Three of four are done, the others still being packed.
with done as (
    update bags b set completed_at = now(), updated_at = now()
    from demo_made m where b.id = m.id and (b.id / 2) % 4 <> 0 and b.child_count > 0
    returning b.id, b.code, b.area_id, b.created_by, b.completed_at, b.child_count
)
insert into audit_events (actor_id, area_id, subject_id, action, subject_type, subject_code, before, after, request_id)
select created_by, area_id, id, 'parent_completed', 'bag', code, '{"completed_at": null}',
    jsonb_build_object('completed_at', completed_at, 'child_count', child_count), 'demo'
from done;
