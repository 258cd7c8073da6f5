"""The child process that makes one document: JSON in on standard input, the file out.

Run as ``python -m tracetrack.billing.documents.render``. It has an address space of its own with
a limit, so that a huge document fails alone, and it imports little of the application.
"""

from __future__ import annotations

import csv
import io
import sys
import unicodedata
from pathlib import Path
from typing import Any

import orjson

from tracetrack.billing.documents.fonts import shown
from tracetrack.platform.formulas import harmless
from tracetrack.platform.limits import limit_resources

HERE = Path(__file__).parent
MEMORY = 3 * 1024**3
"""Bytes of address space; a manifest of 60,000 codes needs about half a gigabyte of memory."""
CPU_SECONDS = 60


def symbol(text: str, kind: str) -> str:
    """A QR or Data Matrix code of ``text`` with its quiet zone, as SVG."""
    if kind == "qr":
        import segno

        made = segno.make(text, micro=False, error="m", boost_error=False)
        return _svg([bytes(row) for row in made.matrix], quiet=4)
    import zxingcpp

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, force_square=True)
    made_image: Any = code.to_image(scale=1, add_quiet_zones=False)
    image = memoryview(made_image)
    height, width = (image.shape or (0, 0))[:2]
    rows = [bytes(int(image[y, x] < 128) for x in range(width)) for y in range(height)]
    return _svg(rows, quiet=2)


def _svg(rows: list[bytes], quiet: int) -> str:
    """Modules as one path of horizontal runs: small, and sharp at any size."""
    size = len(rows) + 2 * quiet
    runs = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            if row[x]:
                start = x
                while x < len(row) and row[x]:
                    x += 1
                runs.append(f"M{start + quiet} {y + quiet}h{x - start}v1h-{x - start}z")
            else:
                x += 1
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path d="{"".join(runs)}"/></svg>'
    )


def pdf(template: str, document: dict[str, Any]) -> bytes:
    """A document by one of the templates."""
    import typst

    number = str(document.get("number"))
    document = _shown(document)
    if template == "bill":
        document["qr"] = symbol(number, "qr")
    elif template == "labels":
        for sheet in document["sheets"]:
            for label in sheet:
                label["symbol"] = symbol(label["code"], document["symbol"])
    made = typst.compile(
        HERE / "templates" / f"{template}.typ",
        root=HERE / "templates",
        font_paths=[HERE / "fonts"],
        ignore_system_fonts=True,
        sys_inputs={"data": orjson.dumps(document).decode()},
    )
    assert isinstance(made, bytes)
    return made


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    """A document without characters that no font has: blanks would hide that something is missing."""
    unshown = False

    def look(value: Any) -> Any:
        nonlocal unshown
        if isinstance(value, str):
            text = shown(value)
            unshown = unshown or text != unicodedata.normalize("NFC", value)
            return text
        if isinstance(value, list | tuple):
            return [look(one) for one in value]
        if isinstance(value, dict):
            # What a label's symbol says is never changed.
            return {name: one if name == "code" else look(one) for name, one in value.items()}
        return value

    made: dict[str, Any] = look(document)
    return made | {"unshown": unshown}


def xlsx(sheets: list[dict[str, Any]]) -> bytes:
    """A workbook; text stays text, whatever it looks like."""
    import xlsxwriter

    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    bold = book.add_format({"bold": True})
    for sheet in sheets:
        page = book.add_worksheet(sheet["title"][:31])
        for column, width in enumerate(sheet["widths"]):
            page.set_column(column, column, width)
        if sheet["head"]:
            page.freeze_panes(1, 0)
        for number, row in enumerate(([sheet["head"]] if sheet["head"] else []) + sheet["rows"]):
            style = bold if sheet["head"] and number == 0 else None
            for column, value in enumerate(row):
                if isinstance(value, int | float):
                    page.write_number(number, column, value, style)
                elif value is not None:
                    page.write_string(number, column, value, style)
    book.close()
    return file.getvalue()


def csv_file(rows: list[list[Any]]) -> bytes:
    """UTF-8 with a byte order mark, for spreadsheets; nothing is a formula."""
    file = io.StringIO()
    writer = csv.writer(file)
    for row in rows:
        writer.writerow(harmless(value) if isinstance(value, str) else value for value in row)
    return b"\xef\xbb\xbf" + file.getvalue().encode()


def main() -> None:
    """Make the document that standard input describes."""
    limit_resources(address_space=MEMORY, cpu_seconds=CPU_SECONDS)
    task = orjson.loads(sys.stdin.buffer.read())
    match task["format"]:
        case "pdf":
            made = pdf(task["template"], task["document"])
        case "xlsx":
            made = xlsx(task["sheets"])
        case "csv":
            made = csv_file(task["rows"])
        case other:
            raise ValueError(f"unknown format {other!r}")
    sys.stdout.buffer.write(made)


if __name__ == "__main__":
    main()
