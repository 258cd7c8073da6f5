"""What a child of a bag type weighed at each time: a weight that changes does not change past days."""

from tracetrack.platform.migrate import run_script

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    -- A weight holds from a moment on, until the next one of its type does.
    create table bag_type_weights (
        bag_type_id bigint not null references bag_types on delete cascade,
        valid_from timestamptz not null,
        child_weight_kg numeric not null,
        primary key (bag_type_id, valid_from)
    );
    insert into bag_type_weights select id, '-infinity', child_weight_kg from bag_types;
    grant select on bag_type_weights to tracetrack_app;

    create function bag_type_weighed() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    begin
        insert into bag_type_weights (bag_type_id, valid_from, child_weight_kg)
        values (new.id, case tg_op when 'INSERT' then '-infinity' else now() end, new.child_weight_kg)
        on conflict (bag_type_id, valid_from) do update set child_weight_kg = excluded.child_weight_kg;
        return null;
    end $$;
    create trigger bag_types_weighed_insert after insert on bag_types
        for each row execute function bag_type_weighed();
    create trigger bag_types_weighed_update after update of child_weight_kg on bag_types
        for each row when (new.child_weight_kg is distinct from old.child_weight_kg)
        execute function bag_type_weighed();
    """)


def downgrade() -> None:
    run_script("""
    drop trigger bag_types_weighed_insert on bag_types;
    drop trigger bag_types_weighed_update on bag_types;
    drop function bag_type_weighed();
    drop table bag_type_weights;
    """)
