"""Reports as files: the same tables as PDF, workbook or csv."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from tracetrack.billing.documents.making import kilograms, make, words
from tracetrack.billing.documents.service import local
from tracetrack.billing.reports.schemas import AreaReport, BillSummary, EndOfDay, Work
from tracetrack.people.settings import site_settings
from tracetrack.platform.clock import now

Table = dict[str, Any]

_WORK = {
    "parents_packed": "packed",
    "children_linked": "linked",
    "children_unlinked": "unlinked",
    "weight_packed_kg": "weight_packed",
    "scans": "scans",
    "scans_refused": "refused",
    "bills_created": "bills_made",
    "bills_completed": "bills_completed",
    "parents_dispatched": "dispatched",
    "children_dispatched": "children_dispatched",
    "weight_dispatched_kg": "weight_dispatched",
}
_STOCK = {
    "parents_in_stock": "open_parents",
    "children_in_stock": "stock_children",
    "weight_in_stock_kg": "stock_weight",
}
_SUMS = {
    "parent_count": "parent_bags",
    "child_count": "child_bags",
    "weight_kg": "weight",
    "expected_weight_kg": "expected_weight",
    "variance_kg": "variance",
}


def _work_table(
    said: dict[str, str],
    title: str,
    first: str,
    named: list[tuple[str, Work]],
    totals: Work | None,
    columns: dict[str, str],
) -> Table:
    return {
        "title": said[title],
        "columns": [said[first], *(said[word] for word in columns.values())],
        "rows": [[name, *(getattr(work, field) for field in columns)] for name, work in named],
        "sums": [said["total"], *(getattr(totals, field) for field in columns)] if totals else None,
    }


def end_of_day(report: EndOfDay, said: dict[str, str]) -> tuple[str, str, list[Table]]:
    """Title, what it is about, and tables."""
    areas: list[tuple[str, Work]] = [
        (row.area.name if row.area else said["no_area"], row) for row in report.by_area
    ]
    workers: list[tuple[str, Work]] = [
        (row.full_name or row.worker.username, row) for row in report.by_worker
    ]
    return (
        said["end_of_day"],
        report.date.strftime("%d-%m-%Y"),
        [
            _work_table(said, "by_area", "area", areas, report.totals, _WORK),
            _work_table(said, "by_worker", "worker", workers, report.totals, _WORK),
        ],
    )


def areas(report: AreaReport, said: dict[str, str]) -> tuple[str, str, list[Table]]:
    """Title, what it is about, and tables."""
    named: list[tuple[str, Work]] = [
        (row.area.name if row.area else said["no_area"], row) for row in report.areas
    ]
    table = _work_table(said, "by_area", "area", named, None, _STOCK | _WORK)
    return said["area_report"], _days(report, said), [table]


def bills(report: BillSummary, said: dict[str, str]) -> tuple[str, str, list[Table]]:
    """Title, what it is about, and tables."""
    sums = [said["bills"], *(said[word] for word in _SUMS.values())]

    def summed(row: Any) -> list[Any]:
        return [row.bills, *(getattr(row, field) for field in _SUMS)]

    total = [said["total"], *summed(report.totals)]
    heads = ("number", "state", "area", "destination", "vehicle", "completed")
    site_zone = report.time_zone
    lines = [
        [
            bill.number,
            said[f"state_{bill.state}"],
            bill.area.name if bill.area else "",
            bill.destination,
            bill.vehicle,
            _moment(bill.completed_at, site_zone),
            *(getattr(bill, field) for field in _SUMS),
        ]
        for bill in report.bills
    ]
    return (
        said["bill_summary"],
        _days(report, said),
        [
            {
                "title": said["bills"],
                "columns": [*(said[name] for name in heads), *(said[word] for word in _SUMS.values())],
                "rows": lines,
                "sums": [said["total"], *[""] * (len(heads) - 1), *summed(report.totals)[1:]],
            },
            {
                "title": said["by_day"],
                "columns": [said["day"], *sums],
                "rows": [[row.date.strftime("%d-%m-%Y"), *summed(row)] for row in report.by_day],
                "sums": total,
            },
            {
                "title": said["by_destination"],
                "columns": [said["destination"], *sums],
                "rows": [[row.destination, *summed(row)] for row in report.by_destination],
                "sums": total,
            },
        ],
    )


def _moment(moment: Any, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%d-%m-%Y %H:%M") if moment else ""


def _days(report: AreaReport | BillSummary, said: dict[str, str]) -> str:
    first, last = report.from_.strftime("%d-%m-%Y"), report.to.strftime("%d-%m-%Y")
    return first if first == last else f"{said['from']} {first} {said['to']} {last}"


def _printed(value: Any) -> str:
    return kilograms(value) if isinstance(value, float) else str(value)


async def as_file(kind: str, lang: str, title: str, about: str, tables: list[Table]) -> bytes:
    """The report as ``pdf``, ``xlsx`` (a sheet for each table) or ``csv`` (one table after the other).

    Raises:
        Problem: ``busy`` (503), ``document_too_large`` (422).
    """
    if kind == "csv":
        rows: list[list[Any]] = []
        for table in tables:
            rows += [[], [table["title"]]] if rows else [[title, about], [], [table["title"]]]
            rows += [table["columns"], *table["rows"], *([table["sums"]] if table["sums"] else [])]
        return await make({"format": "csv", "rows": rows})
    if kind == "xlsx":
        sheets = [
            {
                "title": table["title"],
                "head": table["columns"],
                "rows": table["rows"] + ([table["sums"]] if table["sums"] else []),
                "widths": [28] + [16] * (len(table["columns"]) - 1),
            }
            for table in tables
        ]
        return await make({"format": "xlsx", "sheets": sheets})
    site = await site_settings()
    said = words(lang)
    document = {
        "site": site.site_name,
        "lang": lang[:2],
        "title": title,
        "about": f"{about}  ·  {said['printed']} {local(now(), site)}",
        "words": said,
        "tables": [
            {
                **table,
                "rows": [[_printed(value) for value in row] for row in table["rows"]],
                "sums": [_printed(value) for value in table["sums"]] if table["sums"] else None,
                "numeric": [
                    column
                    for column in range(len(table["columns"]))
                    if any(isinstance(row[column], int | float) for row in table["rows"])
                ],
            }
            for table in tables
        ],
    }
    return await make({"format": "pdf", "template": "report", "document": document})
