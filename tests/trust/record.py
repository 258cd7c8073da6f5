"""An account of every call and every answer, and whether the database agrees with it.

The account is a file that is only appended to: a line before a call is sent, a line when its answer
has come. What was promised must be there once; what was refused must not; of what nobody knows
there may be one effect at most; and nothing may be there that nobody asked for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import orjson

EVENTS = {
    "created": {"bag_created": 1},
    "linked": {"child_linked": 1},
    "moved": {"child_linked": 1, "child_unlinked": 1},
    "unlinked": {"child_unlinked": 1},
    "completed": {"parent_completed": 1},
    "reopened": {"parent_reopened": 1},
    "attached": {"parent_attached": 1},
    "detached": {"parent_detached": 1},
}
"""What the ledger holds of a scan with this outcome; of every other outcome, nothing."""


OF_BILLS = {"bill complete": "bill_completed", "bill reopen": "bill_reopened"}
"""Acts whose key begins with the bill's id, and what the ledger holds of each that had an effect."""


class Anomalies(AssertionError):  # noqa: N818 - what was found
    """The database and the account differ: never a matter of a busy machine."""


class Recorder:
    """Writes the account."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)
        self._number = 0
        self.answers: Counter[str] = Counter()

    def asked(self, who: str, act: str, key: str, **more: Any) -> int:
        """Before a call is sent; its number."""
        self._number += 1
        self._write(number=self._number, who=who, act=act, key=key, **more)
        return self._number

    def answered(self, number: int, status: int, word: str, **more: Any) -> None:
        """When an answer has come; status 0 when none will."""
        self.answers[word if status else "lost"] += 1
        self._write(number=number, status=status, word=word, **more)

    def _write(self, **line: Any) -> None:
        self._file.write(orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Write no more."""
        self._file.close()


@dataclass
class Told:
    """All that was said of one key: an act, however often it was sent."""

    act: str
    who: str
    asked: int = 0
    """How often it was sent."""
    answered: int = 0
    """How many of these calls had an answer that says what came of them."""
    words: set[str] = field(default_factory=set)
    """Of those answers."""
    revisions: set[int] = field(default_factory=set)
    """Of a completed bill, as these answers told it."""
    codes: int = 0
    """How many codes it was about."""
    linked: int | None = None
    """Of many children: how many were answered as linked."""

    @property
    def fate(self) -> str:
        """``done``, ``refused`` or ``unknown``."""
        if not self.words:
            return "unknown"
        return "refused" if any(word.startswith("!") for word in self.words) else "done"


def told(path: Path) -> dict[str, Told]:
    """The account, by key."""
    by_number: dict[int, Told] = {}
    by_key: dict[str, Told] = {}
    for text in path.open("rb"):
        line = orjson.loads(text)
        if "act" in line:
            one = by_key.setdefault(line["key"], Told(line["act"], line["who"], codes=line.get("codes", 1)))
            one.asked += 1
            by_number[line["number"]] = one
        elif line["status"] and line["status"] < 500 and line["status"] not in (401, 429):
            one = by_number[line["number"]]
            one.answered += 1
            one.revisions |= {line["revision"]} if "revision" in line else set()
            one.words.add(("!" if line["status"] >= 400 else "") + line["word"])
            one.linked = line.get("linked", one.linked)
    return by_key


async def hold_to_account(path: Path, database: asyncpg.Connection) -> None:
    """Compare the two.

    Raises:
        Anomalies: they differ.
    """
    if found := await anomalies(path, database):
        raise Anomalies("\n".join(found[:50]))


async def anomalies(path: Path, database: asyncpg.Connection) -> list[str]:
    """Where the database and the account differ; nothing, where all is well."""
    account = told(path)
    return [
        *(f"{key}: {wrong}" for key, wrong in [*await _scans(account, database)]),
        *(f"{key}: {wrong}" for key, wrong in [*await _undos(account, database)]),
        *(f"{key}: {wrong}" for key, wrong in [*await _things(account, database)]),
        *(f"{key}: {wrong}" for key, wrong in [*await _of_bills(account, database)]),
        *await broken_invariants(database),
    ]


async def _scans(account: dict[str, Told], database: asyncpg.Connection) -> Iterator[tuple[str, str]]:
    rows: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in await database.fetch(
        "select scan_id::text as key, outcome, refused, action from scans where undoes is null"
    ):
        rows[row["key"]].append(row)
    events: dict[str, Counter[str]] = defaultdict(Counter)
    for row in await database.fetch(
        "select scan_id::text as key, action, count(*) from audit_events"
        " where scan_id is not null and import_id is null"
        " and scan_id not in (select scan_id from scans where undoes is not null) group by 1, 2"
    ):
        events[row["key"]][row["action"]] = row["count"]
    scans = {key: one for key, one in account.items() if one.act not in ("undo", "bill", "import", *OF_BILLS)}

    def judged() -> Iterator[tuple[str, str]]:
        for key, one in scans.items():
            found, happened = rows.pop(key, []), events.pop(key, Counter())
            if wrong := _wrong_with_scan(one, found, happened):
                yield key, f"{one.act} by {one.who}, answered {sorted(one.words)}: {wrong}"
        for key in rows | events:
            yield key, "nobody asked for it"

    return judged()


def _wrong_with_scan(one: Told, found: list[asyncpg.Record], happened: Counter[str]) -> str | None:
    """What is wrong with one scan; ``found`` are its rows, ``happened`` its events."""
    if len(one.words) > 1:
        return "two different answers"
    effective = [row for row in found if not row["refused"]]
    wanted: Counter[str] = Counter()
    for row in effective:
        wanted.update(EVENTS.get(row["outcome"], {}))
    if wanted["child_linked"]:
        # A child that is put into a completed parent reopens it, once.
        wanted["parent_reopened"] = min(happened["parent_reopened"], 1)
    if wanted != happened:
        return f"the ledger has {dict(happened)} of {[row['outcome'] for row in found]}"
    if one.act == "children":
        linked = sum(row["outcome"] == "linked" for row in found)
        if one.linked is not None and linked != one.linked:
            return f"{one.linked} were answered as linked, {linked} are"
        return None if len(found) in (0, 1, one.codes) else f"{len(found)} rows"
    if len(found) > 1:
        return f"{len(found)} rows"
    if one.fate == "done" and len(effective) != 1:
        return "it is not there"
    if one.fate == "refused" and effective:
        return "it was refused, and done"
    word = next(iter(one.words), None)
    stored = found[0]["outcome"] if found else None
    # A parent's completion is answered by the bag as it is then, not by the outcome.
    if one.fate == "done" and one.act not in ("complete", "reopen") and word != stored:
        return f"{stored} is stored"
    return None


async def _undos(account: dict[str, Told], database: asyncpg.Connection) -> Iterator[tuple[str, str]]:
    rows = dict(
        await database.fetch(
            "select undoes::text, count(*) from scans where undoes is not null and not refused group by 1"
        )
    )
    undos = {key: one for key, one in account.items() if one.act == "undo"}

    def judged() -> Iterator[tuple[str, str]]:
        for key, one in undos.items():
            times = rows.pop(key.removeprefix("undo "), 0)
            if times > 1 or ("undone" in one.words and times != 1) or (one.fate == "refused" and times):
                yield key, f"answered {sorted(one.words)}, undone {times} times"
        for key in rows:
            yield key, "nobody asked to undo it"

    return judged()


async def _things(account: dict[str, Told], database: asyncpg.Connection) -> Iterator[tuple[str, str]]:
    """Bills by their number, and imports by their file's name."""
    bills = dict(await database.fetch("select number, count(*) from bills group by 1"))
    imports = {
        row["file_name"]: row
        for row in await database.fetch("""
            select i.file_name, count(*) as times, max(i.state) as state,
                   (select count(*) from bags p where p.code = split_part(i.file_name, '.', 1)) as parents,
                   (select count(*) from bags c join bags p on p.id = c.parent_id
                    where p.code = split_part(i.file_name, '.', 1)) as children
            from imports i group by 1""")
    }

    def judged() -> Iterator[tuple[str, str]]:
        for key, one in account.items():
            if one.act == "bill":
                times = bills.pop(key, 0)
                if times > 1 or (one.fate == "done" and times != 1):
                    yield key, f"answered {sorted(one.words)}, there are {times}"
            elif one.act == "import":
                row = imports.pop(key, None)
                # Sent again because its answer was lost, a file that has come in is told so: it is there.
                repeated = one.asked > 1 and one.words == {"!import_repeated"}
                done = one.fate == "done" or repeated
                if (row is None) == done and one.fate != "unknown":
                    yield key, f"answered {sorted(one.words)}, {'no' if row is None else 'an'} import"
                elif row is not None and (row["times"], row["state"], row["parents"], row["children"]) != (
                    *(1, "completed", 1, one.codes),
                ):
                    yield key, f"{dict(row)}, not one completed import of {one.codes} children"
        for key in [*bills, *imports]:
            yield key, "nobody asked for it"

    return judged()


async def _of_bills(account: dict[str, Told], database: asyncpg.Connection) -> Iterator[tuple[str, str]]:
    """Bills completed and opened again: as often as was answered, and as calls without an answer allow."""
    events = {
        (str(row["bill"]), row["action"]): row["times"]
        for row in await database.fetch(
            "select subject_id as bill, action, count(*) as times from audit_events"
            " where subject_type = 'bill' and action in ('bill_completed', 'bill_reopened') group by 1, 2"
        )
    }
    acts: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for key, one in account.items():
        if one.act in OF_BILLS:
            acts[key.split()[0], OF_BILLS[one.act]].append(one)

    def judged() -> Iterator[tuple[str, str]]:
        for of, told_ in acts.items():
            times = events.pop(of, 0)
            if of[1] == "bill_completed":
                # Who comes second is answered as the first: by the bill as it is completed, one revision.
                done = len(set[int]().union(*(one.revisions for one in told_)))
            else:
                done = sum(one.fate == "done" for one in told_)
            unknown = sum(one.asked - one.answered for one in told_)
            if not done <= times <= done + unknown:
                yield " ".join(of), f"{done} were answered, of {unknown} nobody knows, there are {times}"
        for of in events:
            yield " ".join(of), "nobody asked for it"

    return judged()


INVARIANTS = {
    "a parent's count differs from its links": """
        select p.code from bags p left join bags c on c.parent_id = p.id where p.kind = 'parent'
        group by p.id having p.child_count <> count(c.id)""",
    "a child is in what is no parent": """
        select c.code from bags c join bags p on p.id = c.parent_id where p.kind <> 'parent'""",
    "a child is not in its parent's area": """
        select c.code from bags c join bags p on p.id = c.parent_id
        where c.area_id is distinct from p.area_id""",
    "the ledger's last word on a link is another": """
        select b.code from bags b left join lateral (
            select case when action = 'child_linked' then parent_id end as parent_id from audit_events e
            where e.subject_type = 'bag' and e.subject_id = b.id and e.import_id is null
              and action in ('child_linked', 'child_unlinked') order by e.id desc limit 1) last on true
        where b.kind = 'child' and b.code like 'C%' and b.parent_id is distinct from last.parent_id""",
    "the ledger links or unlinks a child twice running": """
        select code from (
            select subject_code as code, action,
                   lag(action) over (partition by subject_id order by id) as before
            from audit_events where import_id is null and action in ('child_linked', 'child_unlinked')) e
        where action = before or (before is null and action = 'child_unlinked')""",
    "the ledger's last word on a bill is another": """
        select b.code from bags b left join lateral (
            select case when action = 'parent_attached' then subject_id end as bill_id from audit_events e
            where e.parent_id = b.id and action in ('parent_attached', 'parent_detached')
            order by e.id desc limit 1) last on true
        where b.kind = 'parent' and b.bill_id is distinct from last.bill_id""",
    "a bill's totals differ from its rows": """
        with facts as (
            select p.bill_id, p.bag_type_id, count(*) as parents, sum(p.child_count) as children
            from bags p where p.bill_id is not null group by 1, 2)
        select coalesce(f.bill_id, t.bill_id)::text from facts f full join bill_totals t
            using (bill_id, bag_type_id)
        where coalesce(f.parents, 0) <> coalesce(t.parents, 0)
           or coalesce(f.children, 0) <> coalesce(t.children, 0)""",
    "a completed bill shows what it does not hold": """
        select b.number from bills b join bill_snapshots s on s.id = b.snapshot_id
        join lateral (select count(*) as parents, coalesce(sum(child_count), 0) as children,
                             bool_and(dispatched_at is not null) as gone
                      from bags where bill_id = b.id) f on true
        where (f.parents, f.children) <> (s.parent_count, s.child_count) or not f.gone""",
    "the ledger's last word on a bill's state is another": """
        select b.number from bills b left join lateral (
            select action from audit_events e where e.subject_type = 'bill' and e.subject_id = b.id
              and action in ('bill_completed', 'bill_reopened') order by e.id desc limit 1) last on true
        where (b.completed_at is not null) <> (coalesce(last.action, '') = 'bill_completed')""",
    "the ledger completes or opens a bill twice running": """
        select code from (
            select subject_code as code, action,
                   lag(action) over (partition by subject_id order by id) as before
            from audit_events where subject_type = 'bill'
              and action in ('bill_completed', 'bill_reopened')) e
        where action = before or (before is null and action = 'bill_reopened')""",
    "a receipt has no answer": "select scan_id::text from scan_receipts where answer is null",
}


async def broken_invariants(database: asyncpg.Connection) -> list[str]:
    """What holds at any moment, whoever asked for what; the rows for which it does not."""
    broken = []
    for name, sql in INVARIANTS.items():
        rows = await database.fetch(sql)
        broken += [f"{name}: {row[0]}" for row in rows[:20]]
    return broken
