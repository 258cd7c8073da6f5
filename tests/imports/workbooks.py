"""Workbooks made by hand, so that a test can say exactly what stands in the file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006"


@dataclass(frozen=True)
class Raw:
    """A cell given as XML: ``{ref}`` stands for its address."""

    xml: str


def number(text: str, style: int = 0) -> Raw:
    """A numeric cell with the text as Excel would store it."""
    return Raw(f'<c r="{{ref}}" s="{style}"><v>{text}</v></c>')


def formula(expression: str, value: str, kind: str = "str") -> Raw:
    """A formula with its remembered value."""
    return Raw(f'<c r="{{ref}}" t="{kind}"><f>{escape(expression)}</f><v>{escape(value)}</v></c>')


Cell = str | int | float | None | Raw
Rows = Iterable[Sequence[Cell]]


def column_letters(index: int) -> str:
    """``A`` for 0, ``AA`` for 26."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _cell(value: Cell, ref: str) -> str:
    if value is None:
        return ""
    if isinstance(value, Raw):
        return value.xml.replace("{ref}", ref)
    if isinstance(value, (int, float)):
        return f'<c r="{ref}"><v>{value}</v></c>'
    return f'<c r="{ref}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def sheet_xml(rows: Rows, *, extra: str = "", first_row: int = 1, first_column: int = 0) -> str:
    """One sheet's part; ``extra`` follows its data."""
    lines = []
    for at, row in enumerate(rows, first_row):
        cells = "".join(
            _cell(value, f"{column_letters(first_column + c)}{at}") for c, value in enumerate(row)
        )
        lines.append(f'<row r="{at}">{cells}</row>')
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="{MAIN}">'
        f"<sheetData>{''.join(lines)}</sheetData>{extra}</worksheet>"
    )


def workbook(
    sheets: Mapping[str, Rows | str],
    *,
    hidden: Sequence[str] = (),
    formats: Sequence[str] = (),
    more: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """An xlsx file.

    Args:
        sheets: rows by sheet name, or a whole part as XML.
        hidden: names of sheets that Excel would not show.
        formats: number formats; the first is style 1.
        more: further parts by path; they replace ours.
    """
    names = list(sheets)
    parts: dict[str, bytes] = {
        "[Content_Types].xml": (
            f'<?xml version="1.0"?><Types xmlns="{TYPES}/content-types">'
            '<Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            '<Override PartName="/xl/workbook.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
        ).encode(),
        "_rels/.rels": (
            f'<?xml version="1.0"?><Relationships xmlns="{TYPES}/relationships">'
            f'<Relationship Id="r1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
            "</Relationships>"
        ).encode(),
        "xl/workbook.xml": (
            f'<?xml version="1.0"?><workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>'
            + "".join(
                f'<sheet name={quoteattr(name)} sheetId="{at}" r:id="s{at}"'
                + (' state="hidden"' if name in hidden else "")
                + "/>"
                for at, name in enumerate(names, 1)
            )
            + "</sheets></workbook>"
        ).encode(),
        "xl/_rels/workbook.xml.rels": (
            f'<?xml version="1.0"?><Relationships xmlns="{TYPES}/relationships">'
            + "".join(
                f'<Relationship Id="s{at}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{at}.xml"/>'
                for at, _ in enumerate(names, 1)
            )
            + f'<Relationship Id="st" Type="{RELATIONS}/styles" Target="styles.xml"/></Relationships>'
        ).encode(),
        "xl/styles.xml": (
            f'<?xml version="1.0"?><styleSheet xmlns="{MAIN}"><numFmts count="{len(formats)}">'
            + "".join(
                f'<numFmt numFmtId="{164 + at}" formatCode={quoteattr(code)}/>'
                for at, code in enumerate(formats)
            )
            + '</numFmts><cellXfs><xf numFmtId="0"/>'
            + "".join(f'<xf numFmtId="{164 + at}" applyNumberFormat="1"/>' for at in range(len(formats)))
            + "</cellXfs></styleSheet>"
        ).encode(),
    }
    for at, rows in enumerate(sheets.values(), 1):
        text = rows if isinstance(rows, str) else sheet_xml(rows)
        parts[f"xl/worksheets/sheet{at}.xml"] = text.encode()
    parts |= more or {}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for path, content in parts.items():
            archive.writestr(path, content)
    return out.getvalue()
