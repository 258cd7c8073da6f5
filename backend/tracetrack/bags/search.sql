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

-- The pattern of what has this text in it.
create or replace function like_part(p_part text) returns text immutable parallel safe language sql as $$
    select '%' || replace(replace(replace(p_part, '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;

-- How many bags PostgreSQL expects to have codes like this. A function of its own, and volatile, because
-- EXPLAIN is; what asks it sees one snapshot all the same.
create or replace function bags_expected(p_like text) returns bigint volatile language plpgsql as $$
declare
    v_plan json;
begin
    execute format('explain (format json) select from bag_search s where s.code like %L', p_like) into v_plan;
    return (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::bigint;
end $$;

-- Ids of a page of the bags whose code has p_part in it, all of one snapshot: the caller's. p_sort: newest,
-- oldest or code; p_after is the id (or code) of the last bag of the page before.
--
-- First a walk of bounded length along the order asked for: what is frequent is found there at once.
-- What is not found in it is rare, or lies far away: then its trigrams name all bags that have it, and
-- those are put in order. Only of a part that a million bags have is that more than to walk on.
--
-- A part that is a bag's whole code and rare needs no walk. Of a long part the index is asked for the
-- end alone, where codes differ: each further trigram is one more list to read, and most are common.
create or replace function bags_containing(
    p_part text, sees_area bigint, p_kind text, p_state text, p_area bigint, p_since timestamptz,
    p_until timestamptz, p_sort text, p_after text, p_limit integer) returns setof bigint
    stable rows 50 language plpgsql as $$
declare
    c_end constant integer := 6;
    v_walks integer[] := array[5000, 50000];
    c_many constant integer := 1000000;
    v_part text := lower(p_part);
    v_has text := format('like %L', like_part(v_part));
    -- What the index is asked: a code ends at the end of the part, or goes on.
    v_indexed_has text := format('like %L', like_part(right(v_part, c_end)));
    v_name text := case when p_sort = 'code' then 'code' else 'id' end;
    v_key text := case when p_sort = 'code' then 'lower(b.code)' else 'b.id' end;
    v_order text := case when p_sort = 'newest' then 'desc' else 'asc' end;
    v_filters text := '';
    v_after text := '';
    v_indexed bigint := (select indexed_to from bag_search_progress);
    v_found bigint[];
    v_walk integer;
    v_walked bigint;
    v_expected bigint;
begin
    if sees_area is not null then
        v_filters := v_filters || format(' and (b.area_id = %s or b.area_id is null)', sees_area);
    end if;
    if p_area is not null then
        v_filters := v_filters || format(' and b.area_id = %s', p_area);
    end if;
    if p_kind is not null then
        v_filters := v_filters || format(' and b.kind = %L', p_kind);
    end if;
    if p_state is not null then
        v_filters := v_filters || format(' and b.state = %L', p_state);
    end if;
    if p_since is not null then
        v_filters := v_filters || format(' and b.created_at >= %L', p_since);
    end if;
    if p_until is not null then
        v_filters := v_filters || format(' and b.created_at < %L', p_until);
    end if;
    if p_after is not null then
        v_after := format(' and %s %s %L', v_key, case v_order when 'desc' then '<' else '>' end, p_after);
    end if;

    if exists (select from bags where lower(code) = v_part and (sees_area is null or area_id = sees_area or area_id is null)) then
        v_expected := bags_expected(like_part(v_part));
        if v_expected <= v_walks[1] then
            v_walks := '{}';
        end if;
    end if;
    foreach v_walk in array v_walks loop
        execute format(
            'with walked as materialized (
                select b.id, b.code, b.area_id, b.kind, b.state, b.created_at from bags b where true%s
                order by %s %s limit %s)
             select (select count(*) from walked),
                    array(select b.id from walked b where lower(b.code) %s%s order by %s %s limit %s)',
            v_after, v_key, v_order, v_walk, v_has, v_filters, v_key, v_order, p_limit)
        into v_walked, v_found;
        if v_walked < v_walk or cardinality(v_found) = p_limit then
            return query select unnest(v_found);
            return;
        end if;
        -- What was found now and then fills the page ten times as far, which is nearer than all its trigrams.
        exit when cardinality(v_found) * 10 < p_limit;
    end loop;

    if coalesce(v_expected, bags_expected(like_part(v_part))) > c_many then
        return query execute format(
            'select b.id from bags b where lower(b.code) %s%s%s order by %s %s limit %s',
            v_has, v_after, v_filters, v_key, v_order, p_limit);
        return;
    end if;
    return query execute format(
        -- Put in order before the filters are looked at, so that they are for a page alone.
        'with hits as materialized (
            select s.bag_id as id, s.code from bag_search s where s.code %8$s and strpos(s.code, %1$L) > 0
            union all
            select b.id, lower(b.code) from bags b where b.id > %2$s and strpos(lower(b.code), %1$L) > 0
         ), ordered as (select * from hits b where true%3$s order by b.%4$s %5$s)
         select b.id from ordered o join bags b on b.id = o.id where true%6$s order by o.%4$s %5$s limit %7$s',
        v_part, v_indexed, v_after, v_name, v_order, v_filters, p_limit, v_indexed_has);
end $$;
