"""What a sheet is: found from its first rows by pure functions, shown to the user, who may correct it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    "serial": "serial, serial no, serial number, sr, sr no, s no, sl no, sl, sn, sno, no, srl no, sr number,"
    " क्रम, क्रमांक, क्रम संख्या,"
    " क्र सं, क्र, सीरियल, सीरियल नंबर",
    "parent": "parent, parent bag, parent code, parent bag code, parent qr, parent qr code, parent id,"
    " parent bag id, parent bag no, parent bag number, parent no, parent number,"
    " parent barcode, big bag, big bag code, master, master bag, master code, master bag code,"
    " bora, बड़ा बैग, बड़े बैग, पैरेंट, पेरेंट, पैरेंट बैग, पेरेंट बैग, मास्टर, मास्टर बैग, मुख्य बैग",
    "child": "child, child bag, child code, child bag code, child qr, child qr code, child id, child bag id,"
    " child bag no, child bag number, child no, child number,"
    " child barcode, small bag, small bag code, qr, qr code, qr text, code, bag code, label, छोटा बैग, छोटे बैग,"
    " चाइल्ड, चाइल्ड बैग, क्यूआर, क्यूआर कोड, कोड",
    "bill": "bill, bill no, bill number, bill id, dispatch no, challan, challan no, बिल, बिल नंबर, बिल नं,"
    " बिल संख्या, चालान, चालान नंबर",
    "area": "area, dispatch area, depot, क्षेत्र, डिपो, एरिया",
    "type": "type, bag type, बैग प्रकार, प्रकार",
    "lot": "lot, lot no, lot number, लॉट, लॉट नंबर",
    "variety": "variety, किस्म, वैरायटी",
    "tag": "tag, tag no, tag number, टैग, टैग नंबर",
}

LONGEST_HEADING = 80

REPORT_HEADS = {
    "en": ("Sheet", "Row", "Column", "Value", "Result", "Reason", "Code"),
    "hi": ("शीट", "पंक्ति", "कॉलम", "मान", "नतीजा", "कारण", "कोड"),
}
"""What the report of an import has beside the original cells."""

REPORT_GROUPED = {"en": "From groups", "hi": "समूहों से"}
"""A further heading where rows belong to the row that closes their group, so that they mean nothing alone."""

ROLE_NAMES: dict[str, dict[Role, str]] = {
    "en": {
        "serial": "Serial No",
        "parent": "Parent Bag",
        "child": "Child Bag",
        "bill": "Bill No",
        "area": "Area",
        "type": "Bag Type",
        "lot": "Lot",
        "variety": "Variety",
        "tag": "Tag",
    },
    "hi": {
        "serial": "क्रम संख्या",
        "parent": "बड़ा बैग",
        "child": "छोटा बैग",
        "bill": "बिल नंबर",
        "area": "क्षेत्र",
        "type": "बैग प्रकार",
        "lot": "लॉट",
        "variety": "किस्म",
        "tag": "टैग",
    },
}
"""Headings that mean these columns."""

_COUNTS = re.compile(
    r"\b(?:counts?|totals?|qty|quantity|sum|number of|nos?\.? of|weight|amount|pcs|pieces)\b"
    r"|संख्या|कुल|मात्रा|वजन|वज़न",
    re.IGNORECASE,
)
_PIVOT = re.compile(
    r"\s*(?:row labels|column labels|(?:distinct )?count of .+|sum of .+|average of .+|पंक्ति लेबल|स्तंभ लेबल)\s*$",
    re.IGNORECASE,
)

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


_BRACKETS = re.compile(r"[(\[{（][^()\[\]{}（）]*[)\]}）]")
_UNIT = re.compile(
    r"[-–,:]?\s*\d+(?:\.\d+)?\s*(?:kgs?|kilo|gms?|pcs|nos|किलो|किग्रा|कि\.?\s*ग्रा)\.?\s*$", re.IGNORECASE
)
_NUMBERED = re.compile(r"(.*?\D)[\s._#-]*\d{1,3}\s*")
_APART = re.compile(r"[/|\n\r]+|\s[-–—]\s")


def role_of(text: str | None) -> Role | None:
    """What a heading names; a unit, a remark in brackets or the same word in another script do not matter."""
    if not text or len(text) > LONGEST_HEADING:
        return None
    if role := WORDS.get(heading(text)):
        return role
    bare = _UNIT.sub("", _BRACKETS.sub(" ", text))
    if not bare.strip():
        return WORDS.get(heading(text.strip("()[]{}（） ")))
    if role := WORDS.get(heading(bare)):
        return role
    parts = [_UNIT.sub("", part) for part in _APART.split(bare) if part.strip()]
    roles = {WORDS.get(heading(part)) for part in parts}
    others = [part for part in parts if WORDS.get(heading(part)) is None]
    named = roles - {None}
    if len(named) == 1 and not any(char.isascii() and char.isalpha() for part in others for char in part):
        return named.pop()
    return None


def _numbered_role(text: str | None) -> Role | None:
    """What a heading with a number at its end names: ``Child 1``."""
    match = _NUMBERED.fullmatch(text) if text and len(text) <= LONGEST_HEADING else None
    return WORDS.get(heading(match.group(1))) if match else None


def is_count(text: str | None) -> bool:
    """Whether a heading says that its column counts or weighs, so that it holds no codes."""
    return bool(text and len(text) <= LONGEST_HEADING and _COUNTS.search(text))


def is_pivot(text: str | None) -> bool:
    """Whether Excel writes this above a pivot table."""
    return bool(text and len(text) <= LONGEST_HEADING and _PIVOT.match(text))


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
    by_place: bool = False
    """Its headings name nothing we know: the columns are taken by their number."""
    counts: bool = False
    """It names parents, and beside them a count instead of children."""


def recognise(rows: Sequence[Row], kind: str, parents: Sequence[bool] = ()) -> Guess:
    """Understand a sheet.

    Args:
        rows: its first rows; more than :data:`LOOKED_AT` are not looked at.
        kind: ``bags`` or ``bills``.
        parents: for each row, whether a label pattern says that one of its cells is a parent.
    """
    rows = rows[:LOOKED_AT]
    report = _report(rows)
    if report is not None:
        at, width, grouped = report
        if grouped:
            return Guess(SHAPES[kind][0], at, {}, "report_of_groups")
        rows = [row[:width] for row in rows]
        if all(re.fullmatch("[A-Z]{1,2}", cell or "") for cell in rows[at]):
            # Letters name nothing; below them the columns are told by their number.
            guess = recognise([[] for _ in range(at + 1)] + list(rows[at + 1 :]), kind, parents)
            serials = [row[guess.columns["parent"]] or "" for row in rows[at + 1 :] if guess.columns]
            if guess.shape == "packing" or (len(guess.columns) == 2 and all(map(str.isdigit, serials))):
                return replace(guess, problem="report_of_groups")
            return replace(guess, header_row=at)
    header, columns, unclear = _header(rows)
    body = rows[0 if header is None else header + 1 :]
    marks = list(parents)[0 if header is None else header + 1 : LOOKED_AT]
    if unclear:
        return Guess("bill_pairs" if kind == "bills" else "pairs", header, columns, unclear)
    top = rows[:HEADER_WITHIN] if header is None else [rows[header]]
    if "child" not in columns and any(is_pivot(cell) for row in top for cell in row):
        return Guess(SHAPES[kind][0], header, columns, "sheet_is_summary")
    if kind == "bills":
        return _bills(body, header, columns)
    guess = _bags(body, header, columns, marks)
    headings = enumerate(rows[header]) if header is not None else ()
    counts = any(is_count(cell) for at, cell in headings if at not in columns.values())
    return replace(guess, counts=counts and guess.shape == "pairs" and "child" not in guess.columns)


def _report(rows: Sequence[Row]) -> tuple[int, int, bool] | None:
    """Where the headings of an import's report are: their row, how many columns come before its own, and
    whether its rows came from groups."""
    for at, row in enumerate(rows[:HEADER_WITHIN]):
        for language, head in REPORT_HEADS.items():
            for start in range(len(row) - len(head) + 1):
                if row[start] == head[0] and tuple(row[start : start + len(head)]) == head:
                    beside = row[start + len(head)] if start + len(head) < len(row) else None
                    return at, start, beside == REPORT_GROUPED[language]
    return None


def is_grouped(shape: str | None) -> bool:
    """Whether a row below, rather than the row itself, says what its bags go into."""
    return shape in ("packing", "bill_rows")


def _header(rows: Sequence[Row]) -> tuple[int | None, dict[Role, int], str | None]:
    """The row that names the most columns, what it names, and why that cannot be read."""
    best: tuple[int | None, dict[Role, int], str | None] = (None, {}, None)
    top = True
    for at, row in enumerate(rows[:HEADER_WITHIN]):
        found = [(index, role) for index, cell in enumerate(row) if (role := role_of(cell))]
        numbered: list[tuple[int, Role]] = []
        if any(role in ("parent", "child", "bill") for _, role in found):
            # Beside a heading; otherwise PARENT_12 is a code.
            numbered = [(index, role) for index, cell in enumerate(row) if (role := _numbered_role(cell))]
        roles = {role for _, role in (*found, *numbered)}
        telling = roles & {"parent", "child", "bill"}
        data = any(
            char.isdigit()
            for index, cell in enumerate(row)
            if not any(index == place for place, _ in found)
            for char in cell or ""
        )
        if data and not (telling and len(roles) > 1):
            # Codes and serial numbers.
            top = False
            continue
        named: dict[Role, int] = {}
        for index, role in (*found, *(numbered if not telling & {role for _, role in found} else ())):
            named.setdefault(role, index)
        if len(named) > len(best[1]) and telling and (top or len(named) > 1):
            best = (at, named, _unclear(found, numbered))
        top = top and not any((cell or "").strip() for cell in row)
    return best


def _unclear(found: Sequence[tuple[int, Role]], numbered: Sequence[tuple[int, Role]]) -> str | None:
    """Why a header cannot be followed: it names more than one column for a bag."""
    count = {role: sum(other == role for _, other in found) for role in ("parent", "child", "bill")}
    children = count["child"] + sum(role == "child" for _, role in numbered)
    if count["parent"] > 1 and count["child"] > 1:
        return "blocks_side_by_side"
    if count["parent"] <= 1 and (children > 2 or (children == 2 and numbered)):
        return "children_in_columns"
    return "column_twice" if max(count.values()) > 1 else None


def _filled(rows: Sequence[Row]) -> list[int]:
    """The columns that hold anything."""
    width = max((len(row) for row in rows), default=0)
    return [c for c in range(width) if any(c < len(row) and (row[c] or "").strip() for row in rows)]


def _bags(body: Sequence[Row], header: int | None, columns: dict[Role, int], marks: Sequence[bool]) -> Guess:
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
    return _by_place("pairs", body, found, [found["parent"], found["child"]])


def _bills(body: Sequence[Row], header: int | None, columns: dict[Role, int]) -> Guess:
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
        return _by_place("bill_pairs", body, found, filled)
    if header is None and len(filled) == 3:
        found = {"serial": filled[0], "bill": filled[1], "parent": filled[2]}
        return _by_place("bill_pairs", body, found, filled[1:])
    return Guess("bill_pairs", header, columns, "columns_unknown" if filled else "sheet_empty")


def _by_place(shape: Shape, body: Sequence[Row], found: dict[Role, int], columns: Sequence[int]) -> Guess:
    """Columns taken by their number, unless a heading says that one of them counts."""
    header = _unknown_header(body, columns)
    if header is not None and any(is_count(body[header][c]) for c in columns if c < len(body[header])):
        return Guess(shape, header, found, "sheet_is_summary")
    for column in columns:
        texts = [row[column] or "" for row in body if column < len(row) and (row[column] or "").strip()]
        if len(texts) > 3 and sum(any(map(str.isdigit, text)) for text in texts) * 2 < len(texts):
            # Words: a note, or a list of something else.
            return Guess(shape, header, found, "columns_unknown")
    return Guess(shape, header, found, by_place=True)


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
