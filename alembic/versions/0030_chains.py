"""Which scan came before a scan, and the current parent after it, by which the server decides what it means.

``in_chain`` tells scans that have a current parent, or none, from rows of before this revision and of bills.
"""

from tracetrack.platform.migrate import run_script

revision = "0030"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Constant defaults: no row is rewritten.
    run_script("""
    alter table scans add column previous uuid, add column context_parent_id bigint,
        add column in_chain boolean not null default false;
    alter table scan_receipts add column context_parent_id bigint,
        add column in_chain boolean not null default false;

    -- Questions that were asked about a scan, instead of an answer. Codes are kept as a hash only.
    create table scan_questions (
        scan_id uuid primary key,
        user_id bigint not null,
        area_id bigint,
        previous uuid,
        label uuid not null,
        reason text not null,
        asked_at timestamptz not null default now(),
        answer text,
        answered_at timestamptz
    );
    create index scan_questions_label_idx on scan_questions (user_id, label);
    create index scan_questions_asked_idx on scan_questions using brin (asked_at);
    grant select, insert, update, delete on scan_questions to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    drop table scan_questions cascade;
    alter table scan_receipts drop column context_parent_id, drop column in_chain;
    alter table scans drop column previous, drop column context_parent_id, drop column in_chain;
    """)
