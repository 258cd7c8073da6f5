"""The cells of a sheet as Excel shows them, in one streaming pass over its XML.

Every value and every finding comes from the same place in the file with the same address, so the two
cannot disagree. Works whatever prefix, namespace and addresses (or none) the writer has used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from tracetrack.imports.reader import formats
from tracetrack.imports.reader.package import MOST_COLUMNS, MOST_ROWS, NAMESPACES, Package
from tracetrack.imports.reader.refusal import UnreadableError

_ADDRESS = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,11})")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")

_FINDINGS = {
    formats.DATE: "date_as_code",
    formats.SCIENTIFIC: "scientific_as_code",
    formats.SHORTENED: "number_shortened",
    formats.ROUNDED: "number_rounded",
    formats.REGIONAL: "format_regional",
    formats.HIDDEN: "format_hides",
    formats.UNCLEAR: "format_unclear",
}

REJECTS = frozenset(
    (
        "cell_error",
        "boolean_as_code",
        "formula_not_computed",
        "date_as_code",
        "scientific_as_code",
        "format_hides",
        "format_unclear",
        "quotes_unclear",
    )
)
"""Findings with which a cell holds no code."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One cell that deserves a word."""

    row: int
    """Counted from 1, as Excel does."""
    what: str
    """A reason of :mod:`tracetrack.imports.reasons`."""
    shown: str


@dataclass
class Cells:
    """What a sheet holds."""

    columns: list[list[str | None]] = field(default_factory=list)
    """From column A on; the first text of each is row 1."""
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    """By column, counted from 0."""
    rows: int = 0
    hidden_rows: int = 0
    """Rows with values that a filter or the user hides."""
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Merged ranges: first row, first column, last row, last column; rows from 1, columns from 0."""


def column_index(letters: str) -> int:
    """0 for ``A``."""
    value = 0
    for letter in letters.upper():
        value = value * 26 + ord(letter) - 64
    return value - 1


def column_letters(index: int) -> str:
    """``A`` for 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


_COLUMNS = {column_letters(index): index for index in range(MOST_COLUMNS)}


def unescape(text: str) -> str:
    """A text of OOXML without its escapes (``_x000D_`` is a carriage return)."""
    return _ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text) if "_x" in text else text


def watch_entities(parser: Any) -> None:
    """Refuse references to entities that the file itself declares; unused ones harm nobody."""

    def refer(text: str) -> None:
        if text.startswith("&"):
            raise UnreadableError("file_damaged")

    def declare(*_: object) -> None:
        # With this handler expat hands references over instead of following them.
        parser.DefaultHandler = refer

    parser.EntityDeclHandler = declare


def _names(root: str) -> Callable[[str], str]:
    """How the elements of a part are called, by the namespace of its root."""
    space, brace, _ = root.rpartition("}")
    if brace and space not in NAMESPACES:
        raise UnreadableError("file_damaged")
    return lambda local: f"{space}{brace}{local}"


def read_strings(package: Package) -> list[str]:
    """The table of shared strings, without phonetic guides.

    Raises:
        UnreadableError: ``file_damaged``.
    """
    strings: list[str] = []
    if package.strings is None:
        return strings
    pieces: list[str] = []
    phonetic = 0
    parser: Any = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    watch_entities(parser)
    item = text = guide = ""

    def first(name: str, _: dict[str, str]) -> None:
        nonlocal item, text, guide
        named = _names(name)
        item, text, guide = named("si"), named("t"), named("rPh")
        parser.StartElementHandler = start
        parser.EndElementHandler = end

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal phonetic
        if name == text:
            if not phonetic:
                parser.CharacterDataHandler = pieces.append
        elif name == guide:
            phonetic += 1

    def end(name: str) -> None:
        nonlocal phonetic
        if name == text:
            parser.CharacterDataHandler = None
        elif name == item:
            strings.append(unescape("".join(pieces)) if pieces else "")
            pieces.clear()
        elif name == guide:
            phonetic -= 1

    parser.StartElementHandler = first
    _feed(parser, package.chunks(package.strings), lambda: None)
    return strings


def _feed(parser: Any, chunks: Iterable[bytes], after: Callable[[], None]) -> None:
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            after()
        parser.Parse(b"", True)
    except expat.ExpatError:
        raise UnreadableError("file_damaged") from None


class _Pass:
    """One pass over one sheet."""

    def __init__(self, package: Package, strings: list[str], name: str) -> None:
        self.package = package
        self.strings = strings
        self.name = name
        self.out = Cells()
        self.hides_zeros = False
        self.row = 0
        self.column = -1
        self.row_hidden = False
        self.row_text = ""
        self.kept_hidden = 0

    def place(self, address: str | None) -> tuple[int, int]:
        """Row (from 1) and column (from 0) of the cell at hand."""
        if address is None:
            return self.row, self.column + 1
        if address.endswith(self.row_text):
            column = _COLUMNS.get(address[: -len(self.row_text)])
            if column is not None:
                return self.row, column
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise UnreadableError("file_damaged")
        return int(match.group(2)), column_index(match.group(1))

    def put(self, row: int, column: int, text: str) -> None:
        if row > MOST_ROWS or column >= MOST_COLUMNS:
            raise UnreadableError(
                "file_cell_far_out",
                columns=column_letters(MOST_COLUMNS - 1),
                rows=MOST_ROWS,
                cell=f"{self.name}!{column_letters(column)}{row}",
            )
        columns = self.out.columns
        while len(columns) <= column:
            columns.append([])
        texts = columns[column]
        missing = row - 1 - len(texts)
        if missing >= 0:
            if missing:
                texts.extend([None] * missing)
            texts.append(text)
        elif texts[row - 1] is None:
            texts[row - 1] = text
        else:
            # The same cell twice.
            raise UnreadableError("file_damaged")
        if row > self.out.rows:
            self.out.rows = row
        if self.row_hidden and self.kept_hidden != row:
            self.kept_hidden = row
            self.out.hidden_rows += 1

    def note(self, row: int, column: int, what: str, shown: str) -> None:
        found = self.out.findings.get(column)
        if found is None:
            found = self.out.findings[column] = []
        found.append(Finding(row, what, shown))

    def cell(self, given: dict[str, str], value: str | None, formula: str | None) -> None:
        """Take one cell with its value as the file has it."""
        row, column = self.place(given.get("r"))
        self.column = column
        kind = given.get("t", "n")
        number_format = self.package.format_of(int(given.get("s", 0)))
        what = ""
        if kind in ("s", "str", "inlineStr"):
            if value is None or value == "":
                if kind == "s" and value is not None:
                    raise UnreadableError("file_damaged")
                if formula is not None and (value is None or self.package.calculates_on_load):
                    self.uncomputed(row, column, formula)
                return
            text = self.shared(value) if kind == "s" else unescape(value)
            if not number_format.shows_text_as_is:
                shown = number_format.show_text(text)
                what = _FINDINGS.get(shown.doubt, "" if shown.text == text else "format_kept")
                text = shown.text
            if formula is not None and self.package.calculates_on_load and text == "0":
                self.uncomputed(row, column, formula)
                return
        elif value is None or not value.strip():
            if formula is not None:
                self.uncomputed(row, column, formula)
            return
        elif kind == "n":
            value = value.strip()
            if formula is not None and value == "0" and self.package.calculates_on_load:
                self.uncomputed(row, column, formula)
                return
            text, doubt = number_format.show(value)
            if doubt:
                what = _FINDINGS[doubt]
            elif text != value:
                if text == "" or (self.hides_zeros and value == "0" and number_format.is_general):
                    return
                plain = formats.GENERAL.show(value)
                if text != plain.text or plain.doubt:
                    what = "zeros_hidden" if text.lstrip("0") == plain.text else "format_kept"
            elif self.hides_zeros and value == "0":
                return
        elif kind == "b":
            text, what = ("TRUE" if value.strip() in ("1", "true") else "FALSE"), "boolean_as_code"
        elif kind == "e":
            text, what = value.strip(), "cell_error"
        elif kind == "d":
            text, what = value.strip(), "date_as_code"
        else:
            raise UnreadableError("file_damaged")
        if text.isspace():
            return
        self.put(row, column, text)
        if what:
            self.note(row, column, what, text)

    def uncomputed(self, row: int, column: int, formula: str) -> None:
        """A formula whose value nobody has worked out; the cell must not pass for an empty one."""
        self.put(row, column, f"={formula}")
        self.note(row, column, "formula_not_computed", f"={formula}")

    def shared(self, value: str) -> str:
        try:
            at = int(value)
        except ValueError:
            raise UnreadableError("file_damaged") from None
        if not 0 <= at < len(self.strings):
            raise UnreadableError("file_damaged")
        return self.strings[at]

    def start_row(self, given: dict[str, str]) -> None:
        text = given.get("r")
        if text is None:
            self.row += 1
            self.row_text = str(self.row)
        else:
            if not (text.isascii() and text.isdigit() and len(text) < 13):
                raise UnreadableError("file_damaged")
            self.row, self.row_text = int(text), text
        self.column = -1
        self.row_hidden = given.get("hidden") in ("1", "true")

    def merge(self, reference: str) -> None:
        first, _, last = reference.partition(":")
        one, two = _ADDRESS.fullmatch(first), _ADDRESS.fullmatch(last)
        if one is not None and two is not None:
            self.out.merged.append(
                (
                    int(one.group(2)),
                    column_index(one.group(1)),
                    int(two.group(2)),
                    column_index(two.group(1)),
                )
            )


def read_cells(
    package: Package, part: str, name: str, strings: list[str], progress: Callable[[int], None]
) -> Cells:
    """Read a sheet's cells as Excel shows them.

    Args:
        package: the workbook.
        part: the sheet's part.
        name: the sheet's name, for sentences.
        strings: the workbook's shared strings.
        progress: told the rows of this sheet read so far.

    Raises:
        UnreadableError: a value lies too far out (``file_cell_far_out``), or the part is damaged.
    """
    this = _Pass(package, strings, name)
    parser: Any = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    watch_entities(parser)
    pieces: list[str] = []
    given: dict[str, str] = {}
    value: str | None = None
    formula: str | None = None
    phonetic = 0
    c = v = f = t = row_name = guide = view = merge = inline = ""

    def first(root: str, _: dict[str, str]) -> None:
        nonlocal c, v, f, t, row_name, guide, view, merge, inline
        named = _names(root)
        if root != named("worksheet"):
            raise UnreadableError("file_damaged")
        c, v, f, t, row_name = named("c"), named("v"), named("f"), named("t"), named("row")
        guide, inline = named("rPh"), named("is")
        view, merge = named("sheetView"), named("mergeCell")
        parser.StartElementHandler = start
        parser.EndElementHandler = end

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal given, value, formula, phonetic
        if tag == c:
            given = attributes
            value = None
            formula = None
        elif tag in (v, f):
            parser.CharacterDataHandler = pieces.append
        elif tag == t:
            if not phonetic:
                parser.CharacterDataHandler = pieces.append
        elif tag == row_name:
            this.start_row(attributes)
        elif tag == guide:
            phonetic += 1
        elif tag == view:
            this.hides_zeros |= attributes.get("showZeros") in ("0", "false")
        elif tag == merge:
            this.merge(attributes.get("ref", ""))

    def end(tag: str) -> None:
        nonlocal value, formula, phonetic
        if tag == c:
            this.cell(given, value, formula)
        elif tag in (v, inline):
            parser.CharacterDataHandler = None
            value = "".join(pieces)
            pieces.clear()
        elif tag == t:
            parser.CharacterDataHandler = None
        elif tag == f:
            parser.CharacterDataHandler = None
            formula = "".join(pieces)
            pieces.clear()
        elif tag == guide:
            phonetic -= 1

    parser.StartElementHandler = first
    try:
        _feed(parser, package.chunks(part), lambda: progress(this.row))
    except (ValueError, OverflowError):
        raise UnreadableError("file_damaged") from None
    # Below the last value there is nothing that a merged cell could stand for.
    rows = this.out.rows
    this.out.merged = [
        (top, left, min(end, rows), right) for top, left, end, right in this.out.merged if top <= rows
    ]
    return this.out
