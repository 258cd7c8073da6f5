"""Sealing the ledger after commit, and finding the first row that is not as it was sealed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import text

from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.logs import get_logger

log = get_logger("ledger")

SEAL_SECONDS = 2.0
HEAD_SECONDS = 240.0
"""A fifth more or less, as all jobs: never more than five minutes pass."""
BATCH = 5_000
"""Rows a seal, but for a transaction that wrote more."""
LONGEST_SECONDS = 60
"""For one seal."""
MARK_BYTES = 8

_SEAL = text("select ledger_seal(:most)")
_HEAD = text("select id, encode(head, 'hex') as head, sealed_at from ledger_seals order by id desc limit 1")

_SEALS = """
    select id, from_txid::text, to_txid::text, row_count, ids, marks, digest, head
    from ledger_seals where id > $1 order by id limit 100
"""
# Where the chain begins, after months of the log were forgotten.
_ANCHOR = "select to_txid::text, head, row_count from ledger_anchor"
_STRETCH = "select row_count, ids, marks, digest from ledger_stretch($1::text::xid8, $2::text::xid8)"
_CHAINED = "select ledger_head($1, $2::text::xid8, $3::text::xid8, $4, $5)"
_UNSEALED = "select count(*) from audit_events where txid >= $1::text::xid8"


async def seal() -> int:
    """Seal all that is committed and not sealed yet; how many rows that were."""
    done = 0
    while True:
        async with db.transaction() as tx, db.patiently(tx, LONGEST_SECONDS):
            count = int(await tx.scalar(_SEAL, {"most": BATCH}) or 0)
        if count == 0:
            return done
        done += count


async def write_head_to_log() -> None:
    """Put the end of the chain where who can change the database cannot change it."""
    async with db.reading() as tx:
        row = (await tx.execute(_HEAD)).one_or_none()
    if row is not None:
        log.info("ledger head", seal=row.id, head=row.head, sealed_at=row.sealed_at.isoformat())


JOBS = (Job("seal", SEAL_SECONDS, seal), Job("ledger head", HEAD_SECONDS, write_head_to_log))


@dataclass(frozen=True)
class Verdict:
    """What verifying found: ``wrong`` is a sentence about the first bad row or seal, or None."""

    seals: int
    rows: int
    unsealed: int
    head: str | None
    forgotten: int = 0
    """Rows that were sealed and have been forgotten since, as the setting of how long they are kept says."""
    wrong: str | None = None
    row_id: int | None = None
    """The first bad row, where it is a row."""


async def verify(url: str, head: str | None = None) -> Verdict:
    """Walk the chain from its beginning and compare it with the rows.

    Args:
        url: ``postgresql://`` address of the database.
        head: a head that was logged, in hexadecimal: it must be in the chain. Without one, somebody
            who changed rows and made every later seal anew is not found out.
    """
    connection = await asyncpg.connect(db.driver_url(url))
    try:
        await connection.execute("set statement_timeout = 0")
        return await _walk(connection, head)
    finally:
        await connection.close()


async def _seals(connection: asyncpg.Connection[Any]) -> AsyncIterator[asyncpg.Record]:
    last = 0
    while rows := await connection.fetch(_SEALS, last):
        for row in rows:
            yield row
        last = rows[-1]["id"]


async def _walk(connection: asyncpg.Connection[Any], wanted: str | None) -> Verdict:
    previous: asyncpg.Record | None = await connection.fetchrow(_ANCHOR)
    forgotten = previous["row_count"] if previous else 0
    seals = rows = 0
    met = wanted is None or (previous is not None and previous["head"].hex() == wanted)
    async for seal_ in _seals(connection):
        wrong, row_id = await _judge(connection, previous, seal_)
        if wrong:
            return Verdict(seals, rows, 0, _hex(previous), forgotten, wrong, row_id)
        seals += 1
        rows += seal_["row_count"]
        met = met or seal_["head"].hex() == wanted
        previous = seal_
    unsealed = await connection.fetchval(_UNSEALED, previous["to_txid"] if previous else "0")
    wrong = (
        None if met else "The head that was given is not in the chain: later seals were removed or made anew."
    )
    return Verdict(seals, rows, unsealed, _hex(previous), forgotten, wrong)


def _hex(seal_: asyncpg.Record | None) -> str | None:
    return str(seal_["head"].hex()) if seal_ else None


async def _judge(
    connection: asyncpg.Connection[Any], previous: asyncpg.Record | None, seal_: asyncpg.Record
) -> tuple[str | None, int | None]:
    """What is wrong with a seal or its rows, and the first bad row."""
    if seal_["from_txid"] != (previous["to_txid"] if previous else "0"):
        return f"A seal before seal {seal_['id']} is missing.", None
    found = await connection.fetchrow(_STRETCH, seal_["from_txid"], seal_["to_txid"])
    assert found is not None
    if found["digest"] != seal_["digest"]:
        wrong, row_id = _first_bad(seal_, found)
        return f"{wrong} (seal {seal_['id']})", row_id
    chained = await connection.fetchval(
        _CHAINED,
        previous["head"] if previous else None,
        seal_["from_txid"],
        seal_["to_txid"],
        found["row_count"],
        found["digest"],
    )
    told = ("row_count", "ids", "marks")
    if chained != seal_["head"] or any(found[name] != seal_[name] for name in told):
        return f"Seal {seal_['id']} itself was changed.", None
    return None, None


def _marked(stretch: asyncpg.Record) -> dict[int, bytes]:
    marks = stretch["marks"] or b""
    return {
        row_id: marks[place * MARK_BYTES : (place + 1) * MARK_BYTES]
        for place, row_id in enumerate(stretch["ids"] or ())
    }


def _first_bad(seal_: asyncpg.Record, found: asyncpg.Record) -> tuple[str, int | None]:
    sealed, now = _marked(seal_), _marked(found)
    for row_id in sorted(sealed.keys() | now.keys()):
        if row_id not in now:
            return f"Row {row_id} is missing.", row_id
        if row_id not in sealed:
            return f"Row {row_id} was added.", row_id
        if sealed[row_id] != now[row_id]:
            return f"Row {row_id} was changed.", row_id
    return "The digest of the seal was changed.", None
