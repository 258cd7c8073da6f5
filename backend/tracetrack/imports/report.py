"""The report of an import: JSON pages, csv, and xlsx with each original row and the reason beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from tracetrack.imports import queries
from tracetrack.imports.reasons import row_sentence
from tracetrack.imports.schemas import ReportRow
from tracetrack.platform import db
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.slow import connection
from tracetrack.platform.spreadsheet import column_letters

HEAD = {
    "en": ("Sheet", "Row", "Column", "Value", "Result", "Reason", "Code"),
    "hi": ("शीट", "पंक्ति", "कॉलम", "मान", "नतीजा", "कारण", "कोड"),
}
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
    at = (row["cell"] - sheet.get("first_column", 0)) if row["cell"] is not None else None
    if at is None and row["code"] is not None:
        role = "child" if "child" in sheet.get("columns", {}) else "parent"
        at = sheet.get("columns", {}).get(role)
    value = cells[at] if at is not None and 0 <= at < len(cells) else None
    return ReportRow(
        n=row["n"],
        verdict=row["verdict"],
        sheet=sheet.get("name", ""),
        row=row["line"],
        column=column_letters(at + sheet.get("first_column", 0)) if at is not None else None,
        value=value,
        bag_code=row["code"],
        code=row["reason"],
        detail=row_sentence(row["reason"], note, [s["name"] for s in sheets], language),
        cells=cells,
    )


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
    language = language if language in HEAD else "en"
    async with connection(download=True) as own, own.transaction():
        _, sheets = await _sheets(own, import_id)
        width = max((sheet.get("width", 0) for sheet in sheets), default=0)
        first = min((sheet.get("first_column", 0) for sheet in sheets if sheet.get("width")), default=0)
        yield [[*(column_letters(first + at) for at in range(width)), *HEAD[language]]]
        batch: list[list[str | None]] = []
        async for row in own.cursor(
            "select * from import_report where import_id = $1 order by n, verdict",
            import_id,
            prefetch=ROWS_AT_ONCE,
        ):
            one = _row(row, sheets, language)
            cells: list[str | None] = [*one.cells, *[None] * (width - len(one.cells))]
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
