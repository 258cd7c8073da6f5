"""The report of an import: JSON pages, csv, and xlsx with each original row and the reason beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from tracetrack.imports import queries
from tracetrack.imports.reasons import row_sentence
from tracetrack.imports.recognise import REPORT_GROUPED, REPORT_HEADS, ROLE_NAMES, is_grouped, role_of
from tracetrack.imports.schemas import ReportRow
from tracetrack.platform import db
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.slow import connection
from tracetrack.platform.spreadsheet import column_letters

VERDICTS = {
    "en": {"refused": "refused", "duplicate": "already there", "warning": "check"},
    "hi": {"refused": "अस्वीकृत", "duplicate": "पहले से है", "warning": "जाँचें"},
}
ROWS_AT_ONCE = 2_000


def _row(row: Any, sheets: list[dict[str, Any]], language: str) -> ReportRow:
    note = row["note"]
    note = orjson.loads(note) if isinstance(note, (str, bytes)) else note
    sheet = sheets[row["sheet"]] if row["sheet"] is not None and row["sheet"] < len(sheets) else {}
    cells = (row["cells"] or "").split("\x1f") if row["cells"] is not None else []
    holder = (note or {}).get("holder")
    at = _cell(row, sheet, holder)
    value = cells[at] if at is not None and 0 <= at < len(cells) else holder
    return ReportRow(
        n=row["n"],
        verdict=row["verdict"],
        sheet=sheet.get("name", ""),
        row=row["line"],
        column=column_letters(at) if at is not None else None,
        value=value,
        bag_code=holder or row["code"],
        code=row["reason"],
        detail=row_sentence(
            row["reason"], note, [s["name"] for s in sheets], language, grouped=is_grouped(sheet.get("shape"))
        ),
        cells=cells,
    )


def _cell(row: Any, sheet: dict[str, Any], holder: str | None) -> int | None:
    """The column of the cell that a row's reason is about; None where it is in no cell of the row."""
    if row["cell"] is not None:
        return int(row["cell"])
    columns: dict[str, int] = sheet.get("columns", {})
    holders, members = (
        ("bill", "parent") if sheet.get("shape", "").startswith("bill") else ("parent", "child")
    )
    if row["reason"] == "bag_in_other_area" and "area" in columns:
        return columns["area"]
    closes = row["code"] is None and is_grouped(sheet.get("shape"))
    if closes or (holder is None and row["code"] is not None):
        return columns.get(members)
    return columns.get(holders)


def _headings(sheets: list[dict[str, Any]], language: str) -> list[str]:
    """Headings of the original cells: those of the file where each sheet has the same columns, so that
    the report can be corrected and uploaded; else letters."""
    used = [sheet for sheet in sheets if sheet.get("used") and sheet.get("width")]
    width = max((sheet["width"] for sheet in used), default=0)
    letters = [column_letters(at) for at in range(width)]
    if not used or any(sheet["columns"] != used[0]["columns"] for sheet in used):
        return letters
    given: list[str | None] = next((sheet["headings"] for sheet in used if sheet.get("headings")), [])
    roles = {at: role for role, at in used[0]["columns"].items()}
    headings = []
    for at, letter in enumerate(letters):
        text = (given[at] if at < len(given) else None) or ""
        if at not in roles:
            headings.append(letter if not text or role_of(text) else text)
        elif role_of(text) == roles[at]:
            headings.append(text)
        else:
            name = ROLE_NAMES[language][roles[at]]
            headings.append(f"{name} ({text})" if text else name)
    return headings


async def _sheets(driver: Any, import_id: int) -> tuple[str, list[dict[str, Any]]]:
    row = await driver.fetchrow("select file_name, sheets from imports where id = $1", import_id)
    if row is None:
        raise Problem("import_not_found")
    sheets = row["sheets"]
    return row["file_name"], (orjson.loads(sheets) if isinstance(sheets, (str, bytes)) else sheets) or []


async def page(
    import_id: int, verdict: str | None, cursor: str | None, limit: int, language: str
) -> Page[ReportRow]:
    """One page of the report, in the order of the file.

    Raises:
        Problem: ``import_not_found`` (404).
    """
    place = decode_cursor(cursor, int, str) or [0, ""]
    async with db.reading() as tx:
        driver: Any = (await tx.get_raw_connection()).driver_connection
        _, sheets = await _sheets(driver, import_id)
        rows = await driver.fetch(queries.REPORT, import_id, place[0], place[1], verdict, limit + 1)
    return Page(
        items=[_row(row, sheets, language) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["n"], rows[limit - 1]["verdict"])
        if len(rows) > limit
        else None,
    )


async def file_name(import_id: int) -> str:
    """What the imported file was called, without its ending.

    Raises:
        Problem: ``import_not_found`` (404).
    """
    async with db.reading() as tx:
        driver: Any = (await tx.get_raw_connection()).driver_connection
        name, _ = await _sheets(driver, import_id)
    return name.rsplit(".", 1)[0]


async def rows(import_id: int, language: str) -> AsyncIterator[list[list[str | None]]]:
    """The report as a table, some rows at a time: the original cells, then where, what and why."""
    language = language if language in REPORT_HEADS else "en"
    async with connection(download=True) as own, own.transaction():
        _, sheets = await _sheets(own, import_id)
        headings = _headings(sheets, language)
        width = len(headings)
        grouped = any(is_grouped(sheet.get("shape")) for sheet in sheets if sheet.get("used"))
        yield [[*headings, *REPORT_HEADS[language], *([REPORT_GROUPED[language]] if grouped else ())]]
        batch: list[list[str | None]] = []
        async for row in own.cursor(
            "select * from import_report where import_id = $1 order by n, verdict",
            import_id,
            prefetch=ROWS_AT_ONCE,
        ):
            one = _row(row, sheets, language)
            cells: list[str | None] = [*one.cells[:width], *[None] * (width - len(one.cells))]
            batch.append(
                [
                    *cells,
                    one.sheet,
                    str(one.row) if one.row is not None else None,
                    one.column,
                    one.value,
                    VERDICTS[language][one.verdict],
                    one.detail,
                    one.code,
                ]
            )
            if len(batch) >= ROWS_AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch
