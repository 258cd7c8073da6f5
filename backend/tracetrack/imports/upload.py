"""Taking a file in: the multipart body is read piece by piece, and the file goes to disk as it comes.

Nothing of it is read before the caller has asked who sends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from tracetrack.imports import storage
from tracetrack.platform.http import declared_length
from tracetrack.platform.logs import get_logger
from tracetrack.platform.problems import Problem

log = get_logger("imports")

FIELDS = frozenset({"kind", "area_id", "dry_run", "hold", "confirm", "complete_parents", "mapping"})
LONGEST_FIELD = 64 * 1024
LONGEST_NAME = 255
BESIDE_THE_FILE = 256 * 1024
"""Bytes of a request beside the file: fields and boundaries."""
STALL_SECONDS = 30.0
"""How long an upload may stand still."""
LEAST_BYTES_A_SECOND = 1024
"""Of an upload, after its first :data:`STALL_SECONDS`: one that comes slower takes its place for hours."""
ROOM_BYTES = 2**30
"""What an upload must leave free on its disk."""
GROWTH = 20
"""Bytes in the database, its log and its indexes for each byte of a packed file, at most."""
LOOK_BYTES = 8 * 2**20
"""So many bytes are written between two looks at what is free: others may fill it meanwhile."""


@dataclass
class Upload:
    """A stored file and the fields that came with it."""

    key: uuid.UUID
    file_name: str
    size: int
    sha256: bytes
    fields: dict[str, str]


@dataclass
class _Incoming:
    """What the parser's callbacks fill."""

    headers: dict[str, bytes] = field(default_factory=dict)
    header_name: bytes = b""
    header_value: bytes = b""
    name: str = ""
    is_file: bool = False
    file_name: str | None = None
    value: bytearray = field(default_factory=bytearray)
    fields: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    ended: bool = False

    def part_begin(self) -> None:
        self.headers, self.value = {}, bytearray()
        self.name, self.is_file = "", False

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self.header_name += data[start:end]

    def header_data(self, data: bytes, start: int, end: int) -> None:
        self.header_value += data[start:end]

    def header_end(self) -> None:
        self.headers[self.header_name.decode("latin-1").lower()] = self.header_value
        self.header_name = self.header_value = b""

    def headers_finished(self) -> None:
        _, options = parse_options_header(self.headers.get("content-disposition", b""))
        self.name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options or self.name == "file":
            if self.name != "file" or self.file_name is not None:
                raise Problem("invalid", errors=[{"loc": ["body", self.name[:64]], "msg": "one file only"}])
            self.is_file = True
            self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        elif self.name not in FIELDS or self.name in self.fields:
            raise Problem("invalid", errors=[{"loc": ["body", self.name[:64]], "msg": "unknown field"}])

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self.is_file:
            self.pieces.append(data[start:end])
        else:
            self.value += data[start:end]
            if len(self.value) > LONGEST_FIELD:
                raise Problem("too_large")

    def part_end(self) -> None:
        if not self.is_file:
            self.fields[self.name] = self.value.decode("utf-8", "replace")

    def end(self) -> None:
        self.ended = True


async def receive(request: Request, most_bytes: int) -> Upload:
    """Store the file of a request.

    Args:
        request: multipart/form-data with a part ``file``.
        most_bytes: the largest file.

    Raises:
        Problem: ``unsupported_media_type``, ``malformed``, ``too_large``, ``too_slow``, ``no_room``.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Problem("unsupported_media_type", "Send the file as multipart/form-data.")
    incoming = _Incoming()
    callbacks: Any = {
        "on_part_begin": incoming.part_begin,
        "on_part_data": incoming.part_data,
        "on_part_end": incoming.part_end,
        "on_header_field": incoming.header_field,
        "on_header_value": incoming.header_data,
        "on_header_end": incoming.header_end,
        "on_headers_finished": incoming.headers_finished,
        "on_end": incoming.end,
    }
    try:
        parser = MultipartParser(boundary, callbacks)
    except FormParserError:
        raise Problem("malformed", "The boundary is too long.") from None
    told = declared_length(request.headers)
    expected = most_bytes if told is None else told
    # Before it starts: what is read of a file takes many times its size in the database.
    await asyncio.to_thread(_refuse_without_room, expected * GROWTH)
    key = uuid.uuid4()
    path = storage.stored(key)
    digest = hashlib.sha256()
    size = looked = came = 0
    began = time.monotonic()
    kept = False
    file = await asyncio.to_thread(_create, path)
    try:
        parts = request.stream()
        while True:
            async with asyncio.timeout(STALL_SECONDS):
                chunk = await anext(parts, None)
            if chunk is None:
                break
            if chunk:
                parser.write(chunk)
                came += len(chunk)
            since = time.monotonic() - began
            if since > STALL_SECONDS and came < LEAST_BYTES_A_SECOND * (since - STALL_SECONDS):
                raise TimeoutError
            if incoming.pieces:
                pieces, incoming.pieces = incoming.pieces, []
                size += sum(map(len, pieces))
                if size > most_bytes:
                    raise Problem("too_large", f"A file may have {most_bytes // 2**20} MB at most.")
                await asyncio.to_thread(_write, file, digest, pieces)
                if size - looked >= LOOK_BYTES:
                    looked = size
                    await asyncio.to_thread(_refuse_without_room, max(0, expected - size))
        parser.finalize()
        if not incoming.ended or incoming.file_name is None:
            raise Problem("malformed", "There is no file in the request.")
        await asyncio.to_thread(_keep, file)
        kept = True
    except FormParserError:
        raise Problem("malformed") from None
    except TimeoutError:
        raise Problem("too_slow") from None
    except ClientDisconnect:
        raise Problem("malformed", "The upload broke off.") from None
    finally:
        file.close()
        if not kept:
            with contextlib.suppress(FileNotFoundError):
                await asyncio.to_thread(path.unlink)
    return Upload(key, clean_name(incoming.file_name or ""), size, digest.digest(), incoming.fields)


def clean_name(name: str) -> str:
    """A file's name to show and to judge its ending by; never a path."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c if c.isprintable() else " " for c in last).strip()
    return shown[-LONGEST_NAME:] or "file"


def _refuse_without_room(to_come: int) -> None:
    """The database may lie on the same disk: an upload must not be what fills it."""
    if shutil.disk_usage(storage.folder()).free - to_come < ROOM_BYTES:
        log.warning("no room for an upload", bytes=to_come)
        raise Problem("no_room")


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _write(file: BinaryIO, digest: hashlib._Hash, pieces: list[bytes]) -> None:
    for piece in pieces:
        file.write(piece)
        digest.update(piece)


def _keep(file: BinaryIO) -> None:
    """On disk for good before anybody is told that it is here."""
    file.flush()
    os.fsync(file.fileno())
