"""The one rule by which text in our files is kept from being taken for something else by a spreadsheet.

The same for csv made by PostgreSQL is ``exports/exports.sql``. Imports nothing, so that the confined
processes that make documents can use it.
"""

from __future__ import annotations

import re

FORMULA = re.compile("^['\"“‘«„=+\\-@\t\r\n＝＋－＠]")
"""How a text begins that a spreadsheet may take for a formula, or whose quotes it or our import takes off."""

_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""In a workbook ``_x000D_`` stands for a character (ECMA-376 Part 1, 22.9.2.19)."""


def harmless(text: str) -> str:
    """Text for a csv cell that no spreadsheet takes for a formula; the import takes the apostrophe off."""
    return "'" + text if FORMULA.match(text) else text


def literal(text: str) -> str:
    """Text for a cell of a workbook in which no part stands for another character."""
    return _ESCAPE.sub("_x005F_", text)
