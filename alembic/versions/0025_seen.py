"""When a user was last seen outlives his sessions: whatever forgets them writes it down first.

It stands in a table of its own: a user's row is share-locked by those who sign in, and forgetting
other people's sessions must not wait for them, or they for each other.
"""

from tracetrack.platform.migrate import run_script

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create table users_seen (
        user_id bigint primary key references users on delete cascade,
        at timestamptz not null
    );
    grant select, insert, update on users_seen to tracetrack_app;

    create function sessions_forgotten() returns trigger language plpgsql as $$
    begin
        -- In one order, so that two who forget wait for each other and never in a circle.
        insert into users_seen as s (user_id, at)
        select user_id, max(last_seen_at) from gone group by user_id order by user_id
        on conflict (user_id) do update set at = greatest(s.at, excluded.at);
        return null;
    end $$;
    create trigger sessions_forgotten after delete on sessions
        referencing old table as gone for each statement execute function sessions_forgotten();

    -- The list of users asks for ended sessions too.
    drop index sessions_user_idx;
    create index sessions_user_idx on sessions (user_id);
    """)


def downgrade() -> None:
    run_script("""
    drop trigger sessions_forgotten on sessions;
    drop function sessions_forgotten();
    drop table users_seen;
    drop index sessions_user_idx;
    create index sessions_user_idx on sessions (user_id) where ended_at is null;
    """)
