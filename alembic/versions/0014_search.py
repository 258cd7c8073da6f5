"""Codes by any part of them: a table of its own with trigrams, filled after commit.

A trigram index on ``bags`` itself would cost every import about 40 % of its speed. Here a job takes
bags over a little later, and a search looks through those not yet taken one by one.
"""

from tracetrack.platform.migrate import run_script

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create extension if not exists pg_trgm;

    create table bag_search (
        bag_id bigint primary key,
        code text not null
    );
    -- Enough to tell a frequent part of codes from a rare one, and so which way to look.
    alter table bag_search alter column code set statistics 1000;
    insert into bag_search select id, lower(code) from bags;
    create index bag_search_code_idx on bag_search using gin (code gin_trgm_ops);

    -- Bags up to indexed_to are in bag_search. Those up to seen_to can be taken over when all
    -- transactions that ran when they were seen are over: then no lower id comes any more.
    create table bag_search_progress (
        one boolean primary key default true check (one),
        indexed_to bigint not null,
        seen_to bigint not null,
        seen_before xid8 not null
    );
    insert into bag_search_progress (indexed_to, seen_to, seen_before)
    select coalesce(max(id), 0), coalesce(max(id), 0), '0' from bags;

    create function bag_search_follows() returns trigger language plpgsql
        security definer set search_path = public, pg_temp as $$
    begin
        if tg_op = 'DELETE' then
            delete from bag_search where bag_id = old.id;
        else
            update bag_search set code = lower(new.code) where bag_id = new.id;
        end if;
        return null;
    end $$;
    create trigger bags_4_search_update after update of code on bags
        for each row when (old.code is distinct from new.code) execute function bag_search_follows();
    create trigger bags_4_search_delete after delete on bags
        for each row execute function bag_search_follows();

    grant select on bag_search, bag_search_progress to tracetrack_app;
    """)


def downgrade() -> None:
    # The extension stays: it may have been there before, and others may use it.
    run_script("""
    drop function if exists fill_bag_search(integer), mend_bag_search(integer),
        bags_containing(text, bigint, text, text, bigint, timestamptz, timestamptz, text, text, integer);
    drop trigger bags_4_search_update on bags;
    drop trigger bags_4_search_delete on bags;
    drop function bag_search_follows();
    drop table bag_search_progress, bag_search;
    """)
