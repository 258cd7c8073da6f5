"""The audit log is kept for as many months as the setting says, and what stays is verified all the same."""

from __future__ import annotations

import asyncpg
import pytest

from tests.floor import Floor
from tests.ledger.test_seals import look
from tracetrack.ledger.seals import seal
from tracetrack.ledger.service import UPKEEP
from tracetrack.people import schemas
from tracetrack.platform.upkeep import do_chores

MONTHS = """
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'audit_events'::regclass and c.relname <> 'audit_events_default' order by 1"""


async def months(owner: asyncpg.Connection) -> int:
    return len(await owner.fetch(MONTHS))


async def write(floor: Floor, months_ago: int, action: str) -> None:
    await floor.owner.execute(
        "insert into audit_events (at, action, subject_type)"
        " select date_trunc('month', now()) - make_interval(months => $1) + interval '5 days', $2, 'bag'"
        " from generate_series(1, 10)",
        months_ago,
        action,
    )


async def left(floor: Floor) -> dict[str, int]:
    rows = await floor.owner.fetch(
        "select action, count(*) from audit_events where action like 'a-%' group by 1 order by 1"
    )
    return dict(rows)


@pytest.fixture(autouse=True)
def months_may_be_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tests need no year."""
    monkeypatch.setattr(schemas, "LEAST_AUDIT_MONTHS", 1)


async def keep(floor: Floor, number: int) -> None:
    changed = await floor.admin.patch("/settings", {"audit_months": number})
    assert changed.status_code == 200, changed.text


async def test_months_older_than_the_setting_go_and_the_chain_goes_on_from_an_anchor(floor: Floor) -> None:
    # The past comes first in the log, before that these people signed in.
    await floor.owner.execute("truncate audit_events")
    for ago, action in ((5, "a-five"), (4, "a-four"), (3, "a-three")):
        await write(floor, ago, action)
        await seal()
    # Two months in one seal: while one is kept, the other's rows of this seal are too.
    await write(floor, 2, "a-two")
    await write(floor, 1, "a-one")
    await seal()
    await do_chores(UPKEEP)
    whole = await look(floor.owner)
    assert (whole.wrong, len(await left(floor))) == (None, 5)
    months_before = await months(floor.owner)

    await keep(floor, 3)
    await seal()
    done = await do_chores(UPKEEP)
    assert done["audit_forgotten"] == 20
    assert await left(floor) == {"a-one": 10, "a-three": 10, "a-two": 10}
    assert await months(floor.owner) == months_before - 2
    await seal()
    verdict = await look(floor.owner)
    assert (verdict.wrong, verdict.forgotten) == (None, 20)
    assert verdict.rows + verdict.forgotten > whole.rows

    await keep(floor, 1)
    await do_chores(UPKEEP)
    await do_chores(UPKEEP)
    assert await left(floor) == {"a-one": 10, "a-two": 10}
    verdict = await look(floor.owner)
    assert (verdict.wrong, verdict.forgotten) == (None, 30)
    told = await floor.owner.fetch("select after from audit_events where action = 'audit_forgotten'")
    assert len(told) == 2
    # The next day there is nothing more to do.
    assert (await do_chores(UPKEEP))["audit_forgotten"] == 0
    # A control: one of the rows that stayed is changed, and one that stayed only for its seal.
    for action in ("a-one", "a-two"):
        transaction = floor.owner.transaction()
        await transaction.start()
        await floor.owner.execute("update audit_events set subject_type = 'x' where action = $1", action)
        assert "was changed" in str((await look(floor.owner)).wrong)
        await transaction.rollback()


async def test_nothing_is_forgotten_unless_somebody_says_so(floor: Floor) -> None:
    await write(floor, 30, "a-old")
    await seal()
    assert (await do_chores(UPKEEP))["audit_forgotten"] == 0
    # And what is not sealed yet is not forgotten either.
    await write(floor, 30, "a-old")
    await floor.owner.execute("truncate ledger_seals")
    await keep(floor, 1)
    assert (await do_chores(UPKEEP))["audit_forgotten"] == 0
    assert await left(floor) == {"a-old": 20}


async def test_an_admin_cannot_have_the_last_year_forgotten(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    for months, status in ((1, 422), (11, 422), (12, 200), (0, 200)):
        assert (await floor.admin.patch("/settings", {"audit_months": months})).status_code == status
