-- What no program can break about bags: triggers that look once a statement at all rows it wrote,
-- at a fraction of what foreign keys and triggers for each row cost an import.

-- Ids, a hundred at a time. The plans of the statements in these triggers are made once in a session, mostly
-- for one scan, and kept: they compare each row of a statement with every other, so that changing two thousand
-- parents at once took longer than the five seconds that a statement has.
create or replace function in_parts(ids bigint[]) returns setof bigint[] immutable language sql as $$
    select ids[n : n + 99] from generate_series(1, cardinality(ids), 100) n
$$;

-- child_count equals the links, always; so do the totals of bills and the list of empty parents: this
-- function alone writes them, and refuses what would change a dispatched parent (SQLSTATE TT001). It is
-- the foreign key of parent_id too: counting locks the parent's row, so that it is there until commit; a
-- child as a parent fails the check on child_count; and a parent that holds children cannot go. Each
-- statement in it sees what is committed when it starts: the first locks the parents, so that the later
-- ones know for certain on which bills they are.
create or replace function bags_linked() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    on_bills boolean;
    locked boolean;
    billed boolean;
    missing boolean;
    filled bigint[];
    emptied bigint[];
begin
    if tg_op = 'INSERT' then
        if exists (select from new_rows where kind = 'parent') then
            insert into empty_parents select id from new_rows where kind = 'parent' and child_count = 0;
        end if;
        with change as (
            select parent_id, count(*)::integer as delta from new_rows
            where parent_id is not null group by parent_id
        ), counted as (
            update bags p set child_count = p.child_count + c.delta, updated_at = now()
            from change c where p.id = c.parent_id
            returning p.id, p.child_count - c.delta as held, p.dispatched_at, p.bill_id
        )
        select bool_or(dispatched_at is not null), bool_or(bill_id is not null),
               count(*) < (select count(*) from change), array_agg(id) filter (where held = 0)
        into locked, billed, missing, filled from counted;
        if billed or exists (select from new_rows where bill_id is not null) then
            update bags b set billed_at = now() from new_rows n
            where b.id = n.id and n.bill_id is not null and n.billed_at is null;
            insert into bill_totals (bill_id, bag_type_id, parents, children)
            select bill_id, bag_type_id, sum(parents), sum(children) from (
                select bill_id, bag_type_id, 1 as parents, child_count as children
                from new_rows where bill_id is not null
                union all
                select * from (
                    select p.bill_id, p.bag_type_id, 0, 1
                    from new_rows n join bags p on p.id = n.parent_id offset 0
                ) x where bill_id is not null
            ) d group by bill_id, bag_type_id order by bill_id, bag_type_id
            on conflict (bill_id, bag_type_id) do update
                set parents = bill_totals.parents + excluded.parents,
                    children = bill_totals.children + excluded.children,
                    changes = bill_totals.changes + 1;
            if exists (select from new_rows n join bills b on b.id = n.bill_id
                       where (b.completed_at is null) <> (n.dispatched_at is null)) then
                raise exception 'the bill is completed' using errcode = 'TT004';
            end if;
        end if;
    elsif tg_op = 'UPDATE' then
        with change as (
            select parent_id, sum(delta)::integer as delta from (
                select o.parent_id, -1 as delta from old_rows o join new_rows n using (id)
                where o.parent_id is distinct from n.parent_id
                union all
                select n.parent_id, 1 from old_rows o join new_rows n using (id)
                where o.parent_id is distinct from n.parent_id
            ) moves where parent_id is not null group by parent_id
        ), counted as (
            update bags p set child_count = p.child_count + c.delta, updated_at = now()
            from change c where p.id = c.parent_id
            returning p.id, p.child_count, p.child_count - c.delta as held, p.dispatched_at, p.bill_id
        )
        select bool_or(dispatched_at is not null), bool_or(bill_id is not null),
               count(*) < (select count(*) from change),
               array_agg(id) filter (where held = 0 and child_count > 0),
               array_agg(id) filter (where held > 0 and child_count = 0)
        into locked, billed, missing, filled, emptied from counted;
        -- Asked of each side alone: the thousands of children that an import takes back are on
        -- no bill, and a join that looks for a difference would compare all with all.
        on_bills := exists (select from old_rows where bill_id is not null)
            or exists (select from new_rows where bill_id is not null);
        if billed or on_bills then
            insert into bill_totals (bill_id, bag_type_id, parents, children)
            select bill_id, bag_type_id, sum(parents), sum(children) from (
                select o.bill_id, o.bag_type_id, -1 as parents, -o.child_count as children
                from old_rows o join new_rows n using (id)
                where o.bill_id is not null
                  and (o.bill_id, o.bag_type_id) is distinct from (n.bill_id, n.bag_type_id)
                union all
                select n.bill_id, n.bag_type_id, 1, n.child_count
                from old_rows o join new_rows n using (id)
                where n.bill_id is not null
                  and (o.bill_id, o.bag_type_id) is distinct from (n.bill_id, n.bag_type_id)
                union all
                -- Fenced: where no bag was on a bill yet, going through all that are would be planned, and kept.
                select * from (
                    select p.bill_id, p.bag_type_id, 0, m.delta from (
                        select o.parent_id, -1 as delta from old_rows o join new_rows n using (id)
                        where o.parent_id is distinct from n.parent_id
                        union all
                        select n.parent_id, 1 from old_rows o join new_rows n using (id)
                        where o.parent_id is distinct from n.parent_id
                    ) m join bags p on p.id = m.parent_id offset 0
                ) x where bill_id is not null
            ) d group by bill_id, bag_type_id order by bill_id, bag_type_id
            on conflict (bill_id, bag_type_id) do update
                set parents = bill_totals.parents + excluded.parents,
                    children = bill_totals.children + excluded.children,
                    changes = bill_totals.changes + 1;
        end if;
        if on_bills and exists (
            select from old_rows o join new_rows n using (id)
            where o.bill_id is distinct from n.bill_id
               or o.dispatched_at is distinct from n.dispatched_at
        ) then
            -- A bill that is being completed holds its row for update: wait for it, then look.
            perform from bills where id in (
                select n.bill_id from old_rows o join new_rows n using (id)
                where o.bill_id is distinct from n.bill_id
                   or o.dispatched_at is distinct from n.dispatched_at
            ) order by id for key share;
            if exists (
                select from old_rows o join new_rows n using (id) join bills b on b.id = n.bill_id
                where (o.bill_id is distinct from n.bill_id
                       or o.dispatched_at is distinct from n.dispatched_at)
                  and (b.completed_at is null) <> (n.dispatched_at is null)
            ) then
                raise exception 'the bill is completed' using errcode = 'TT004';
            end if;
        end if;
    else
        if exists (
            select from old_rows where parent_id is not null or bill_id is not null or child_count > 0
        ) then
            raise exception 'a linked or billed bag cannot be deleted' using errcode = 'TT002';
        end if;
        if exists (select from old_rows where kind = 'parent') then
            delete from empty_parents e using old_rows o where e.bag_id = o.id;
        end if;
    end if;
    if filled is not null then
        delete from empty_parents where bag_id = any(filled);
    end if;
    if emptied is not null then
        insert into empty_parents select unnest(emptied) on conflict do nothing;
    end if;
    if missing then
        raise exception 'there is no such parent' using errcode = 'foreign_key_violation';
    elsif locked then
        raise exception 'the parent is on a completed bill' using errcode = 'TT001';
    end if;
    return null;
end $$;

-- What a foreign key for each row would hold: areas and users are disabled, never deleted, so looking at
-- insert is enough. A linked child is where its parent is, and no bag takes a code that still finds another.
create or replace function bags_belong() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    no_area boolean;
    no_user boolean;
    types bigint[];
begin
    -- The many rows of an import share few areas, users and parents: each is looked at once.
    select bool_or(n.area_id is not null and not exists (select from areas a where a.id = n.area_id)),
           bool_or(not exists (select from users u where u.id = n.created_by)
                   or (n.linked_by is not null
                       and not exists (select from users u where u.id = n.linked_by))),
           array_agg(n.bag_type_id) filter (where n.bag_type_id is not null)
    into no_area, no_user, types
    from (select distinct area_id, created_by, linked_by, bag_type_id from new_rows) n;
    if no_area then
        raise exception 'unknown area' using errcode = 'foreign_key_violation';
    elsif no_user then
        raise exception 'unknown user' using errcode = 'foreign_key_violation';
    elsif tg_op = 'INSERT' and types is not null then
        perform bag_types_held(types);
    end if;
    if exists (
        select from (select distinct parent_id, area_id from new_rows where parent_id is not null) n
        join bags p on p.id = n.parent_id
        where n.area_id is distinct from p.area_id
    ) then
        raise exception 'a linked child is in the area of its parent' using errcode = 'TT003';
    end if;
    if exists (select from retired_codes)
        and exists (select from retired_codes r join new_rows n on lower(n.code) = lower(r.code)
                    where r.bag_id <> n.id) then
        raise exception 'the code belongs to another bag' using errcode = 'unique_violation';
    end if;
    return null;
end $$;

-- The foreign key of bag_type_id: the types are there, and stay until commit.
create or replace function bag_types_held(p_types bigint[]) returns void language plpgsql as $$
begin
    perform from bag_types where id = any(p_types) order by id for key share;
    if exists (select unnest(p_types) except select id from bag_types) then
        raise exception 'unknown bag type' using errcode = 'foreign_key_violation';
    end if;
end $$;

create or replace function bag_typed() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    perform bag_types_held(array[new.bag_type_id]);
    return null;
end $$;

-- Its other side.
create or replace function bag_type_unused() returns trigger language plpgsql
    security definer set search_path = public, pg_temp as $$
begin
    if exists (select from bags where bag_type_id = old.id) then
        raise exception 'bags are of this type' using errcode = 'foreign_key_violation';
    end if;
    return null;
end $$;
