"""csv and other text files in the dialects that programs write: what a spreadsheet would show of them."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tracetrack.imports.reader.cells import Finding, column_letters
from tracetrack.imports.reader.package import MOST_COLUMNS, MOST_ROWS
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.platform.formulas import FORMULA

SEPARATORS = ",;\t|"
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t| ]*\r?(?:\n|\Z)', re.IGNORECASE)
"""What Excel reads as an instruction and does not show."""

_FORMULA_TEXT = re.compile(r'=\s*"((?:[^"]|"")*)"')
"""``="0030123"``: how people keep Excel from taking zeros away."""
_QUOTES = {"'": "'", '"': '"', "“": "”", "‘": "’", "«": "»", "„": "“"}
_MARKED = r"^\s*[='\"“‘«„]|\"$"
_SIGNS = tuple(sign.encode() for sign in ("'", "=", '""', ' "', "“", "‘", "«", "„"))
"""One of these is in every file with a text that :data:`_MARKED` matches, apart from plain quotes."""

_ODD: dict[str, str] = {
    r"^\s*[+-]?\d+([.,]\d+)?[eE]\+\d+\s*$|^\s*[+-]?\d+[.,]\d+[eE]-\d+\s*$": "scientific_as_code",
    r"^\s*\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?\s*$": "date_as_code",
    r"^\s*(?i:\d{1,2}-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-\d\d(\d\d)?)?)\s*$": "like_a_date",
}
"""What a spreadsheet leaves of a long number, or makes of a code like ``1-2``, when it saves csv."""
_ODD_SIGNS = (b"e+", b"E+", b"e-", b"E-", b":", b"-")


GUESSED = "cp1252"
"""What the text is taken for where it is in no Unicode encoding."""
_MOST_EMPTY = 16_384
"""Columns, as in Excel."""


@dataclass
class Text:
    """A text file's cells."""

    frame: pl.DataFrame
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    encoding_guessed: bool = False
    """The text is in no Unicode encoding."""
    separator_line: bool = False
    """The first line named the separator and was left out."""


def decode(raw: bytes) -> str:
    """Text of a csv file: by its byte order mark, else utf-8, utf-16 without a mark, or cp1252."""
    return _decode(raw)[0]


def _decode(raw: bytes) -> tuple[str, str]:
    """The text and its encoding."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            return raw.decode(encoding), encoding
    sample = raw[:4096]
    if sample.count(0) > len(sample) // 4:
        little = sum(1 for byte in sample[1::2] if byte == 0)
        encoding = "utf-16-le" if little > len(sample) // 8 else "utf-16-be"
    else:
        encoding = "utf-8"
    try:
        return raw.decode(encoding), encoding
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise
        return raw.decode(GUESSED), GUESSED


def separator_of(text: str) -> str:
    """The separator under which most of the first lines fall into the same number of cells."""
    lines = [line for line in text[:65_536].splitlines()[:50] if line.strip()]
    best, score = ",", 0
    for candidate in SEPARATORS:
        widths = [len(row) for row in csv.reader(lines, delimiter=candidate)]
        common = max(set(widths), key=widths.count) if widths else 1
        if common > 1 and widths.count(common) * 100 + common > score:
            best, score = candidate, widths.count(common) * 100 + common
    return best


def read_text(path: Path, file_name: str) -> Text:
    """Read a text file.

    Args:
        path: the stored file.
        file_name: as the user named it.

    Raises:
        UnreadableError: with the one reason.
    """
    raw = path.read_bytes()
    try:
        text, encoding = _decode(raw)
    except UnicodeDecodeError:
        raise UnreadableError("file_encoding") from None
    if "\0" in text or sum(text[:4096].count(chr(c)) for c in (1, 2, 3, 4, 5, 6)) > 8:
        raise UnreadableError(
            "file_format" if file_name.lower().endswith((".csv", ".txt", ".tsv")) else "file_damaged"
        )
    plain = text
    if text.count("\r") != text.count("\r\n") or "\r\r" in text:
        # Old Macs end their lines with CR alone; some programs write CR CR LF.
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    # DOS programs end a file so, and some write the mark of the encoding twice.
    text = text.rstrip("\x1a").lstrip("\ufeff")
    if told := _SEP_LINE.match(text):
        separator = told.group(1)
        text = text[told.end() :]
        if text.strip() and (not separator.isascii() or separator in '"\r\n'):
            raise UnreadableError("file_format")
    if not text.strip():
        raise UnreadableError("file_empty")
    if not told:
        separator = separator_of(text)
    encoded = raw if encoding == "utf-8" and text is plain else text.encode()
    del raw, plain
    out = Text(pl.DataFrame())
    out.frame, quoted = _parse(encoded, separator, _width(text, separator))
    out.frame = _without_empty_end(out.frame)
    if out.frame.height > MOST_ROWS:
        raise _far(0, MOST_ROWS + 1)
    # Before the wrapping goes: what people have marked as text is what they mean.
    if any(sign in encoded for sign in _ODD_SIGNS):
        for pattern, what in _ODD.items():
            _note(out, pattern, what)
    if not quoted or any(sign in encoded for sign in _SIGNS):
        _clean(out, quoted)
    out.encoding_guessed = encoding == GUESSED
    if out.encoding_guessed:
        _note(out, r"[^\x00-\x7f]", "letters_unclear")
    out.separator_line = told is not None
    return out


def _far(column: int, row: int) -> UnreadableError:
    return UnreadableError(
        "file_cell_far_out",
        columns=column_letters(MOST_COLUMNS - 1),
        rows=MOST_ROWS,
        cell=f"{column_letters(column)}{row}",
    )


def _width(text: str, separator: str) -> int:
    lines = text[:1_000_000].splitlines()
    if max((line.rstrip(separator + " ").count(separator) + 1 for line in lines), default=1) > MOST_COLUMNS:
        raise _far(MOST_COLUMNS, 1)
    # Empty cells at the end of lines are cells too.
    return min(max((line.count(separator) + 1 for line in lines), default=1), _MOST_EMPTY)


def _without_empty_end(frame: pl.DataFrame) -> pl.DataFrame:
    width = frame.width
    while width > 1 and frame[f"c{width - 1}"].null_count() == frame.height:
        width -= 1
    return frame[:, :width]


def _parse(encoded: bytes, separator: str, width: int) -> tuple[pl.DataFrame, bool]:
    """The cells, and whether quotes mean what they usually do."""
    for quote in ('"', None):
        try:
            frame = pl.read_csv(
                io.BytesIO(encoded),
                has_header=False,
                separator=separator,
                quote_char=quote,
                infer_schema=False,
                schema={f"c{at}": pl.String for at in range(width)},
                missing_columns="insert",
                truncate_ragged_lines=True,
            )
        except pl.exceptions.PolarsError:
            # A quote in the middle of a cell: then no quote means anything.
            continue
        if quote and width > 1 and _whole_lines_quoted(frame, separator):
            inner = "\n".join(line or "" for line in frame["c0"])
            return _parse(inner.encode(), separator, _width(inner, separator))
        return frame, quote is not None
    raise UnreadableError("file_damaged")


def _whole_lines_quoted(frame: pl.DataFrame, separator: str) -> bool:
    """Whether each line is one text in quotes, as when a sheet of one column was saved."""
    lines = frame["c0"].drop_nulls()
    return (
        frame.width > 1
        and lines.len() > 0
        and all(frame[name].null_count() == frame.height for name in frame.columns[1:])
        and bool(lines.str.contains(separator, literal=True).all())
        and not bool(lines.str.contains("\n", literal=True).any())
    )


def _clean(out: Text, quoted: bool) -> None:
    """Take off what programs and people put around a code, and note what is doubtful."""
    for at, name in enumerate(out.frame.columns):
        column = out.frame[name]
        marked = column.str.contains(_MARKED).fill_null(False)
        if marked.any():
            out.frame = out.frame.with_columns(_unwrapped(out, at, column, marked, quoted).alias(name))


def _unwrapped(out: Text, at: int, column: pl.Series, marked: pl.Series, quoted: bool) -> pl.Series:
    """A column without wrappings; only the marked texts are looked at."""
    rows = marked.arg_true()
    texts = []
    for row, text in zip(rows.to_list(), column.gather(rows).to_list(), strict=True):
        plain, what = _unwrap(text, quoted)
        texts.append(plain)
        if what:
            out.findings.setdefault(at, []).append(Finding(row + 1, what, text))
    return column.scatter(rows, pl.Series(texts, dtype=pl.String))


def _unwrap(text: str, quoted: bool) -> tuple[str, str]:
    """A text without its wrapping, and what is to be said of that."""
    stripped = text.strip()
    if match := _FORMULA_TEXT.fullmatch(stripped):
        return match.group(1).replace('""', '"'), ""
    if stripped.startswith("="):
        return text, "formula_not_computed"
    first = stripped[:1]
    if len(stripped) > 2 and stripped[-1] == _QUOTES.get(first) and first not in stripped[1:-1]:
        return stripped[1:-1], "quotes_removed"
    if first == "'" and len(stripped) > 1:
        # Put in front by our own csv files, or by people and programs to say that it is text.
        certain = stripped[1].isdigit() or FORMULA.match(stripped[1])
        return text.lstrip()[1:], "" if certain else "apostrophe_removed"
    if not quoted and (stripped.startswith('"') or stripped.endswith('"')):
        return text, "quotes_unclear"
    return text, ""


def _note(out: Text, pattern: str, what: str) -> None:
    for at, name in enumerate(out.frame.columns):
        column = out.frame[name]
        rows = column.str.contains(pattern).fill_null(False).arg_true()
        if rows.len():
            out.findings.setdefault(at, []).extend(
                Finding(row + 1, what, text)
                for row, text in zip(rows.to_list(), column.gather(rows).to_list(), strict=True)
            )
