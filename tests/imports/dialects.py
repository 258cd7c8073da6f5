"""Workbooks with the same kind of content as different programs write them, made at random from a seed."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

from tests.imports.workbooks import MAIN, Raw, number, sheet_xml, workbook

FORMATS = (
    "General", "0", "00000", "#00000", "00000;-00000", "[Red]00000", "[$-409]00000", "00-00-000", '"SB"00000',
    '00000"-A"', "[>=1000]000000;00000", "#,##0", "0.00", "0.00E+00", "0%", "@", "yyyy-mm-dd", "d-mmm-yy",
    "[h]:mm", "# ?/?", "0;-0;;@", ";;;", '"PB-"@', "_(* #,##0_);_(@_)", "000 000",
)  # fmt: skip
VALUES = ("0", "5", "41", "00041", "1234567", "12345678901", "123456789012", "8901234567890", "-7", "12.5")

Rows = list[list[Any]]


def _rows(rng: random.Random) -> tuple[Rows, list[str]]:
    """Rows of a sheet and the formats that its styles from 1 on have."""
    formats = rng.sample(FORMATS, k=6)
    left = rng.choice([0, 0, 0, 1, 2])
    gap: list[Any] = [rng.choice([None, Raw('<c r="{ref}" s="1"/>')]) for _ in range(left)]
    rows: Rows = [[*gap, "Parent", "Child"]]
    styles = [rng.randint(0, 6), rng.randint(0, 6)]
    for n in range(rng.randint(5, 40)):
        cells: list[Any] = []
        for style in styles:
            kind = rng.random()
            at = style if rng.random() < 0.8 else rng.randint(0, 6)
            value = rng.choice(VALUES).lstrip("0") or "0"
            if kind < 0.4:
                cells.append(number(value, at))
            elif kind < 0.5:
                cells.append(Raw(f'<c r="{{ref}}" s="{at}"><f>A1+{n}</f><v>{value}</v></c>'))
            elif kind < 0.54:
                cells.append(Raw('<c r="{ref}" t="e"><v>#N/A</v></c>'))
            elif kind < 0.57:
                cells.append(Raw('<c r="{ref}" t="b"><v>1</v></c>'))
            elif kind < 0.6:
                cells.append(Raw(f'<c r="{{ref}}" s="{at}"><f>B{n}</f></c>'))
            elif kind < 0.64:
                cells.append(None)
            elif kind < 0.8:
                cells.append(Raw(f'<c r="{{ref}}" s="{at}" t="inlineStr"><is><t>T{n}</t></is></c>'))
            else:
                cells.append(f"SB_{rng.randrange(10**6):06}")
        rows.append([*gap, *cells])
    return rows, formats


def _parts(content: bytes, change: Callable[[str, bytes], tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return out.getvalue()


def _prefixed(name: str, part: bytes) -> tuple[str, bytes]:
    if f'xmlns="{MAIN}"'.encode() not in part:
        return name, part
    part = re.sub(rb"<(/?)([a-zA-Z])", rb"<\1x:\2", part)
    return name, part.replace(b"xmlns=", b"xmlns:x=")


def _strict(name: str, part: bytes) -> tuple[str, bytes]:
    part = part.replace(MAIN.encode(), b"http://purl.oclc.org/ooxml/spreadsheetml/main")
    return name, part.replace(
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
    )


def _from_1904(name: str, part: bytes) -> tuple[str, bytes]:
    return name, part.replace(b"<sheets>", b'<workbookPr date1904="1"/><sheets>')


def _backslashes(name: str, part: bytes) -> tuple[str, bytes]:
    return name.replace("/", "\\"), part


def _own_names(name: str, part: bytes) -> tuple[str, bytes]:
    return name.replace("worksheets/sheet1", "worksheets/Data"), part.replace(
        b"worksheets/sheet1.xml", b"/xl/worksheets/Data.xml"
    )


def _named_styles(name: str, part: bytes) -> tuple[str, bytes]:
    """SheetJS finds the styles by their content type."""
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
    override = b'<Override PartName="/xl/styles.xml" ContentType="' + kind + b'"/></Types>'
    return name, part.replace(b"</Types>", override)


def _same(name: str, part: bytes) -> tuple[str, bytes]:
    return name, part


HAND_MADE = {
    "plain": _same,
    "prefixed": _prefixed,
    "strict": _strict,
    "1904": _from_1904,
    "backslashes": _backslashes,
    "own names": _own_names,
}


def hand_made(rng: random.Random, dialect: str) -> tuple[bytes, bytes]:
    """A workbook in one dialect, and the same in the plainest one."""
    rows, formats = _rows(rng)
    plain = _parts(workbook({"S": rows}, formats=formats), _named_styles)
    if dialect == "no addresses":
        full = [[Raw('<c r="{ref}"/>') if cell is None else cell for cell in row] for row in rows]
        bare = re.sub(r'(<(?:c|row)) r="[A-Z]*[0-9]+"', r"\1", sheet_xml(full))
        return _parts(workbook({"S": bare}, formats=formats), _named_styles), plain
    return _parts(plain, HAND_MADE[dialect]), plain


def by_openpyxl(rng: random.Random) -> bytes:
    """A workbook that openpyxl writes."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    first = rng.choice([1, 1, 2, 3])
    for n in range(1, rng.randint(6, 40)):
        for column in (first, first + 1):
            cell = sheet.cell(n, column)
            cell.value = rng.choice([f"SB{n}", n, 41, 1234567, 12345678901, 123456789012, 12.5, True, None])
            cell.number_format = rng.choice(FORMATS)
        if rng.random() < 0.1:
            sheet.cell(n, first, f"=B{n}")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def by_xlsxwriter(rng: random.Random) -> bytes:
    """A workbook that xlsxwriter writes."""
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "date_1904": rng.random() < 0.3})
    sheet = book.add_worksheet("S")
    styles = [book.add_format({"num_format": code}) for code in rng.sample(FORMATS, k=5)]
    first = rng.choice([0, 0, 1, 2])
    for n in range(rng.randint(6, 40)):
        for column in (first, first + 1):
            style = rng.choice([None, *styles])
            kind = rng.random()
            if kind < 0.5:
                sheet.write_number(n, column, rng.choice([n, 41, 1234567, 12345678901, 8901234567890]), style)
            elif kind < 0.8:
                sheet.write_string(n, column, f"SB_{n}", style)
            elif kind < 0.9:
                sheet.write_formula(n, column, f"=A{n}", style, rng.choice([0, 41, "SB41"]))
            else:
                sheet.write_blank(n, column, None, style or styles[0])
    book.close()
    return out.getvalue()


DIALECTS = (*HAND_MADE, "no addresses", "openpyxl", "xlsxwriter")


def made(seed: int) -> tuple[str, bytes, bytes]:
    """The dialect of a seed, its workbook, and the same content as an oracle can read it."""
    rng = random.Random(seed)
    dialect = DIALECTS[seed % len(DIALECTS)]
    if dialect == "openpyxl":
        content = by_openpyxl(rng)
    elif dialect == "xlsxwriter":
        content = by_xlsxwriter(rng)
    else:
        return dialect, *hand_made(rng, dialect)
    return dialect, content, content
