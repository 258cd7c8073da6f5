"""Reports over HTTP: as JSON for charts and tables, and as files."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from tracetrack.access.dependencies import Biller
from tracetrack.billing.documents.making import MEDIA_TYPES, Lang, download, words
from tracetrack.billing.reports import files, service
from tracetrack.billing.reports.schemas import AreaReport, BillSummary, EndOfDay
from tracetrack.billing.schemas import BillState
from tracetrack.platform.problems import problems

router = APIRouter(tags=["reports"], prefix="/reports")

Format = Annotated[Literal["json", "pdf", "xlsx", "csv"], Query(alias="format")]
Day = Annotated[dt.date | None, Query(description="A day in the site's time zone; today by default.")]
First = Annotated[dt.date | None, Query(alias="from", description="The first day, in the site's time zone.")]
Last = Annotated[dt.date | None, Query(alias="to", description="The last day, included; today by default.")]
AreaId = Annotated[int | None, Query(ge=1, le=2**63 - 1)]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILES: dict[str, Any] = {MEDIA_TYPES[kind]: _BINARY for kind in ("pdf", "xlsx", "csv")}
FILES: dict[int | str, dict[str, Any]] = {200: {"description": "The report", "content": _FILES}}


async def _file(kind: str, lang: str, name: str, made: tuple[str, str, list[files.Table]]) -> Response:
    return download(await files.as_file(kind, lang, *made), name, kind)


@router.get(
    "/end-of-day",
    response_model=EndOfDay,
    responses={**FILES, **problems("bad_period", "area_not_found", "document_too_large")},
)
async def end_of_day(
    _: Biller,
    date: Day = None,
    area_id: AreaId = None,
    kind: Format = "json",
    lang: Lang = "en",
) -> EndOfDay | Response:
    """What was packed, billed and sent on a day: in all, by area, by worker."""
    report = await service.end_of_day(date, area_id)
    if kind == "json":
        return report
    return await _file(kind, lang, f"end-of-day-{report.date}", files.end_of_day(report, words(lang)))


@router.get(
    "/bills",
    response_model=BillSummary,
    responses={**FILES, **problems("bad_period", "document_too_large")},
)
async def bill_summary(
    actor: Biller,
    first: First = None,
    last: Last = None,
    by: Annotated[
        Literal["completed", "created"], Query(description="Which of a bill's days counts")
    ] = "completed",
    area_id: AreaId = None,
    state: BillState | None = None,
    kind: Format = "json",
    lang: Lang = "en",
) -> BillSummary | Response:
    """The bills of a period with their sums by day, destination and state."""
    most = service.LINES if kind == "json" else service.LINES_IN_FILE
    report = await service.bill_summary(actor, first, last, by=by, area_id=area_id, state=state, most=most)
    if kind == "json":
        return report
    return await _file(kind, lang, f"bills-{report.from_}-{report.to}", files.bills(report, words(lang)))


@router.get(
    "/areas",
    response_model=AreaReport,
    responses={**FILES, **problems("bad_period", "area_not_found", "document_too_large")},
)
async def area_report(
    _: Biller,
    first: First = None,
    last: Last = None,
    area_id: AreaId = None,
    kind: Format = "json",
    lang: Lang = "en",
) -> AreaReport | Response:
    """Each area's work in a period, and what is in stock there now."""
    report = await service.area_report(first, last, area_id)
    if kind == "json":
        return report
    return await _file(kind, lang, f"areas-{report.from_}-{report.to}", files.areas(report, words(lang)))
