"""Imports: one row for each uploaded file, its durable job, its progress, and what came of it."""

from tracetrack.platform.migrate import run_script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    create table imports (
        id bigint generated always as identity primary key,
        kind text not null check (kind in ('bags', 'bills')),
        state text not null default 'queued'
            check (state in ('queued', 'running', 'completed', 'failed', 'cancelled')),
        dry_run boolean not null default false,
        file_name text not null check (length(file_name) between 1 and 255),
        file_bytes bigint not null check (file_bytes >= 0),
        file_sha256 bytea not null check (length(file_sha256) = 32),
        area_id bigint references areas,
        created_by bigint not null references users,
        created_at timestamptz not null default now(),
        started_at timestamptz,
        finished_at timestamptz,
        rows_total integer,
        rows_done integer not null default 0,
        parents_created integer not null default 0,
        children_created integer not null default 0,
        links_created integer not null default 0,
        duplicates_skipped integer not null default 0,
        rejected integer not null default 0,
        error text
    );
    create index imports_waiting_idx on imports (id) where state in ('queued', 'running');
    create index imports_file_idx on imports (file_sha256);
    create index imports_area_idx on imports (area_id, id);
    grant select, insert, update on imports to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("drop table imports cascade")
