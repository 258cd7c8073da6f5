"""Counters of tries to sign in and of failures, which hold with Redis dead.

Unlogged: a crash forgets who had to wait, and no try pays for the log.
"""

from tracetrack.platform.migrate import run_script

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create unlogged table sign_in_tries (
        key text not null,
        minute timestamptz not null,
        tries integer not null,
        primary key (key, minute)
    );
    create unlogged table sign_in_failures (
        key text primary key,
        failures integer not null,
        last_at timestamptz not null,
        open_at timestamptz
    );
    grant select, insert, update, delete on sign_in_tries, sign_in_failures to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    drop function if exists may_try, admit_try, release_try, try_failed, try_succeeded;
    drop table sign_in_tries, sign_in_failures;
    """)
