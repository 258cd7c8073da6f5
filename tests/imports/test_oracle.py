"""Every text that is read is the text that another program shows, or comes with a word about it."""

from __future__ import annotations

from pathlib import Path

from tests.imports.dialects import DIALECTS, made
from tests.imports.oracle import texts_of
from tests.lengths import length
from tracetrack.imports.reader.cells import REJECTS, column_letters
from tracetrack.imports.reader.sheets import Sheet, read_file

FILES = length(100, 1_000)

DIFFER = REJECTS | {"number_shortened", "number_rounded"}
"""Findings with which a text may be another than the one shown: they say so."""


def _read(path: Path) -> Sheet:
    return read_file(path, path.name, lambda _: None)[0]


def _wrong(sheet: Sheet, shown: dict[str, str]) -> list[tuple[str, str | None, str | None]]:
    """Cells of which the text is another than the one shown, with nothing said about it."""
    said = {(found.row, column): found.what for column, many in sheet.findings.items() for found in many}
    ours = {
        f"{column_letters(c)}{r}": (text, said.get((r, c)))
        for c, name in enumerate(sheet.frame.columns)
        for r, text in enumerate(sheet.frame[name].to_list(), 1)
        if text
    }
    wrong = []
    for cell in ours.keys() | shown.keys():
        text, what = ours.get(cell, ("", None))
        theirs = shown.get(cell, "").strip()
        # SheetJS takes the language of [$-409] for a dollar sign.
        same = text.strip() in (theirs, theirs.replace("$", "", 1))
        # It leaves out the sign and what is too long for 00-00-000, which numfmt shows as we do.
        cut = what == "format_kept" and "-" in theirs and text.endswith(theirs)
        if not (same or cut or what in DIFFER):
            wrong.append((cell, text, theirs))
    return wrong


def test_files_of_every_dialect_are_read_as_another_program_shows_them(tmp_path: Path) -> None:
    files = []
    for seed in range(FILES):
        dialect, content, plain = made(seed)
        file, twin = tmp_path / f"{seed}.xlsx", tmp_path / f"{seed}-plain.xlsx"
        file.write_bytes(content)
        twin.write_bytes(plain)
        files.append((dialect, seed, file, twin))
    shown = texts_of([twin for *_, twin in files])
    wrong = []
    cells = 0
    for dialect, seed, file, twin in files:
        (texts,) = shown[str(twin)].values()
        cells += len(texts)
        # In a workbook of 1904 the dates of its twin are others; they are rejected all the same.
        wrong += [(dialect, seed, *one) for one in _wrong(_read(file), texts)]
    assert wrong == []
    assert cells > FILES * 20
    assert {dialect for dialect, *_ in files} == set(DIALECTS)
