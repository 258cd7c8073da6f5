"""An xlsx file as a package: its parts by name, and what the workbook says of sheets and styles.

Follows the relationships (ECMA-376 Part 2) rather than the usual names, and takes what Excel takes:
backslashes, any case of folders, names of its own, strict and prefixed XML. Only the parts that hold
values count for the limits.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

import re2

from tracetrack.imports.reader.formats import GENERAL, NumberFormat, number_format
from tracetrack.imports.reader.refusal import UnreadableError

MOST_ENTRIES = 20_000
"""Entries of the archive, pictures and comments included."""
MOST_PARTS = 1_000
"""Parts that are not beside the values."""
MOST_BYTES = 512 * 2**20
"""Unpacked, all parts that hold values together."""
MOST_COLUMNS = 256
MOST_ROWS = 1_048_576
_CHUNK = 1 << 20
_UNLIKE = re2.compile(rb"<rPh|_x|<r[ >]|<!|<si/>")
"""What not all readers of shared strings take alike: phonetic guides, escapes, formatted pieces."""

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How an old xls file begins, and an xlsx file with a password."""

NAMESPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
"""Transitional and strict."""

_BESIDE = re.compile(
    r"(^|/)(media|drawings|embeddings|charts|theme|customxml|docprops|printersettings|ctrlprops|activex"
    r"|threadedcomments|persons|diagrams|tables|pivottables|pivotcache|querytables|externallinks|slicers"
    r"|slicercaches|timelines|webextensions|customproperty)/|(^|/)(comments[^/]*|[^/]+\.(vml|png|jpe?g|gif"
    r"|emf|wmf|bmp|tiff?|svg|bin))$|/worksheets/_rels/"
)
"""Parts that hold no values of cells, by their name in lower case."""


@dataclass(frozen=True)
class SheetPart:
    """A sheet as the workbook names it."""

    name: str
    part: str | None
    """None where the package does not have it."""
    hidden: bool
    cells: bool
    """Not a chart, dialog or macro sheet."""


@dataclass
class Package:
    """An opened workbook."""

    archive: zipfile.ZipFile
    parts: dict[str, zipfile.ZipInfo]
    """By canonical name in lower case."""
    usual: bool
    """Names and relationships are as every reader expects them."""
    workbook: str = ""
    sheets: list[SheetPart] = field(default_factory=list)
    strings: str | None = None
    formats: list[NumberFormat] = field(default_factory=list)
    """By style of a cell."""
    calculates_on_load: bool = False
    """Excel works out all formulas anew when it opens the file."""
    twice: set[str] = field(default_factory=set)
    """Parts of which there are two; which one another program takes is not known."""

    def format_of(self, style: int) -> NumberFormat:
        """The number format of a cell's style."""
        return self.formats[style] if style < len(self.formats) else GENERAL

    def chunks(self, part: str) -> Iterator[bytes]:
        """A part's bytes, never more than it says it has.

        Raises:
            UnreadableError: ``file_damaged`` or ``file_part_twice``.
        """
        if part in self.twice:
            raise UnreadableError("file_part_twice", part=part)
        try:
            with self.archive.open(self.parts[part]) as opened:
                while chunk := opened.read(_CHUNK):
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError):
            raise UnreadableError("file_damaged") from None

    def parse(self, part: str, start: Callable[[str, dict[str, str]], None]) -> None:
        """Go over a small part: its elements by name without namespace, with their attributes."""
        parser: Any = expat.ParserCreate(namespace_separator="}")
        parser.StartElementHandler = lambda name, attributes: start(
            name.rsplit("}", 1)[-1], {key.rsplit("}", 1)[-1]: value for key, value in attributes.items()}
        )
        parser.StartDoctypeDeclHandler = _no_doctype
        try:
            for chunk in self.chunks(part):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except expat.ExpatError:
            raise UnreadableError("file_damaged") from None


def _no_doctype(*_: object) -> None:
    raise UnreadableError("file_damaged")


def canonical(name: str) -> str:
    """A part's name without what programs write differently."""
    return posixpath.normpath(name.replace("\\", "/").lstrip("/")).lower()


def open_package(path: Path) -> Package:
    """Open a workbook, judge it by its table of contents, and read what it says of its sheets.

    Raises:
        UnreadableError: it is no xlsx file, is encrypted, or unpacks to too much.
    """
    package = _contents(path)
    package.workbook = _main_part(package)
    if "[content_types].xml" in package.parts:
        # Nothing in it is needed, but a package in which it is damaged is damaged.
        package.parse("[content_types].xml", lambda _, __: None)
    _read_workbook(package)
    return package


def _contents(path: Path) -> Package:
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
    if len(entries) > MOST_ENTRIES:
        raise UnreadableError("file_too_many_parts", most=MOST_PARTS)
    if any(entry.flag_bits & 1 for entry in entries):
        raise UnreadableError("file_old_or_locked")
    package = Package(archive, {}, usual=True)
    unpacked = 0
    for entry in entries:
        name = canonical(entry.filename)
        package.usual &= "\\" not in entry.filename and not entry.filename.startswith("/")
        if _BESIDE.search(name):
            continue
        if name in package.parts:
            package.twice.add(name)
            package.usual = False
        package.parts[name] = entry
        unpacked += entry.file_size
    if unpacked > MOST_BYTES:
        raise UnreadableError("file_unpacks_too_large", most=MOST_BYTES // 2**20)
    if len(package.parts) > MOST_PARTS:
        raise UnreadableError("file_too_many_parts", most=MOST_PARTS)
    return package


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """The type (its last word) and target of each relationship of a part, by its id."""
    folder, _, name = part.rpartition("/")
    place = canonical(f"{folder}/_rels/{name}.rels")
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, given: dict[str, str]) -> None:
        if tag != "Relationship" or given.get("TargetMode") == "External":
            return
        target = given.get("Target", "").replace("\\", "/")
        whole = target if target.startswith("/") else f"{folder}/{target}"
        if "../" in target or "\\" in given.get("Target", ""):
            package.usual = False
        kind = given.get("Type", "").rstrip("/").rsplit("/", 1)[-1]
        if given.get("Id", "") in found:
            package.usual = False
        found.setdefault(given.get("Id", ""), (kind, canonical(whole)))

    if place in package.parts:
        package.parse(place, start)
    return found


def _main_part(package: Package) -> str:
    """The workbook's part."""
    names = _all_names(package)
    if any(name.endswith(".iwa") for name in names):
        raise UnreadableError("file_numbers")
    if "[content_types].xml" not in names and any(name.endswith((".xlsx", ".xls", ".csv")) for name in names):
        raise UnreadableError("file_zipped")
    if "content.xml" in package.parts or "xl/workbook.bin" in names:
        raise UnreadableError("file_format")
    usual = "xl/workbook.xml"
    try:
        named = [target for kind, target in _relations(package, "").values() if kind == "officeDocument"]
    except UnreadableError:
        if usual not in package.parts:
            raise
        named = []
    for target in [*named, usual]:
        if target in package.parts:
            package.usual &= target == usual and "xl/workbook.xml" in package.archive.namelist()
            return target
    raise UnreadableError("file_no_workbook")


def _all_names(package: Package) -> set[str]:
    return {canonical(name) for name in package.archive.namelist()}


def _read_workbook(package: Package) -> None:
    relations = _relations(package, package.workbook)
    date_1904 = False

    def start(tag: str, given: dict[str, str]) -> None:
        nonlocal date_1904
        if tag == "workbookPr":
            date_1904 = given.get("date1904") in ("1", "true")
        elif tag == "calcPr":
            package.calculates_on_load = given.get("fullCalcOnLoad") in ("1", "true")
        elif tag == "sheet":
            kind, target = relations.get(given.get("id", ""), ("", ""))
            found = target if target in package.parts else None
            package.sheets.append(
                SheetPart(
                    given.get("name", ""),
                    found,
                    hidden=given.get("state") in ("hidden", "veryHidden"),
                    cells=kind == "worksheet",
                )
            )

    package.parse(package.workbook, start)
    lost = [sheet for sheet in package.sheets if sheet.part is None and sheet.cells]
    if (lost or any(not relations for _ in package.sheets)) and not any(
        "worksheets/" in name for name in package.parts
    ):
        raise UnreadableError("file_no_sheet")
    if lost or (package.sheets and not relations):
        raise UnreadableError("file_damaged")
    by_kind = {kind: target for kind, target in relations.values() if target in package.parts}
    package.strings = by_kind.get("sharedStrings")
    if "styles" in by_kind:
        package.formats = _read_formats(package, by_kind["styles"], date_1904)


def _read_formats(package: Package, part: str, date_1904: bool) -> list[NumberFormat]:
    """The number format of each style of a cell."""
    custom: dict[int, str] = {}
    used: list[int] = []
    section = ""

    def start(tag: str, given: dict[str, str]) -> None:
        nonlocal section
        if tag in ("numFmts", "cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
            section = tag
        elif tag == "xf" and section == "cellXfs":
            used.append(_whole(given.get("numFmtId")))
        elif tag == "numFmt" and section == "numFmts" and "formatCode" in given:
            custom.setdefault(_whole(given.get("numFmtId")), given["formatCode"])

    package.parse(part, start)
    made = {number: number_format(number, custom, date_1904) for number in set(used)}
    return [made[number] for number in used]


def _whole(text: str | None) -> int:
    try:
        return int(text or 0)
    except ValueError:
        raise UnreadableError("file_damaged") from None


def check_strings(package: Package) -> bool:
    """Look at the table of shared strings before a reader believes what it says.

    Returns:
        Whether every reader takes its texts alike: no phonetic guides, formatted pieces or escapes.

    Raises:
        UnreadableError: ``file_damaged``, it says it has more texts than it has bytes.
    """
    if package.strings is None:
        return True
    size = package.parts[package.strings].file_size
    alike = True
    kept = b""
    for at, chunk in enumerate(package.chunks(package.strings)):
        if at == 0:
            head = chunk[:2_000]
            for number in re.findall(rb"\b(?:uniqueCount|count)\s*=\s*[\"'](\d+)[\"']", head):
                if len(number) > 9 or int(number) > max(size, MOST_ROWS * MOST_COLUMNS):
                    raise UnreadableError("file_damaged")
            unique = re.search(rb"\buniqueCount\s*=\s*[\"'](\d+)[\"']", head)
            if unique and int(unique.group(1)) > size // 4 + 1:
                raise UnreadableError("file_damaged")
            alike = b"<sst" in head and b"<!DOCTYPE" not in head and b"utf-16" not in head.lower()
        text = kept + chunk if kept else chunk
        alike = alike and not _UNLIKE.search(text)
        kept = chunk[-8:]
    return alike
