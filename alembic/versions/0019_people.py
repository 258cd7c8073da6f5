"""Second factors, who asks for an account or another role, and when a session last proved who it is."""

from tracetrack.platform.migrate import run_script

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    alter table sessions add column authenticated_at timestamptz not null default now();

    create table second_factors (
        user_id bigint primary key references users,
        secret text not null,
        created_at timestamptz not null default now(),
        confirmed_at timestamptz,
        -- Of the last code used: no code of it or before is taken again.
        last_step bigint not null default 0,
        failures integer not null default 0,
        failed_at timestamptz
    );
    create trigger second_factors_access after insert or delete or update of confirmed_at on second_factors
        for each statement execute function bump_version('access');
    -- Whether admins need one is a setting.
    create trigger site_settings_access after insert or update or delete on site_settings
        for each statement execute function bump_version('access');

    create table recovery_codes (
        user_id bigint not null references second_factors on delete cascade,
        code_hash bytea not null check (length(code_hash) = 32),
        used_at timestamptz,
        primary key (user_id, code_hash)
    );

    create table registrations (
        id bigint generated always as identity primary key,
        username text not null check (length(username) between 1 and 64),
        full_name text not null default '' check (length(full_name) <= 120),
        language text not null default 'en' check (length(language) between 2 and 12),
        note text not null default '' check (length(note) <= 500),
        password_hash text,
        address text not null default '',
        created_at timestamptz not null default now(),
        decided_at timestamptz,
        decided_by bigint references users,
        user_id bigint references users,
        reason text,
        -- Decided, the password is not kept here any longer.
        constraint registrations_password check ((decided_at is null) = (password_hash is not null)),
        constraint registrations_decided check ((decided_at is null) = (decided_by is null))
    );
    create index registrations_created_idx on registrations (created_at);

    create table promotions (
        id bigint generated always as identity primary key,
        user_id bigint not null references users,
        role text not null check (role in ('biller', 'admin')),
        reason text not null check (length(reason) between 1 and 500),
        created_at timestamptz not null default now(),
        decided_at timestamptz,
        decided_by bigint references users,
        approved boolean,
        answer text,
        constraint promotions_decided check ((decided_at is null) = (decided_by is null)
                                             and (decided_at is null) = (approved is null))
    );
    create unique index promotions_waiting_key on promotions (user_id) where decided_at is null;

    grant select, insert, update, delete on second_factors, recovery_codes, registrations, promotions
        to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    drop table promotions, registrations, recovery_codes, second_factors;
    drop trigger site_settings_access on site_settings;
    alter table sessions drop column authenticated_at;
    """)
