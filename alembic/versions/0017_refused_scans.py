"""Refused scans of a day and area from the index alone: accepted scans pay nothing for it."""

from tracetrack.platform.migrate import run_script

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    drop index scans_refused_idx;
    create index scans_refused_idx on scans (received_at, area_id, outcome, bag_id, id) where refused;
    """)


def downgrade() -> None:
    run_script("""
    drop index scans_refused_idx;
    create index scans_refused_idx on scans (received_at) where refused;
    """)
