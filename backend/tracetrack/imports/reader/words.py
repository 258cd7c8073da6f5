"""Words that stand where a code would be and are none: errors, empty cells, totals, notes below the data.

Patterns are in the syntax of Rust's regex crate, which polars uses; none of them looks ahead.
"""

from __future__ import annotations

import re
import unicodedata

import polars as pl

ERROR = r"^(?:#(?:[¡¿]?[\p{L}_]+(?:/0)?[!?]|(?i:n/a|n/b|n/d|i/t|н/д|nv|ref|null|getting_data))|Err:[0-9]{3})$"
"""``#N/A``, ``#REF!`` and what Excel calls them in other languages (``#NV``, ``#BEZUG!``); LibreOffice's
``Err:502``."""

TOO_NARROW = r"^#{2,}$"
"""What Excel prints, and some programs save, of a number that is wider than its column."""

NO_VALUE = (
    r"^(?i:\(?null\)?|<null>|\[null\]|<na>|nan|nat|none|nil|na|n/a|n\.a\.?|\\n|undefined|empty|\(blanks?\)"
    r"|blank|not (?:available|applicable)|लागू नहीं|खाली|[-–—_.?/]{1,3})$"
)
"""What programs write, and people type, into a cell that holds nothing."""

TRUTH = r"^(?i:true|false)$"

_COUNTED = (
    r"(?:no|nos|number|of|the|all|bags?|big|small|parents?|child|children|qty|quantity|count|weight|net|gross"
    r"|kgs?|rows?|records?|items?|pcs|pieces|units?|amount|master|in|for)"
)
TOTAL = (
    r"^(?i:\W*(?:(?:grand|sub|page|sheet|day|daily|overall|running|net|gross|g|s)[ .-]*)?totals?"
    rf"(?:\s+{_COUNTED}\b\.?)*\s*(?:[:=-]\s*)?(?:[(\s]\s*[0-9][0-9.,]*\s*\)?)?\s*(?:bags?|kgs?|nos|pcs)?\W*"
    r"|(?:grand|sub)[ -]*(?:count|sum|average)|.+\s(?:total|count)|(?:total|subtotal) (?:for|of) .+"
    r"|(?:कुल|योग|महायोग|सकल योग)(?:[\s:=].*)?|.+\sका योग)$"
)
"""Rows of sums, also Excel's own subtotals (``P1 Total``)."""

FOOTER = (
    r"^(?i:\W*(?:page\s*(?:no\.?)?\s*[:-]?\s*[0-9]+(?:\s*(?:of|/)\s*[0-9]+)?\W*|end of .*"
    r"|.*\bend of (?:report|file|data|list).*"
    r"|(?:(?:report|list|file|document)\s+)?(?:generated|printed|prepared|checked|verified|approved"
    r"|authori[sz]ed|exported|created|downloaded|signed|issued|received|loaded|packed|supervised|run|made)"
    r"\s+(?:by|on|at|from|date)\b.*"
    r"|(?:authori[sz]ed\s+)?signat(?:ure|ory)\b.*"
    r"|(?:note|notes|remarks?|date|time|report|source|filters? applied|applied filters?|disclaimer"
    r"|confidential|copyright|for office use)\s*:.*|©.*"
    r"|\(?[0-9]+\s+(?:rows?|records?|items?)\b.*|(?:rows?|records?)\s*(?:affected|selected|:|=).*"
    r"|this is a (?:computer|system).*|पृष्ठ\s*[0-9]+.*|(?:हस्ताक्षर|टिप्पणी|नोट)\b.*))$"
    r"|^[-=_*~.\s]{3,}$"
)
"""What reports print below, or between, their rows."""

PROSE = r"^[^\p{Nd}]*\p{L}[^\p{Nd}]*\s[^\p{Nd}]*\p{L}[^\p{Nd}]*$"
"""Several words without a digit: no code where codes have digits, if nothing else is in its row."""


_CODE = r"^[A-Za-z]{0,8}[-_/]?[0-9][0-9A-Za-z./_-]*$"
"""What most codes look like, and none of these words."""


def _is(column: pl.Expr, pattern: str) -> pl.Expr:
    return column.str.strip_chars().str.contains(pattern).fill_null(False)


def is_plain(texts: pl.Series) -> bool:
    """Whether every text looks like a code, so that nothing in this module finds fault with it."""
    return bool(texts.str.contains(_CODE).all())


def reasons(texts: pl.Series) -> pl.Series:
    """For each text of a column of codes the reason why it is none, or null."""
    unique = texts.drop_nulls().unique()
    # Words are rare and repeat; codes are many and differ.
    likely = unique.filter(~unique.str.contains(_CODE))
    if likely.is_empty():
        return _none(texts.len())
    text = pl.col("text")
    known = (
        pl.DataFrame({"text": likely})
        .with_columns(
            why=pl.when(_is(text, ERROR))
            .then(pl.lit("cell_error"))
            .when(_is(text, TOO_NARROW))
            .then(pl.lit("column_too_narrow"))
            .when(_is(text, NO_VALUE))
            .then(pl.lit("word_for_nothing"))
            .when(_is(text, TRUTH))
            .then(pl.lit("boolean_as_code"))
            .when(_is(text, TOTAL))
            .then(pl.lit("total_row"))
            .when(_is(text, FOOTER))
            .then(pl.lit("note_row"))
        )
        .filter(pl.col("why").is_not_null())
    )
    if known.is_empty():
        return _none(texts.len())
    return texts.alias("text").to_frame().join(known, on="text", how="left", maintain_order="left")["why"]


def without_empty(texts: pl.Series) -> pl.Series:
    """A column in which the words for nothing are nothing."""
    words = texts.drop_nulls().unique()
    words = words.filter(words.str.strip_chars().str.contains(NO_VALUE))
    if words.is_empty():
        return texts
    return texts.set(texts.is_in(words.implode()).fill_null(False), None)


def _none(length: int) -> pl.Series:
    return pl.repeat(None, length, dtype=pl.String, eager=True)


_BETWEEN = re.compile(r"\s*[,;|\n\r]+\s*|\s+(?:/|&|to|and|-|–)\s+")


def is_several(text: str) -> bool:
    """Whether a cell lists several codes: pieces that differ, but are built alike."""
    pieces = [piece for piece in _BETWEEN.split(text.strip()) if piece]
    if len(pieces) < 2 or len({piece.lower() for piece in pieces}) < len(pieces):
        return False
    shapes = {re.sub("[0-9]+", "9", piece.casefold()) for piece in pieces}
    if len(shapes) > 1 or "9" not in (shape := shapes.pop()):
        return False
    # Digits alone may be one number with separators.
    return shape != "9" or (len(pieces[0]) > 3 and len({len(piece) for piece in pieces}) == 1)


def several_of(texts: pl.Series) -> pl.Series:
    """For each text whether it lists several codes."""
    likely = texts.drop_nulls().unique()
    likely = likely.filter(likely.str.contains(r"[,;|\n\r]|\s(?:/|&|to|and|-|–)\s"))
    found = [text for text in likely if is_several(text)]
    if not found:
        return pl.repeat(False, texts.len(), dtype=pl.Boolean, eager=True)
    return texts.is_in(found).fill_null(False)


def meant(text: str) -> tuple[str, str] | None:
    """Why a text was probably meant to be another one, and which."""
    if text.isascii():
        return None
    if any(char.isdigit() and not char.isascii() for char in text):
        digits = "".join(_ascii_digit(char) for char in text)
        wide = "".join(
            unicodedata.normalize("NFKC", char) if "\uff01" <= char <= "\uff5e" else char for char in digits
        )
        return "digits_not_ascii", wide
    if any("\uff01" <= char <= "\uff5e" for char in text):
        return "letters_full_width", unicodedata.normalize("NFKC", text)
    try:
        again = text.encode("cp1252").decode()
    except UnicodeError:
        return None
    return ("letters_garbled", again) if again != text else None


def _ascii_digit(char: str) -> str:
    """A digit of any script as 0 to 9; digits in circles and superscripts too."""
    value = unicodedata.digit(char, None)
    return char if value is None else str(value)


def meant_of(texts: pl.Series) -> pl.DataFrame:
    """For each text ``meant_why`` and ``meant``, or nulls."""
    odd = texts.drop_nulls().unique()
    odd = odd.filter(odd.str.contains(r"[^\x00-\x7f]"))
    found = {text: said for text in odd if (said := meant(text))}
    known = pl.DataFrame(
        {
            "text": list(found),
            "meant_why": [why for why, _ in found.values()],
            "meant": [other for _, other in found.values()],
        },
        schema={"text": pl.String, "meant_why": pl.String, "meant": pl.String},
    )
    frame = texts.alias("text").to_frame()
    return frame.join(known, on="text", how="left", maintain_order="left").select("meant_why", "meant")
