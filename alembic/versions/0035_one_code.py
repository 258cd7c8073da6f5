"""Codes stored before labels had one rule are found by what the rule makes of their labels.

A bag keeps its spelling. A scan of its label now reads ``SB1`` where ``*SB1*`` is stored (the start and
stop signs of Code 39), and the 12 digits of a UPC-A where the 13 of its EAN-13 are, so these are kept
as further codes of the bag, as those of replaced labels are. Where another bag has that code, nothing
is added: ``tracetrack codes check`` reports the two.
"""

from tracetrack.platform.migrate import run_script

revision = "0035"
down_revision = "0030"
branch_labels = None
depends_on = None

# Odd places of a UPC-A's 12 digits count three times.
_READ = """
    create or replace function pg_temp.read_again(p_code text) returns text immutable language sql as $$
        with bare as (
            select coalesce(substring(p_code from '^\\*\\s*([^*]*[^*[:space:]])\\s*\\*$'), p_code) as code)
        select case when code ~ '^0[0-9]{12}$' and 0 = (
                select sum(substr(code, n + 1, 1)::int * case when n % 2 = 1 then 3 else 1 end)
                from generate_series(1, 12) n) % 10
            then substr(code, 2) else code end
        from bare
    $$;
"""


def upgrade() -> None:
    run_script(
        _READ
        + """
    insert into retired_codes (code, bag_id, retired_by)
    select read, id, created_by
    from (select distinct on (lower(read)) id, created_by, read
          from (select id, created_by, code, pg_temp.read_again(code) as read from bags
                where code like '*%*' or code like '0____________') b
          where read <> code order by lower(read), id) one
    where not exists (select from bags other where lower(other.code) = lower(one.read))
    on conflict do nothing;
    """
    )


def downgrade() -> None:
    run_script(
        _READ
        + """
    delete from retired_codes r using bags b
    where b.id = r.bag_id and r.code <> b.code and r.code = pg_temp.read_again(b.code);
    """
    )
