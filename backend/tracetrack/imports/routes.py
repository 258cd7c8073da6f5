"""Imports over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from tracetrack.access.dependencies import Biller
from tracetrack.access.once import IdempotencyKey
from tracetrack.imports import report, service
from tracetrack.imports.schemas import Import, Kind, Preview, ReportRow, Start, State, Verdict
from tracetrack.imports.template import template as template_rows
from tracetrack.platform.paging import Cursor, Limit, Page
from tracetrack.platform.problems import problems
from tracetrack.platform.spreadsheet import CSV, XLSX, csv_of, download, xlsx_of

router = APIRouter(tags=["imports"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
FileFormat = Literal["xlsx", "csv"]

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "xlsx or csv"},
                        "kind": {"type": "string", "enum": ["bags", "bills"], "default": "bags"},
                        "area_id": {"type": "integer", "description": "Where new bags go."},
                        "dry_run": {"type": "boolean", "default": False},
                        "hold": {
                            "type": "boolean",
                            "default": False,
                            "description": "Keep the file and wait for `POST /imports/{id}/start`.",
                        },
                        "confirm": {
                            "type": "boolean",
                            "default": False,
                            "description": "Import a file again that came in before.",
                        },
                        "complete_parents": {
                            "type": "boolean",
                            "description": "Complete the parents that the file fills: in packing sheets"
                            " each that is closed (which is so when this is absent), elsewhere those with"
                            " as many children as their type expects.",
                        },
                        "mapping": {
                            "type": "string",
                            "description": "JSON: `sheets` of the preview, corrected.",
                        },
                    },
                }
            }
        },
    }
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {XLSX: {}, CSV.split(";")[0]: {}}, "description": "The file"}
}

_PAGE_OR_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page, or with `format` the whole report as a file.",
        "content": {XLSX: {}, CSV.split(";")[0]: {}},
    }
}


def _language(request: Request) -> str:
    return "hi" if request.headers.get("accept-language", "").startswith("hi") else "en"


Language = Annotated[str, Depends(_language)]


@router.post(
    "/imports",
    status_code=202,
    openapi_extra=_FORM,
    responses=problems(
        "import_repeated",
        "area_not_found",
        "unsupported_media_type",
        "malformed",
        "too_large",
        "too_slow",
        "no_room",
        "idempotency_key_reused",
    ),
)
async def upload_import(
    request: Request,
    actor: Biller,
    kind: Kind | None = None,
    area_id: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    dry_run: bool | None = None,
    hold: bool | None = None,
    confirm: bool | None = None,
    complete_parents: bool | None = None,
    key: IdempotencyKey = None,
) -> Import:
    """Upload a file of bags or bills and import it. Billers may import bags, admins both.

    Options may stand in the form or in the query.
    """
    settings = request.app.state.settings
    return await service.upload(
        actor,
        request,
        settings,
        kind=kind,
        area_id=area_id,
        dry_run=dry_run,
        hold=hold,
        confirm=confirm,
        complete_parents=complete_parents,
        key=key,
    )


@router.get("/imports", responses=problems("bad_cursor"))
async def list_imports(
    _: Biller, language: Language, state: State | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[Import]:
    """Imports, the newest first."""
    return await service.list_imports(state, cursor, limit, language)


@router.get("/imports/template", responses=_FILE | problems())
async def import_template(
    _: Biller,
    kind: Kind = "bags",
    format: FileFormat = "xlsx",
) -> Response:
    """A file to fill in."""
    rows = template_rows(kind)
    return download(xlsx_of(rows, kind) if format == "xlsx" else csv_of(rows), f"{kind}-template", format)


@router.get("/imports/{import_id}", responses=problems("import_not_found"))
async def get_import(import_id: Id, _: Biller, language: Language) -> Import:
    """One import: its state, its progress, and what came of it."""
    return await service.get_import(import_id, language)


@router.get(
    "/imports/{import_id}/preview",
    responses=problems("import_not_found", "import_unreadable", "import_file_gone"),
)
async def preview_import(import_id: Id, _: Biller, language: Language) -> Preview:
    """The file's first rows, and how its columns are understood."""
    return await service.preview(import_id, language)


@router.post(
    "/imports/{import_id}/start",
    status_code=202,
    responses=problems(
        "import_not_found", "import_not_startable", "import_file_gone", "import_repeated", "area_not_found"
    ),
)
async def start_import(import_id: Id, how: Start, actor: Biller) -> Import:
    """Start an import that was held, or carry out one that was tried, failed or was cancelled."""
    return await service.start(actor, import_id, how)


@router.post(
    "/imports/{import_id}/cancel", status_code=202, responses=problems("import_not_found", "import_finished")
)
async def cancel_import(import_id: Id, actor: Biller) -> Import:
    """Cancel an import; nothing of it stays."""
    return await service.cancel(actor, import_id)


@router.delete(
    "/imports/{import_id}",
    status_code=204,
    responses=problems("import_not_found", "import_not_removable"),
)
async def remove_import(import_id: Id, actor: Biller) -> None:
    """Remove an import that has written nothing: held, tried, failed or cancelled."""
    await service.remove(actor, import_id)


@router.post(
    "/imports/{import_id}/undo",
    responses=problems("import_not_found", "import_not_undoable", "import_changed"),
)
async def undo_import(import_id: Id, actor: Biller) -> Import:
    """Take a whole import back, while nothing that it made was moved, filled or billed since."""
    return await service.undo(actor, import_id)


@router.get(
    "/imports/{import_id}/report",
    response_model=Page[ReportRow],
    responses=_PAGE_OR_FILE | problems("import_not_found", "bad_cursor"),
)
async def import_report(
    import_id: Id,
    _: Biller,
    language: Language,
    format: Literal["xlsx", "csv", "json"] = "json",
    verdict: Verdict | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ReportRow] | Response:
    """Every row that was refused, skipped, or taken with a warning, and why.

    As xlsx or csv: each original row with the reason beside it.
    """
    if format == "json":
        return await report.page(import_id, verdict, cursor, limit, language)
    name = await report.file_name(import_id)
    rows = report.rows(import_id, language)
    return download(xlsx_of(rows, "report") if format == "xlsx" else csv_of(rows), f"{name}-report", format)
