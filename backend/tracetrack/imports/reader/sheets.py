"""A file as frames of text: every sheet of a workbook, or a csv file as its one sheet."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import fastexcel
import polars as pl

from tracetrack.imports.reader import archive
from tracetrack.imports.reader.archive import MOST_COLUMNS, MOST_ROWS, Finding
from tracetrack.imports.reader.refusal import UnreadableError

Progress = Callable[[int], None]


@dataclass
class Sheet:
    """One sheet: text columns ``c0``, ``c1`` ... in which row 0 is the sheet's first."""

    name: str
    frame: pl.DataFrame
    hidden: bool = False
    first_column: int = 0
    """The sheet's column that is ``c0``."""
    findings: list[Finding] = field(default_factory=list)
    from_excel: bool = True


def read_file(path: Path, file_name: str, progress: Progress, rows: int | None = None) -> list[Sheet]:
    """Read every sheet.

    Args:
        path: the stored file.
        file_name: as the user named it; only its ending counts, and only for text.
        progress: told the rows read so far.
        rows: read no more than these of each sheet.

    Raises:
        UnreadableError: with the one reason.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise UnreadableError("file_empty")
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", archive.OLE)):
        return _workbook(path, progress, rows)
    if start.lstrip()[:5].lower() in (b"<html", b"<!doc", b"<?xml") or start.startswith(b"%PDF"):
        raise UnreadableError("file_format")
    return [_text(path, file_name, progress, rows)]


def _workbook(path: Path, progress: Progress, rows: int | None) -> list[Sheet]:
    with archive.check_archive(path) as opened:
        archive.check_strings(opened)
        order = archive.sheet_parts(opened)
        parts = archive.look_at_sheets(opened, progress)
    sheets: list[Sheet] = []
    try:
        reader = fastexcel.read_excel(path)
        for at, name in enumerate(reader.sheet_names):
            part = parts.get(order[at], archive.Part()) if at < len(order) else archive.Part()
            loaded = reader.load_sheet(at, header_row=None, skip_rows=0, n_rows=rows, dtypes="string")
            if loaded.visible != "visible":
                sheets.append(Sheet(name, pl.DataFrame(), hidden=True))
                continue
            frame = loaded.to_polars()
            if frame.width > MOST_COLUMNS or frame.height > MOST_ROWS:
                raise UnreadableError("file_cell_far_out", columns=MOST_COLUMNS, rows=MOST_ROWS)
            frame.columns = [f"c{index}" for index in range(frame.width)]
            sheets.append(Sheet(name, frame, first_column=part.first_column, findings=part.findings))
    except UnreadableError:
        raise
    except Exception:
        # Whatever the reader found wrong (a dozen kinds of errors), it comes to one sentence.
        raise UnreadableError("file_damaged") from None
    return sheets


def decode(raw: bytes) -> str:
    """Text of a csv file: by its byte order mark, else utf-8, utf-16 without a mark, or cp1252."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            return raw.decode(encoding)
    sample = raw[:4096]
    if sample.count(0) > len(sample) // 4:
        little = sum(1 for byte in sample[1::2] if byte == 0)
        return raw.decode("utf-16-le" if little > len(sample) // 8 else "utf-16-be")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252")


def separator_of(text: str) -> str:
    """The separator under which most of the first lines fall into the same number of cells."""
    lines = [line for line in text[:65_536].splitlines()[:50] if line.strip()]
    best, score = ",", 0
    for candidate in ",;\t":
        widths = [len(row) for row in csv.reader(lines, delimiter=candidate)]
        common = max(set(widths), key=widths.count) if widths else 1
        if common > 1 and widths.count(common) * 100 + common > score:
            best, score = candidate, widths.count(common) * 100 + common
    return best


def _text(path: Path, file_name: str, progress: Progress, rows: int | None) -> Sheet:
    raw = path.read_bytes()
    try:
        text = decode(raw)
    except UnicodeDecodeError:
        raise UnreadableError("file_encoding") from None
    if "\0" in text or sum(text[:4096].count(chr(c)) for c in (1, 2, 3, 4, 5, 6)) > 8:
        raise UnreadableError(
            "file_format" if file_name.lower().endswith((".csv", ".txt", ".tsv")) else "file_damaged"
        )
    if not text.strip():
        raise UnreadableError("file_empty")
    separator = separator_of(text)
    width = max((line.count(separator) + 1 for line in text[:1_000_000].splitlines()), default=1)
    if width > MOST_COLUMNS:
        raise UnreadableError("file_cell_far_out", columns=MOST_COLUMNS, rows=MOST_ROWS)
    encoded = raw if raw.isascii() else text.encode()
    del raw, text
    frame = None
    for quote in ('"', None):
        try:
            frame = pl.read_csv(
                io.BytesIO(encoded),
                has_header=False,
                separator=separator,
                quote_char=quote,
                infer_schema=False,
                schema={f"column_{at + 1}": pl.String for at in range(width)},
                missing_columns="insert",
                truncate_ragged_lines=True,
                n_rows=rows,
            )
            break
        except pl.exceptions.PolarsError:
            # A quote in the middle of a cell: then no quote means anything.
            continue
    if frame is None:
        raise UnreadableError("file_damaged")
    if frame.height > MOST_ROWS:
        raise UnreadableError("file_cell_far_out", columns=MOST_COLUMNS, rows=MOST_ROWS)
    frame.columns = [f"c{index}" for index in range(frame.width)]
    progress(frame.height)
    return Sheet("", frame, from_excel=False)
