"""What a sheet is: found from its first rows by pure functions, shown to the user, who may correct it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Shape = Literal["pairs", "packing", "bill_pairs", "bill_rows"]
Role = Literal["serial", "parent", "child", "bill", "area", "type", "lot", "variety", "tag"]
Row = Sequence[str | None]

SHAPES: dict[str, tuple[Shape, ...]] = {"bags": ("pairs", "packing"), "bills": ("bill_pairs", "bill_rows")}
"""The shapes that a file of each kind may have."""

NEEDED: dict[Shape, tuple[Role, ...]] = {
    "pairs": ("parent",),
    "packing": ("serial", "child"),
    "bill_pairs": ("bill", "parent"),
    "bill_rows": ("serial", "parent"),
}
"""The columns without which a shape cannot be read."""

LOOKED_AT = 200
"""Rows from the top of a sheet by which it is recognised."""

HEADER_WITHIN = 20
"""A header stands among the first rows, below a title at most."""

_WORDS: dict[Role, str] = {
    "serial": "serial, serial no, serial number, sr, sr no, s no, sl no, sno, no, क्रम, क्रमांक, क्रम संख्या,"
    " क्र सं, क्र, सीरियल, सीरियल नंबर",
    "parent": "parent, parent bag, parent code, parent bag code, parent qr, parent qr code, parent id,"
    " parent bag id, parent bag no, big bag, big bag code, master, master bag, master code, master bag code,"
    " bora, बड़ा बैग, बड़े बैग, पैरेंट, पेरेंट, पैरेंट बैग, पेरेंट बैग, मास्टर, मास्टर बैग, मुख्य बैग",
    "child": "child, child bag, child code, child bag code, child qr, child qr code, child id, child bag id,"
    " child bag no, small bag, small bag code, qr, qr code, qr text, code, bag code, label, छोटा बैग, छोटे बैग,"
    " चाइल्ड, चाइल्ड बैग, क्यूआर, क्यूआर कोड, कोड",
    "bill": "bill, bill no, bill number, bill id, dispatch no, challan, challan no, बिल, बिल नंबर, बिल नं,"
    " बिल संख्या, चालान, चालान नंबर",
    "area": "area, dispatch area, depot, क्षेत्र, डिपो, एरिया",
    "type": "type, bag type, बैग प्रकार, प्रकार",
    "lot": "lot, lot no, lot number, लॉट, लॉट नंबर",
    "variety": "variety, किस्म, वैरायटी",
    "tag": "tag, tag no, tag number, टैग, टैग नंबर",
}

_CLOSING = re.compile(r"parent\s*(bag\s*)?(code|qr)|पैरेंट\s*कोड|पेरेंट\s*कोड", re.IGNORECASE)
"""In the serial cell: this row is the parent of the rows above it."""

_BILLED = re.compile(r"bill\s*(no|number|n°|#)|बिल\s*(नं|नंबर|संख्या)", re.IGNORECASE)
"""In the serial cell: this row is the bill of the rows above it."""


def heading(text: str | None) -> str:
    """A heading without case, spaces and punctuation."""
    folded = unicodedata.normalize("NFC", text or "").casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")


WORDS: dict[str, Role] = {heading(word): role for role, words in _WORDS.items() for word in words.split(",")}
"""Which column a heading names."""


def closes_group(serial: str | None) -> bool:
    """Whether this serial cell marks a packing sheet's parent row."""
    return bool(serial and _CLOSING.search(serial))


def closes_bill(serial: str | None) -> bool:
    """Whether this serial cell marks a bill sheet's bill row."""
    return bool(serial and _BILLED.search(serial))


@dataclass(frozen=True)
class Guess:
    """How a sheet is understood.

    ``header_row`` counts from 0, None where there is none; ``columns`` are counted from 0.
    """

    shape: Shape
    header_row: int | None
    columns: Mapping[Role, int]
    problem: str | None = field(default=None)
    """Why it cannot be read so, as a code of the report."""


def recognise(rows: Sequence[Row], kind: str, parents: Sequence[bool] = ()) -> Guess:
    """Understand a sheet.

    Args:
        rows: its first rows; more than :data:`LOOKED_AT` are not looked at.
        kind: ``bags`` or ``bills``.
        parents: for each row, whether a label pattern says that one of its cells is a parent.
    """
    rows = rows[:LOOKED_AT]
    header, columns, twice = _header(rows)
    body = rows[0 if header is None else header + 1 :]
    marks = list(parents)[0 if header is None else header + 1 : LOOKED_AT]
    if kind == "bills":
        return _bills(body, header, columns, twice)
    return _bags(body, header, columns, twice, marks)


def _header(rows: Sequence[Row]) -> tuple[int | None, dict[Role, int], bool]:
    """The row that names the most columns, what it names, and whether it names one twice."""
    best: tuple[int | None, dict[Role, int], bool] = (None, {}, False)
    top = True
    for at, row in enumerate(rows[:HEADER_WITHIN]):
        named: dict[Role, int] = {}
        twice = False
        if any(char.isdigit() for cell in row for char in cell or ""):
            # Codes and serial numbers: data.
            top = False
            continue
        for index, cell in enumerate(row):
            role = WORDS.get(heading(cell))
            if role is None:
                continue
            if role in named:
                twice = twice or role in ("parent", "child", "bill")
            else:
                named[role] = index
        if (
            len(named) > len(best[1])
            and (named.keys() & {"parent", "child", "bill"})
            and (top or len(named) > 1)
        ):
            best = (at, named, twice)
        top = top and not any((cell or "").strip() for cell in row)
    return best


def _filled(rows: Sequence[Row]) -> list[int]:
    """The columns that hold anything."""
    width = max((len(row) for row in rows), default=0)
    return [c for c in range(width) if any(c < len(row) and (row[c] or "").strip() for row in rows)]


def _bags(
    body: Sequence[Row], header: int | None, columns: dict[Role, int], twice: bool, marks: Sequence[bool]
) -> Guess:
    if twice:
        return Guess("pairs", header, columns, "column_twice")
    if header is not None and "parent" in columns:
        return Guess("pairs", header, _of(columns, "pairs"))
    filled = _filled(body)
    packing = any(closes_group(cell) for row in body for cell in row)
    if header is not None and "child" in columns:
        serial = columns.get("serial", next((c for c in filled if c != columns["child"]), None))
        if serial is not None and (packing or any(marks)):
            return Guess("packing", header, _of({**columns, "serial": serial}, "packing"))
        return Guess("pairs", header, columns, "parent_column_missing")
    if len(filled) == 2 and (packing or (any(marks) and not all(marks))):
        return Guess("packing", None, {"serial": filled[0], "child": filled[1]})
    if len(filled) == 3:
        found: dict[Role, int] = {"serial": filled[0], "parent": filled[1], "child": filled[2]}
    elif len(filled) == 2:
        found = {"parent": filled[0], "child": filled[1]}
    else:
        return Guess("pairs", None, {}, "columns_unknown" if filled else "sheet_empty")
    return Guess("pairs", _unknown_header(body, [found["parent"], found["child"]]), found)


def _bills(body: Sequence[Row], header: int | None, columns: dict[Role, int], twice: bool) -> Guess:
    if twice:
        return Guess("bill_pairs", header, columns, "column_twice")
    if header is not None and "bill" in columns and ("parent" in columns or "child" in columns):
        parent = columns.get("parent", columns.get("child", 0))
        return Guess("bill_pairs", header, _of({**columns, "parent": parent}, "bill_pairs"))
    filled = _filled(body)
    if any(closes_bill(cell) for row in body for cell in row):
        parent = columns.get("parent", columns.get("child", filled[-1]))
        serial = columns.get("serial", next((c for c in filled if c != parent), None))
        if serial is not None:
            return Guess("bill_rows", header, {"serial": serial, "parent": parent})
    if header is None and len(filled) == 2:
        found: dict[Role, int] = {"bill": filled[0], "parent": filled[1]}
        return Guess("bill_pairs", _unknown_header(body, filled), found)
    if header is None and len(filled) == 3:
        found = {"serial": filled[0], "bill": filled[1], "parent": filled[2]}
        return Guess("bill_pairs", _unknown_header(body, filled[1:]), found)
    return Guess("bill_pairs", header, columns, "columns_unknown" if filled else "sheet_empty")


def _of(columns: Mapping[Role, int], shape: Shape) -> dict[Role, int]:
    used: dict[Shape, tuple[Role, ...]] = {
        "pairs": ("serial", "parent", "child", "area", "type", "lot", "variety", "tag"),
        "packing": ("serial", "child", "area", "type", "lot", "variety", "tag"),
        "bill_pairs": ("serial", "bill", "parent"),
        "bill_rows": ("serial", "parent"),
    }
    return {role: columns[role] for role in used[shape] if role in columns}


def _unknown_header(body: Sequence[Row], columns: Sequence[int]) -> int | None:
    """The first row, if it has words alone where all that follow have digits."""
    texts = [[(row[c] or "") if c < len(row) else "" for c in columns] for row in body]
    if len(texts) < 2 or not all(text.strip() for text in texts[0]):
        return None
    plain = not any(char.isdigit() for text in texts[0] for char in text)
    numbered = all(any(char.isdigit() for char in text) for row in texts[1:] for text in row if text.strip())
    return 0 if plain and numbered else None
