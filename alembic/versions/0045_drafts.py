"""Imports: drafts can be removed, full parents completed, and what closed a group is counted by itself."""

from tracetrack.platform.migrate import run_script

revision = "0045"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    -- Whether parents that the file fills are completed; null: those of packing sheets.
    alter table imports add column complete_parents boolean;
    alter table imports add column parents_completed integer not null default 0;
    -- Rows that closed the group of a packing sheet.
    alter table imports add column parents_packed integer not null default 0;
    grant delete on imports to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    revoke delete on imports from tracetrack_app;
    alter table imports drop column parents_packed;
    alter table imports drop column parents_completed;
    alter table imports drop column complete_parents;
    """)
