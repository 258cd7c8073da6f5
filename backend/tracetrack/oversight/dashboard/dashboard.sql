-- The figures of the dashboard: small tallies and what is not folded into them yet, in one statement.

-- Fold the changes into the tallies, one worker at a time; how many changes those were.
create or replace function fold_tallies() returns integer language plpgsql
    security definer set search_path = public, pg_temp as $$
declare
    folded integer;
    n integer;
begin
    if not pg_try_advisory_xact_lock(hashtext('tracetrack tallies')) then
        return 0;
    end if;
    with gone as (delete from bag_changes returning *), summed as (
        insert into bag_tallies select area_id, kind, state, sum(g.n) from gone g group by 1, 2, 3
        on conflict (area_id, kind, state) do update set n = bag_tallies.n + excluded.n)
    select count(*) into folded from gone;
    with gone as (delete from scan_changes returning *), quarters as (
        insert into scan_tallies
        select date_bin('15 minutes', minute, '2000-01-01Z'), area_id, user_id,
               sum(scans), sum(refused), sum(undone) from gone group by 1, 2, 3
        on conflict (slot, area_id, user_id) do update
            set scans = scan_tallies.scans + excluded.scans, refused = scan_tallies.refused + excluded.refused,
                undone = scan_tallies.undone + excluded.undone
    ), minutes as (
        insert into scan_minutes select minute, area_id, sum(scans), sum(refused) from gone group by 1, 2
        on conflict (minute, area_id) do update
            set scans = scan_minutes.scans + excluded.scans, refused = scan_minutes.refused + excluded.refused)
    select count(*) into n from gone;
    perform fold_shapes();
    delete from scan_minutes where minute < now() - interval '3 hours';
    return folded + n;
end $$;
revoke all on function fold_tallies() from public;
grant execute on function fold_tallies() to tracetrack_app;

-- Everything at one moment, of one area (or of all: null), for the day that began at p_day in a time zone.
create or replace function dashboard_summary(
    sees_area bigint, p_office boolean, p_day timestamptz, p_zone text) returns jsonb stable language sql as $$
with bag_counts as (
    select area_id, kind, state, sum(n)::bigint as n from (
        select * from bag_tallies union all select * from bag_changes) b
    where sees_area is null or area_id = sees_area group by 1, 2, 3
), slots as materialized (
    select slot, area_id, user_id, sum(scans)::bigint as scans, sum(refused)::bigint as refused,
           sum(undone)::bigint as undone
    from (
        select * from scan_tallies where slot >= least(p_day, now() - interval '25 hours')
        union all
        select date_bin('15 minutes', minute, '2000-01-01Z'), area_id, user_id, scans, refused, undone
        from scan_changes) s
    where sees_area is null or area_id = sees_area group by 1, 2, 3
), today as (
    select * from slots where slot >= p_day
), minutes as (
    select minute, sum(scans)::bigint as scans, sum(refused)::bigint as refused from (
        select * from scan_minutes
        union all select minute, area_id, scans, refused from scan_changes) m
    where minute > now() - interval '61 minutes' and (sees_area is null or area_id = sees_area) group by 1
), conflicts as (
    select count(*) as n from (
        -- The newest five hundred are looked at: where there are more, the number says enough.
        select bag_id, max(id) as id from (
            select id, bag_id from scans
            where refused and outcome = 'child_in_other_parent' and received_at > now() - interval '24 hours'
                and (sees_area is null or area_id = sees_area)
            order by received_at desc limit 500) r
        group by bag_id) c
    -- Whoever put the bag where it belongs has resolved it.
    where not exists (select from scans s where s.bag_id = c.bag_id and s.id > c.id and not s.refused
                      and s.outcome in ('linked', 'moved', 'unlinked', 'already_linked', 'undone'))
), open_bills as (
    select c.id, c.number, c.state, c.area, c.parent_count, c.child_count, c.target_parents, c.weight_kg
    from bill_cards c where c.completed_at is null and (sees_area is null or c.area_id = sees_area)
)
select jsonb_build_object(
    'bags', (select coalesce(sum(n), 0) from bag_counts),
    'parents', (select coalesce(jsonb_object_agg(state, n), '{}') from (
        select state, sum(n) as n from bag_counts where kind = 'parent' group by 1) p),
    'children', (select coalesce(jsonb_object_agg(state, n), '{}') from (
        select state, sum(n) as n from bag_counts where kind = 'child' group by 1) c),
    'scans_today', (select coalesce(sum(scans), 0) from today),
    'refused_today', (select coalesce(sum(refused), 0) from today),
    'undone_today', (select coalesce(sum(undone), 0) from today),
    'per_minute', (select jsonb_agg(jsonb_build_object(
            'at', t, 'scans', coalesce(m.scans, 0), 'refused', coalesce(m.refused, 0)) order by t)
        from generate_series(date_trunc('minute', now()) - interval '59 minutes', now(), '1 minute') t
        left join minutes m on m.minute = t),
    'per_hour', (select jsonb_agg(jsonb_build_object(
            'at', h at time zone p_zone, 'scans', coalesce(s.scans, 0), 'refused', coalesce(s.refused, 0))
            order by h)
        from generate_series(date_trunc('hour', now() at time zone p_zone) - interval '23 hours',
                             now() at time zone p_zone, '1 hour') h
        left join (select date_trunc('hour', slot at time zone p_zone) as hour, sum(scans) as scans,
                          sum(refused) as refused
                   from (select slot, sum(scans) as scans, sum(refused) as refused from slots group by 1) q
                   group by 1) s on s.hour = h),
    'areas', (select coalesce(jsonb_agg(jsonb_build_object(
            'area', jsonb_build_object('id', a.id, 'name', a.name), 'bags', coalesce(b.bags, 0),
            'open_parents', coalesce(b.open, 0), 'scans_today', coalesce(s.scans, 0),
            'refused_today', coalesce(s.refused, 0)) order by lower(a.name)), '[]')
        from areas a
        left join (select area_id, sum(n) as bags,
                          sum(n) filter (where kind = 'parent' and state = 'open') as open
                   from bag_counts group by 1) b on b.area_id = a.id
        left join (select area_id, sum(scans) as scans, sum(refused) as refused from today group by 1) s
            on s.area_id = a.id
        where (sees_area is null or a.id = sees_area)
            and (a.disabled_at is null or b.bags > 0 or s.scans > 0)),
    'workers', (select coalesce(jsonb_agg(jsonb_build_object(
            'user', jsonb_build_object('id', u.id, 'username', u.username), 'scans_today', w.scans,
            'refused_today', w.refused, 'undone_today', w.undone) order by w.scans desc, u.id), '[]')
        from (select user_id, sum(scans) as scans, sum(refused) as refused, sum(undone) as undone
              from today group by 1 order by 2 desc limit 50) w join users u on u.id = w.user_id),
    'packing', (select coalesce(jsonb_agg(jsonb_build_object(
            'user', jsonb_build_object('id', u.id, 'username', u.username),
            'parent', jsonb_build_object('id', b.id, 'code', b.code), 'child_count', b.child_count,
            'expected_children', t.expected_children, 'since', p.since) order by p.since desc), '[]')
        from (select p.* from packing p join bags b on b.id = p.parent_id
              where sees_area is null or b.area_id = sees_area order by p.since desc limit 50) p
        join bags b on b.id = p.parent_id join users u on u.id = p.user_id
        join bag_types t on t.id = b.bag_type_id),
    'bills', jsonb_build_object(
        'new', (select count(*) from open_bills where state = 'new'),
        'processing', (select count(*) from open_bills where state = 'processing'),
        'completed_today', (select count(*) from bills where completed_at >= p_day
                            and (sees_area is null or area_id = sees_area)),
        'in_progress', (select coalesce(jsonb_agg(to_jsonb(o) order by o.id desc), '[]')
                        from (select * from open_bills order by id desc limit 20) o)),
    'imports', case when p_office then (select coalesce(jsonb_agg(jsonb_build_object(
            'id', i.id, 'state', i.state, 'kind', i.kind, 'file_name', i.file_name,
            'rows_total', i.rows_total, 'rows_done', i.rows_done) order by i.id desc), '[]')
        from (select * from imports where state in ('queued', 'running') order by id desc limit 20) i) end,
    'conflicts', (select n from conflicts))
$$;
