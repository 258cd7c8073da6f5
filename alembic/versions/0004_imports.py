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
        -- Uploaded, and waiting for a person to look at it and start it.
        held boolean not null default false,
        dry_run boolean not null default false,
        file_name text not null check (length(file_name) between 1 and 255),
        file_bytes bigint not null check (file_bytes >= 0),
        file_sha256 bytea not null check (length(file_sha256) = 32),
        -- Names the stored file in the data folder; null once it is removed.
        file_key uuid unique,
        area_id bigint references areas,
        -- How the user says that the sheets are to be read; null: as recognised.
        mapping jsonb,
        -- The sheets as they were read.
        sheets jsonb,
        created_by bigint not null references users,
        created_at timestamptz not null default now(),
        started_at timestamptz,
        finished_at timestamptz,
        -- Who works on it, and until when that is believed.
        worker uuid,
        lease_until timestamptz,
        attempts integer not null default 0,
        cancel_requested_at timestamptz,
        phase text check (phase in ('reading', 'staging', 'merging')),
        rows_read integer not null default 0,
        rows_total integer,
        rows_done integer not null default 0,
        parents_created integer not null default 0,
        children_created integer not null default 0,
        links_created integer not null default 0,
        parents_alone integer not null default 0,
        bills_created integer not null default 0,
        duplicates_skipped integer not null default 0,
        rejected integer not null default 0,
        warnings integer not null default 0,
        error_code text,
        error_values jsonb,
        undone_at timestamptz,
        undone_by bigint references users,
        constraint imports_running_has_a_worker
            check (state <> 'running' or (worker is not null and lease_until is not null))
    );
    create index imports_waiting_idx on imports (id) where state in ('queued', 'running');
    create index imports_file_idx on imports (file_sha256);
    create index imports_area_idx on imports (area_id, id);

    -- What became of the rows that did not simply go in: refused, skipped as already there, or
    -- taken with a warning. A key checked for each of a million rows would cost more than they do.
    create table import_report (
        import_id bigint not null,
        n integer not null,
        verdict text not null check (verdict in ('refused', 'duplicate', 'warning')),
        reason text not null,
        sheet smallint,
        line integer,
        cell smallint,
        code text,
        note jsonb,
        cells text,
        primary key (import_id, n, verdict)
    );

    -- An import finds its own events, to be undone and to tell a child how it came.
    create index audit_events_import_idx on audit_events (import_id, id) where import_id is not null;

    grant select, insert, update on imports to tracetrack_app;
    grant select, insert, delete on import_report to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("""
    drop index audit_events_import_idx;
    drop table import_report, imports cascade;
    """)
