"""The seals of the ledger: a chain of hashes over what was committed, written after commit.

A seal takes a stretch of transaction numbers, all of them finished, so nothing can come into it
later. It keeps the ids of its rows and eight bytes of each row's digest, to name a bad one.
"""

from tracetrack.platform.migrate import run_script

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create table ledger_seals (
        id bigint generated always as identity primary key,
        sealed_at timestamptz not null default now(),
        from_txid xid8 not null unique,
        to_txid xid8 not null,
        row_count integer not null check (row_count > 0),
        ids bigint[] not null,
        marks bytea not null,
        digest bytea not null check (length(digest) = 32),
        head bytea not null unique check (length(head) = 32)
    );
    grant select on ledger_seals to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    drop function if exists ledger_seal(integer), ledger_stretch(xid8, xid8),
        ledger_head(bytea, xid8, xid8, integer, bytea), ledger_row_digest(audit_events);
    drop table ledger_seals cascade;
    """)
