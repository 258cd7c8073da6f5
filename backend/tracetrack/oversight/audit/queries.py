"""Finding events in the ledger: each way in is a stretch of one index, however long the ledger is.

Where a search has several ways in (events of these bags, by these people, of this action), the
newest of each are found by themselves and then put in order.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

SUBJECTS = 200
"""How many bags, bills and so on one search looks into."""

FILTERS = {
    "actor_id": "e.actor_id = :actor_id",
    "area_id": "e.area_id = :area_id",
    "action": "e.action = :action",
    "subject_type": "e.subject_type = :subject_type",
    "subject_id": "e.subject_id = :subject_id",
    "since": "e.at >= :since",
    "until": "e.at < :until",
}

_COLUMNS = """
    e.id, e.at, e.action, e.subject_type, e.subject_id, e.subject_code as code, e.parent_id, e.scan_id,
    e.import_id, e.before, e.after, e.request_id, e.address,
    case when u.id is not null then jsonb_build_object('id', u.id, 'username', u.username) end as actor,
    case when a.id is not null then jsonb_build_object('id', a.id, 'name', a.name) end as area
"""
_NAMES = "left join users u on u.id = e.actor_id left join areas a on a.id = e.area_id"
_NEWEST = "order by e.at desc, e.id desc limit :limit"

# The ids a name stands for: a bag by code or old code, a bill, a user, an area, or what is gone.
_NAMED = text("""
    select 'bag' as type, id from find_bag(:name)
    union select 'bill', id from bills where lower(number) = lower(:name)
    union select 'user', id from users where lower(username) = lower(:name)
    union select 'area', id from areas where lower(name) = lower(:name)
    union select 'bag_type', id from bag_types where lower(name) = lower(:name)
    union select 'label_pattern', id from label_patterns where lower(name) = lower(:name)
    union select subject_type, subject_id from audit_events
        where lower(subject_code) = lower(:name) and subject_id is not null
        and action in ('bag_deleted', 'bill_deleted', 'bag_type_removed', 'label_pattern_removed')
""")

_BEGINNING = text(f"""
    (select 'bag' as type, id from bags
        where lower(code) >= :low and lower(code) < :high order by lower(code) limit {SUBJECTS})
    union all
    (select 'bill', id from bills where strpos(lower(number), :low) > 0 order by id desc limit {SUBJECTS})
""")  # noqa: S608 - our own number

_USERS = text("""
    select id from users where strpos(lower(username), :low) > 0 or strpos(lower(full_name), :low) > 0
    order by id limit 20
""")

# Every action there is, by jumping through the index from one to the next.
ACTIONS = text("""
    with recursive found (action) as (
        (select action from audit_events order by action limit 1)
        union all
        select (select e.action from audit_events e where e.action > found.action order by e.action limit 1)
        from found where found.action is not null
    )
    select action from found where action is not null
""")


@dataclass
class Ways:
    """The ways into the ledger that a search has; none at all finds nothing."""

    types: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    actors: list[int] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)


async def named(tx: AsyncConnection, name: str) -> Ways:
    """Ways to the events of what has exactly this code, number or name."""
    rows = (await tx.execute(_NAMED, {"name": name})).all()
    return Ways(types=[row.type for row in rows], ids=[row.id for row in rows])


async def matching(tx: AsyncConnection, q: str) -> Ways:
    """Ways to the events that a search word means: things, people, or a kind of action."""
    low = q.lower()
    ways = await named(tx, q)
    rows = (await tx.execute(_BEGINNING, {"low": low, "high": low + chr(0x10FFFF)})).all()
    ways.types += [row.type for row in rows]
    ways.ids += [row.id for row in rows]
    ways.actors = list((await tx.execute(_USERS, {"low": low})).scalars())
    word = low.replace(" ", "_")
    ways.actions = [action for action in (await tx.execute(ACTIONS)).scalars() if word in action]
    return ways


async def events_page(
    tx: AsyncConnection,
    filters: dict[str, Any],
    ways: Ways | None,
    after: tuple[dt.datetime, int] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Events, newest first; one more than ``limit`` where there is a next page.

    Args:
        filters: values by name of :data:`FILTERS`.
        ways: where to look; None looks everywhere.
        after: time and id of the last event of the page before.
    """
    values = {name: value for name, value in filters.items() if value is not None}
    conditions = [FILTERS[name] for name in values]
    if after is not None:
        conditions.append("(e.at, e.id) < (:after_at, cast(:after_id as bigint))")
        values |= {"after_at": after[0], "after_id": after[1]}
    values["limit"] = limit + 1
    where = " and ".join(conditions) or "true"
    if ways is None:
        statement = text(f"select {_COLUMNS} from audit_events e {_NAMES} where {where} {_NEWEST}")  # noqa: S608
    else:
        statement = text(f"""
            with hits as materialized (
                select e.id, e.at from audit_events e
                join unnest(:types, :ids) s (type, id) on e.subject_type = s.type and e.subject_id = s.id
                where {where}
                union
                select e.id, e.at from audit_events e where e.parent_id in (
                    select s.id from unnest(:types, :ids) s (type, id) where s.type = 'bag') and {where}
                union
                select h.id, h.at from unnest(:actors) w (actor_id), lateral (
                    select e.id, e.at from audit_events e
                    where e.actor_id = w.actor_id and {where} {_NEWEST}) h
                union
                select h.id, h.at from unnest(:actions) w (action), lateral (
                    select e.id, e.at from audit_events e
                    where e.action = w.action and {where} {_NEWEST}) h
            ), newest as materialized (select * from hits e {_NEWEST})
            select {_COLUMNS} from newest n join audit_events e on e.id = n.id and e.at = n.at
                {_NAMES} {_NEWEST}
        """).bindparams(  # noqa: S608 - only names from this file are put in
            bindparam("types", ways.types, type_=ARRAY(Text)),
            bindparam("ids", ways.ids, type_=ARRAY(BigInteger)),
            bindparam("actors", ways.actors, type_=ARRAY(BigInteger)),
            bindparam("actions", ways.actions, type_=ARRAY(Text)),
        )
    return [dict(row) for row in (await tx.execute(statement, values)).mappings()]


# The end of the chain, and how much has been written since.
SEAL = text("""
    select s.id as seals, encode(s.head, 'hex') as head, s.sealed_at,
        u.n as unsealed, u.oldest as unsealed_since
    from (select coalesce(max(id), 0) as last from ledger_seals) l
    left join ledger_seals s on s.id = l.last
    cross join lateral (
        select count(*) as n, min(at) as oldest from (
            select at from audit_events where txid >= coalesce(s.to_txid, '0'::xid8) limit 10000) e) u
""")

USER_NAME = text("select username from users where id = :user_id")
