"""Which breakers of a worker rest, among what it stores of itself."""

from __future__ import annotations

from tracetrack.platform.migrate import run_script

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("alter table performance_workers add column breakers jsonb not null default '{}'")


def downgrade() -> None:
    run_script("alter table performance_workers drop column breakers")
