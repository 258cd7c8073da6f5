"""What was answered to requests with an Idempotency-Key."""

from tracetrack.platform.migrate import run_script

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create table answered_once (
        -- Of the user and the key, which itself is not kept: it opens the answer.
        key_hash bytea primary key check (length(key_hash) = 32),
        request_hash bytea not null check (length(request_hash) = 32),
        answer bytea,
        answered_at timestamptz not null default now()
    );
    create index answered_once_answered_idx on answered_once using brin (answered_at);
    grant select, insert, update, delete on answered_once to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("drop table answered_once")
