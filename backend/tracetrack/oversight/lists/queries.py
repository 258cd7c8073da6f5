"""Which bags, scans and people are on a list; every statement obeys the area rule (``lists.sql``)."""

from __future__ import annotations

from sqlalchemy import text

_RANGE = (
    "cast(:sees_area as bigint), cast(:area_id as bigint),"
    " cast(:since as timestamptz), cast(:until as timestamptz)"
)

LEFT_OPEN = text(f"""
    select l.bag_id, l.last_at, jsonb_build_object('id', u.id, 'username', u.username) as last_by
    from left_open({_RANGE}) l join users u on u.id = l.last_by
    where cast(:at as timestamptz) is null or (l.last_at, l.bag_id) < (:at, cast(:id as bigint))
    order by l.last_at desc, l.bag_id desc limit :limit
""")  # noqa: S608 - only what stands above is put in

_AREAS = """
    (cast(:sees_area as bigint) is null or b.area_id = :sees_area)
    and (cast(:area_id as bigint) is null or b.area_id = :area_id)
    and (cast(:until as timestamptz) is null or b.created_at < :until)
"""

# The newest first: those that were registered by mistake are noticed soon.
EMPTY = text(f"""
    select b.id from empty_bags b
    where {_AREAS} and (cast(:after as bigint) is null or b.id < :after)
    order by b.id desc limit :limit
""")  # noqa: S608 - only what stands above is put in

# The oldest first: those have been forgotten longest.
UNBILLED = text(f"""
    select b.id from unbilled_bags b
    where {_AREAS} and b.id > coalesce(cast(:after as bigint), 0)
    order by b.id limit :limit
""")  # noqa: S608 - only what stands above is put in

CONFLICTS = text(f"""
    select c.scan_id, c.received_at as at, c.bag_id,
        case when p.id is not null then jsonb_build_object('id', p.id, 'code', p.code) end as wanted_parent,
        jsonb_build_object('id', u.id, 'username', u.username) as scanned_by
    from open_conflicts({_RANGE}) c
    join users u on u.id = c.user_id
    join bags b on b.id = c.bag_id and (cast(:sees_area as bigint) is null or b.area_id = :sees_area)
    left join bags p on p.id = c.wanted_parent_id
        and (cast(:sees_area as bigint) is null or p.area_id = :sees_area)
    where cast(:at as timestamptz) is null or (c.received_at, c.scan_id) < (:at, cast(:id as bigint))
    order by c.received_at desc, c.scan_id desc limit :limit
""")  # noqa: S608 - only what stands above is put in

WORK = text(f"""
    select jsonb_build_object('id', u.id, 'username', u.username) as user, u.full_name, w.scans, w.refused,
        w.undone, w.first_slot, w.last_slot
    from shift_work({_RANGE}) w join users u on u.id = w.user_id
    where w.scans + w.refused + w.undone > 0
    order by w.scans desc, u.id limit 1000
""")  # noqa: S608 - only what stands above is put in
