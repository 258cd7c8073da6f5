"""Writing xlsx and csv as a stream, in constant memory, whatever the number of rows.

An xlsx file is made of a few fixed parts and a long one for each sheet, so it needs no library:
rows arrive as XML (from PostgreSQL itself, for exports) and leave deflated. Cells are text or
numbers, never formulas. In csv, where a program would take text for a formula, an apostrophe is
put in front, which our import takes off again.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import re
import threading
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import IO, Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from tracetrack.platform.formulas import harmless, literal
from tracetrack.platform.logs import get_logger

log = get_logger("downloads")

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel reads a csv file as some local encoding."""

MOST_ROWS = 1_048_576
"""Of one sheet; what is more goes onto the next."""

SEND_SECONDS = 15.0
"""How long a client may take nothing of a download before it is given up."""
SENT_AT_ONCE = 64 * 1024
"""Bytes: a client that is only slow takes so many in time."""

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

Cell = str | int | float | None
Batches = AsyncIterator[Sequence[Sequence[Cell]]]


def column_letters(index: int) -> str:
    """Excel's name of a column: ``A`` for 0, ``AA`` for 26."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def row_xml(cells: Iterable[Cell]) -> bytes:
    """One row of a sheet."""
    parts = []
    for cell in cells:
        if cell is None or cell == "":
            parts.append("<c/>")
        elif isinstance(cell, str):
            text = escape(literal(_UNWRITABLE.sub("", cell)))
            parts.append(f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>')
        else:
            parts.append(f"<c><v>{cell}</v></c>")
    return f"<row>{''.join(parts)}</row>\n".encode()


class _Sink(io.RawIOBase):
    """Where the zip file goes: pieces, handed on as they come."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken


class Workbook:
    """An xlsx file in the making.

    Args:
        name: of its sheets; from the second on with a number.
        header: XML of the first row, repeated on each sheet.
    """

    def __init__(self, name: str, header: bytes) -> None:
        self.name = name
        self.header = header
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._sheets = 0
        self._rows = 0
        self._part: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._sheets += 1
        self._rows = 1
        self._part = self._zip.open(f"xl/worksheets/sheet{self._sheets}.xml", "w", force_zip64=True)
        self._write(
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            "</sheetView></sheetViews>"
            "<sheetData>\n".encode()
        )
        self._write(self.header)

    def _write(self, data: bytes) -> None:
        assert self._part is not None
        self._part.write(data)

    def _end(self) -> None:
        assert self._part is not None
        self._write(b"</sheetData></worksheet>")
        self._part.close()

    def __enter__(self) -> Workbook:
        """Begin; what is not closed at the end of the block is given up."""
        return self

    def __exit__(self, *_: object) -> None:
        # A thread may be packing rows still, of a file that nobody takes any more.
        with self._lock:
            if self._zip.fp is not None:
                assert self._part is not None
                self._part.close()
                self._zip.close()

    def add(self, rows: bytes) -> bytes:
        """Add whole rows, one a line; returns what of the file is ready."""
        with self._lock:
            return self._add(rows) if self._zip.fp is not None else b""

    def _add(self, rows: bytes) -> bytes:
        count = rows.count(b"\n")
        while self._rows + count > MOST_ROWS:
            fits = MOST_ROWS - self._rows
            at = 0
            for _ in range(fits):
                at = rows.index(b"\n", at) + 1
            self._write(rows[:at])
            self._end()
            self._begin()
            rows, count = rows[at:], count - fits
        self._write(rows)
        self._rows += count
        return self._sink.take()

    def close(self) -> bytes:
        """Write the parts that hold it together; returns the rest of the file."""
        self._end()
        numbers = range(1, self._sheets + 1)
        sheets = "".join(
            f'<sheet name="{escape(self.name)}{"" if at == 1 else f" {at}"}" sheetId="{at}" r:id="r{at}"/>'
            for at in numbers
        )
        links = "".join(
            f'<Relationship Id="r{at}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{at}.xml"/>'
            for at in numbers
        )
        types = "".join(
            f'<Override PartName="/xl/worksheets/sheet{at}.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
            for at in numbers
        )
        for path, content in (
            (
                "xl/workbook.xml",
                f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>',
            ),
            (
                "xl/_rels/workbook.xml.rels",
                f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>',
            ),
            (
                "_rels/.rels",
                f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1"'
                f' Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            ),
            (
                "[Content_Types].xml",
                f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
                '"application/vnd.openxmlformats-package.relationships+xml"/>'
                '<Default Extension="xml" ContentType="application/xml"/>'
                '<Override PartName="/xl/workbook.xml" ContentType='
                '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
                f"{types}</Types>",
            ),
        ):
            self._zip.writestr(path, _HEAD + content)
        self._zip.close()
        return self._sink.take()


async def xlsx_of(batches: Batches, name: str) -> AsyncGenerator[bytes, None]:
    """An xlsx file of a table that comes some rows at a time, its header first."""
    workbook: Workbook | None = None
    with contextlib.ExitStack() as stack:
        async for batch in batches:
            if workbook is None:
                workbook = stack.enter_context(Workbook(name, row_xml(batch[0])))
                batch = batch[1:]
            if piece := await asyncio.to_thread(_add, workbook, batch):
                yield piece
        if workbook is not None:
            yield workbook.close()


def _add(workbook: Workbook, batch: Sequence[Sequence[Cell]]) -> bytes:
    return workbook.add(b"".join(map(row_xml, batch)))


async def csv_of(batches: Batches) -> AsyncGenerator[bytes, None]:
    """A csv file of a table that comes some rows at a time."""
    first = BYTE_ORDER_MARK
    async for batch in batches:
        out = io.StringIO(newline="")
        out.write(first)
        first = ""
        csv.writer(out).writerows(
            [harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in batch
        )
        yield out.getvalue().encode()


class Download(StreamingResponse):
    """A file that is sent as it is made, until the client has it, hangs up, or takes nothing for long.

    What makes the file ends with it: it holds a connection, and what the database keeps for that.
    """

    def __init__(self, file: AsyncGenerator[bytes, None], headers: dict[str, str], media_type: str) -> None:
        super().__init__(file, headers=headers, media_type=media_type)
        self.file = file

    async def stream_response(self, send: Send) -> None:
        """Send it. One that is given up lacks its end, so that no client takes it for whole."""
        async for message in self._messages():
            if not await _taken(send, message):
                log.warning("a download was given up: its client took no more of it")
                await self.file.aclose()
                return

    async def _messages(self) -> AsyncIterator[Message]:
        yield {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        async for piece in self.file:
            for at in range(0, len(piece), SENT_AT_ONCE):
                part = piece[at : at + SENT_AT_ONCE]
                yield {"type": "http.response.body", "body": part, "more_body": True}
        yield {"type": "http.response.body", "body": b"", "more_body": False}


async def _taken(send: Send, message: Message) -> bool:
    # Around the sending alone: what is late in the making is another matter.
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await send(message)
    except TimeoutError:
        return False
    return True


LONGEST_NAME = 80
"""Characters of a file's name: 240 bytes of most scripts, which every file system takes."""


def attachment(name: str, kind: str) -> str:
    """The header that gives a file its name (RFC 6266), in any script.

    Args:
        name: without its ending; may be anything that people type.
        kind: the ending.
    """
    whole = "".join("-" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in name).strip(" .")
    whole = whole[:LONGEST_NAME] or "file"
    plain = "".join(c if c.isascii() else "-" for c in whole)
    if not any(c.isalnum() for c in plain):
        plain = "file"
    encoded = quote(f"{whole}.{kind}", safe="")
    return f"attachment; filename=\"{plain}.{kind}\"; filename*=UTF-8''{encoded}"


def download(file: AsyncGenerator[bytes, None], name: str, kind: str) -> Download:
    """An answer that browsers save as a file.

    Args:
        file: its bytes.
        name: of the file, without its ending.
        kind: ``xlsx`` or ``csv``.
    """
    return Download(file, {"content-disposition": attachment(name, kind)}, XLSX if kind == "xlsx" else CSV)
