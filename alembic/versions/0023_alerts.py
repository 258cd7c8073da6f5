"""Alerts told by webhook and mail, and where the chain of seals begins once old months are forgotten."""

from tracetrack.platform.migrate import run_script

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create table alerts_raised (
        name text primary key,
        value float8 not null,
        threshold float8 not null,
        since timestamptz not null default now(),
        last_seen timestamptz not null default now()
    );
    create table alert_messages (
        id bigint generated always as identity primary key,
        created_at timestamptz not null default now(),
        channel text not null check (channel in ('webhook', 'mail')),
        body jsonb not null,
        tries integer not null default 0,
        next_try timestamptz not null default now(),
        sent_at timestamptz,
        error text
    );
    create index alert_messages_due_idx on alert_messages (next_try) where sent_at is null;
    grant select, insert, update, delete on alerts_raised, alert_messages to tracetrack_app;

    -- Where the chain of seals begins now: the last seal that was forgotten with its rows.
    create table ledger_anchor (
        one boolean primary key default true check (one),
        to_txid xid8 not null,
        head bytea not null check (length(head) = 32),
        row_count bigint not null,
        forgotten_at timestamptz not null default now()
    );
    grant select on ledger_anchor to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    drop function if exists forget_audit();
    drop table alerts_raised, alert_messages, ledger_anchor;
    """)
