"""Names of revoked API keys are free for other keys."""

from tracetrack.platform.migrate import run_script

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    update users u set username = left(u.username, 61 - length(u.id::text)) || '  #' || u.id
    from api_keys k where k.user_id = u.id and k.revoked_at is not null and strpos(u.username, '  #') = 0;
    """)


def downgrade() -> None:
    """The names stay: another key may have taken the former one."""
