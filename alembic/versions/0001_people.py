"""Areas, users, sessions, site settings, and the version stamps that in-process caches watch."""

from tracetrack.platform.migrate import run_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    do $$
    begin
        create role tracetrack_app nologin;
    exception
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then
            if not exists (select from pg_roles where rolname = 'tracetrack_app') then
                raise exception 'the role tracetrack_app is missing and may not be created'
                    using hint = 'As an administrator run: create role tracetrack_app nologin; '
                              || 'grant tracetrack_app to ' || quote_ident(current_user);
            end if;
    end $$;
    do $$
    begin
        -- Also after making it: its maker may give it away, but not act as it.
        if current_user <> 'tracetrack_app' then
            execute format('grant tracetrack_app to %I', current_user);
        end if;
    exception
        -- Then the application signs in as tracetrack_app itself.
        when insufficient_privilege then null;
    end $$;
    grant usage on schema public to tracetrack_app;

    create table areas (
        id bigint generated always as identity primary key,
        name text not null check (length(name) between 1 and 80),
        created_at timestamptz not null default now(),
        disabled_at timestamptz
    );
    create unique index areas_name_key on areas (lower(name));

    create table users (
        id bigint generated always as identity primary key,
        username text not null check (length(username) between 1 and 64),
        full_name text not null default '' check (length(full_name) <= 120),
        role text not null check (role in ('dispatcher', 'biller', 'admin')),
        area_id bigint references areas,
        password_hash text not null,
        must_change_password boolean not null default false,
        language text not null default 'en' check (length(language) between 2 and 12),
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        disabled_at timestamptz,
        constraint users_dispatcher_has_area check (role <> 'dispatcher' or area_id is not null)
    );
    create unique index users_username_key on users (lower(username));

    create table sessions (
        id uuid primary key default gen_random_uuid(),
        user_id bigint not null references users,
        created_at timestamptz not null default now(),
        last_seen_at timestamptz not null default now(),
        expires_at timestamptz not null,
        ended_at timestamptz,
        ended_because text,
        user_agent text not null default '' check (length(user_agent) <= 400),
        address text not null default ''
    );
    create index sessions_user_idx on sessions (user_id) where ended_at is null;
    create index sessions_expires_idx on sessions (expires_at);

    create table refresh_tokens (
        token_hash bytea primary key,
        session_id uuid not null references sessions on delete cascade,
        issued_at timestamptz not null default now(),
        replaced_at timestamptz
    );
    create index refresh_tokens_session_idx on refresh_tokens (session_id);

    create table site_settings (
        name text primary key,
        value jsonb not null,
        updated_at timestamptz not null default now(),
        updated_by bigint references users
    );

    create table versions (
        name text primary key,
        version bigint not null default 1
    );
    insert into versions (name) values ('access'), ('labels'), ('settings');

    create function bump_version() returns trigger language plpgsql as $$
    begin
        update versions set version = version + 1 where name = tg_argv[0];
        return null;
    end $$;

    create trigger users_access after update of role, area_id, disabled_at, password_hash,
        must_change_password, username, full_name, language on users
        for each statement execute function bump_version('access');
    create trigger sessions_access after update of ended_at, expires_at on sessions
        for each statement execute function bump_version('access');
    create trigger areas_access after update on areas
        for each statement execute function bump_version('access');
    create trigger site_settings_changed after insert or update or delete on site_settings
        for each statement execute function bump_version('settings');

    grant select, insert, update on areas, users, versions to tracetrack_app;
    grant select, insert, update, delete on sessions, refresh_tokens, site_settings to tracetrack_app;
    """)


def downgrade() -> None:
    # The role stays: it belongs to the server, and other databases may use it.
    run_script("""
    drop table versions, site_settings, refresh_tokens, sessions, users, areas cascade;
    drop function bump_version();
    revoke all on schema public from tracetrack_app;
    """)
