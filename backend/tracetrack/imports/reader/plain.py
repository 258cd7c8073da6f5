"""The fast way to read a sheet, for sheets of which a quick look proves that nothing is lost by it.

fastexcel knows neither number formats nor addresses nor errors. A sheet may go this way only when every
byte of its data fits a grammar of cells that it shows as Excel does, and when afterwards the number of
values and the place of the first and last of them agree. Whatever else there is goes through
:mod:`tracetrack.imports.reader.cells`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import re2

from tracetrack.imports.reader.package import MOST_ROWS, Package

_ATTRIBUTES_OF_ROWS = rb"r|spans|s|customFormat|ht|customHeight|thickTop|thickBot|ph|[a-z0-9]+:dyDescent"
_FORMULA = rb"(?:<f(?: [a-z]+[0-9]?=\"[^\"<>]*\")*(?:/>|>[^<>]*</f>))?"
_ROW_OF = re.compile(rb"<c r=\"[A-Z]+([0-9]+)\"")
_MOST_STYLES = 4_000
_UNUSUAL_HEADS = (b"<!DOCTYPE", b"showZeros", b"hidden", b"utf-16", b"UTF-16")
_UNUSUAL_TAILS = (b"mergeCell", b"<sheetData")


@dataclass(frozen=True)
class Look:
    """What a quick look at a plain sheet has found."""

    values: int
    """Cells that hold one."""
    last_row: int
    """Of the last cell with a value, counted from 1."""


class PlainReader:
    """Reads the plain sheets of one workbook.

    Args:
        path: the file.
        package: the same file, opened.
        alike: whether every reader takes the shared strings alike.
    """

    def __init__(self, path: Path, package: Package, alike: bool) -> None:
        self.path = path
        self.package = package
        self.usable = alike and package.usual
        self.reader: Any = None
        self.region = _grammar(package, _NARROW) if self.usable else None
        self.wide_region: Any = None

    def read(self, at: int, part: str, progress: Callable[[int], None]) -> pl.DataFrame | None:
        """The sheet's cells as text, from column A and row 1; None where this way is not open.

        Args:
            at: the sheet's place in the workbook.
            part: its part.
            progress: told the rows looked at.
        """
        look = self._look(part, progress)
        if look is None:
            return None
        if look.values == 0:
            return pl.DataFrame()
        try:
            if self.reader is None:
                self.reader = fastexcel.read_excel(self.path)
                self.usable = self.reader.sheet_names == [sheet.name for sheet in self.package.sheets]
            if not self.usable:
                self.region = None
                return None
            loaded = self.reader.load_sheet(at, header_row=None, skip_rows=0, dtypes="string")
            frame: pl.DataFrame = loaded.to_polars()
        except Exception:
            # The other way has a sentence for what is wrong, or reads it all the same.
            return None
        return frame if _agrees(frame, look) else None

    def _look(self, part: str, progress: Callable[[int], None]) -> Look | None:
        if self.region is None:
            return None
        kept = b""
        state = "head"
        values = last_row = 0
        first_column = wide = False
        for chunk in self.package.chunks(part):
            text = kept + chunk
            kept = b""
            if state == "head":
                start = text.find(b"<sheetData>")
                if start < 0 or any(sign in text[:start] for sign in _UNUSUAL_HEADS):
                    return None
                text = text[start + len(b"<sheetData>") :]
                state = "data"
            if state == "data":
                end = text.find(b"</sheetData>")
                region = text[: text.rfind(b"</row>") + 6] if end < 0 else text[:end]
                if len(region) < 6 and end < 0:
                    # A row longer than a piece.
                    if len(text) > 8 << 20:
                        return None
                    kept = text
                    continue
                if wide or not self.region.fullmatch(region):
                    wide = True
                    if self.wide_region is None:
                        self.wide_region = _grammar(self.package, _WIDE)
                    if not self.wide_region.fullmatch(region):
                        return None
                values += region.count(b"</c>")
                first_column = first_column or bool(_FIRST_COLUMN.search(region))
                if (last := region.rfind(b"<c ", 0, max(0, region.rfind(b"</c>")))) >= 0:
                    match = _ROW_OF.match(region, last)
                    last_row = int(match.group(1)) if match else 0
                if end < 0:
                    kept = text[len(region) :]
                    progress(last_row)
                    continue
                state = "tail"
                text = text[end + len(b"</sheetData>") :]
            if any(sign in text for sign in _UNUSUAL_TAILS):
                return None
            kept = text[-16:]
        if state != "tail" or not kept.rstrip().endswith(b"</worksheet>"):
            return None
        if values and not first_column:
            # A sheet that begins further right: its first column is not told apart from an empty one.
            return None
        if last_row > MOST_ROWS or (wide and values < 32 * last_row) or values < last_row // 4:
            # So many empty cells between that reading them takes too much memory.
            return None
        return Look(values, last_row)


_NARROW = rb"[A-Z]"
_WIDE = rb"(?:[A-Z]|[A-H][A-Z]|I[A-V])"
_FIRST_COLUMN = re2.compile(rb"<c r=\"A[0-9]+\"[^<>]*[^/<>]>")


def _grammar(package: Package, columns: bytes) -> Any:
    """The data of a sheet in which every cell is shown as fastexcel reads it.

    Args:
        package: whose number formats count.
        columns: the letters of its columns.
    """
    formats = package.formats
    if len(formats) > _MOST_STYLES:
        return None
    numbers = [style for style, made in enumerate(formats) if made.is_general]
    texts = [style for style, made in enumerate(formats) if made.shows_text_as_is]
    bare_number = not formats or formats[0].is_general
    bare_text = not formats or formats[0].shows_text_as_is
    if not bare_text:
        return None

    def style(those: list[int], bare: bool) -> bytes:
        if those == list(range(len(formats))):
            some = rb"[0-9]{1,5}"
        else:
            some = rb"(?:" + b"|".join(b"%d" % one for one in those) + rb")"
        return rb"(?: s=\"" + some + rb"\")" + (rb"?" if bare else rb"")

    formula = b"" if package.calculates_on_load else _FORMULA
    address = rb"<c r=\"" + columns + rb"[1-9][0-9]{0,6}\""
    # Without the escapes of OOXML (_x000D_).
    text = rb"(?:[^<>_]|_+[^<>_x])+_*"
    text_style = style(texts, bare_text)
    cells = [
        text_style + rb"(?: t=\"s\"><v>[0-9]{1,7}</v>| t=\"str\">" + formula + rb"<v>" + text + rb"</v>)</c>",
        text_style + rb" t=\"inlineStr\"><is><t(?: xml:space=\"preserve\")?>" + text + rb"</t></is></c>",
        rb"(?: s=\"[0-9]{1,5}\")?/>",
    ]
    if numbers or not formats:
        number = rb"(?: t=\"n\")?>" + formula + rb"<v>(?:0|-?[1-9][0-9]{0,10})</v></c>"
        cells.append(style(numbers, bare_number) + number)
    row = rb"<row(?: (?:" + _ATTRIBUTES_OF_ROWS + rb")=\"[^\"<>]*\")*"
    cell = address + rb"(?:" + rb"|".join(cells) + rb")"
    options = re2.Options()
    options.max_mem = 64 << 20
    options.log_errors = False
    try:
        return re2.compile(rb"(?:" + row + rb"(?:/>|>(?:" + cell + rb")*</row>))*\s*", options)
    except re2.error:
        return None


def _agrees(frame: pl.DataFrame, look: Look) -> bool:
    """Whether fastexcel has found every value, and the last one in its row."""
    values = frame.width * frame.height - sum(frame.null_count().row(0)) if frame.width else 0
    if values != look.values or frame.height < look.last_row:
        return False
    last = frame.slice(look.last_row - 1, 1)
    beyond = frame.slice(look.last_row)
    return (
        any(value is not None for value in last.row(0))
        and sum(beyond.null_count().row(0)) == beyond.width * beyond.height
    )
