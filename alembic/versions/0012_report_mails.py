"""Which day's report was mailed, so that of several workers one sends it, once."""

from tracetrack.platform.migrate import run_script

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create table report_mails (
        day date primary key,
        claimed_at timestamptz not null default now(),
        sent_at timestamptz
    );
    grant select, insert, update, delete on report_mails to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("drop table report_mails")
