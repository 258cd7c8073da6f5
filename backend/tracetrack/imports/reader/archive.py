"""Looking at an xlsx file before anything reads it: its parts, and its cells as they stand in the XML.

Streaming and in constant memory. It refuses what would make the reader ask for absurd memory,
and notes what the reader cannot tell: error values, numbers that Excel has rounded, and zeros
that only the number format shows.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, XMLPullParser

import re2

from tracetrack.imports.reader.refusal import UnreadableError

MOST_PARTS = 200
MOST_BYTES = 512 * 2**20
"""Unpacked, all parts together."""
MOST_COLUMNS = 64
MOST_ROWS = 1_048_576
_CHUNK = 1 << 20
_OVERLAP = 512

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How an old xls file begins, and an xlsx file with a password."""

_FAR = (
    rb"\sr\s*=\s*[\"'](?:(?:[A-Z]{3,}|B[M-Z]|[C-Z][A-Z])[0-9]"
    rb"|[A-Z]*(?:[0-9]{8,}|[2-9][0-9]{6}|1[1-9][0-9]{5}|10[5-9][0-9]{4}|104[9][0-9]{3}|1048[6-9][0-9]{2}"
    rb"|10485[89][0-9]|104857[7-9])[\"'])"
)
"""An address beyond column BL (the 64th) or row 1,048,576."""
_ODD = rb"|<v>-?(?:[0-9.]{15,}|[0-9.]+[eE])|\st=[\"']e[\"']"
_CELL = re.compile(rb"<c\s[^>]*?\br=[\"']([A-Z]+)([0-9]+)[\"'][^>]*>\s*(?:<v>([^<]*)</v>)?")
_FORMAT = re.compile(rb"<numFmt\s[^>]*?>")
_XFS = re.compile(rb"<cellXfs[\s>].*?</cellXfs>", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One cell that deserves a word: ``cell_error``, ``number_rounded`` or ``zeros_hidden``."""

    row: int
    column: int
    what: str
    shown: str


@dataclass
class Part:
    """What is known of a sheet's XML."""

    rows: int = 0
    first_column: int = 0
    findings: list[Finding] = field(default_factory=list)


def column_index(letters: bytes | str) -> int:
    """0 for ``A``."""
    text = letters.decode() if isinstance(letters, bytes) else letters
    value = 0
    for letter in text:
        value = value * 26 + ord(letter) - 64
    return value - 1


def check_archive(path: Path) -> zipfile.ZipFile:
    """Open the file and judge it by its table of contents.

    Raises:
        UnreadableError: it is no xlsx file, is encrypted, or unpacks to too much.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise UnreadableError("file_empty")
    if start.startswith(OLE):
        raise UnreadableError("file_old_or_locked")
    try:
        archive = zipfile.ZipFile(path)
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError):
        raise UnreadableError("file_damaged") from None
    if len(entries) > MOST_PARTS or len({entry.filename for entry in entries}) != len(entries):
        raise UnreadableError("file_too_many_parts", most=MOST_PARTS)
    if any(entry.flag_bits & 1 for entry in entries):
        raise UnreadableError("file_old_or_locked")
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise UnreadableError("file_unpacks_too_large", most=MOST_BYTES // 2**20)
    names = {entry.filename for entry in entries}
    if "xl/workbook.bin" in names or "content.xml" in names:
        raise UnreadableError("file_format")
    if "xl/workbook.xml" not in names:
        raise UnreadableError("file_no_workbook")
    if not any(name.startswith("xl/worksheets/") for name in names):
        raise UnreadableError("file_no_sheet")
    return archive


def _chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """A part's bytes, never more than it says it has."""
    try:
        with archive.open(name) as part:
            while chunk := part.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError):
        raise UnreadableError("file_damaged") from None


def sheet_parts(archive: zipfile.ZipFile) -> list[str]:
    """The paths of the sheets' parts, in the workbook's order; empty where that cannot be told."""
    names = set(archive.namelist())
    try:
        targets = {
            element.get("Id"): element.get("Target", "")
            for element in _elements(archive, "xl/_rels/workbook.xml.rels", "Relationship")
        }
        found = []
        for element in _elements(archive, "xl/workbook.xml", "sheet"):
            key = next((value for name, value in element.items() if name.endswith("}id")), None)
            target = targets.get(key, "").lstrip("/")
            found.append(target if target.startswith("xl/") else f"xl/{target}")
    except ParseError:
        raise UnreadableError("file_damaged") from None
    return found if all(name in names for name in found) else []


def _elements(archive: zipfile.ZipFile, part: str, tag: str) -> Iterator[dict[str, str]]:
    if part not in archive.namelist():
        return
    parser: Any = XMLPullParser(("start",))
    for chunk in _chunks(archive, part):
        if b"<!DOCTYPE" in chunk or b"<!ENTITY" in chunk:
            raise UnreadableError("file_damaged")
        parser.feed(chunk)
        for _, element in parser.read_events():
            if element.tag.rsplit("}", 1)[-1] == tag:
                yield dict(element.attrib)


def check_strings(archive: zipfile.ZipFile) -> None:
    """Refuse a table of shared strings that says it has more of them than it has bytes.

    Raises:
        UnreadableError: ``file_damaged``.
    """
    name = "xl/sharedStrings.xml"
    if name not in archive.namelist():
        return
    size = archive.getinfo(name).file_size
    for chunk in _chunks(archive, name):
        for number in re.findall(rb"\b(?:uniqueCount|count)\s*=\s*[\"'](\d+)[\"']", chunk[:2_000]):
            if len(number) > 9 or int(number) > max(size, MOST_ROWS * MOST_COLUMNS):
                raise UnreadableError("file_damaged")
        unique = re.search(rb"\buniqueCount\s*=\s*[\"'](\d+)[\"']", chunk[:2_000])
        if unique and int(unique.group(1)) > size // 4 + 1:
            raise UnreadableError("file_damaged")
        break


def _padded_styles(archive: zipfile.ZipFile) -> dict[int, int]:
    """The cell styles whose number format shows leading zeros, and how many digits they show."""
    if "xl/styles.xml" not in archive.namelist() or archive.getinfo("xl/styles.xml").file_size > 8 * _CHUNK:
        return {}
    text = b"".join(_chunks(archive, "xl/styles.xml"))
    widths: dict[int, int] = {}
    for match in _FORMAT.finditer(text):
        code = re.search(rb"formatCode=[\"']\\?(0{2,})(?:;@)?[\"']", match.group())
        number = re.search(rb"numFmtId=[\"'](\d+)[\"']", match.group())
        if code and number:
            widths[int(number.group(1))] = len(code.group(1))
    if not widths:
        return {}
    styles = _XFS.search(text)
    used = re.findall(rb"<xf\s[^>]*?numFmtId=[\"'](\d+)[\"']", styles.group() if styles else b"")
    return {at: widths[int(number)] for at, number in enumerate(used) if int(number) in widths}


def look_at_sheets(archive: zipfile.ZipFile, progress: Callable[[int], None]) -> dict[str, Part]:
    """Go over the cells of every sheet.

    Args:
        archive: the workbook.
        progress: told the rows seen so far, now and then.

    Raises:
        UnreadableError: a cell lies too far out, or a part is damaged.
    """
    padded = _padded_styles(archive)
    pattern = _FAR + _ODD
    if padded:
        pattern += rb"|\ss=[\"'](?:" + b"|".join(b"%d" % style for style in padded) + rb")[\"']"
    expression = re2.compile(pattern)
    far = re2.compile(_FAR)
    found: dict[str, Part] = {}
    rows = 0
    for name in archive.namelist():
        if not (name.startswith("xl/worksheets/") and name.endswith(".xml")):
            continue
        part = found[name] = Part()
        kept = b""
        seen: set[tuple[int, int]] = set()
        for chunk in _chunks(archive, name):
            text = kept + chunk
            if not kept:
                letters = re.findall(rb"<c\s[^>]*?\br=[\"']([A-Z]{1,3})[0-9]", text[:65_536])
                part.first_column = min(map(column_index, letters), default=0)
            part.rows += chunk.count(b"</row>")
            if expression.search(text):
                if far.search(text):
                    raise UnreadableError("file_cell_far_out", columns=MOST_COLUMNS, rows=MOST_ROWS)
                _note(text, padded, part, seen)
            kept = text[-_OVERLAP:]
            progress(rows + part.rows)
        rows += part.rows
    return found


def _note(text: bytes, padded: dict[int, int], part: Part, seen: set[tuple[int, int]]) -> None:
    """Write down the odd cells in a piece of a sheet; pieces overlap, so some are seen twice."""
    for match in _CELL.finditer(text):
        head = match.group(0)
        value = (match.group(3) or b"").decode("ascii", "replace")
        what, shown = "", value
        if re.search(rb"\st=[\"']e[\"']", head):
            what = "cell_error"
        elif re.search(rb"\st=[\"'](?!n)", head):
            continue
        elif re.fullmatch(r"-?(\d{15,}|[\d.]+[eE][+-]?\d+)", value):
            what = "number_rounded"
        elif padded and value.isdigit() and (style := re.search(rb"\ss=[\"'](\d+)[\"']", head)):
            width = padded.get(int(style.group(1)), 0)
            if len(value) < width:
                what, shown = "zeros_hidden", value.zfill(width)
        if what:
            place = (int(match.group(2)), column_index(match.group(1)))
            if place not in seen:
                seen.add(place)
                part.findings.append(Finding(*place, what, shown))
