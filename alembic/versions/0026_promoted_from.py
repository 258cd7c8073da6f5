"""A decided wish for a higher role keeps the role it was decided about: the user has another one now."""

from tracetrack.platform.migrate import run_script

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("alter table promotions add column from_role text;")


def downgrade() -> None:
    run_script("alter table promotions drop column from_role;")
