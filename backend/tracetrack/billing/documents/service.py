"""What stands in a bill's documents and on label sheets."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import Actor
from tracetrack.bags.codes import clean, without_secret
from tracetrack.billing import queries
from tracetrack.billing.documents.fonts import pieces, shown
from tracetrack.billing.documents.fonts import width as text_width
from tracetrack.billing.documents.making import kilograms, make, words
from tracetrack.billing.documents.schemas import LabelSheet
from tracetrack.people.schemas import SiteSettings
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.clock import now
from tracetrack.platform.problems import Problem

Manifest = Literal["none", "parents", "children"]
Format = Literal["pdf", "xlsx", "csv"]

MOST_IN_PDF = 150_000
"""Child codes; a longer manifest belongs in a spreadsheet."""


_PARENTS = text("""
    select g.id, g.code, coalesce(s.child_count, g.child_count) as children,
        coalesce(s.weight_kg, g.child_count * t.child_weight_kg)::float8 as weight,
        coalesce(s.expected_weight_kg, t.expected_children * t.child_weight_kg)::float8 as expected
    from bags g
    join bag_types t on t.id = g.bag_type_id
    left join bill_snapshot_parents s on s.snapshot_id = :snapshot_id and s.bag_id = g.id
    where g.bill_id = :bill_id order by g.billed_at, g.id
""")

_CHILDREN = text("""
    select c.parent_id, array_agg(c.code order by c.linked_at, c.id) as codes
    from bags p join bags c on c.parent_id = p.id
    where p.bill_id = :bill_id group by c.parent_id
""")


def local(moment: dt.datetime, site: SiteSettings) -> str:
    """A time as it is printed, in the site's time zone."""
    return moment.astimezone(ZoneInfo(site.time_zone)).strftime("%d-%m-%Y %H:%M")


async def export_bill(
    actor: Actor, bill_id: int, kind: Format, manifest: Manifest, lang: str
) -> tuple[bytes, str]:
    """A bill as a file, and its number: its numbers are those of one moment.

    Raises:
        Problem: ``bill_not_found`` (404), ``document_too_large`` (422), ``busy`` (503).
    """
    async with db.snapshot() as tx:
        bill = await queries.bill_by_id(tx, actor, bill_id)
        if bill is None:
            raise Problem("bill_not_found")
        if kind == "pdf" and manifest == "children" and bill.child_count > MOST_IN_PDF:
            raise Problem("document_too_large")
        parents, children = await _manifest(tx, bill, manifest)
    site = await site_settings()
    said = words(lang)
    fields = _fields(bill, said, site)
    task: dict[str, Any]
    if kind == "pdf":
        document = _pdf(bill, fields, parents, children, said, site)
        task = {"format": "pdf", "template": "bill", "document": document | {"lang": lang[:2]}}
    elif kind == "xlsx":
        task = {"format": "xlsx", "sheets": _sheets(fields, parents, children, said)}
    else:
        task = {"format": "csv", "rows": _rows(bill, fields, parents, children, said)}
    return await make(task), str(bill.number)


Children = dict[int, list[str]] | None


async def _manifest(
    tx: AsyncConnection, bill: Row[Any], manifest: Manifest
) -> tuple[list[Row[Any]] | None, Children]:
    if manifest == "none":
        return None, None
    values = {"bill_id": bill.id, "snapshot_id": bill.snapshot_id}
    parents = list((await tx.execute(_PARENTS, values)).all())
    if manifest == "parents":
        return parents, None
    rows = (await tx.execute(_CHILDREN, {"bill_id": bill.id})).all()
    return parents, {row.parent_id: row.codes for row in rows}


def _fields(bill: Row[Any], said: dict[str, str], site: SiteSettings) -> list[tuple[str, Any]]:
    """The bill's own values, by the name that stands beside each."""
    return [
        (said["number"], bill.number),
        (said["date"], local(bill.created_at, site)),
        (said["completed"], local(bill.completed_at, site) if bill.completed_at else ""),
        (said["destination"], bill.destination),
        (said["destination_area"], (bill.destination_area or {}).get("name", "")),
        (said["vehicle"], bill.vehicle),
        (said["area"], (bill.area or {}).get("name", "")),
        (said["description"], bill.description),
        (said["prepared_by"], bill.created_by["username"]),
        (said["completed_by"], (bill.completed_by or {}).get("username", "")),
        (said["target"], bill.target_parents),
        (said["parent_bags"], bill.parent_count),
        (said["child_bags"], bill.child_count),
        (said["weight"], bill.weight_kg),
        (said["expected_weight"], bill.expected_weight_kg),
        (said["variance"], bill.variance_kg),
    ]


TOTALS = 5
"""How many of the last fields are totals."""


def _pdf(
    bill: Row[Any],
    fields: list[tuple[str, Any]],
    parents: list[Row[Any]] | None,
    children: Children,
    said: dict[str, str],
    site: SiteSettings,
) -> dict[str, Any]:
    lines = None
    if parents is not None:
        lines = [
            [
                str(number),
                row.code,
                str(row.children),
                kilograms(row.weight),
                kilograms(row.expected),
                kilograms(row.weight - row.expected),
                "  ".join(children.get(row.id, ())) or None if children is not None else None,
            ]
            for number, row in enumerate(parents, 1)
        ]
    return {
        "site": site.site_name,
        "number": bill.number,
        "completed": bill.completed_at is not None,
        "fields": [(name, str(value)) for name, value in fields[1:-TOTALS] if value not in ("", None)]
        + [(said["printed"], local(now(), site))],
        "totals": [
            (name, kilograms(value) if isinstance(value, float) else str(value))
            for name, value in fields[-TOTALS:]
        ],
        "parents": lines,
        "sums": [
            str(bill.child_count),
            kilograms(bill.weight_kg),
            kilograms(bill.expected_weight_kg),
            kilograms(bill.variance_kg),
        ],
        "words": said,
    }


def _columns(said: dict[str, str]) -> list[str]:
    return [said[name] for name in ("serial", "parent", "children", "weight", "expected_weight", "variance")]


def _lines(parents: list[Row[Any]]) -> list[list[Any]]:
    return [
        [number, row.code, row.children, row.weight, row.expected, round(row.weight - row.expected, 3)]
        for number, row in enumerate(parents, 1)
    ]


def _sheets(
    fields: list[tuple[str, Any]], parents: list[Row[Any]] | None, children: Children, said: dict[str, str]
) -> list[dict[str, Any]]:
    sheets: list[dict[str, Any]] = [
        {"title": said["bill"], "head": None, "rows": [list(field) for field in fields], "widths": [24, 40]}
    ]
    if parents is not None:
        sheets.append(
            {
                "title": said["manifest"],
                "head": _columns(said),
                "rows": _lines(parents),
                "widths": [8, 32, 14, 14, 14, 14],
            }
        )
    if parents is not None and children is not None:
        rows = [
            [number, row.code, code]
            for number, row in enumerate(parents, 1)
            for code in children.get(row.id, ())
        ]
        head = [said["serial"], said["parent"], said["child"]]
        sheets.append({"title": said["child_bags"], "head": head, "rows": rows, "widths": [8, 32, 32]})
    return sheets


def _rows(
    bill: Row[Any],
    fields: list[tuple[str, Any]],
    parents: list[Row[Any]] | None,
    children: Children,
    said: dict[str, str],
) -> list[list[Any]]:
    """One table: the bill alone, its parents, or its children beside their parents."""
    if parents is None:
        return [[name for name, _ in fields], [value for _, value in fields]]
    head = [said["bill"], *_columns(said)]
    lines = [[bill.number, *line] for line in _lines(parents)]
    if children is None:
        return [head, *lines]
    return [
        [*head, said["child"]],
        *(
            [*line, code]
            for row, line in zip(parents, lines, strict=True)
            for code in children.get(row.id) or [""]
        ),
    ]


async def label_sheet(wanted: LabelSheet) -> bytes:
    """A PDF of labels, one for each code and copy, in the order given.

    Raises:
        Problem: ``bad_code`` (422) naming the code; ``labels_do_not_fit`` (422) when not one fits a page.
    """
    codes: list[str] = []
    for code in wanted.codes:
        try:
            codes += [clean(code)] * wanted.copies
        except Problem as problem:
            raise Problem("bad_code", problem.detail, at=without_secret(code)[:64], **problem.extra) from None
    columns = _how_many(wanted.page_width_mm, wanted.margin_x_mm, wanted.label_width_mm, wanted.gap_x_mm)
    rows = _how_many(wanted.page_height_mm, wanted.margin_y_mm, wanted.label_height_mm, wanted.gap_y_mm)
    inner_width = wanted.label_width_mm - 2 * wanted.padding_mm
    inner_height = wanted.label_height_mm - 2 * wanted.padding_mm
    if columns < 1 or rows < 1 or min(inner_width, inner_height) < 4:
        raise Problem("labels_do_not_fit")
    beside = inner_width > inner_height * 1.6
    # Below the symbol there is room for one line at least.
    side = inner_height if beside else min(inner_width, inner_height - TEXT_MM)
    room = (inner_width - side - 1.5, inner_height) if beside else (inner_width, inner_height - side - 0.8)
    places = [
        (
            wanted.margin_x_mm + column * (wanted.label_width_mm + wanted.gap_x_mm),
            wanted.margin_y_mm + row * (wanted.label_height_mm + wanted.gap_y_mm),
        )
        for row in range(rows)
        for column in range(columns)
    ]
    slots = [*[None] * (wanted.skip % len(places)), *codes]
    sheets = [
        [
            {"x": x, "y": y, "code": code, **_caption(code, *room)}
            for (x, y), code in zip(places, slots[start : start + len(places)], strict=False)
            if code is not None
        ]
        for start in range(0, len(slots), len(places))
    ]
    document = {
        "page": {"width": wanted.page_width_mm, "height": wanted.page_height_mm},
        "label": {
            "width": wanted.label_width_mm,
            "height": wanted.label_height_mm,
            "padding": wanted.padding_mm,
            "symbol": side,
        },
        "outline": wanted.outline,
        "beside": beside,
        "symbol": wanted.symbol,
        "sheets": sheets,
    }
    return await make({"format": "pdf", "template": "labels", "document": document})


TEXT_MM = 4.5
"""Height that the text below a symbol needs."""
LINE = 1.4
"""Height of a line in parts of the size: scripts of India reach higher and lower than Latin letters."""
MM_PER_POINT = 25.4 / 72


def _how_many(page: float, margin: float, label: float, gap: float) -> int:
    return math.floor((page - 2 * margin + gap + 1e-6) / (label + gap))


def _caption(code: str, width: float, height: float) -> dict[str, Any]:
    """The text of a label and its size in points: the largest, up to 14, that fits; long codes wrap."""
    parts = pieces(shown(code))
    for tenths in range(140, 19, -5):
        size = tenths / 10
        lines = _lines_of(parts, width / (size * MM_PER_POINT))
        if len(lines) * size * LINE * MM_PER_POINT <= height and (len(lines) == 1 or size <= 8):
            break
    return {"text": "\n".join(lines), "size": size}


def _lines_of(parts: list[str], ems: float) -> list[str]:
    lines: list[str] = []
    left = 0.0
    for part in parts:
        needed = text_width(part)
        if not lines or needed > left:
            lines.append("")
            left = ems * 0.98
        lines[-1] += part
        left -= needed
    return lines
