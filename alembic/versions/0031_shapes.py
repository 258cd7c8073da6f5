"""How many parents and children of an area have codes of which shape, kept by whatever registers a bag.

As the tallies are: each statement appends what it changed, and a job folds that in every few seconds, so
that no two scans wait for one row.
"""

from tracetrack.platform.migrate import run_script

revision = "0031"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    -- Digits as 9, letters as A, the rest as it is: M444-00017 is A999-99999.
    create function code_shape(p_code text) returns text immutable parallel safe language sql as $$
        select translate(
            case when octet_length(p_code) = length(p_code) then p_code
                 else regexp_replace(p_code, '[[:alpha:]]', 'A', 'g') end,
            '0123456789abcdefghijklmnopqrstuvwxyzBCDEFGHIJKLMNOPQRSTUVWXYZ',
            '9999999999AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')
    $$;

    -- No area is 0. The shape '' is all of the area and kind together.
    create table bag_shapes (
        area_id bigint not null,
        shape text not null,
        kind text not null,
        n bigint not null,
        primary key (area_id, shape, kind)
    ) with (fillfactor = 70);
    create table shape_changes (
        area_id bigint not null,
        shape text not null,
        kind text not null,
        n bigint not null
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
    create index shape_changes_idx on shape_changes (area_id, shape);

    create function bags_shaped() returns trigger language plpgsql as $$
    begin
        insert into public.shape_changes
        select coalesce(area_id, 0), public.code_shape(code), kind, count(*) from new_rows group by 1, 2, 3;
        return null;
    end $$;
    create trigger bags_4_shaped_insert after insert on bags
        referencing new table as new_rows for each statement execute function bags_shaped();
    insert into bag_shapes
    select coalesce(area_id, 0), coalesce(code_shape(code), ''), kind, count(*) from bags
    group by grouping sets ((coalesce(area_id, 0), code_shape(code), kind), (coalesce(area_id, 0), kind));

    alter table bag_types add column shape_guard boolean not null default true;

    grant select, insert, delete on shape_changes to tracetrack_app;
    grant select, insert, update, delete on bag_shapes to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    alter table bag_types drop column shape_guard;
    drop trigger bags_4_shaped_insert on bags;
    drop function bags_shaped();
    drop table shape_changes, bag_shapes cascade;
    drop function code_shape(text) cascade;
    """)
