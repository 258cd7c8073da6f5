"""The statements of alerts: what is raised now, and the messages that are still to be sent."""

from __future__ import annotations

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

ALONE = text("select pg_try_advisory_xact_lock(hashtext('tracetrack alerts'))")

# Answers whether it is new.
SEEN = text("""
    insert into alerts_raised as a (name, value, threshold) values (:name, :value, :limit)
    on conflict (name) do update set
        value = greatest(a.value, excluded.value), threshold = excluded.threshold, last_seen = now()
    returning xmax = 0 as is_new
""")
OVER = text("""
    delete from alerts_raised where last_seen < now() - make_interval(secs => :seconds)
    returning name, value, threshold as limit
""")
WRITE = text("insert into alert_messages (channel, body) values (:channel, :body)").bindparams(
    bindparam("body", type_=JSONB)
)

# A sender that dies leaves the message to the next after a minute.
TAKE = text("""
    update alert_messages set tries = tries + 1, next_try = now() + interval '1 minute'
    where id = (select id from alert_messages where sent_at is null and next_try <= now()
                order by id limit 1 for update skip locked)
    returning id, channel, body, tries
""")
SENT = text("update alert_messages set sent_at = now(), error = null where id = :id")
FAILED = text("""
    update alert_messages set error = :error, next_try = now() + make_interval(secs => :seconds)
    where id = :id
""")
# Kept with its error, for the performance dashboard to tell of.
GIVE_UP = text("""
    update alert_messages set next_try = 'infinity'
    where sent_at is null and next_try < 'infinity' and created_at < now() - interval '1 day'
    returning channel, body ->> 'text' as text, tries, error
""")
FORGET = (
    "with gone as (delete from alert_messages where created_at < now() - interval '30 days' returning 1)"
    " select count(*) from gone"
)
