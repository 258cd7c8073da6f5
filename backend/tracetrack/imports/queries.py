"""Statements about imports; imports are for admins and billers, who see every area."""

from __future__ import annotations

LEASE = "10 seconds"
"""How long a worker that says nothing is still believed to work."""

MOST_ATTEMPTS = 5
"""With the lease between them a database that is away for half a minute ends no import."""

# One import runs at a time, in the order in which they were started; an import whose worker went
# silent is taken over. The lock lets one worker ask at a time.
CLAIM = f"""
    with turn as (
        select pg_try_advisory_xact_lock(hashtextextended('tracetrack import claim', 0)) as mine
    ), given_up as (
        update imports set state = case when cancel_requested_at is null then 'failed' else 'cancelled' end,
            error_code = case when cancel_requested_at is null then 'import_interrupted' end,
            finished_at = now(), worker = null, lease_until = null, phase = null
        where state = 'running' and lease_until < now()
          and (attempts >= {MOST_ATTEMPTS} or cancel_requested_at is not null)
          and (select mine from turn)
        returning id
    ), next as (
        select id from imports
        where (select mine from turn)
          and ((state = 'queued' and not held)
               or (state = 'running' and lease_until < now() and attempts < {MOST_ATTEMPTS}
                   and cancel_requested_at is null))
          and not exists (select from imports r where r.state = 'running' and r.lease_until >= now())
        order by id limit 1 for update skip locked
    )
    update imports i set state = 'running', worker = $1, lease_until = now() + interval '{LEASE}',
        attempts = attempts + 1, started_at = coalesce(started_at, clock_timestamp()), phase = 'reading',
        rows_read = 0, rows_done = 0, error_code = null, error_values = null
    from next where i.id = next.id
    returning i.*
"""  # noqa: S608

# Answers whether somebody asked to cancel; no row when the import is no longer ours.
HEARTBEAT = f"""
    update imports set lease_until = now() + interval '{LEASE}', phase = $3, rows_read = $4,
        rows_total = coalesce($5, rows_total), rows_done = $6
    where id = $1 and worker = $2 and state = 'running'
    returning cancel_requested_at is not null as cancelled
"""  # noqa: S608

FAIL = """
    update imports set state = $3, error_code = $4, error_values = $5, finished_at = now(), worker = null,
        lease_until = null, phase = null, rows_done = 0
    where id = $1 and worker = $2 and state = 'running'
"""

# A worker that stops in good order hands its import back.
HAND_BACK = """
    update imports set state = 'queued', worker = null, lease_until = null, phase = null,
        attempts = attempts - 1
    where id = $1 and worker = $2 and state = 'running'
"""

# The import that brought the same file in before, or is about to.
SAME_FILE = """
    select id from imports
    where file_sha256 = $1 and kind = $2 and not dry_run and not held and undone_at is null
      and state in ('queued', 'running', 'completed') and id <> coalesce($3, 0)
    order by id desc limit 1
"""

SHOWN = """
    select i.*, a.name as area_name, u.username,
        extract(epoch from coalesce(i.finished_at, clock_timestamp()) - i.started_at)::float8 as seconds,
        (select r.id from imports r
         where r.file_sha256 = i.file_sha256 and r.kind = i.kind and r.id < i.id and r.state = 'completed'
           and not r.dry_run and r.undone_at is null
         order by r.id desc limit 1) as same_as
    from imports i join users u on u.id = i.created_by left join areas a on a.id = i.area_id
"""
ONE = SHOWN + " where i.id = $1"
LIST = (
    SHOWN + " where ($1::bigint is null or i.id < $1) and ($2::text is null or i.state = $2)"
    " order by i.id desc limit $3"
)

# Those that wait or run, and the given ones, whatever became of them.
MOVING = (
    SHOWN + " where (i.state in ('queued', 'running') and not i.held) or i.id = any($1::bigint[])"
    " order by i.id limit 50"
)

REPORT = """
    select * from import_report
    where import_id = $1 and (n, verdict) > ($2, $3) and ($4::text is null or verdict = $4)
    order by n, verdict limit $5
"""

ENDED = "select state in ('completed', 'failed', 'cancelled') from imports where id = $1"

FORGET_FILE = "update imports set file_key = null where id = $1"

OLD_FILES = """
    update imports set file_key = null
    where file_key is not null and state in ('completed', 'failed', 'cancelled')
      and finished_at < now() - make_interval(days => $1)
    returning (select o.file_key from imports o where o.id = imports.id) as key
"""
