-- How often somebody tries to sign in, and how long he waits after failing: kept in PostgreSQL, so that
-- they hold with Redis dead and over all workers. Keys are hashes: a name may be a password in the wrong field.

-- Seconds to wait before this try, or 0 when it may be made; then it is counted.
-- Refused tries are not counted: whoever floods an address keeps nobody else out for longer by it.
create or replace function may_try(guards text[], windows text[], per_minute integer[])
    returns double precision language plpgsql set search_path = public, pg_temp as $$
declare
    this_minute constant timestamptz := date_trunc('minute', now());
    passed constant double precision := extract(epoch from now() - this_minute);
    wait double precision;
begin
    -- In turn for each key: of many at once each would find room for one more.
    perform pg_advisory_xact_lock(hashtextextended('tracetrack try ' || k.key, 0))
    from (select key from unnest(windows) key order by key) k;
    select max(extract(epoch from f.open_at - now())) into wait
    from sign_in_failures f where f.key = any(guards) and f.open_at > now();
    if wait > 0 then
        return wait;
    end if;
    -- A moving window: this minute, and of the one before what the last sixty seconds still hold.
    if exists (
        select from unnest(windows, per_minute) w(key, most)
        left join sign_in_tries this on this.key = w.key and this.minute = this_minute
        left join sign_in_tries before on before.key = w.key and before.minute = this_minute - interval '1 minute'
        where coalesce(this.tries, 0) + coalesce(before.tries, 0) * (1 - passed / 60) + 1 > w.most
    ) then
        return greatest(1, 60 - passed);
    end if;
    insert into sign_in_tries (key, minute, tries)
    select key, this_minute, 1 from unnest(windows) key order by key
    on conflict (key, minute) do update set tries = sign_in_tries.tries + 1;
    return 0;
end $$;

-- The same for a try that may be wrong. Where the free failures are used up it counts as one until it is known
-- to be none (release_try): else of many that come together all would pass before the first has failed.
-- Answers the wait, and the guards that were counted so; whoever hangs up leaves them counted.
create or replace function admit_try(
    guards text[], free integer[], longest double precision[], windows text[], per_minute integer[],
    out wait double precision, out held text[]
) language plpgsql set search_path = public, pg_temp as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('tracetrack try ' || k.key, 0))
    from (select distinct key from unnest(guards || windows) key order by key) k;
    wait := may_try(guards, windows, per_minute);
    if wait > 0 then
        return;
    end if;
    select array_agg(key order by key) into held from (
        select f.key
        from sign_in_failures f join unnest(guards, free) g(key, free) on f.key = g.key and f.failures >= g.free
        where f.last_at >= now() - interval '15 minutes'
        order by f.key for update of f) hot;
    if held is not null then
        perform try_failed(
            array_agg(g.key order by g.key), array_agg(g.free order by g.key), array_agg(g.longest order by g.key))
        from unnest(guards, free, longest) g(key, free, longest) where g.key = any(held);
    end if;
end $$;

-- A try that was not wrong after all: nobody waits because of it.
create or replace function release_try(held text[])
    returns void language sql set search_path = public, pg_temp as $$
    with mine as (select key from sign_in_failures where key = any(held) order by key for update)
    update sign_in_failures f set failures = f.failures - 1, open_at = null from mine where f.key = mine.key;
$$;

-- A wrong password: after the free ones each doubles the wait, up to the longest. A quarter of an hour
-- without one, and all is forgotten.
create or replace function try_failed(guards text[], free integer[], longest double precision[])
    returns void language sql set search_path = public, pg_temp as $$
    insert into sign_in_failures as f (key, failures, last_at, open_at)
    select key, 1, now(), null from unnest(guards) key order by key
    on conflict (key) do update set
        failures = case when f.last_at < now() - interval '15 minutes' then 1 else f.failures + 1 end,
        last_at = now();
    update sign_in_failures f
    set open_at = now() + make_interval(secs => least(g.longest, 2.0 ^ least(20, f.failures - g.free)))
    from unnest(guards, free, longest) g(key, free, longest)
    where f.key = g.key and f.failures >= g.free;
$$;

create or replace function try_succeeded(guards text[])
    returns void language sql set search_path = public, pg_temp as $$
    delete from sign_in_failures where key = any(guards);
$$;
