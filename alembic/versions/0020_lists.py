"""Supervisors' lists from indexes of their own: empty parents, parents on no bill, parents opened.

Which parents are empty is kept beside the bags. ``child_count`` in an index would make every scan
write all of a parent's index entries anew; here only a parent's first and last child cost anything.
"""

from tracetrack.platform.migrate import run_script

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


EMPTY_PARENTS = """
    create function parent_emptied() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    begin
        insert into empty_parents values (new.id) on conflict do nothing;
        return null;
    end $$;
    create function parent_filled() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    begin
        delete from empty_parents where bag_id = old.id;
        return null;
    end $$;
    create trigger bags_5_empty_insert after insert on bags
        for each row when (new.kind = 'parent' and new.child_count = 0) execute function parent_emptied();
    create trigger bags_5_empty_update after update on bags
        for each row when (old.child_count > 0 and new.child_count = 0) execute function parent_emptied();
    create trigger bags_5_filled_update after update on bags
        for each row when (old.child_count = 0 and new.child_count > 0) execute function parent_filled();
    create trigger bags_5_filled_delete after delete on bags
        for each row when (old.kind = 'parent') execute function parent_filled();
"""


def upgrade() -> None:
    run_script(
        """
    create table empty_parents (bag_id bigint primary key);

    """
        + EMPTY_PARENTS
        + """
    -- From here until commit nobody writes, so nothing is missed.
    insert into empty_parents select id from bags where kind = 'parent' and child_count = 0;

    create index bags_unbilled_idx on bags (id) where kind = 'parent' and bill_id is null;
    create index scans_opened_idx on scans (received_at, bag_id) where action = 'parent' and not refused;

    grant select on empty_parents to tracetrack_app;
    """
    )


def downgrade() -> None:
    run_script("""
    drop function if exists left_open(bigint, bigint, timestamptz, timestamptz),
        open_conflicts(bigint, bigint, timestamptz, timestamptz),
        shift_work(bigint, bigint, timestamptz, timestamptz);
    drop view if exists empty_bags, unbilled_bags;
    drop index bags_unbilled_idx, scans_opened_idx;
    drop table empty_parents cascade;
    drop trigger bags_5_empty_insert on bags;
    drop trigger bags_5_empty_update on bags;
    drop trigger bags_5_filled_update on bags;
    drop trigger bags_5_filled_delete on bags;
    drop function parent_emptied(), parent_filled();
    """)
