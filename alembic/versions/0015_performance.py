"""Minutes of how the site answered, kept for 30 days, for those who have no Prometheus."""

from tracetrack.platform.migrate import run_script

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("""
    -- All workers add to the same row; buckets are those of the request histogram, and one for above.
    create table performance_minutes (
        minute timestamptz not null,
        method text not null,
        route text not null,
        requests integer not null,
        errors integer not null,
        seconds double precision not null,
        buckets integer[] not null,
        primary key (minute, method, route)
    ) with (fillfactor = 70);
    create table performance_workers (
        minute timestamptz not null,
        worker text not null,
        cpu_share real not null,
        memory_bytes bigint not null,
        loop_lag_ms real not null,
        pool_used integer not null,
        pool_size integer not null,
        cache_mode text not null,
        cache_reads integer not null,
        cache_hits integer not null,
        primary key (minute, worker)
    );
    grant select, insert, update, delete on performance_minutes, performance_workers to tracetrack_app;
    """)


def downgrade() -> None:
    run_script("drop table performance_minutes, performance_workers")
