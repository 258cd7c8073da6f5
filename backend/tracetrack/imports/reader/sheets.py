"""A file as frames of text: every sheet of a workbook, or a csv file as its one sheet."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tracetrack.imports.reader import package as packages
from tracetrack.imports.reader.cells import Cells, Finding, read_cells, read_strings
from tracetrack.imports.reader.package import SheetPart, check_strings, open_package
from tracetrack.imports.reader.plain import PlainReader
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.imports.reader.text import read_text

Progress = Callable[[int], None]

_JSON = re.compile(rb"\s*(?:\[\s*[\[{\"]|\{\s*[\"}])")
"""No heading or code begins so."""


@dataclass
class Sheet:
    """One sheet: text columns ``c0`` (column A), ``c1`` ... in which row 0 is the sheet's first."""

    name: str
    frame: pl.DataFrame
    hidden: bool = False
    skipped: str | None = None
    """Why it is not read although Excel shows it: ``sheet_not_cells``."""
    first_column: int = 0
    """The sheet's column that is ``c0``: always A."""
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    """What is odd about cells, by column (A is 0)."""
    from_excel: bool = True
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Merged ranges: first row, first column, last row, last column; rows from 1, columns from 0 (A)."""
    hidden_rows: int = 0
    """Rows with values that Excel hides, by hand or by a filter; they are read all the same."""
    encoding_guessed: bool = False
    """The text is in no Unicode encoding, so letters beyond ASCII may be others than were meant."""
    notices: list[dict[str, Any]] = field(default_factory=list)
    """What was read differently than it may seem, for the preview and the result: a ``code`` of
    :data:`tracetrack.imports.reasons.FILES` and its ``values``."""


def read_file(path: Path, file_name: str, progress: Progress) -> list[Sheet]:
    """Read every sheet.

    Args:
        path: the stored file.
        file_name: as the user named it; only its ending counts, and only for text.
        progress: told the rows read so far.

    Raises:
        UnreadableError: with the one reason.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise UnreadableError("file_empty")
    if Path(file_name).name.startswith("~$"):
        raise UnreadableError("file_lock")
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", packages.OLE)):
        return _workbook(path, progress)
    if start.lstrip()[:5].lower() in (b"<html", b"<!doc", b"<?xml") or start.startswith(b"%PDF"):
        raise UnreadableError("file_format")
    if _JSON.match(start.removeprefix(codecs.BOM_UTF8)):
        raise UnreadableError("file_json")
    text = read_text(path, file_name)
    progress(text.frame.height)
    return [
        Sheet(
            "",
            text.frame,
            findings=text.findings,
            from_excel=False,
            encoding_guessed=text.encoding_guessed,
            notices=[{"code": "separator_line"}] if text.separator_line else [],
        )
    ]


def _workbook(path: Path, progress: Progress) -> list[Sheet]:
    package = open_package(path)
    with package.archive:
        alike = check_strings(package)
        plain = PlainReader(path, package, alike)
        strings: list[str] | None = None
        sheets: list[Sheet] = []
        rows = 0
        for at, named in enumerate(package.sheets):
            if named.hidden or not named.cells or named.part is None:
                sheets.append(_unread(named))
                continue
            told = _from(progress, rows)
            frame = plain.read(at, named.part, told)
            if frame is not None:
                frame.columns = [f"c{index}" for index in range(frame.width)]
                sheet = Sheet(named.name, frame)
            else:
                if strings is None:
                    strings = read_strings(package)
                sheet = _sheet(named.name, read_cells(package, named.part, named.name, strings, told))
            if _is_blank(sheet.frame):
                sheet.frame = pl.DataFrame()
            rows += sheet.frame.height
            sheets.append(sheet)
    return sheets


def _from(progress: Progress, before: int) -> Progress:
    return lambda rows: progress(before + rows)


def _unread(named: SheetPart) -> Sheet:
    return Sheet(
        named.name, pl.DataFrame(), hidden=named.hidden, skipped=None if named.cells else "sheet_not_cells"
    )


def _sheet(name: str, cells: Cells) -> Sheet:
    height = cells.rows
    columns = {}
    for index, texts in enumerate(cells.columns):
        series = pl.Series(texts, dtype=pl.String)
        if series.len() < height:
            series = series.extend(pl.repeat(None, height - series.len(), dtype=pl.String, eager=True))
        columns[f"c{index}"] = series
        texts.clear()
    return Sheet(
        name,
        pl.DataFrame(columns),
        findings=cells.findings,
        hidden_rows=cells.hidden_rows,
        merged=cells.merged,
    )


def _is_blank(frame: pl.DataFrame) -> bool:
    return not any(
        (column.str.strip_chars() != "").any()
        for column in frame.iter_columns()
        if column.null_count() < column.len()
    )
