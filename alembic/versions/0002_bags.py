"""Bag types, label patterns, bills and bags, with the rules that no program can break.

A child's live parent stands on the child's own row. One parent per child, no cycle and no
self-link follow from that shape: only children have a parent, and only parents can hold any.
That the parent exists is held once a statement by the triggers that count children: they take
the parent's row lock, as a foreign key per row would, at a third of its cost to a large import.
The past of links is the ledger.
"""

from tracetrack.platform.migrate import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


BAGS_BELONG = """
    create or replace function bags_belong() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    declare
        no_area boolean;
        no_user boolean;
    begin
        -- The many rows of an import share few areas, users and parents: each is looked at once.
        select bool_or(n.area_id is not null and not exists (select from areas a where a.id = n.area_id)),
               bool_or(not exists (select from users u where u.id = n.created_by)
                       or (n.linked_by is not null
                           and not exists (select from users u where u.id = n.linked_by)))
        into no_area, no_user
        from (select distinct area_id, created_by, linked_by from new_rows) n;
        if no_area then
            raise exception 'unknown area' using errcode = 'foreign_key_violation';
        elsif no_user then
            raise exception 'unknown user' using errcode = 'foreign_key_violation';
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
"""


def upgrade() -> None:
    run_script(
        """
    create table bag_types (
        id bigint generated always as identity primary key,
        name text not null check (length(name) between 1 and 80),
        expected_children integer not null default 30 check (expected_children between 0 and 100000),
        child_weight_kg numeric(9, 3) not null default 1 check (child_weight_kg >= 0),
        code_pattern text check (length(code_pattern) between 1 and 500),
        is_default boolean not null default false,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
    );
    create unique index bag_types_name_key on bag_types (lower(name));
    create unique index bag_types_one_default on bag_types (is_default) where is_default;
    insert into bag_types (name, is_default) values ('Standard', true);

    create table label_patterns (
        id bigint generated always as identity primary key,
        name text not null check (length(name) between 1 and 80),
        pattern text not null check (length(pattern) between 1 and 500),
        kind text check (kind in ('parent', 'child')),
        bag_type_id bigint references bag_types,
        position integer not null default 0,
        enabled boolean not null default true,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
    );
    create unique index label_patterns_name_key on label_patterns (lower(name));

    create trigger bag_types_changed after insert or update or delete on bag_types
        for each statement execute function bump_version('labels');
    create trigger label_patterns_changed after insert or update or delete on label_patterns
        for each statement execute function bump_version('labels');

    create table bills (
        id bigint generated always as identity primary key,
        number text not null check (length(number) between 1 and 64),
        description text not null default '' check (length(description) <= 2000),
        destination text not null default '' check (length(destination) <= 200),
        vehicle text not null default '' check (length(vehicle) <= 64),
        area_id bigint references areas,
        target_parents integer check (target_parents between 1 and 1000000),
        created_by bigint not null references users,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        completed_by bigint references users,
        completed_at timestamptz,
        version bigint not null default 1
    );
    create unique index bills_number_key on bills (lower(number));
    create index bills_area_idx on bills (area_id, id);

    create table bags (
        id bigint generated always as identity primary key,
        parent_id bigint,
        area_id bigint,
        bag_type_id bigint references bag_types,
        bill_id bigint references bills,
        import_id bigint,
        created_by bigint not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        linked_by bigint,
        linked_at timestamptz,
        completed_at timestamptz,
        dispatched_at timestamptz,
        child_count integer not null default 0 check (child_count >= 0),
        kind text not null check (kind in ('parent', 'child')),
        code text not null check (length(code) between 1 and 128),
        lot text check (length(lot) <= 128),
        variety text check (length(variety) <= 128),
        tag text check (length(tag) <= 128),
        state text not null generated always as (
            case
                when kind = 'child' then case when parent_id is null then 'free' else 'linked' end
                when dispatched_at is not null then 'dispatched'
                when bill_id is not null then 'billed'
                when completed_at is not null then 'completed'
                else 'open'
            end) stored,
        constraint bags_only_children_have_a_parent check (parent_id is null or kind = 'child'),
        constraint bags_link_is_complete
            check ((parent_id is null) = (linked_at is null) and (parent_id is null) = (linked_by is null)),
        constraint bags_only_parents_are_packed check (
            kind = 'parent'
            or (bill_id is null and completed_at is null and dispatched_at is null and child_count = 0)),
        constraint bags_parent_has_a_type check (kind = 'child' or bag_type_id is not null),
        constraint bags_dispatched_on_a_bill check (dispatched_at is null or bill_id is not null)
    );
    create unique index bags_code_key on bags (lower(code));
    create index bags_children_idx on bags (parent_id) where parent_id is not null;
    create index bags_bill_idx on bags (bill_id) where bill_id is not null;
    create index bags_parents_idx on bags (area_id, state, id) where kind = 'parent';

    -- Codes that a bag had before its label was replaced; they still find it.
    create table retired_codes (
        code text not null check (length(code) between 1 and 128),
        bag_id bigint not null references bags on delete cascade,
        retired_at timestamptz not null default now(),
        retired_by bigint not null references users
    );
    create unique index retired_codes_key on retired_codes (lower(code));
    create index retired_codes_bag_idx on retired_codes (bag_id);

    -- The parent each worker is packing now: the same on every device.
    create table packing (
        user_id bigint primary key references users,
        parent_id bigint not null references bags on delete cascade,
        since timestamptz not null default now()
    );
    create index packing_parent_idx on packing (parent_id);

    -- child_count equals the links, always: these triggers alone write it, once a statement,
    -- and refuse what would change a dispatched parent (SQLSTATE TT001). They are the foreign key
    -- of parent_id too: counting locks the parent's row, so that it is there until commit; a child
    -- as a parent fails the check on child_count; and a parent that holds children cannot go.
    create function bags_linked() returns trigger language plpgsql
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

    -- What a foreign key per row would hold, checked once a statement: areas and users are
    -- disabled, never deleted, so looking at insert is enough. A linked child is where its
    -- parent is, and no bag takes a code that still finds another.
    """
        + BAGS_BELONG
        + """

    create trigger bags_1_linked_insert after insert on bags
        referencing new table as new_rows for each statement execute function bags_linked();
    create trigger bags_1_linked_update after update on bags
        referencing old table as old_rows new table as new_rows
        for each statement when (pg_trigger_depth() = 0) execute function bags_linked();
    create trigger bags_1_linked_delete after delete on bags
        referencing old table as old_rows for each statement execute function bags_linked();
    create trigger bags_2_belong_insert after insert on bags
        referencing new table as new_rows for each statement execute function bags_belong();
    create trigger bags_2_belong_update after update on bags
        referencing new table as new_rows
        for each statement when (pg_trigger_depth() = 0) execute function bags_belong();

    -- The other side of both rules: a parent does not leave its children behind in another area,
    -- and no bag keeps a former code that another has now.
    create function bags_stay_together() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    begin
        if exists (select from bags c where c.parent_id = new.id
                   and c.area_id is distinct from new.area_id) then
            raise exception 'a linked child is in the area of its parent' using errcode = 'TT003';
        end if;
        return null;
    end $$;
    create trigger bags_3_stay_together after update on bags
        for each row when (old.child_count > 0 and old.area_id is distinct from new.area_id)
        execute function bags_stay_together();

    create function retired_codes_free() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    begin
        if exists (select from bags b where lower(b.code) = lower(new.code) and b.id <> new.bag_id) then
            raise exception 'the code belongs to another bag' using errcode = 'unique_violation';
        end if;
        return null;
    end $$;
    create trigger retired_codes_free after insert or update on retired_codes
        for each row execute function retired_codes_free();

    grant select, insert, update, delete on bag_types, label_patterns, packing to tracetrack_app;
    grant select, insert, update, delete on bills to tracetrack_app;
    grant select, insert, delete on bags to tracetrack_app;
    grant update (parent_id, area_id, bag_type_id, bill_id, import_id, updated_at, linked_by, linked_at,
        completed_at, dispatched_at, code, lot, variety, tag) on bags to tracetrack_app;
    grant select, insert on retired_codes to tracetrack_app;
    """
    )


def downgrade() -> None:
    run_script("""
    drop table packing, retired_codes, bags, bills, label_patterns, bag_types cascade;
    drop function bags_linked();
    drop function bags_belong();
    drop function bags_stay_together();
    drop function retired_codes_free();
    """)
