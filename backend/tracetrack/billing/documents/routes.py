"""Bills as files, and sheets of labels."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from tracetrack.access.dependencies import Biller
from tracetrack.billing.documents import service
from tracetrack.billing.documents.making import MEDIA_TYPES, Lang, download
from tracetrack.billing.documents.schemas import LabelSheet
from tracetrack.platform.problems import problems

router = APIRouter(tags=["documents"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


def files(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI answer of a route that gives a file."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": "The file", "content": {MEDIA_TYPES[kind]: binary for kind in kinds}}}


@router.get(
    "/bills/{bill_id}/export",
    response_class=Response,
    responses={**files("pdf", "xlsx", "csv"), **problems("bill_not_found", "document_too_large")},
)
async def export_bill(
    bill_id: Id,
    actor: Biller,
    kind: Annotated[service.Format, Query(alias="format")] = "pdf",
    manifest: Annotated[
        service.Manifest, Query(description="Nothing but the bill, its parents, or all child codes too")
    ] = "parents",
    lang: Lang = "en",
) -> Response:
    """A bill as PDF, workbook or csv, with its manifest; a completed one says what its snapshot says."""
    content, number = await service.export_bill(actor, bill_id, kind, manifest, lang)
    return download(content, number, kind)


@router.post(
    "/labels",
    response_class=Response,
    responses={**files("pdf"), **problems("bad_code", "labels_do_not_fit", "document_too_large")},
)
async def print_labels(wanted: LabelSheet, _: Biller) -> Response:
    """A PDF with a label for each code: QR or Data Matrix and the text; sizes in millimetres."""
    return download(await service.label_sheet(wanted), "labels", "pdf")
