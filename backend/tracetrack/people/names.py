"""Names that look alike (Unicode Technical Standard 39): one name is one thing to whoever reads it.

A name's skeleton is what it looks like: each letter replaced by the Latin letter that it is taken for, as
the standard's table of confusables has it for the alphabets that resemble Latin. Two names with one skeleton,
or that differ by case alone, are the same name; a word that mixes alphabets is no name.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.platform.problems import Problem

Named = Literal["areas", "users", "bag_types", "label_patterns"]

# Each line: a character, and what is taken for it.
_LINES: Final = (Path(__file__).parent / "lookalikes.txt").read_text("utf-8").splitlines()
_TAKEN_FOR: Final = {ord(seen): line[0] for line in _LINES for seen in line[2:]}
_JOINERS: Final = {0x200C: None, 0x200D: None}
# Letters that are taken for one beside each other.
_LONGER: Final = (("rn", "m"), ("vv", "w"))
_RESEMBLE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "LISU"})


def skeleton(name: str) -> str:
    """What a name looks like; names that are taken for each other have one skeleton."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", name).translate(_JOINERS))
    # Before case is folded: a capital I is taken for a small l.
    seen = plain.translate(_TAKEN_FOR).casefold()
    for pair, one in _LONGER:
        seen = seen.replace(pair, one)
    return " ".join(seen.split())


def mixes_scripts(name: str) -> bool:
    """Whether a word has letters of several scripts, or the name of several that resemble each other."""
    of_words = [{_script(letter) for letter in word} - {""} for word in name.split()]
    alike = {script for scripts in of_words for script in scripts} & _RESEMBLE
    return len(alike) > 1 or any(len(scripts) > 1 for scripts in of_words)


def _script(letter: str) -> str:
    """The script of a letter, as its Unicode name begins; empty for digits, marks and signs."""
    if not unicodedata.category(letter).startswith("L"):
        return ""
    # Letters of a width, a style or a ring are Latin's.
    begins = unicodedata.name(unicodedata.normalize("NFKC", letter)[0], "").partition(" ")[0]
    return "" if begins in ("MODIFIER", "FEMININE", "MASCULINE") else begins


async def refuse_lookalike(tx: AsyncConnection, kind: Named, name: str, but: int | None = None) -> None:
    """Refuse a name that another of its kind is taken for. Whoever names one at the same time waits.

    Args:
        tx: the transaction that stores the name.
        kind: the table.
        name: the new name.
        but: the id of the thing itself, when it is renamed.

    Raises:
        Problem: ``name_taken`` (409) with the other name as ``looks_like``.
    """
    column = "username" if kind == "users" else "name"
    await tx.execute(text("select pg_advisory_xact_lock(hashtext('tracetrack names'))"))
    wanted = skeleton(name)
    rows = await tx.execute(text(f"select id, {column} as name from {kind}"))  # noqa: S608 - our own words
    for row in rows:
        if row.id != but and skeleton(row.name) == wanted:
            raise Problem("name_taken", name=name, looks_like=row.name)
