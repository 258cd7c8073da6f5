"""The statements of people: users, areas, site settings."""

from __future__ import annotations

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

_USER = """
    select u.id, u.username, u.full_name, u.role, u.language, u.must_change_password,
        u.disabled_at is not null as disabled, u.created_at, u.area_id, a.name as area_name,
        s.last_seen_at, s.sessions, k.user_id is not null as is_key,
        exists (select from second_factors f where f.user_id = u.id and f.confirmed_at is not null) as totp
    from users u
    left join areas a on a.id = u.area_id
    left join api_keys k on k.user_id = u.id
    left join users_seen g on g.user_id = u.id
    cross join lateral (
        select greatest(max(last_seen_at), k.last_used_at, g.at) as last_seen_at,
            count(*) filter (where ended_at is null and expires_at > now()) as sessions
        from sessions where user_id = u.id
    ) s
"""

USER = text(_USER + " where u.id = :user_id")

USERS = text(
    _USER
    + """
    where (cast(:role as text) is null or u.role = :role)
        and (cast(:area_id as bigint) is null or u.area_id = :area_id)
        and (cast(:disabled as boolean) is null or (u.disabled_at is not null) = :disabled)
        and (cast(:keys as boolean) is null or (k.user_id is not null) = :keys)
        and (cast(:q as text) is null
            or strpos(lower(u.username), lower(:q)) > 0 or strpos(lower(u.full_name), lower(:q)) > 0)
        and (cast(:after as text) is null or lower(u.username) > lower(:after))
    order by lower(u.username)
    limit :limit
"""
)

ADD_USER = text("""
    insert into users (username, full_name, role, area_id, password_hash, must_change_password, language)
    values (:username, :full_name, :role, :area_id, :password_hash, :must_change_password, :language)
    on conflict (lower(username)) do nothing
    returning id
""")

USER_FOR_CHANGE = text("""
    select username, full_name, role, area_id, language, must_change_password,
        disabled_at is not null as disabled,
        exists (select from api_keys where user_id = users.id) as is_key
    from users where id = :user_id for no key update
""")

CHANGE_USER = text("""
    update users set full_name = :full_name, role = :role, area_id = :area_id, language = :language,
        must_change_password = :must_change_password,
        password_hash = coalesce(:password_hash, password_hash),
        disabled_at = case when :disabled then coalesce(disabled_at, now()) end,
        updated_at = now()
    where id = :user_id
""")

# Locked in one order, so that of two admins who demote each other the second sees the first.
ADMINS = text("""
    select id from users where role = 'admin' and disabled_at is null order by id for no key update
""")

# Held against being disabled until the person who is put there stands in the table.
WORKING_AREA = text("select id from areas where id = :area_id and disabled_at is null for share")

_AREA = "select id, name, disabled_at is not null as disabled, created_at from areas"

AREA = text(_AREA + " where id = :area_id")

AREA_FOR_CHANGE = text(_AREA + " where id = :area_id for update")

AREAS = text(
    _AREA
    + """
    where (cast(:only as bigint) is null or id = :only)
        and (cast(:after as text) is null or lower(name) > lower(:after))
    order by lower(name)
    limit :limit
"""
)

ADD_AREA = text("insert into areas (name) values (:name) on conflict (lower(name)) do nothing returning id")

CHANGE_AREA = text("""
    update areas set name = :name, disabled_at = case when :disabled then coalesce(disabled_at, now()) end
    where id = :area_id
""")

WORKERS_IN_AREA = text("select exists (select from users where area_id = :area_id and disabled_at is null)")

KNOWN_ZONE = text("select exists (select from pg_timezone_names where name = :name)")

SETTINGS = text("select name, value from site_settings")

# One change at a time, so that "before" in the ledger is what the change replaced.
LOCK_SETTINGS = text("select pg_advisory_xact_lock(hashtext('tracetrack settings'))")

SET_SETTING = text("""
    insert into site_settings (name, value, updated_by) values (:name, :value, :user_id)
    on conflict (name) do update
        set value = excluded.value, updated_by = excluded.updated_by, updated_at = now()
""").bindparams(bindparam("value", type_=JSONB))
