"""Bills: running totals, the snapshots of completed ones, and the rules that tie bags to them.

A bill's totals are kept by the same trigger that keeps ``child_count``, so that reading them
costs the same for ten parents as for two thousand. They are kept by bag type: weights follow
from the type's settings until the bill is completed, and from its snapshot afterwards.
"""

from tracetrack.platform.migrate import run_script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


BAGS_LINKED = """
    create or replace function bags_linked() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    declare
        on_bills boolean;
        locked boolean;
        billed boolean;
        missing boolean;
    begin
        if tg_op = 'INSERT' then
            with change as (
                select parent_id, count(*)::integer as delta from new_rows
                where parent_id is not null group by parent_id
            ), counted as (
                update bags p set child_count = p.child_count + c.delta, updated_at = now()
                from change c where p.id = c.parent_id
                returning p.dispatched_at, p.bill_id
            )
            select bool_or(dispatched_at is not null), bool_or(bill_id is not null),
                   count(*) < (select count(*) from change)
            into locked, billed, missing from counted;
            if billed or exists (select from new_rows where bill_id is not null) then
                update bags b set billed_at = now() from new_rows n
                where b.id = n.id and n.bill_id is not null and n.billed_at is null;
                insert into bill_totals (bill_id, bag_type_id, parents, children)
                select bill_id, bag_type_id, sum(parents), sum(children) from (
                    select bill_id, bag_type_id, 1 as parents, child_count as children
                    from new_rows where bill_id is not null
                    union all
                    select p.bill_id, p.bag_type_id, 0, 1
                    from new_rows n join bags p on p.id = n.parent_id where p.bill_id is not null
                ) d group by bill_id, bag_type_id order by bill_id, bag_type_id
                on conflict (bill_id, bag_type_id) do update
                    set parents = bill_totals.parents + excluded.parents,
                        children = bill_totals.children + excluded.children;
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
                returning p.dispatched_at, p.bill_id
            )
            select bool_or(dispatched_at is not null), bool_or(bill_id is not null),
                   count(*) < (select count(*) from change)
            into locked, billed, missing from counted;
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
                    select p.bill_id, p.bag_type_id, 0, m.delta from (
                        select o.parent_id, -1 as delta from old_rows o join new_rows n using (id)
                        where o.parent_id is distinct from n.parent_id
                        union all
                        select n.parent_id, 1 from old_rows o join new_rows n using (id)
                        where o.parent_id is distinct from n.parent_id
                    ) m join bags p on p.id = m.parent_id where p.bill_id is not null
                ) d group by bill_id, bag_type_id order by bill_id, bag_type_id
                on conflict (bill_id, bag_type_id) do update
                    set parents = bill_totals.parents + excluded.parents,
                        children = bill_totals.children + excluded.children;
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
        end if;
        if missing then
            raise exception 'there is no such parent' using errcode = 'foreign_key_violation';
        elsif locked then
            raise exception 'the parent is on a completed bill' using errcode = 'TT001';
        end if;
        return null;
    end $$;
"""


def upgrade() -> None:
    run_script(
        """
    -- The last number made for each day, by the site's calendar.
    create table bill_days (
        day date primary key,
        last_number integer not null
    );

    -- How many parents and children of each bag type are on a bill; written by bags_linked() alone.
    create table bill_totals (
        bill_id bigint not null references bills on delete cascade,
        bag_type_id bigint not null references bag_types,
        parents integer not null default 0,
        children integer not null default 0,
        primary key (bill_id, bag_type_id)
    ) with (fillfactor = 70);

    -- What a completed bill said; the application may add snapshots but never change one.
    create table bill_snapshots (
        id bigint generated always as identity primary key,
        bill_id bigint not null references bills,
        revision integer not null,
        reason text not null check (reason in ('completed', 'returned', 'return_cancelled')),
        taken_at timestamptz not null default now(),
        taken_by bigint not null references users,
        parent_count integer not null,
        child_count integer not null,
        weight_kg numeric(14, 3) not null,
        expected_weight_kg numeric(14, 3) not null,
        number text not null,
        description text not null,
        destination text not null,
        vehicle text not null,
        unique (bill_id, revision)
    );
    create table bill_snapshot_parents (
        snapshot_id bigint not null references bill_snapshots,
        position integer not null,
        bag_id bigint not null,
        code text not null,
        area_id bigint,
        bag_type_id bigint not null,
        child_count integer not null,
        expected_children integer not null,
        weight_kg numeric(14, 3) not null,
        expected_weight_kg numeric(14, 3) not null,
        attached_at timestamptz not null,
        attached_by bigint,
        primary key (snapshot_id, position)
    );
    create unique index bill_snapshot_parents_bag_key on bill_snapshot_parents (snapshot_id, bag_id);

    create table bill_reopenings (
        snapshot_id bigint primary key references bill_snapshots,
        reopened_at timestamptz not null default now(),
        reopened_by bigint not null references users,
        reason text not null check (length(reason) between 1 and 500)
    );

    alter table bills
        add column destination_area_id bigint references areas,
        add column snapshot_id bigint references bill_snapshots;
    create index bills_destination_area_idx on bills (destination_area_id, id)
        where destination_area_id is not null;
    create index bills_created_idx on bills (created_at);

    alter table bags
        add column billed_by bigint,
        add column billed_at timestamptz;
    update bags set billed_at = updated_at where bill_id is not null;
    insert into bill_totals (bill_id, bag_type_id, parents, children)
    select bill_id, bag_type_id, count(*), sum(child_count) from bags where bill_id is not null group by 1, 2;
    drop index bags_bill_idx;
    create index bags_bill_idx on bags (bill_id, billed_at, id) where bill_id is not null;

    alter table scans add column bill_id bigint;
    create index scans_bill_idx on scans (bill_id, id) where bill_id is not null;

    -- When a parent came onto its bill, whichever program put it there. For a new row bags_linked()
    -- sees to it: a trigger before each row would cost imports of rows that are on no bill.
    create function bags_billed() returns trigger language plpgsql as $$
    begin
        if new.bill_id is null then
            new.billed_at := null;
            new.billed_by := null;
        elsif new.billed_at is not distinct from old.billed_at then
            new.billed_at := now();
        end if;
        return new;
    end $$;
    create trigger bags_0_billed_update before update of bill_id on bags
        for each row when (old.bill_id is distinct from new.bill_id) execute function bags_billed();

    -- As before, and beside it the totals of bills. Each statement of this function sees what is
    -- committed when it starts: the first locks the parents, so that the later ones know for
    -- certain on which bills they are.
    """
        + BAGS_LINKED
        + """

    -- When a bill is completed or reopened, its parents follow before the transaction ends.
    create function bills_agree() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    begin
        if exists (
            select from bags g join bills b on b.id = g.bill_id
            where b.id = new.id and (b.completed_at is null) <> (g.dispatched_at is null)
        ) then
            raise exception 'the parents of a completed bill are dispatched' using errcode = 'TT004';
        end if;
        return null;
    end $$;
    create constraint trigger bills_agree after update of completed_at on bills
        deferrable initially deferred
        for each row when (old.completed_at is distinct from new.completed_at)
        execute function bills_agree();

    grant select, insert, update on bill_days to tracetrack_app;
    grant select on bill_totals to tracetrack_app;
    grant select, insert on bill_snapshots, bill_snapshot_parents, bill_reopenings to tracetrack_app;
    grant update (billed_by, billed_at) on bags to tracetrack_app;
    """
    )


def downgrade() -> None:
    run_script("""
    drop view if exists bill_cards cascade;
    drop trigger bills_agree on bills;
    drop trigger bags_0_billed_update on bags;
    drop function bills_agree();
    drop function bags_billed();

    create or replace function bags_linked() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    declare
        locked boolean;
        missing boolean;
    begin
        if tg_op = 'INSERT' then
            with change as (
                select parent_id, count(*)::integer as delta from new_rows
                where parent_id is not null group by parent_id
            ), counted as (
                update bags p set child_count = p.child_count + c.delta, updated_at = now()
                from change c where p.id = c.parent_id
                returning p.dispatched_at
            )
            select bool_or(dispatched_at is not null), count(*) < (select count(*) from change)
            into locked, missing from counted;
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
                returning p.dispatched_at
            )
            select bool_or(dispatched_at is not null), count(*) < (select count(*) from change)
            into locked, missing from counted;
        else
            if exists (
                select from old_rows where parent_id is not null or bill_id is not null or child_count > 0
            ) then
                raise exception 'a linked or billed bag cannot be deleted' using errcode = 'TT002';
            end if;
        end if;
        if missing then
            raise exception 'there is no such parent' using errcode = 'foreign_key_violation';
        elsif locked then
            raise exception 'the parent is on a completed bill' using errcode = 'TT001';
        end if;
        return null;
    end $$;

    drop index scans_bill_idx;
    alter table scans drop column bill_id;
    drop index bags_bill_idx;
    create index bags_bill_idx on bags (bill_id) where bill_id is not null;
    alter table bags drop column billed_by, drop column billed_at;
    drop index bills_destination_area_idx, bills_created_idx;
    alter table bills drop column destination_area_id, drop column snapshot_id;
    drop table bill_reopenings, bill_snapshot_parents, bill_snapshots, bill_totals, bill_days cascade;
    """)
