"""The reader: looks at uploaded files in processes of their own, one for each, that then end.

``python -m tracetrack.imports.reader PARENT_PID SOCKET``. What takes long to load is loaded once;
for each job the server sends three descriptors over SOCKET (the job as JSON, rows out as csv for
COPY, and what happens, a JSON object a line), and a forked child confines itself and does it.
It tells ``progress`` {rows}, ``secret`` (a cell holds one), ``sheets``, ``parents`` {bytes}, ``done``
{...} or ``unreadable`` {code}. Whatever a hostile file does to that child, the server only sees it end.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from tracetrack.bags.codes import Labels, Pattern, compile_pattern, read_label
from tracetrack.imports.reader.codes import without_secrets
from tracetrack.imports.reader.limits import confine, die_with
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.imports.reader.shapes import Known, stage
from tracetrack.imports.reader.sheets import Sheet, read_file
from tracetrack.imports.recognise import LOOKED_AT, NEEDED, SHAPES, Guess, recognise
from tracetrack.platform.problems import Problem

SAMPLE = 20
"""Rows of each sheet that a preview shows."""
SLICE = 65_536

_tell_to = 2
_told = 0.0


def tell(event: str, **values: Any) -> None:
    """One line to the server."""
    os.write(_tell_to, orjson.dumps({"event": event, **values}) + b"\n")


def _progress(rows: int) -> None:
    global _told
    if time.monotonic() - _told > 0.2:
        _told = time.monotonic()
        tell("progress", rows=rows)


def _labels(given: dict[str, Any]) -> Labels:
    return Labels(
        hosts=frozenset(given["hosts"]),
        patterns=[Pattern(compile_pattern(p), kind, type_id) for p, kind, type_id in given["patterns"]],
        types=[(compile_pattern(p), type_id) for p, type_id in given["types"]],
    )


def _guess(sheet: Sheet, kind: str, labels: Labels) -> Guess:
    rows = sheet.frame.head(LOOKED_AT).rows()
    return recognise(rows, kind, [_has_parent(row, labels) for row in rows])


def _has_parent(row: tuple[str | None, ...], labels: Labels) -> bool:
    if not any(pattern.kind == "parent" for pattern in labels.patterns):
        return False
    for cell in row:
        try:
            if cell and read_label(cell, labels).kind == "parent":
                return True
        except Problem:
            continue
    return False


def _corrected(sheet: Sheet, wanted: dict[str, Any], kind: str) -> Guess:
    """How the user says a sheet is to be read."""
    guess = Guess(wanted["shape"], wanted.get("header_row"), wanted["columns"])
    if guess.shape not in SHAPES[kind]:
        raise UnreadableError("mapping_shape", sheet=sheet.name)
    if any(guess.columns.get(role, sheet.frame.width) >= sheet.frame.width for role in NEEDED[guess.shape]):
        raise UnreadableError("mapping_incomplete", sheet=sheet.name)
    if len(set(guess.columns.values())) < len(guess.columns):
        raise UnreadableError("mapping_column_twice", sheet=sheet.name)
    return guess


def _understand(
    sheets: list[Sheet], corrections: dict[str, Any], kind: str, labels: Labels, preview: bool
) -> dict[int, Guess]:
    """How each sheet that holds anything is read, by its number; a correction that leaves it out leaves it
    out here too."""
    understood: dict[int, Guess] = {}
    corrected = set()
    for number, sheet in enumerate(sheets):
        if sheet.hidden or not sheet.frame.height:
            continue
        wanted = None if preview else corrections.get(sheet.name)
        if wanted is None:
            understood[number] = _guess(sheet, kind, labels)
        elif wanted["use"]:
            understood[number] = _corrected(sheet, wanted, kind)
            corrected.add(number)
    if any(guess.problem is None and not guess.by_place for guess in understood.values()):
        # Beside a sheet with headings that we know, one with other headings is a list of something else.
        for number, guess in understood.items():
            if guess.by_place and guess.header_row is not None and number not in corrected:
                understood[number] = replace(guess, problem="sheet_unlike_others")
    if any(guess.problem is None and "child" in guess.columns for guess in understood.values()):
        for number, guess in understood.items():
            if guess.counts and number not in corrected:
                understood[number] = replace(guess, problem="sheet_is_summary")
    return understood


def run(job: dict[str, Any]) -> None:
    """Do one job."""
    labels = _labels(job["labels"])
    preview = job["mode"] == "preview"
    if not Path(job["path"]).is_file():
        raise UnreadableError("file_gone")
    sheets = read_file(Path(job["path"]), job["file_name"], _progress)
    for sheet in sheets:
        sheet.frame, secret = without_secrets(sheet.frame)
        if secret:
            tell("secret")
            sheet.notices.append({"code": "secret_in_file"})
    corrections = {sheet["name"]: sheet for sheet in job["mapping"] or []}
    if unknown := corrections.keys() - {sheet.name for sheet in sheets}:
        # A correction that met nothing would leave its sheet to our guess.
        raise UnreadableError("mapping_sheet", sheet=min(unknown))
    understood = _understand(sheets, corrections, job["kind"], labels, preview)
    clear = any(guess.problem is None for guess in understood.values())
    chosen: list[tuple[int, Sheet, Guess]] = []
    told: list[dict[str, Any]] = []
    for number, sheet in enumerate(sheets):
        guess = understood.get(number)
        entry: dict[str, Any] = {
            "name": sheet.name,
            "rows": sheet.frame.height,
            "hidden": sheet.hidden,
            # Where no sheet is clear, the user is to correct one rather than to choose it first.
            "used": guess is not None and (guess.problem is None or (preview and not clear)),
            "notices": sheet.notices,
        }
        told.append(entry)
        if sheet.skipped:
            entry["problem"] = sheet.skipped
        elif not sheet.hidden and not sheet.frame.height:
            entry["problem"] = "sheet_empty"
        if sheet.hidden_rows:
            sheet.notices.append({"code": "hidden_rows", "values": {"count": sheet.hidden_rows}})
        if sheet.encoding_guessed:
            sheet.notices.append({"code": "encoding_guessed"})
        if guess is None:
            continue
        entry |= {
            "shape": guess.shape,
            "header_row": guess.header_row,
            "columns": guess.columns,
            "problem": guess.problem,
            "width": sheet.frame.width,
            "first_column": sheet.first_column,
        }
        if guess.header_row is not None:
            entry["headings"] = [cell and cell[:200] for cell in sheet.frame.row(guess.header_row)]
        if preview:
            head = sheet.frame.head(SAMPLE).rows()
            entry["sample"] = [[cell and cell[:200] for cell in row] for row in head]
        elif guess.problem is None:
            chosen.append((number, sheet, guess))
    if not preview and understood and not clear:
        number, guess = min(understood.items())
        raise UnreadableError(guess.problem or "file_no_rows", sheet=sheets[number].name)
    tell("sheets", sheets=told)
    if preview:
        tell("done")
        return
    del sheets
    if not chosen:
        raise UnreadableError("file_no_rows")
    staged = stage(chosen, job["kind"], Known(labels, job["areas"], job["types"]))
    chosen.clear()
    parents = staged.parents.write_csv(include_header=False).encode()
    tell("parents", bytes=len(parents), parents=staged.parents.height, rows=staged.rows.height)
    out = sys.stdout.buffer
    out.write(parents)
    out.flush()
    sent = 0
    for piece in staged.rows.iter_slices(SLICE):
        buffer = io.BytesIO()
        piece.write_csv(buffer, include_header=False, null_value="", quote_style="necessary")
        out.write(buffer.getvalue())
        sent += piece.height
    out.flush()
    tell(
        "done",
        distinct=staged.distinct,
        apart=staged.apart,
        packing=staged.packing,
        rows=sent,
        peak_kib=_peak(),
    )


def _peak() -> int:
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _child(parent: int, descriptors: list[int]) -> None:
    """Do one job and end."""
    global _tell_to
    confine(parent)
    source, rows, _tell_to = descriptors
    os.dup2(rows, 1)
    os.close(rows)
    with os.fdopen(source, "rb") as file:
        line = file.readline()
    if not line:
        return
    try:
        run(orjson.loads(line))
    except UnreadableError as error:
        tell("unreadable", code=error.code, values=error.values)
    except MemoryError:
        tell("unreadable", code="file_too_demanding", values={})
    except Exception:
        # What we have not foreseen: one sentence for the user, the rest for the log.
        tell("unreadable", code="file_damaged", values={}, why=traceback.format_exc(limit=-4)[-2000:])


def main() -> None:
    """Fork a child for each job, until the server closes its end."""
    die_with(int(sys.argv[1]))
    server = socket.socket(fileno=int(sys.argv[2]))
    # The kernel reaps the children.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    me = os.getpid()
    while True:
        message, descriptors, _, _ = socket.recv_fds(server, 1, 3)
        if not message:
            return
        child = os.fork()
        if child == 0:
            status = 1
            try:
                server.close()
                _child(me, descriptors)
                status = 0
            finally:
                os._exit(status)
        for descriptor in descriptors:
            os.close(descriptor)
        server.sendall(child.to_bytes(8, "big"))


if __name__ == "__main__":
    main()
