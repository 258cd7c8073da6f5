"""Small files as other programs and people make them, and what is read of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.floor import Floor
from tests.imports.files import accounted, brought_in, links
from tracetrack.imports.reader.cells import column_letters
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.imports.reader.sheets import read_file

FOLDER = Path(__file__).parent / "field_cases"

Z, F = "zeros_hidden", "format_kept"
READ: dict[str, tuple[list[tuple[str, ...]], dict[str, str]]] = {
    "I01-closedxml-prefix-zeros.xlsx": (
        [("00101", "00012"), ("00101", "00013")],
        {"A2": Z, "A3": Z, "B2": Z, "B3": Z},
    ),
    "I03-backslash.xlsx": ([("I03P", "I03C")], {}),
    "I07b-formula-partly-no-cache.xlsx": (
        [("I07BP", "I07BC1"), ("I07BP", '="I07BC"&2')],
        {"B3": "formula_not_computed"},
    ),
    "I08-formula-zeros.xlsx": (
        [("I08P", "00031"), ("I08P", "00032"), ("I08P", "00033")],
        {"B2": Z, "B3": Z, "B4": Z},
    ),
    "I09-format-with-text.xlsx": (
        [("SB00041", "CB-0042"), ("SB00041", "CB-0043")],
        {"A2": F, "A3": F, "B2": F, "B3": F},
    ),
    "I11-typed-12E3.xlsx": (
        [("I11P", "1.20E+04"), ("I11P", "1.00E+99"), ("I11P", "61061")],
        {"B2": "scientific_as_code", "B3": "scientific_as_code"},
    ),
    "I18-iso-date-cell.xlsx": (
        [("I18P", "2024-03-01"), ("I18P", "2024-03-01T00:00:00")],
        {"B2": "date_as_code", "B3": "date_as_code"},
    ),
    "I19-250-pictures.xlsx": ([("I19P", "I19C")], {}),
    "I20-60-day-sheets.xlsx": ([("I20P1", "I20C1")], {}),
    "I21-border-far-right.xlsx": ([("I21P", "I21C")], {}),
    "I29b-sep-no-header.csv": ([("I29BP1", "I29BC2")], {}),
    "I30-equals-quoted.csv": ([("0030100", "0030123"), ("0030100", "0030124")], {}),
    "I31-mac-cr.csv": ([("I31P", "I31C1"), ("I31P", "I31C2")], {}),
    "I54-booleans.xlsx": ([("I54P", "TRUE"), ("I54P", "I54C1")], {"B2": "boolean_as_code"}),
    "I62-duplicate-core.xlsx": ([("I62P", "I62C")], {}),
    "I66-no-refs.xlsx": ([("I66P", "00083"), ("I66P", "#REF!")], {"B2": Z, "B3": "cell_error"}),
    "I90b-styled-empty-first-column-small.xlsx": (
        [("", "00191", "00021"), ("", "00191", "00022")],
        {"B2": Z, "B3": Z, "C2": Z, "C3": Z},
    ),
    "I90c-styled-empty-first-column-error.xlsx": (
        [("", "I90CP", "#N/A"), ("", "I90CP", "I90CC2")],
        {"C2": "cell_error"},
    ),
    "I91b-second-sheet-spaces.xlsx": ([("I91BP", "I91BC")], {}),
    "I95-state-show.xlsx": ([("I95P", "I95C")], {}),
}
"""The rows below the first of each file's first sheet, and what is said of which cell."""


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_as_excel_shows_it(name: str) -> None:
    rows, said = READ[name]
    sheet = read_file(FOLDER / name, name, lambda _: None)[0]
    assert [tuple(text or "" for text in row) for row in sheet.frame.rows()[1:]] == rows
    assert {
        f"{column_letters(column)}{found.row}": found.what
        for column, many in sheet.findings.items()
        for found in many
    } == said
    assert not sheet.hidden


WARNED = "warning"
REFUSED = "refused"
IMPORTED: dict[str, tuple[dict[str, str], list[tuple[int, str, str, str]]]] = {
    "I01-closedxml-prefix-zeros.xlsx": (
        {"00012": "00101", "00013": "00101"},
        [(2, "A", WARNED, Z), (3, "A", WARNED, Z)],
    ),
    "I03-backslash.xlsx": ({"I03C": "I03P"}, []),
    "I07b-formula-partly-no-cache.xlsx": (
        {"I07BC1": "I07BP"},
        [(3, "B", REFUSED, "formula_not_computed")],
    ),
    "I08-formula-zeros.xlsx": (
        {"00031": "I08P", "00032": "I08P", "00033": "I08P"},
        [(row, "B", WARNED, Z) for row in (2, 3, 4)],
    ),
    "I09-format-with-text.xlsx": (
        {"CB-0042": "SB00041", "CB-0043": "SB00041"},
        [(2, "A", WARNED, F), (3, "A", WARNED, F)],
    ),
    "I11-typed-12E3.xlsx": (
        {"61061": "I11P"},
        [(2, "B", REFUSED, "scientific_as_code"), (3, "B", REFUSED, "scientific_as_code")],
    ),
    "I18-iso-date-cell.xlsx": ({}, [(2, "B", REFUSED, "date_as_code"), (3, "B", REFUSED, "date_as_code")]),
    "I19-250-pictures.xlsx": ({"I19C": "I19P"}, []),
    "I20-60-day-sheets.xlsx": ({f"I20C{n}": f"I20P{n}" for n in range(1, 61)}, []),
    "I21-border-far-right.xlsx": ({"I21C": "I21P"}, []),
    "I24-merged-parent.xlsx": (
        {"I24C1": "I24P1", "I24C2": "I24P1", "I24C3": "I24P1", "I24C4": "I24P2", "I24C5": "I24P2"},
        [(row, "A", WARNED, "merged_filled") for row in (3, 4, 6)],
    ),
    "I25-total-row.xlsx": (
        {"I25C1": "I25P", "I25C2": "I25P"},
        [(4, "B", REFUSED, "total_row"), (5, "A", REFUSED, "total_row")],
    ),
    "I26-pivot-sheet.xlsx": ({"I26C1": "I26P1", "I26C2": "I26P1", "I26C3": "I26P2"}, []),
    "I28-header-with-weight.xlsx": ({"I28C1": "I28P", "I28C2": "I28P"}, []),
    "I29b-sep-no-header.csv": ({"I29BC1": "I29BP1", "I29BC2": "I29BP1"}, []),
    "I30-equals-quoted.csv": ({"0030123": "0030100", "0030124": "0030100"}, []),
    "I31-mac-cr.csv": ({"I31C1": "I31P", "I31C2": "I31P"}, []),
    "I39-na-text.csv": (
        {"I39C1": "I39P"},
        [(row, "A" if row == 5 else "B", REFUSED, "cell_error") for row in (2, 3, 5, 6)],
    ),
    "I40-null-words.csv": ({}, [(row, "B", REFUSED, "word_for_nothing") for row in range(2, 9)]),
    "I41-list-in-cell.xlsx": ({}, [(2, "B", REFUSED, "several_codes"), (3, "B", REFUSED, "several_codes")]),
    "I54-booleans.xlsx": ({"I54C1": "I54P"}, [(2, "B", REFUSED, "boolean_as_code")]),
    "I62-duplicate-core.xlsx": ({"I62C": "I62P"}, []),
    "I66-no-refs.xlsx": ({"00083": "I66P"}, [(2, "B", WARNED, Z), (3, "B", REFUSED, "cell_error")]),
    "I90b-styled-empty-first-column-small.xlsx": (
        {"00021": "00191", "00022": "00191"},
        [(2, "B", WARNED, Z), (3, "B", WARNED, Z)],
    ),
    "I90c-styled-empty-first-column-error.xlsx": ({"I90CC2": "I90CP"}, [(2, "C", REFUSED, "cell_error")]),
    "I91b-second-sheet-spaces.xlsx": ({"I91BC": "I91BP"}, []),
    "I95-state-show.xlsx": ({"I95C": "I95P"}, []),
}
"""Which child goes into which parent, and the rows of the report: row, column, verdict, reason."""

FAILED = {"I52-html.xls": "file_format", "I52c-spreadsheetml2003.xls": "file_format"}

SKIPPED = {
    "I26-pivot-sheet.xlsx": ("Summary", "sheet_is_summary"),
    "I91b-second-sheet-spaces.xlsx": ("Sheet2", "sheet_empty"),
}


async def test_the_whole_folder_is_imported_as_people_mean_it(floor: Floor) -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert names == IMPORTED.keys() | FAILED.keys()
    for name in sorted(names):
        done = await brought_in(floor.admin, (FOLDER / name).read_bytes(), name)
        if name in FAILED:
            assert (done["state"], done["error_code"]) == ("failed", FAILED[name]), name
            assert "save it as .xlsx" in done["error"]
            continue
        inside, said = IMPORTED[name]
        report = (await floor.admin.get(f"/imports/{done['id']}/report", limit=200)).json()["items"]
        assert [(row["row"], row["column"], row["verdict"], row["code"]) for row in report] == said, name
        assert await links(floor) == inside, name
        parents = await floor.owner.fetch("select code from bags where parent_id is null")
        assert {row["code"] for row in parents} == set(inside.values()), name
        skipped = [(notice["sheet"], notice["code"]) for notice in done["notices"] if notice["skipped"]]
        assert skipped == ([SKIPPED[name]] if name in SKIPPED else []), name
        assert accounted(done), name
        await floor.owner.execute("truncate bags, audit_events, import_report, imports cascade")


def test_merged_cells_are_named_and_a_blank_sheet_is_empty() -> None:
    (merged,) = read_file(FOLDER / "I24-merged-parent.xlsx", "x.xlsx", lambda _: None)
    assert merged.merged == [(2, 0, 4, 0), (5, 0, 6, 0)]
    _, blank = read_file(FOLDER / "I91b-second-sheet-spaces.xlsx", "x.xlsx", lambda _: None)
    assert blank.frame.is_empty()


@pytest.mark.parametrize("name", ["I52-html.xls", "I52c-spreadsheetml2003.xls"])
def test_what_is_no_workbook_is_refused(name: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read_file(FOLDER / name, name, lambda _: None)
    assert caught.value.code == "file_format"
