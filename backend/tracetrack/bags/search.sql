-- Finding bags by any part of a code.

-- Take over bags that are committed, p_most ids at most; how many ids that were. One worker at a time.
create or replace function fill_bag_search(p_most integer) returns bigint language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    progress bag_search_progress;
    v_to bigint;
begin
    if not pg_try_advisory_xact_lock(hashtext('tracetrack search')) then
        return 0;
    end if;
    select * into progress from bag_search_progress;
    if progress.indexed_to >= progress.seen_to then
        update bag_search_progress
        set seen_to = coalesce((select max(id) from bags), 0),
            seen_before = pg_snapshot_xmax(pg_current_snapshot());
        return 0;
    elsif pg_snapshot_xmin(pg_current_snapshot()) < progress.seen_before then
        return 0;
    end if;
    v_to := least(progress.seen_to, progress.indexed_to + p_most);
    insert into bag_search select id, lower(code) from bags where id > progress.indexed_to and id <= v_to
    on conflict (bag_id) do nothing;
    update bag_search_progress set indexed_to = v_to;
    return v_to - progress.indexed_to;
end $$;
revoke all on function fill_bag_search(integer) from public;
grant execute on function fill_bag_search(integer) to tracetrack_app;

-- Put right what is missing or differs, which only an accident can bring about; how many that were.
create or replace function mend_bag_search(p_most integer) returns integer language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    mended integer;
begin
    insert into bag_search
    select b.id, lower(b.code) from bags b left join bag_search s on s.bag_id = b.id
    where b.id <= (select indexed_to from bag_search_progress) and s.code is distinct from lower(b.code)
    limit p_most
    on conflict (bag_id) do update set code = excluded.code;
    get diagnostics mended = row_count;
    return mended;
end $$;
revoke all on function mend_bag_search(integer) from public;
grant execute on function mend_bag_search(integer) to tracetrack_app;

-- Ids of a page of the bags whose code has p_part in it. p_sort: newest, oldest or code; p_after is
-- the id (or code) of the last bag of the page before. Planned anew each time: a frequent part is
-- found by walking from the end, a rare one by its trigrams.
create or replace function bags_containing(
    p_part text, sees_area bigint, p_kind text, p_state text, p_area bigint, p_since timestamptz,
    p_until timestamptz, p_sort text, p_after text, p_limit integer) returns setof bigint stable
    language plpgsql as $$
declare
    v_like text := '%' || replace(replace(replace(lower(p_part), '\', '\\'), '%', '\%'), '_', '\_') || '%';
    v_key text := case when p_sort = 'code' then 'code' else 'bag_id' end;
    v_order text := case when p_sort = 'newest' then 'desc' else 'asc' end;
    v_where text := '';
    v_join text := '';
    v_after text := '';
    v_indexed bigint := (select indexed_to from bag_search_progress);
begin
    if sees_area is not null then
        v_where := v_where || format(' and b.area_id = %s', sees_area);
    end if;
    if p_area is not null then
        v_where := v_where || format(' and b.area_id = %s', p_area);
    end if;
    if p_kind is not null then
        v_where := v_where || format(' and b.kind = %L', p_kind);
    end if;
    if p_state is not null then
        v_where := v_where || format(' and b.state = %L', p_state);
    end if;
    if p_since is not null then
        v_where := v_where || format(' and b.created_at >= %L', p_since);
    end if;
    if p_until is not null then
        v_where := v_where || format(' and b.created_at < %L', p_until);
    end if;
    if v_where <> '' then
        v_join := ' join bags b on b.id = s.bag_id';
    end if;
    if p_after is not null then
        v_after := format(' and s.%s %s %L', v_key, case v_order when 'desc' then '<' else '>' end, p_after);
    end if;
    return query execute format(
        'select bag_id from (
            (select s.bag_id, s.code from bag_search s%s where s.code like %L%s%s order by s.%s %s limit %s)
            union all
            (select s.bag_id, s.code from (select id as bag_id, lower(code) as code from bags where id > %s) s%s
             where s.code like %L%s%s order by s.%s %s limit %s)
         ) found order by %s %s limit %s',
        v_join, v_like, v_after, v_where, v_key, v_order, p_limit,
        v_indexed, v_join, v_like, v_after, v_where, v_key, v_order, p_limit,
        v_key, v_order, p_limit);
end $$;
