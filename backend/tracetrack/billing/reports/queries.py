"""The statements of reports: each counts for every area, every person and in all at once."""

from __future__ import annotations

from sqlalchemy import text

LONGEST_SECONDS = 30
"""For one statement: a report over a season may take longer than a scan may."""


# grouped: 1 an area, 2 a person, 3 everything.
WORK = text("""
    select grouping(area_id, user_id) as grouped, area_id, user_id,
        count(distinct parent_id) filter (where action = 'child_linked') as parents_packed,
        count(distinct subject_id) filter (where action = 'parent_completed') as parents_completed,
        count(*) filter (where action = 'child_linked') as children_linked,
        count(*) filter (where action = 'child_unlinked') as children_unlinked,
        coalesce(sum(case action when 'child_linked' then child_weight_kg
                                 when 'child_unlinked' then -child_weight_kg end), 0)::float8
            as weight_packed_kg
    from (
        select e.area_id, e.actor_id as user_id, e.action, e.subject_id, e.parent_id, w.child_weight_kg
        from audit_events e
        left join bags p on p.id = e.parent_id
        -- What a child of the type weighed then.
        left join lateral (
            select child_weight_kg from bag_type_weights
            where bag_type_id = p.bag_type_id and valid_from <= e.at
            order by valid_from desc limit 1) w on true
        where e.at >= :since and e.at < :until
          and e.action in ('child_linked', 'child_unlinked', 'parent_completed')
          and (cast(:area_id as bigint) is null or e.area_id = :area_id)
    ) events
    group by grouping sets ((area_id), (user_id), ())
""")

SCANS = text("""
    select grouping(area_id, user_id) as grouped, area_id, user_id,
        count(*) as scans, count(*) filter (where refused) as scans_refused
    from scans
    where received_at >= :since and received_at < :until
      and (cast(:area_id as bigint) is null or area_id = :area_id)
    group by grouping sets ((area_id), (user_id), ())
""")

BILLS_CREATED = text("""
    select grouping(area_id, user_id) as grouped, area_id, user_id,
        count(*) as bills_created
    from (
        select area_id, created_by as user_id from bills
        where created_at >= :since and created_at < :until
          and (cast(:area_id as bigint) is null or area_id = :area_id)
    ) made
    group by grouping sets ((area_id), (user_id), ())
""")

BILLS_COMPLETED = text("""
    select grouping(area_id, user_id) as grouped, area_id, user_id,
        count(*) as bills_completed,
        coalesce(sum(parent_count), 0)::bigint as parents_dispatched,
        coalesce(sum(child_count), 0)::bigint as children_dispatched,
        coalesce(sum(weight_kg), 0)::float8 as weight_dispatched_kg
    from (
        select b.area_id, b.completed_by as user_id, s.parent_count, s.child_count, s.weight_kg
        from bills b left join bill_snapshots s on s.id = b.snapshot_id
        where b.completed_at >= :since and b.completed_at < :until
          and (cast(:area_id as bigint) is null or b.area_id = :area_id)
    ) gone
    group by grouping sets ((area_id), (user_id), ())
""")

IMPORTED = text("""
    select grouping(area_id, user_id) as grouped, area_id, user_id,
        coalesce(sum(parents_created), 0)::bigint as parents_imported,
        coalesce(sum(children_created), 0)::bigint as children_imported
    from (
        select area_id, created_by as user_id, parents_created, children_created from imports
        where finished_at >= :since and finished_at < :until and state = 'completed' and not dry_run
          and undone_at is null
          and (cast(:area_id as bigint) is null or area_id = :area_id)
    ) files
    group by grouping sets ((area_id), (user_id), ())
""")

PARTS = (WORK, SCANS, BILLS_CREATED, BILLS_COMPLETED, IMPORTED)

AREAS = text("""
    select id, name from areas where cast(:area_id as bigint) is null or id = :area_id order by lower(name)
""")

WORKERS = text("select id, username, full_name from users where id = any (:ids) order by lower(username)")

# What has not left: parents that are on no completed bill, by area.
STOCK = text("""
    select g.area_id, count(*) as parents_in_stock, coalesce(sum(g.child_count), 0)::bigint
            as children_in_stock,
        coalesce(sum(g.child_count * t.child_weight_kg), 0)::float8 as weight_in_stock_kg
    from bags g join bag_types t on t.id = g.bag_type_id
    where g.kind = 'parent' and g.dispatched_at is null
      and (cast(:area_id as bigint) is null or g.area_id = :area_id)
    group by g.area_id
""")
