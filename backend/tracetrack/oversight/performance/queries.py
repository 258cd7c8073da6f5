"""The statements of stored minutes."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, text

from tracetrack.platform.upkeep import Chore

KEEP_DAYS = 30

ADD_MINUTE = text("""
    insert into performance_minutes as m (minute, method, route, requests, errors, seconds, buckets)
    values (date_trunc('minute', now()), :method, :route, :requests, :errors, :seconds, :buckets)
    on conflict (minute, method, route) do update set
        requests = m.requests + excluded.requests, errors = m.errors + excluded.errors,
        seconds = m.seconds + excluded.seconds,
        buckets = array(select a + b from unnest(m.buckets, excluded.buckets) with ordinality u (a, b, place)
                        order by place)
""").bindparams(bindparam("buckets", type_=ARRAY(Integer)))

ADD_WORKER = text("""
    insert into performance_workers as w (minute, worker, cpu_share, memory_bytes, loop_lag_ms, pool_used,
                                          pool_size, cache_mode, cache_reads, cache_hits)
    values (date_trunc('minute', now()), :worker, :cpu_share, :memory_bytes, :loop_lag_ms, :pool_used,
            :pool_size, :cache_mode, :cache_reads, :cache_hits)
    on conflict (minute, worker) do update set
        cpu_share = excluded.cpu_share, memory_bytes = excluded.memory_bytes,
        loop_lag_ms = greatest(w.loop_lag_ms, excluded.loop_lag_ms),
        pool_used = greatest(w.pool_used, excluded.pool_used), pool_size = excluded.pool_size,
        cache_mode = excluded.cache_mode, cache_reads = w.cache_reads + excluded.cache_reads,
        cache_hits = w.cache_hits + excluded.cache_hits
""")

# Buckets are added place by place; a stretch of 0 seconds is the whole period.
_SUMMED = """
    select {key}, max(requests)::bigint as requests, max(errors)::bigint as errors,
        max(seconds) as seconds, array_agg(n order by place) as buckets
    from (
        select {key}, u.place, sum(u.n)::bigint as n,
            sum(requests) filter (where u.place = 1) as requests,
            sum(errors) filter (where u.place = 1) as errors,
            sum(seconds) filter (where u.place = 1) as seconds
        from (select *, date_bin(make_interval(secs => :stretch), minute, '2000-01-01Z') as at
              from performance_minutes where minute > now() - make_interval(secs => :seconds)) m,
            unnest(buckets) with ordinality u (n, place)
        group by {key}, u.place
    ) s group by {key}
"""
BY_ROUTE = text(_SUMMED.format(key="method, route")).columns(buckets=ARRAY(BigInteger))
OVER_TIME = text(_SUMMED.format(key="at") + " order by at").columns(buckets=ARRAY(BigInteger))

WORKERS = text("""
    select distinct on (worker) worker, minute as at, cpu_share, memory_bytes, loop_lag_ms, pool_used,
        pool_size, cache_mode
    from performance_workers where minute > now() - interval '3 minutes' order by worker, minute desc
""")
CACHE = text("""
    select coalesce(sum(cache_reads), 0)::bigint as reads, coalesce(sum(cache_hits), 0)::bigint as hits
    from performance_workers where minute > now() - make_interval(secs => :seconds)
""")
DATABASE = text("""
    select (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
        current_setting('max_connections')::integer as max_connections,
        pg_database_size(current_database()) as size_bytes
""")
HAS_STATEMENTS = text("select to_regclass('pg_stat_statements') is not null")
STATEMENTS = text("""
    select left(regexp_replace(query, '\\s+', ' ', 'g'), 300) as query, calls,
        round(mean_exec_time::numeric, 3)::float8 as mean_ms,
        round(total_exec_time::numeric, 1)::float8 as total_ms
    from pg_stat_statements s join pg_database d on d.oid = s.dbid
    where d.datname = current_database() order by total_exec_time desc limit 15
""")
IMPORTS = text("""
    select id, finished_at, rows_done as rows,
        (rows_done / greatest(extract(epoch from finished_at - started_at), 0.001))::float8 as rows_per_second
    from imports where state = 'completed' and started_at is not null and finished_at is not null
    order by id desc limit 10
""")

UPKEEP = (
    Chore(
        "minutes_forgotten",
        f"""
        with gone as (
            delete from performance_minutes where minute < now() - interval '{KEEP_DAYS} days' returning 1),
        workers as (
            delete from performance_workers where minute < now() - interval '{KEEP_DAYS} days' returning 1)
        select (select count(*) from gone) + (select count(*) from workers)
        """,  # noqa: S608 - our own number
    ),
)
