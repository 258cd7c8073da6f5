"""Documents are made by a child process each, off the event loop and within limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import Query
from fastapi.responses import Response
from pydantic import AfterValidator

from tracetrack.platform.logs import get_logger
from tracetrack.platform.problems import Problem
from tracetrack.platform.spreadsheet import attachment

log = get_logger("documents")

WORDS = Path(__file__).parent / "words"
LANGUAGES = sorted(file.stem for file in WORDS.glob("*.json"))
"""One more is added by one more file beside them."""

MEDIA_TYPES = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
SECONDS = 60
AT_ONCE = 2
"""Documents that one worker makes at the same time; each may need half a gigabyte."""
WAIT_SECONDS = 20

_turns: asyncio.Semaphore | None = None
_turns_loop: asyncio.AbstractEventLoop | None = None


def language(wanted: str) -> str:
    """The language of a document: English where there is none such."""
    return wanted if wanted in LANGUAGES else "en"


Lang = Annotated[
    str,
    AfterValidator(language),
    Query(description="Language of the document", json_schema_extra={"enum": LANGUAGES}, max_length=12),
]


@cache
def words(lang: str) -> dict[str, str]:
    """The words of documents in one of :data:`LANGUAGES`; what it lacks is English."""
    english: dict[str, str] = orjson.loads((WORDS / "en.json").read_bytes())
    own: dict[str, str] = orjson.loads((WORDS / f"{lang}.json").read_bytes())
    return english | own


def kilograms(weight: float) -> str:
    """A weight as it is printed: as many decimals as it needs, three at most."""
    # Adding zero turns minus zero into zero.
    return f"{round(weight, 3) + 0:.3f}".rstrip("0").rstrip(".")


def _turn() -> asyncio.Semaphore:
    global _turns, _turns_loop
    loop = asyncio.get_running_loop()
    if _turns is None or _turns_loop is not loop:
        _turns, _turns_loop = asyncio.Semaphore(AT_ONCE), loop
    return _turns


async def make(task: dict[str, Any]) -> bytes:
    """The file that a task of :mod:`tracetrack.billing.documents.render` describes.

    Raises:
        Problem: ``busy`` (503) when too many are being made, ``document_too_large`` (422).
    """
    try:
        await asyncio.wait_for(_turn().acquire(), WAIT_SECONDS)
    except TimeoutError:
        raise Problem("busy", headers={"Retry-After": "5"}) from None
    try:
        return await _run(await asyncio.to_thread(orjson.dumps, task))
    finally:
        _turn().release()


async def _run(task: bytes) -> bytes:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tracetrack.billing.documents.render",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # No secrets of the site in there.
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    try:
        made, said = await asyncio.wait_for(child.communicate(task), SECONDS)
    except TimeoutError:
        raise Problem("document_too_large") from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if child.returncode:
        log.error("document failed", status=child.returncode, said=said.decode(errors="replace")[-2000:])
        raise Problem(
            "document_too_large" if child.returncode < 0 or b"MemoryError" in said else "internal_error"
        )
    return made


def download(content: bytes, name: str, kind: str) -> Response:
    """A file as an answer."""
    return Response(
        content, media_type=MEDIA_TYPES[kind], headers={"content-disposition": attachment(name, kind)}
    )
