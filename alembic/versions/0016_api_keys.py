"""Keys for integrators: each is a user of its own, who cannot sign in but by the key."""

from tracetrack.platform.migrate import run_script

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create table api_keys (
        id uuid primary key default gen_random_uuid(),
        user_id bigint not null unique references users,
        name text not null check (length(name) between 1 and 60),
        beginning text not null,
        key_hash bytea not null unique check (length(key_hash) = 32),
        created_by bigint not null references users,
        created_at timestamptz not null default now(),
        last_used_at timestamptz,
        revoked_at timestamptz
    );
    create trigger api_keys_access after update of revoked_at on api_keys
        for each statement execute function bump_version('access');
    grant select, insert on api_keys to tracetrack_app;
    grant update (last_used_at, revoked_at) on api_keys to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("drop table api_keys")
