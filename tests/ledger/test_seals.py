"""The ledger's seal: whatever a superuser changes in what was sealed is found, and named."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import asyncpg
import pytest

from tests.floor import Floor
from tracetrack.ledger import seals
from tracetrack.ledger.seals import Verdict, seal, verify
from tracetrack.settings import Settings


async def look(owner: asyncpg.Connection, head: str | None = None) -> Verdict:
    return await seals._walk(owner, head)


async def fill(floor: Floor, batches: int = 4) -> None:
    """Some seals over real events of several people and areas."""
    for batch in range(batches):
        for person in (floor.north, floor.south):
            parent = f"P{batch}-{person.id}"
            await person.scan_parent(parent)
            for child in range(6):
                await person.scan_child(parent, f"{parent}-C{child}")
        await seal()


async def test_what_is_sealed_and_untouched_is_right(floor: Floor) -> None:
    await fill(floor)
    await floor.north.scan_parent("LATER")
    verdict = await look(floor.owner)
    assert (verdict.wrong, verdict.seals, verdict.unsealed) == (None, 4, 1)
    assert verdict.rows == await floor.owner.fetchval("select count(*) from audit_events") - 1
    assert await seal() == 1
    assert await seal() == 0
    after = await look(floor.owner, verdict.head)
    assert (after.wrong, after.seals, after.unsealed) == (None, 5, 0)


async def test_a_row_of_a_transaction_still_running_waits_for_the_next_seal(
    floor: Floor, settings: Settings
) -> None:
    assert settings.migrate_url is not None
    late = await asyncpg.connect(settings.migrate_url.get_secret_value())
    transaction = late.transaction()
    await transaction.start()
    await late.execute("insert into audit_events (action, subject_type) values ('late', 'bag')")
    await floor.north.scan_parent("MEANWHILE")
    await seal()
    sealed = "select sum(row_count) from ledger_seals"
    before = await floor.owner.fetchval(sealed) or 0
    assert (await look(floor.owner)).wrong is None
    await transaction.commit()
    await late.close()
    # Its id is lower than others', and all the same it is sealed, once.
    assert await seal() == await floor.owner.fetchval("select count(*) from audit_events") - before
    assert (await look(floor.owner)).wrong is None


def tamperings() -> Iterator[tuple[str, str, bool]]:
    """Name, statement on the n-th sealed row, and whether a row must be named: 100 in all."""
    columns = {
        "at": "at + interval '1 microsecond'",
        "txid": "(txid::text::numeric + 1)::text::xid8",
        "actor_id": "coalesce(actor_id, 0) + 1",
        "area_id": "case when area_id is null then 1 end",
        "subject_id": "coalesce(subject_id, 0) + 1",
        "parent_id": "coalesce(parent_id, 0) + 1",
        "import_id": "7",
        "scan_id": "gen_random_uuid()",
        "action": "action || 'x'",
        "subject_type": "'Bag'",
        "subject_code": "coalesce(subject_code, '') || ' '",
        "before": """coalesce(before, '{}') || '{"x": 1}'""",
        "after": "case when after is null then '{}'::jsonb end",
        "request_id": "null || request_id",
        "address": "coalesce(address, '') || '1'",
    }
    for number, (column, value) in enumerate(list(columns.items()) * 5):
        # The request id becomes null, whatever it was; every event here has one.
        yield f"{column}-{number}", f"update audit_events set {column} = {value} where id = :row", True
    for number in range(8):
        yield f"delete-{number}", "delete from audit_events where id = :row", True
    for number in range(7):
        yield (
            f"insert-{number}",
            "insert into audit_events (at, txid, action, subject_type)"
            " select at, txid, 'forged', 'bag' from audit_events where id = :row",
            True,
        )
    yield (
        "swap",
        "update audit_events e set after = o.after, before = o.before, subject_id = o.subject_id"
        " from audit_events o where e.id = :row and o.id = :row + 1",
        True,
    )
    yield "truncate", "truncate audit_events", True
    of_the_middle = "where id = (select min(id) + 1 from ledger_seals)"
    for column, value in {
        "ids": "ids || 999999::bigint",
        "marks": "marks || '\\x00'",
        "digest": "sha256('x')",
        "head": "sha256('x')",
        "to_txid": "(to_txid::text::numeric - 1)::text::xid8",
        "row_count": "row_count + 1",
    }.items():
        yield f"seal-{column}", f"update ledger_seals set {column} = {value} {of_the_middle}", False
    yield "seal-deleted", f"delete from ledger_seals {of_the_middle}", False
    # Changed, and the row's own seal made anew: the next one tells.
    yield (
        "resealed",
        "update audit_events set action = 'x' where id = :row;"
        " update ledger_seals s set digest = t.digest, marks = t.marks,"
        "  head = ledger_head((select head from ledger_seals p where p.id = s.id - 1),"
        "                     s.from_txid, s.to_txid, s.row_count, t.digest)"
        " from (select id, (ledger_stretch(from_txid, to_txid)).* from ledger_seals) t"
        " where t.id = s.id and :row = any(s.ids)",
        False,
    )


TAMPERINGS = list(tamperings())


def test_they_are_a_hundred() -> None:
    assert len(TAMPERINGS) == 100


async def test_a_hundred_tamperings_and_all_are_found(floor: Floor) -> None:
    await fill(floor)
    owner = floor.owner
    ids = [
        row["id"]
        for row in await owner.fetch(
            "select unnest(ids) as id from ledger_seals"
            " where id in (select id from ledger_seals order by id limit 3) order by 1"
        )
    ]
    missed = []
    # Rows all over what is sealed, but not at its very ends, so that "the row after" is there too.
    for (name, statement, is_row), row_id in zip(TAMPERINGS, itertools.cycle(ids[4:-2]), strict=False):
        transaction = owner.transaction()
        await transaction.start()
        try:
            await owner.execute(statement.replace(":row", str(row_id)))
            verdict = await look(owner)
        finally:
            await transaction.rollback()
        if (
            verdict.wrong is None
            or (is_row and verdict.row_id is None)
            or (is_row and name.split("-")[0] not in ("insert", "truncate") and verdict.row_id != row_id)
        ):
            missed.append((name, row_id, verdict))
    assert missed == []
    # A control: with nothing changed nothing is found.
    assert (await look(owner)).wrong is None


async def test_a_chain_made_anew_from_the_row_on_is_told_by_a_logged_head(floor: Floor) -> None:
    await fill(floor)
    head = (await look(floor.owner)).head
    await floor.owner.execute("""
        update audit_events set action = 'x' where id = (select max(id) from audit_events);
        delete from ledger_seals;
    """)
    await seal()
    assert (await look(floor.owner)).wrong is None
    assert "not in the chain" in str((await look(floor.owner, head)).wrong)


async def test_the_end_of_the_chain_is_in_the_log_every_five_minutes_and_verifies(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, object]] = []
    monkeypatch.setattr(seals.log, "info", lambda event, **values: told.append({"event": event, **values}))
    await fill(floor)
    await seals.write_head_to_log()
    [head] = told
    await floor.north.scan_parent("LATER")
    await seal()
    assert (await look(floor.owner, str(head["head"]))).wrong is None
    [job] = [job for job in seals.JOBS if job.do is seals.write_head_to_log]
    # A job comes a fifth of its time earlier or later.
    assert job.seconds * 1.2 <= 300


async def test_many_seal_at_once_and_the_chain_is_one(floor: Floor) -> None:
    for number in range(30):
        await floor.north.scan_parent(f"P{number}")
        await asyncio.gather(*(seal() for _ in range(4)))
    assert (await look(floor.owner)).wrong is None
    assert (await look(floor.owner)).unsealed == 0


async def test_a_large_transaction_and_many_small_ones_are_cut_into_seals(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "BATCH", 10)
    await floor.owner.execute(
        "insert into audit_events (action, subject_type) select 'x', 'bag' from generate_series(1, 35)"
    )
    for number in range(25):
        await floor.north.scan_parent(f"P{number}")
    await seal()
    assert (await look(floor.owner)).unsealed == 0
    assert max(r["row_count"] for r in await floor.owner.fetch("select row_count from ledger_seals")) == 35
    assert (await look(floor.owner)).seals >= 4


async def test_a_large_transaction_after_others_that_wrote_no_events_is_sealed_too(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "BATCH", 10)
    await fill(floor, 1)
    for _ in range(3):
        await floor.owner.execute("select pg_current_xact_id()")
    await floor.owner.execute(
        "insert into audit_events (action, subject_type) select 'x', 'bag' from generate_series(1, 35)"
    )
    assert await seal() == 35
    await floor.north.scan_parent("LATER")
    assert await seal() == 1
    verdict = await look(floor.owner)
    assert (verdict.wrong, verdict.unsealed) == (None, 0)


async def test_the_application_may_neither_write_seals_nor_change_the_ledger(
    floor: Floor, settings: Settings
) -> None:
    await fill(floor, 1)
    assert settings.database_url is not None
    app = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        for table in ("ledger_seals", "audit_events", "scans"):
            for statement in ("delete from {}", "update {} set id = default", "truncate {}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await app.execute(statement.format(table))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("insert into ledger_seals (from_txid) values ('1')")
        verdict = await verify(settings.database_url.get_secret_value())
        assert (verdict.wrong, verdict.seals) == (None, 1)
    finally:
        await app.close()
