-- Supervisors' lists, for the screens and for the exports alike. sees_area: the only area whose bags
-- somebody may see, null for all; p_area: the area asked for, null for all.

drop view if exists empty_bags, unbilled_bags;

-- Parents with nothing in them that have not left.
create view empty_bags as
select b.* from empty_parents e join bags b on b.id = e.bag_id where b.dispatched_at is null;
grant select on empty_bags to tracetrack_app;

-- Parents with children that are on no bill.
create view unbilled_bags as
select * from bags where kind = 'parent' and bill_id is null and child_count > 0;
grant select on unbilled_bags to tracetrack_app;

-- Parents that somebody worked on between two moments and that are open still; when and by whom last.
create or replace function left_open(
    sees_area bigint, p_area bigint, p_since timestamptz, p_until timestamptz)
    returns table (bag_id bigint, last_at timestamptz, last_by bigint) stable language sql as $$
    select b.id, w.received_at, w.user_id
    from (select distinct o.bag_id from scans o
          -- Whatever is packed in a shift was opened in it, or the day before.
          where o.action = 'parent' and not o.refused
            and o.received_at >= p_since - interval '1 day' and o.received_at < p_until) opened
    join bags b on b.id = opened.bag_id
    cross join lateral (
        select * from (
            (select s.id, s.received_at, s.user_id from scans s
             where s.bag_id = b.id and s.received_at >= p_since and s.received_at < p_until and not s.refused
             order by s.id desc limit 1)
            union all
            (select s.id, s.received_at, s.user_id from scans s
             where s.parent_id = b.id and s.received_at >= p_since and s.received_at < p_until and not s.refused
             order by s.id desc limit 1)) either
        order by id desc limit 1) w
    where b.state = 'open' and (sees_area is null or b.area_id = sees_area)
        and (p_area is null or b.area_id = p_area)
$$;

-- Children that were scanned into one parent while in another, and nobody has decided since; each by
-- its newest such scan. Whoever put the bag where it belongs, or scanned it where it is, has decided.
create or replace function open_conflicts(
    sees_area bigint, p_area bigint, p_since timestamptz, p_until timestamptz)
    returns table (scan_id bigint, received_at timestamptz, bag_id bigint, wanted_parent_id bigint, user_id bigint)
    stable language sql as $$
    select s.id, s.received_at, s.bag_id, s.parent_id, s.user_id
    from scans s
    where s.refused and s.outcome = 'child_in_other_parent' and s.received_at >= p_since
        and s.received_at < p_until and (sees_area is null or s.area_id = sees_area)
        and (p_area is null or s.area_id = p_area)
        and not exists (
            select from scans n where n.bag_id = s.bag_id and n.id > s.id
            and ((n.refused and n.outcome = 'child_in_other_parent')
                 or (not n.refused and n.outcome in ('linked', 'moved', 'unlinked', 'already_linked', 'undone'))))
$$;

-- What each person scanned between two moments, to the quarter of an hour.
create or replace function shift_work(
    sees_area bigint, p_area bigint, p_since timestamptz, p_until timestamptz)
    returns table (user_id bigint, scans bigint, refused bigint, undone bigint, first_slot timestamptz,
                   last_slot timestamptz) stable language sql as $$
    select t.user_id, sum(t.scans)::bigint, sum(t.refused)::bigint, sum(t.undone)::bigint, min(t.slot), max(t.slot)
    from (select * from scan_tallies
          union all
          select date_bin('15 minutes', minute, '2000-01-01Z'), area_id, user_id, scans, refused, undone
          from scan_changes) t
    where t.slot >= p_since and t.slot < p_until and (sees_area is null or t.area_id = sees_area)
        and (p_area is null or t.area_id = p_area)
    group by t.user_id
$$;
