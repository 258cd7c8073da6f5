"""The statements of stored minutes."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

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
                                          pool_size, cache_mode, cache_reads, cache_hits, breakers)
    values (date_trunc('minute', now()), :worker, :cpu_share, :memory_bytes, :loop_lag_ms, :pool_used,
            :pool_size, :cache_mode, :cache_reads, :cache_hits, :breakers)
    on conflict (minute, worker) do update set
        cpu_share = excluded.cpu_share, memory_bytes = excluded.memory_bytes,
        loop_lag_ms = greatest(w.loop_lag_ms, excluded.loop_lag_ms),
        pool_used = greatest(w.pool_used, excluded.pool_used), pool_size = excluded.pool_size,
        cache_mode = excluded.cache_mode, cache_reads = w.cache_reads + excluded.cache_reads,
        cache_hits = w.cache_hits + excluded.cache_hits, breakers = excluded.breakers
""").bindparams(bindparam("breakers", type_=JSONB))

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
              from performance_minutes where minute > now() - make_interval(secs => :seconds){which}) m,
            unnest(buckets) with ordinality u (n, place)
        group by {key}, u.place
    ) s group by {key}
"""
_ONE = " and (cast(:route as text) is null or method || ' ' || route = :route)"
BY_ROUTE = text(_SUMMED.format(key="method, route", which="")).columns(buckets=ARRAY(BigInteger))
OVER_TIME = text(_SUMMED.format(key="at", which=_ONE) + " order by at").columns(buckets=ARRAY(BigInteger))

# What all workers took together: their processors and memory add up, the latest loop is the one that counts.
SYSTEM = text("""
    select date_bin(make_interval(secs => :stretch), minute, '2000-01-01Z') as at,
        avg(cpu)::float8 as cpu_share, max(memory)::bigint as memory_bytes, max(lag)::float8 as loop_lag_ms,
        max(pool)::float8 as pool_percent, sum(reads)::bigint as cache_reads, sum(hits)::bigint as cache_hits
    from (
        select minute, sum(cpu_share) as cpu, sum(memory_bytes) as memory, max(loop_lag_ms) as lag,
            max(100.0 * pool_used / nullif(pool_size, 0)) as pool,
            sum(cache_reads) as reads, sum(cache_hits) as hits
        from performance_workers where minute > now() - make_interval(secs => :seconds) group by minute
    ) m group by 1 order by 1
""")

WORKERS = text("""
    select distinct on (worker) worker, minute as at, cpu_share, memory_bytes, loop_lag_ms, pool_used,
        pool_size, cache_mode, breakers
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

# What could not be told, and nothing later by the same way either: that way does not work.
UNTOLD = text("""
    select m.channel, count(*)::integer as messages, min(m.created_at) as since,
        count(*) filter (where m.next_try = 'infinity')::integer as given_up,
        (array_agg(m.error order by m.id desc) filter (where m.error is not null))[1] as error
    from alert_messages m
    where m.sent_at is null and m.error is not null
        and not exists (select from alert_messages l
                        where l.channel = m.channel and l.id > m.id and l.sent_at is not null)
    group by m.channel order by m.channel
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
