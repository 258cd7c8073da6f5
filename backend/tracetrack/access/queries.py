"""The statements of access: users as they sign in, sessions, refresh tokens."""

from __future__ import annotations

from sqlalchemy import text

from tracetrack.platform.upkeep import Chore

SESSIONS_KEPT = 100
"""Of one user, the last used: more than any person has, and few enough to end all of them at once."""
MOST_SESSIONS = 120
"""Of one user. Beyond it all but those kept end, several at once: each time every worker looks again."""

SIGN_IN_USER = text("""
    select id, username, password_hash, area_id, disabled_at is not null as disabled,
        exists (select from second_factors f where f.user_id = users.id and f.confirmed_at is not null)
            as second_factor
    from users where lower(username) = lower(:username)
""")

# Only while the password that was checked still holds: it may have changed during the hashing.
# Locked, so that a change which ends the user's sessions sees this one or is seen by it.
START_SESSION = text("""
    insert into sessions (user_id, expires_at, user_agent, address)
    select id, now() + make_interval(secs => :seconds), :user_agent, :address
    from users where id = :user_id and disabled_at is null and password_hash = :password_hash
    for share
    returning id, expires_at
""")

UPKEEP = (
    Chore(
        "sessions_ended",
        f"""
        with surplus as (
            select id from (
                select id, row_number() over (
                    partition by user_id order by last_seen_at desc, created_at desc, id) as place
                from sessions where ended_at is null and expires_at > now()) living
            where place > {MOST_SESSIONS} limit 5000),
        ended as (
            update sessions set ended_at = now(), ended_because = 'too_many'
            where id in (select id from sessions join surplus using (id) for update of sessions skip locked)
            returning 1)
        select count(*) from ended
        """,  # noqa: S608 - a number of our own
        batch=5000,
    ),
    # First, and so many at a time: a session that ends takes its tokens along, however many.
    Chore(
        "refresh_tokens_forgotten",
        """
        with gone as (
            delete from refresh_tokens where token_hash in (
                select token_hash from sessions join refresh_tokens on session_id = sessions.id
                where expires_at < now() - interval '1 day' limit 5000)
            returning 1)
        select count(*) from gone
        """,
        batch=5000,
    ),
    Chore(
        "sessions_forgotten",
        """
        with gone as (
            delete from sessions where id in (
                select id from sessions where expires_at < now() - interval '1 day'
                order by expires_at limit 1000 for update skip locked)
            returning 1)
        select count(*) from gone
        """,
        batch=1000,
    ),
)

MANY_SESSIONS = text("""
    select count(*) > :most from (
        select from sessions where user_id = :user_id and ended_at is null and expires_at > now()
        limit :most + 1) living
""").bindparams(most=MOST_SESSIONS)

# A thousand at most, so that nobody's sign-in fails at it; the daily round ends what else there is.
END_SURPLUS = text("""
    update sessions set ended_at = now(), ended_because = 'too_many'
    where id in (
        select id from sessions where id in (
            select id from sessions where user_id = :user_id and ended_at is null and expires_at > now()
            order by last_seen_at desc, created_at desc, id offset :kept limit 1000)
        for update skip locked)
""").bindparams(kept=SESSIONS_KEPT)

ADD_REFRESH = text("insert into refresh_tokens (token_hash, session_id) values (:token_hash, :session_id)")

# Locked, so that of two that bring the same token the second sees what the first did.
REFRESH_TOKEN = text("""
    select t.session_id, t.replaced_at,
        t.replaced_at > now() - make_interval(secs => :retry_seconds) as just_replaced,
        s.user_id, s.expires_at, u.area_id,
        s.ended_at is null and s.expires_at > now() and u.disabled_at is null
            and s.last_seen_at > now() - make_interval(secs => :idle_seconds) as alive
    from refresh_tokens t
    join sessions s on s.id = t.session_id
    join users u on u.id = s.user_id
    where t.token_hash = :token_hash
    for no key update of t
""")

SESSION_OF_REFRESH = text("""
    select t.session_id, s.user_id, u.area_id, s.ended_at is not null as ended
    from refresh_tokens t
    join sessions s on s.id = t.session_id
    join users u on u.id = s.user_id
    where t.token_hash = :token_hash
""")

REPLACE_REFRESH = text(
    "update refresh_tokens set replaced_at = clock_timestamp() where token_hash = :token_hash"
)

SEEN = text("update sessions set last_seen_at = now() where id = :session_id")

CURRENT_REFRESH = text("""
    select token_hash from refresh_tokens
    where session_id = :session_id and token_hash = any(:candidates) and replaced_at is null
""")

END_SESSION = text("""
    update sessions set ended_at = now(), ended_because = :because
    where id = :session_id and user_id = :user_id and ended_at is null
    returning id
""")

HAS_SESSIONS = text("""
    select exists (select from sessions where user_id = :user_id and ended_at is null and expires_at > now()
        and id is distinct from cast(:but as uuid))
""")

END_SESSIONS = text("""
    update sessions set ended_at = now(), ended_because = :because
    where user_id = :user_id and ended_at is null and expires_at > now()
        and id is distinct from cast(:but as uuid)
""")

SIGNED_IN = text("""
    select s.id as session_id, s.expires_at, u.id as user_id, u.username, u.full_name, u.role, u.language,
        u.must_change_password, u.area_id, a.name as area_name,
        u.role = 'admin'
            and exists (select from site_settings where name = 'totp_for_admins' and value = 'true')
            and not exists (select from second_factors where user_id = u.id and confirmed_at is not null)
            as must_set_up_totp
    from sessions s
    join users u on u.id = s.user_id
    left join areas a on a.id = u.area_id
    where s.id = :session_id and s.ended_at is null and u.disabled_at is null
""")

OWN_SESSIONS = text("""
    select id, created_at, last_seen_at, expires_at, user_agent, address
    from sessions
    where user_id = :user_id and ended_at is null and expires_at > now()
        and last_seen_at > now() - make_interval(secs => :idle_seconds)
        and (cast(:before as timestamptz) is null or (created_at, id) < (:before, cast(:before_id as uuid)))
    order by created_at desc, id desc
    limit :limit
""")

PASSWORD_HASH = text("select password_hash from users where id = :user_id")

SET_PASSWORD = text("""
    update users set password_hash = :password_hash, must_change_password = false, updated_at = now()
    where id = :user_id and password_hash = :was
    returning id
""")

LANGUAGE = text("select language from users where id = :user_id for no key update")

SET_LANGUAGE = text("update users set language = :language, updated_at = now() where id = :user_id")
