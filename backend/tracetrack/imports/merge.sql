-- What an import writes, set by set. The rules are those of the floor (floor.sql), applied to the
-- rows of a file in their order: a refused row changes nothing, and the first of two rows wins.
--
-- All of it happens in one transaction of the import's own connection, over two temporary tables:
-- import_holders (parents, or bills: what rows go into) and import_stage (the rows themselves).
-- A row of import_stage ends with a problem (refused), with the outcome 'already', 'repeated',
-- 'registered' or 'packed', or with neither: then it was linked.

create or replace function import_begin() returns void language plpgsql as $$
begin
    create temp table import_holders (
        p integer not null,
        code text not null,
        code_is text,
        type_id bigint,
        area_id bigint,
        lot text,
        variety text,
        tag text,
        key text generated always as (lower(code)) stored,
        bag_id bigint,
        fresh boolean not null default false,
        locked boolean not null default false,
        told boolean not null default false,
        problem text,
        note jsonb
    ) on commit drop;
    create temp table import_stage (
        n integer not null,
        p integer,
        sheet smallint,
        line integer,
        code text,
        code_is text,
        lot text,
        variety text,
        tag text,
        problem text,
        cell smallint,
        note jsonb,
        warning text,
        warned_cell smallint,
        warning_note jsonb,
        cells text,
        -- Named in the row itself.
        area_id bigint,
        -- Of a packing sheet; without a code it closes a group.
        packed boolean not null default false,
        outcome text
    ) on commit drop;
    create temp table import_todo (n integer primary key) on commit drop;
end $$;

-- One holder for each key; codes beyond ASCII may have looked different to the reader.
create or replace function import_join_holders() returns void language plpgsql as $$
begin
    -- The wide columns play no part in a plan.
    analyze import_holders, import_stage (n, p, problem, outcome);
    if exists (select from import_holders group by key having count(*) > 1) then
        create temp table import_same on commit drop as
            select h.p, min(o.p) as first from import_holders h join import_holders o using (key)
            group by h.p having min(o.p) < h.p;
        update import_stage s set p = i.first from import_same i where s.p = i.p;
        delete from import_holders h using import_same i where h.p = i.p;
        drop table import_same;
    end if;
    create index on import_holders (p);
end $$;

-- What the database knows of the holders that have no bag yet.
create or replace function import_find_parents(p_import bigint) returns void language plpgsql as $$
begin
    with found as (
        select h.p, b.* from import_holders h join bags b on lower(b.code) = h.key
        where h.bag_id is null and h.problem is null
        union all
        select h.p, b.* from import_holders h join retired_codes r on lower(r.code) = h.key
        join bags b on b.id = r.bag_id
        where h.bag_id is null and h.problem is null
    )
    update import_holders h set
        bag_id = f.id,
        area_id = f.area_id,
        locked = f.dispatched_at is not null,
        problem = case when f.kind = 'child' then 'bag_is_child' end
    from found f where f.p = h.p;
    update import_holders set problem = 'bag_is_child'
    where bag_id is null and problem is null and code_is = 'child';
end $$;

-- Codes that the file uses both as a parent and as a child, and that the database does not know:
-- the first row that counts decides. Only such rows, and those that share a child with them, are
-- gone through one by one.
create or replace function import_untangle() returns void language plpgsql as $$
declare
    c_parent constant smallint := 1;
    c_child constant smallint := 2;
    r record;
    -- What each key turned out to be, the holder that a child went into, and the problem of each row.
    kinds smallint[];
    inside integer[];
    problems text[];
begin
    create temp table import_mixed on commit drop as
        select h.key from import_holders h
        where h.bag_id is null and h.problem is null
          and exists (select from import_stage s where s.problem is null and lower(s.code) = h.key)
          and not exists (select from bags b where lower(b.code) = h.key)
          and not exists (select from retired_codes c where lower(c.code) = h.key);
    if not exists (select from import_mixed) then
        drop table import_mixed;
        return;
    end if;
    analyze import_mixed;
    create temp table import_tangled on commit drop as
        with direct as (
            select s.n, lower(s.code) as child
            from import_stage s join import_holders h using (p) join import_mixed m on m.key = h.key
            where s.problem is null
            union
            select s.n, lower(s.code) from import_stage s join import_mixed m on m.key = lower(s.code)
            where s.problem is null
        ), touched as (
            select n from direct
            union
            select s.n from import_stage s
            join (select distinct child from direct where child is not null) d on d.child = lower(s.code)
            where s.problem is null
        )
        select s.n, s.p, h.key as parent, lower(s.code) as child, s.code_is, h.locked,
               h.problem as holder_problem, h.bag_id as holder_bag, b.kind as known_as, b.parent_id as known_in
        from touched t join import_stage s using (n) join import_holders h using (p)
        left join bags b on lower(b.code) = lower(s.code);
    create temp table import_keys on commit drop as
        select key, row_number() over ()::integer as k
        from (select parent as key from import_tangled
              union select child from import_tangled where child is not null) named;
    analyze import_tangled, import_keys;
    -- Arrays are changed in place; a statement for each row would look through a whole table each time.
    kinds := array_fill(0::smallint, array[(select count(*)::integer from import_keys)]);
    inside := array_fill(0, array[(select count(*)::integer from import_keys)]);
    problems := array_fill(null::text, array[(select count(*)::integer from import_tangled)]);
    for r in
        select t.*, p.k as parent_k, c.k as child_k, row_number() over (order by t.n)::integer as at
        from import_tangled t join import_keys p on p.key = t.parent left join import_keys c on c.key = t.child
        order by t.n
    loop
        continue when r.holder_problem is not null;
        if kinds[r.parent_k] = c_child then
            problems[r.at] := 'bag_is_child';
            continue;
        end if;
        if r.child is not null then
            if r.known_as = 'parent'
               or (r.known_as is null
                   and (r.child_k = r.parent_k or kinds[r.child_k] = c_parent
                        or (kinds[r.child_k] = 0 and r.code_is = 'parent')))
            then
                problems[r.at] := 'bag_is_parent';
                continue;
            elsif (r.known_in is not null and r.known_in is distinct from r.holder_bag) or r.locked then
                -- Refused later, with the parent's name.
                continue;
            elsif r.known_as is null and inside[r.child_k] not in (0, r.p) then
                -- Taken by an earlier row of the file.
                continue;
            end if;
            kinds[r.child_k] := c_child;
            if inside[r.child_k] = 0 then
                inside[r.child_k] := r.p;
            end if;
        end if;
        if kinds[r.parent_k] = 0 then
            kinds[r.parent_k] := c_parent;
        end if;
    end loop;
    update import_stage s set
        problem = f.problem,
        note = case when f.problem = 'bag_is_child' then jsonb_build_object('holder', f.holder) end
    from (
        select t.n, u.problem, t.holder
        from (select t.n, h.code as holder, row_number() over (order by t.n) as at
              from import_tangled t join import_holders h using (p)) t
        join unnest(problems) with ordinality u (problem, at) on u.at = t.at
        where u.problem is not null
    ) f
    where s.n = f.n;
    -- A holder that became a child is none.
    update import_holders h set problem = 'bag_is_child'
    from import_keys m where m.key = h.key and kinds[m.k] = c_child and h.bag_id is null;
    drop table import_mixed, import_tangled, import_keys;
end $$;

-- Register the parents that are not known, and refuse the rows of those that cannot be parents.
create or replace function import_parents(p_import bigint, p_user bigint, p_area bigint, p_apart boolean)
    returns void language plpgsql as $$
declare
    v_type bigint := (select id from bag_types where is_default);
begin
    perform import_join_holders();
    perform import_find_parents(p_import);
    if not p_apart then
        perform import_untangle();
    end if;
    while exists (select from import_holders where bag_id is null and problem is null) loop
        with made as (
            insert into bags (kind, code, area_id, bag_type_id, created_by, import_id, lot, variety, tag)
            select 'parent', code, coalesce(area_id, p_area), coalesce(type_id, v_type), p_user, p_import,
                   lot, variety, tag
            from import_holders where bag_id is null and problem is null order by p
            on conflict (lower(code)) do nothing
            returning id, code, area_id
        )
        update import_holders h set bag_id = m.id, area_id = m.area_id, fresh = true
        from made m where h.key = lower(m.code);
        -- Somebody else registered it meanwhile.
        perform import_find_parents(p_import);
    end loop;
    if exists (select from import_holders where problem is not null) then
        update import_stage s set
            problem = h.problem,
            note = coalesce(h.note, '{}') || jsonb_build_object('holder', h.code)
        from import_holders h where h.p = s.p and h.problem is not null and s.problem is null;
    end if;
    if exists (select from import_stage where area_id is not null) then
        update import_stage s set problem = 'bag_in_other_area', note = jsonb_build_object('holder', h.code)
        from import_holders h
        where h.p = s.p and s.area_id is not null and h.area_id is distinct from s.area_id and s.problem is null;
    end if;
    analyze import_holders;
end $$;

-- Children that the file names more than once: only the first sound row of each is tried at first,
-- and those of dispatched parents not before the end.
create or replace function import_repeats(p_distinct boolean) returns void language plpgsql as $$
begin
    if exists (select from import_stage where code_is = 'parent' and problem is null) then
        update import_stage s set problem = 'bag_is_parent'
        where s.code_is = 'parent' and s.problem is null and s.code is not null
          and not exists (select from bags b where lower(b.code) = lower(s.code))
          and not exists (select from retired_codes c where lower(c.code) = lower(s.code));
    end if;
    if exists (select from import_holders where locked and problem is null) then
        update import_stage s set outcome = 'later'
        from import_holders h where h.p = s.p and h.locked and s.problem is null and s.code is not null;
    end if;
    if not p_distinct then
        update import_stage s set outcome = 'later'
        from (select lower(code) as key, min(n) as n from import_stage
              where problem is null and outcome is null and code is not null
              group by 1 having count(*) > 1) f
        where s.problem is null and s.outcome is null and lower(s.code) = f.key and s.n <> f.n;
    end if;
end $$;

-- Insert the children of some pages of the staging table, all of them new, with one ledger event for
-- each parent that names them all. Nothing is written, and null is answered, if one is not new.
create or replace function import_new_children(p_import bigint, actor floor_actor, p_from bigint, p_to bigint)
    returns integer language plpgsql as $$
declare
    v_linked integer;
begin
    with made as (
        insert into bags (kind, code, area_id, parent_id, linked_by, linked_at, created_by, import_id,
                          lot, variety, tag)
        select 'child', s.code, h.area_id, h.bag_id, (actor).user_id, now(), (actor).user_id, p_import,
               s.lot, s.variety, s.tag
        from import_stage s join import_holders h on h.p = s.p
        where s.ctid >= format('(%s,0)', p_from)::tid and s.ctid < format('(%s,0)', p_to)::tid
          and s.problem is null and s.outcome is null and s.code is not null
        returning id, parent_id
    ), told as (
        insert into audit_events (actor_id, area_id, subject_id, parent_id, import_id, action, subject_type,
                                  subject_code, after, request_id, address)
        select (actor).user_id, h.area_id, h.bag_id, h.bag_id, p_import, 'children_imported', 'bag', h.code,
               jsonb_build_object('import_id', p_import, 'linked', m.linked, 'children', m.children),
               (actor).request_id, (actor).address
        from (select parent_id, count(*) as linked, jsonb_agg(id) as children from made group by parent_id) m
        join import_holders h on h.bag_id = m.parent_id
        returning (after ->> 'linked')::integer as linked
    )
    select coalesce(sum(linked), 0) into v_linked from told;
    return v_linked;
exception
    -- A code that is there already, or is the old label of another bag.
    when unique_violation then return null;
end $$;

-- Judge the rows of import_todo against what is there, and link those that can be; the same loop
-- serves rows whose bags others make at this very moment.
create or replace function import_careful(p_import bigint, actor floor_actor, out created integer, out linked integer)
    language plpgsql as $$
declare
    v_count integer;
begin
    created := 0;
    linked := 0;
    analyze import_todo;
    -- Rows are looked up by number from here on, a page of them at a time.
    create index if not exists import_stage_n on import_stage (n);
    create temp table import_known (n integer primary key, bag_id bigint not null) on commit drop;
    while exists (select from import_todo) loop
        truncate import_known;
        insert into import_known
        select s.n, b.id from import_todo t join import_stage s using (n)
        join bags b on lower(b.code) = lower(s.code);
        insert into import_known
        select s.n, r.bag_id from import_todo t join import_stage s using (n)
        join retired_codes r on lower(r.code) = lower(s.code)
        on conflict do nothing;
        analyze import_known;

        -- Known, and decided.
        with judged as (
            select k.n, b.id, b.kind, b.parent_id, h.bag_id as wanted, h.locked, h.code as holder
            from import_known k join bags b on b.id = k.bag_id
            join import_stage s on s.n = k.n join import_holders h on h.p = s.p
        ), decided as (
            update import_stage s set
                outcome = case when j.parent_id = j.wanted then 'already' end,
                problem = case
                    when j.kind = 'parent' then 'bag_is_parent'
                    when j.parent_id = j.wanted then null
                    when j.parent_id is not null then 'child_in_other_parent'
                    else 'parent_locked' end,
                note = case when j.kind = 'child' and j.parent_id is not null and j.parent_id <> j.wanted
                    then jsonb_build_object('parent', (select p.code from bags p where p.id = j.parent_id))
                    when j.kind = 'child' and j.parent_id is null then jsonb_build_object('holder', j.holder) end
            from judged j
            where s.n = j.n and (j.kind = 'parent' or j.parent_id is not null or j.locked)
            returning s.n
        )
        delete from import_todo t using decided d where d.n = t.n;

        -- Known and free: put into its parent, by the first row that says so.
        with first as (
            select distinct on (k.bag_id) k.bag_id, k.n from import_todo t join import_known k using (n)
            order by k.bag_id, k.n
        ), was as (
            select b.id, b.area_id from bags b join first f on f.bag_id = b.id
            where b.parent_id is null order by b.id for no key update of b
        ), put as (
            update bags b set parent_id = h.bag_id, area_id = h.area_id, linked_by = (actor).user_id,
                              linked_at = now(), updated_at = now()
            from was w, first f, import_stage s, import_holders h
            where b.id = w.id and f.bag_id = w.id and s.n = f.n and h.p = s.p and b.parent_id is null
            returning b.id, b.code, b.area_id, h.bag_id as parent_id, h.code as parent_code, f.n,
                      w.area_id as was_in
        ), told as (
            insert into audit_events (actor_id, area_id, subject_id, parent_id, import_id, action, subject_type,
                                      subject_code, before, after, request_id, address)
            select (actor).user_id, area_id, id, parent_id, p_import, 'child_linked', 'bag', code,
                   jsonb_build_object('parent_id', null, 'area_id', was_in),
                   jsonb_build_object('parent_id', parent_id, 'parent_code', parent_code, 'import_id', p_import),
                   (actor).request_id, (actor).address
            from put
        ), kept as (
            update import_stage s set outcome = null from put where s.n = put.n
        ), gone as (
            delete from import_todo t using put where put.n = t.n returning t.n
        )
        select count(*) into v_count from gone;
        linked := linked + v_count;

        -- Not known.
        with decided as (
            update import_stage s set
                problem = 'parent_locked', outcome = null, note = jsonb_build_object('holder', h.code)
            from import_todo t, import_holders h
            where t.n = s.n and h.p = s.p and h.locked and not exists (select from import_known k where k.n = s.n)
            returning s.n
        )
        delete from import_todo t using decided d where d.n = t.n;
        with made as (
            insert into bags (kind, code, area_id, parent_id, linked_by, linked_at, created_by, import_id,
                              lot, variety, tag)
            select 'child', s.code, h.area_id, h.bag_id, (actor).user_id, now(), (actor).user_id, p_import,
                   s.lot, s.variety, s.tag
            from import_todo t join import_stage s using (n) join import_holders h on h.p = s.p
            where not exists (select from import_known k where k.n = t.n)
            order by s.n
            on conflict (lower(code)) do nothing
            returning id, parent_id, code
        ), mine as (
            select distinct on (m.id) s.n, m.id, m.parent_id
            from import_todo t join import_stage s using (n) join made m on lower(m.code) = lower(s.code)
            order by m.id, s.n
        ), told as (
            insert into audit_events (actor_id, area_id, subject_id, parent_id, import_id, action, subject_type,
                                      subject_code, after, request_id, address)
            select (actor).user_id, h.area_id, h.bag_id, h.bag_id, p_import, 'children_imported', 'bag', h.code,
                   jsonb_build_object('import_id', p_import, 'linked', m.linked, 'children', m.children),
                   (actor).request_id, (actor).address
            from (select parent_id, count(*) as linked, jsonb_agg(id) as children from mine group by parent_id) m
            join import_holders h on h.bag_id = m.parent_id
        ), kept as (
            update import_stage s set outcome = null from mine where s.n = mine.n
        ), gone as (
            delete from import_todo t using mine where mine.n = t.n returning t.n
        )
        select count(*) into v_count from gone;
        created := created + v_count;
        linked := linked + v_count;
    end loop;
    drop table import_known;
end $$;

-- The rows of some pages, one by one if need be. From the first page that holds a known code on,
-- every page is judged before it is written.
create or replace function import_children(
    p_import bigint, actor floor_actor, p_from bigint, p_to bigint, p_careful boolean,
    out created integer, out linked integer, out careful boolean) language plpgsql as $$
begin
    careful := p_careful;
    if not careful then
        created := import_new_children(p_import, actor, p_from, p_to);
        linked := created;
        careful := created is null;
    end if;
    if careful then
        insert into import_todo
        select s.n from import_stage s
        where s.ctid >= format('(%s,0)', p_from)::tid and s.ctid < format('(%s,0)', p_to)::tid
          and s.problem is null and s.outcome is null and s.code is not null;
        select c.created, c.linked into created, linked from import_careful(p_import, actor) c;
    end if;
end $$;

-- The rows that were put off: children that the file names again, and those of dispatched parents.
create or replace function import_rest(p_import bigint, actor floor_actor, out created integer, out linked integer)
    language plpgsql as $$
begin
    created := 0;
    linked := 0;
    if exists (select from import_stage where outcome = 'later') then
        insert into import_todo select n from import_stage where outcome = 'later';
        select c.created, c.linked into created, linked from import_careful(p_import, actor) c;
        -- Where the first row stands that named this child.
        update import_stage s set
            note = coalesce(s.note, '{}') || jsonb_build_object('first_sheet', f.sheet, 'first_row', f.line),
            outcome = case when s.outcome = 'already' then 'repeated' end
        from (select lower(code) as key, min(n) as n from import_stage
              where problem is null and outcome is null and code is not null group by 1) m
        join import_stage f on f.n = m.n
        where lower(s.code) = m.key and s.n > m.n
          and (s.outcome = 'already' or s.problem = 'child_in_other_parent');
    end if;
end $$;

-- The rows that name a parent alone; parents that only refused rows named are taken away again.
-- Answers how many parents were made, and how many rows registered one alone.
create or replace function import_lone_parents(p_import bigint, actor floor_actor, out made integer, out alone integer)
    language plpgsql as $$
begin
    alone := 0;
    if exists (select from import_stage where code is null and problem is null) then
        update import_stage s set outcome = 'already' where s.code is null and s.problem is null;
        with first as (
            select s.p, min(s.n) as n, bool_or(s.code is null) as has_alone
            from import_stage s where s.problem is null group by s.p
        )
        update import_stage s set outcome = 'registered'
        from first f join import_holders h on h.p = f.p
        where f.has_alone and h.fresh and s.n = f.n and s.code is null;
        -- What closes a group of a packing sheet is no parent alone.
        update import_stage s set outcome = 'packed'
        from (select p from import_stage where problem is null
              group by p having bool_or(packed and code is not null and outcome is null)) f
        where s.p = f.p and s.packed and s.code is null and s.problem is null;
        select count(*) into alone from import_stage where outcome = 'registered';
    end if;
    if exists (select from import_stage where problem is not null) then
        with unused as (
            update import_holders h set fresh = false
            where h.fresh and not exists (select from import_stage s where s.p = h.p and s.problem is null)
            returning h.bag_id
        )
        delete from bags b using unused u where b.id = u.bag_id;
    end if;
    insert into audit_events (actor_id, area_id, subject_id, import_id, action, subject_type, subject_code,
                              after, request_id, address)
    select (actor).user_id, h.area_id, h.bag_id, p_import, 'bag_created', 'bag', h.code,
           jsonb_build_object('kind', 'parent', 'import_id', p_import), (actor).request_id, (actor).address
    from import_holders h
    where h.fresh and not exists (
        select from import_stage s
        where s.p = h.p and s.problem is null and s.code is not null and s.outcome is null);
    select count(*) into made from import_holders where fresh;
end $$;

-- Complete the parents that this file has filled: in packing sheets each that a row closes, elsewhere
-- those with as many children as their type expects.
create or replace function import_complete(p_import bigint, actor floor_actor) returns integer language plpgsql as $$
declare
    v_count integer;
begin
    with named as (
        select p, bool_or(packed and code is null) as closed from import_stage
        where problem is null group by p having bool_or(code is not null)
    ), done as (
        update bags b set completed_at = now(), updated_at = now()
        from named n, import_holders h, bag_types t
        where h.p = n.p and h.problem is null and b.id = h.bag_id and t.id = b.bag_type_id
          and b.completed_at is null and b.dispatched_at is null and b.child_count > 0
          and (n.closed or b.child_count >= t.expected_children)
        returning b.id, b.code, b.area_id, b.child_count
    ), told as (
        insert into audit_events (actor_id, area_id, subject_id, import_id, action, subject_type, subject_code,
                                  before, after, request_id, address)
        select (actor).user_id, area_id, id, p_import, 'parent_completed', 'bag', code, '{"completed_at": null}',
               jsonb_build_object('completed_at', now(), 'child_count', child_count, 'import_id', p_import),
               (actor).request_id, (actor).address
        from done
    )
    select count(*) into v_count from done;
    return v_count;
end $$;

-- Bills: found or made, and their parents put on them.
create or replace function import_bills(p_import bigint, actor floor_actor, p_area bigint,
                                        out bills integer, out linked integer) language plpgsql as $$
begin
    perform import_join_holders();
    with made as (
        insert into bills (number, area_id, created_by)
        select h.code, p_area, (actor).user_id from import_holders h
        where exists (select from import_stage s where s.p = h.p and s.problem is null)
        order by h.p on conflict (lower(number)) do nothing
        returning id, number, area_id
    )
    update import_holders h set bag_id = m.id, area_id = m.area_id, fresh = true
    from made m where lower(m.number) = h.key;
    update import_holders h set bag_id = b.id, area_id = b.area_id
    from bills b where lower(b.number) = h.key and h.bag_id is null;
    perform from bills where id in (select bag_id from import_holders) order by id for key share;
    update import_holders h set locked = b.completed_at is not null from bills b where b.id = h.bag_id;

    create temp table import_known on commit drop as
        select s.n, s.p, b.id as bag_id from import_stage s
        join bags b on lower(b.code) = lower(s.code) where s.problem is null and s.code is not null
        union all
        select s.n, s.p, r.bag_id from import_stage s
        join retired_codes r on lower(r.code) = lower(s.code) where s.problem is null and s.code is not null;
    analyze import_known;
    perform from bags where id in (select bag_id from import_known) and kind = 'parent'
        order by id for no key update;
    update import_stage s set problem = 'parent_not_found'
    where s.problem is null and s.code is not null and not exists (select from import_known k where k.n = s.n);
    update import_stage s set
        outcome = case when b.kind = 'parent' and b.bill_id = h.bag_id then 'already' end,
        problem = case when b.kind = 'child' then 'bag_is_child'
                       when b.bill_id = h.bag_id then null
                       when b.bill_id is not null then 'bag_on_other_bill'
                       when h.locked then 'bill_completed' end,
        note = case when b.kind = 'parent' and b.bill_id <> h.bag_id
                    then (select jsonb_build_object('bill', l.number) from bills l where l.id = b.bill_id)
                    when b.kind = 'parent' and b.bill_id is null and h.locked
                    then jsonb_build_object('holder', h.code) end
    from import_known k join bags b on b.id = k.bag_id join import_holders h on h.p = k.p
    where s.n = k.n and s.problem is null;
    -- The first row that names a parent puts it on its bill.
    with first as (
        select distinct on (k.bag_id) k.bag_id, s.n, s.p, s.sheet, s.line, h.code as number
        from import_known k join import_stage s using (n) join import_holders h on h.p = s.p
        where s.problem is null and s.outcome is null order by k.bag_id, s.n
    )
    update import_stage s set
        outcome = case when f.p = s.p then 'repeated' end,
        problem = case when f.p <> s.p then 'bag_on_other_bill' end,
        note = jsonb_build_object('first_sheet', f.sheet, 'first_row', f.line)
               || case when f.p <> s.p then jsonb_build_object('bill', f.number) else '{}' end
    from import_known k join first f using (bag_id)
    where s.n = k.n and f.n < k.n and s.problem is null and s.outcome is null;
    with put as (
        update bags b set bill_id = h.bag_id, billed_by = (actor).user_id, updated_at = now()
        from import_stage s join import_known k on k.n = s.n join import_holders h on h.p = s.p
        where b.id = k.bag_id and s.problem is null and s.outcome is null and b.bill_id is null
        returning b.id, b.code, b.child_count, h.bag_id as bill_id, h.code as number, h.area_id
    ), told as (
        insert into audit_events (actor_id, area_id, subject_id, parent_id, import_id, action, subject_type,
                                  subject_code, before, after, request_id, address)
        select (actor).user_id, area_id, bill_id, id, p_import, 'parent_attached', 'bill', number,
               '{"bill_id": null}',
               jsonb_build_object('bill_id', bill_id, 'bag_id', id, 'code', code, 'child_count', child_count,
                                  'import_id', p_import),
               (actor).request_id, (actor).address
        from put
    )
    select count(*) into linked from put;
    -- Bills that only refused rows named are not made.
    delete from bills b using import_holders h
    where h.bag_id = b.id and h.fresh
      and not exists (select from import_stage s where s.p = h.p and s.problem is null);
    delete from import_holders h
    where h.fresh and not exists (select from import_stage s where s.p = h.p and s.problem is null);
    insert into audit_events (actor_id, area_id, subject_id, import_id, action, subject_type, subject_code,
                              after, request_id, address)
    select (actor).user_id, area_id, bag_id, p_import, 'bill_created', 'bill', code,
           jsonb_build_object('number', code, 'import_id', p_import), (actor).request_id, (actor).address
    from import_holders where fresh;
    select count(*) into bills from import_holders where fresh;
    drop table import_known;
end $$;

-- The report as COPY takes and gives it.
create or replace function import_report_rows(p_import bigint) returns setof import_report language plpgsql as $$
declare
    v_bills boolean := (select kind = 'bills' from imports where id = p_import);
begin
    return query
    select p_import, s.n, case when s.problem is not null then 'refused' else 'duplicate' end,
           coalesce(s.problem, case when s.code is null then 'parent_known'
                                    when s.outcome = 'repeated' then 'row_repeated'
                                    when v_bills then 'already_on_bill'
                                    else 'already_linked' end),
           s.sheet, s.line, s.cell, s.code, s.note, s.cells
    from import_stage s where s.problem is not null or s.outcome in ('already', 'repeated')
    union all
    select p_import, s.n, 'warning', s.warning, s.sheet, s.line, s.warned_cell, s.code, s.warning_note, s.cells
    from import_stage s where s.warning is not null and s.problem is null;
end $$;


-- Take an import of bags back: its links, then the bags that it made. Nothing is done, and a problem
-- is answered, when something that it made has been moved, filled or billed since.
create or replace function import_undo_bags(p_import bigint, actor floor_actor, out problem text, out removed integer)
    language plpgsql as $$
begin
    create temp table import_made on commit drop as
        select e.id as event, (c #>> '{}')::bigint as bag_id, e.subject_id as parent_id, true as born, null::bigint as was_in
        from audit_events e, jsonb_array_elements(e.after -> 'children') c
        where e.import_id = p_import and e.action = 'children_imported'
        union all
        select e.id, e.subject_id, e.parent_id, false, (e.before ->> 'area_id')::bigint
        from audit_events e where e.import_id = p_import and e.action = 'child_linked';
    create temp table import_parents on commit drop as
        select b.id, b.import_id is not distinct from p_import as born
        from (
            select subject_id as id from audit_events
            where import_id = p_import and action in ('children_imported', 'bag_created')
            union
            select parent_id from audit_events where import_id = p_import and action = 'child_linked'
        ) named join bags b using (id)
        where b.kind = 'parent';
    -- Both are asked once for each parent.
    create index on import_made (parent_id);
    create index on import_made (bag_id);
    analyze import_made, import_parents;
    perform from bags where id in (select id from import_parents) order by id for no key update;
    if exists (
        select from import_made m left join bags b on b.id = m.bag_id
        where b.id is null or b.parent_id is distinct from m.parent_id
           or exists (select from audit_events e where e.subject_type = 'bag' and e.subject_id = m.bag_id
                      and e.id > m.event)
    ) or exists (
        select from import_parents p join bags b on b.id = p.id
        where b.bill_id is not null
           or (p.born and b.child_count <> (select count(*) from import_made m where m.parent_id = b.id))
    ) or exists (
        select from audit_events e left join bags b on b.id = e.subject_id
        where e.import_id = p_import and e.action in ('children_imported', 'bag_created') and b.id is null
    ) then
        problem := 'import_changed';
        return;
    end if;
    update bags b set parent_id = null, linked_by = null, linked_at = null, updated_at = now(),
                      area_id = case when m.born then b.area_id else m.was_in end
    from import_made m where b.id = m.bag_id;
    insert into audit_events (actor_id, area_id, subject_id, parent_id, import_id, action, subject_type,
                              subject_code, before, after, request_id, address)
    select (actor).user_id, b.area_id, b.id, case when not p.born then b.id end, p_import,
           case when p.born then 'bag_deleted' else 'children_import_undone' end, 'bag', b.code,
           jsonb_build_object('children', (select jsonb_agg(m.bag_id) from import_made m where m.parent_id = b.id and m.born)),
           jsonb_build_object('import_id', p_import), (actor).request_id, (actor).address
    from import_parents p join bags b on b.id = p.id;
    insert into audit_events (actor_id, area_id, subject_id, parent_id, import_id, action, subject_type,
                              subject_code, before, after, request_id, address)
    select (actor).user_id, b.area_id, b.id, m.parent_id, p_import, 'child_unlinked', 'bag', b.code,
           jsonb_build_object('parent_id', m.parent_id, 'parent_code', p.code), '{"parent_id": null}',
           (actor).request_id, (actor).address
    from import_made m join bags b on b.id = m.bag_id join bags p on p.id = m.parent_id where not m.born;
    with opened as (
        update bags b set completed_at = null, updated_at = now()
        from (select distinct subject_id as id from audit_events
              where import_id = p_import and action = 'parent_completed') p
        where b.id = p.id and b.import_id is distinct from p_import
          and b.completed_at is not null and b.dispatched_at is null
          and (select e.import_id from audit_events e
               where e.subject_type = 'bag' and e.subject_id = b.id
                 and e.action in ('parent_completed', 'parent_reopened')
               order by e.id desc limit 1) = p_import
        returning b.id, b.code, b.area_id, b.child_count
    )
    insert into audit_events (actor_id, area_id, subject_id, import_id, action, subject_type, subject_code,
                              before, after, request_id, address)
    select (actor).user_id, area_id, id, p_import, 'parent_reopened', 'bag', code, '{}',
           jsonb_build_object('completed_at', null, 'child_count', child_count), (actor).request_id,
           (actor).address
    from opened;
    delete from bags b using import_made m where b.id = m.bag_id and m.born;
    get diagnostics removed = row_count;
    delete from bags b using import_parents p where b.id = p.id and p.born;
end $$;

-- Take an import of bills back: its parents off their bills, then the bills that it made.
create or replace function import_undo_bills(p_import bigint, actor floor_actor, out problem text, out removed integer)
    language plpgsql as $$
begin
    create temp table import_made on commit drop as
        select (e.after ->> 'bag_id')::bigint as bag_id, e.subject_id as bill_id
        from audit_events e where e.import_id = p_import and e.action = 'parent_attached';
    create temp table import_parents on commit drop as
        select e.subject_id as id from audit_events e where e.import_id = p_import and e.action = 'bill_created';
    perform from bills where id in (select bill_id from import_made union select id from import_parents)
        order by id for update;
    if exists (
        select from import_made m left join bags b on b.id = m.bag_id left join bills l on l.id = m.bill_id
        where b.bill_id is distinct from m.bill_id or l.completed_at is not null
    ) or exists (
        select from import_parents p left join bills l on l.id = p.id
        where l.id is null or l.completed_at is not null
           or exists (select from bags b where b.bill_id = p.id
                      and not exists (select from import_made m where m.bag_id = b.id))
           -- Completed once and reopened: how it stood then is kept.
           or exists (select from bill_snapshots s where s.bill_id = p.id)
    ) then
        problem := 'import_changed';
        return;
    end if;
    update bags b set bill_id = null, updated_at = now() from import_made m where b.id = m.bag_id;
    get diagnostics removed = row_count;
    insert into audit_events (actor_id, area_id, subject_id, parent_id, import_id, action, subject_type,
                              subject_code, before, after, request_id, address)
    select (actor).user_id, l.area_id, l.id, b.id, p_import, 'parent_detached', 'bill', l.number,
           jsonb_build_object('bill_id', l.id, 'bag_id', b.id, 'code', b.code, 'child_count', b.child_count),
           '{"bill_id": null}', (actor).request_id, (actor).address
    from import_made m join bags b on b.id = m.bag_id join bills l on l.id = m.bill_id;
    insert into audit_events (actor_id, area_id, subject_id, import_id, action, subject_type, subject_code,
                              before, request_id, address)
    select (actor).user_id, l.area_id, l.id, p_import, 'bill_deleted', 'bill', l.number,
           jsonb_build_object('number', l.number), (actor).request_id, (actor).address
    from import_parents p join bills l on l.id = p.id;
    delete from bills b using import_parents p where b.id = p.id;
end $$;
