"""Receiving bills at the far end, and returns that take parents off completed bills."""

from tracetrack.platform.migrate import run_script

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    -- One reception of a completed bill: what was found is compared with the snapshot of that time.
    create table bill_receipts (
        id bigint generated always as identity primary key,
        bill_id bigint not null references bills,
        snapshot_id bigint not null references bill_snapshots,
        note text not null default '' check (length(note) <= 2000),
        started_by bigint not null references users,
        started_at timestamptz not null default now(),
        finished_by bigint references users,
        finished_at timestamptz,
        found_count integer,
        short_count integer,
        excess_count integer,
        check ((finished_at is null) = (finished_by is null)
               and (finished_at is null) = (found_count is null))
    );
    create unique index bill_receipts_one_open on bill_receipts (bill_id) where finished_at is null;
    create index bill_receipts_bill_idx on bill_receipts (bill_id, id);

    -- What was scanned: a bag of the bill (found), or a code that is not on it (excess).
    create table bill_receipt_scans (
        receipt_id bigint not null references bill_receipts,
        bag_id bigint,
        code text not null check (length(code) between 1 and 128),
        scanned_by bigint not null references users,
        scanned_at timestamptz not null default now()
    );
    create unique index bill_receipt_scans_code_key on bill_receipt_scans (receipt_id, lower(code));
    create unique index bill_receipt_scans_bag_key on bill_receipt_scans (receipt_id, bag_id)
        where bag_id is not null;

    create table return_days (
        day date primary key,
        last_number integer not null
    );
    create table returns (
        id bigint generated always as identity primary key,
        number text not null unique,
        state text not null default 'open' check (state in ('open', 'confirmed', 'cancelled')),
        reason text not null check (length(reason) between 1 and 500),
        dealer text not null default '' check (length(dealer) <= 200),
        area_id bigint references areas,
        created_by bigint not null references users,
        created_at timestamptz not null default now(),
        confirmed_by bigint references users,
        confirmed_at timestamptz,
        cancelled_by bigint references users,
        cancelled_at timestamptz,
        cancelled_because text check (length(cancelled_because) <= 500)
    );
    create table return_bags (
        return_id bigint not null references returns,
        bag_id bigint not null,
        code text not null,
        added_by bigint not null references users,
        added_at timestamptz not null default now(),
        -- As it was on its bill, kept when the return is confirmed so that it can be put back.
        bill_id bigint references bills,
        billed_by bigint,
        billed_at timestamptz,
        dispatched_at timestamptz,
        child_count integer,
        children text,
        primary key (return_id, bag_id)
    );
    create index return_bags_bag_idx on return_bags (bag_id);

    -- What a return did to a bill: what it said before and after, and why.
    create table bill_returns (
        id bigint generated always as identity primary key,
        bill_id bigint not null references bills,
        return_id bigint not null references returns,
        action text not null check (action in ('returned', 'return_cancelled')),
        at timestamptz not null default now(),
        by_user bigint not null references users,
        reason text not null,
        parents integer not null,
        before jsonb not null,
        after jsonb not null
    );
    create index bill_returns_bill_idx on bill_returns (bill_id, id);

    grant select, insert on bill_receipts, bill_receipt_scans, returns, return_bags, bill_returns
        to tracetrack_app;
    grant update (note, finished_by, finished_at, found_count, short_count, excess_count) on bill_receipts
        to tracetrack_app;
    grant delete on bill_receipt_scans, return_bags to tracetrack_app;
    grant update (state, confirmed_by, confirmed_at, cancelled_by, cancelled_at, cancelled_because) on returns
        to tracetrack_app;
    grant update (bill_id, billed_by, billed_at, dispatched_at, child_count, children) on return_bags
        to tracetrack_app;
    grant select, insert, update on return_days to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    drop table bill_returns, return_bags, returns, return_days, bill_receipt_scans, bill_receipts cascade;
    """)
