"""The uploaded files, as they lie in the data folder, or in one that hosts share, until they are old."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from uuid import UUID

from tracetrack.settings import Settings

_folder: Path | None = None


def open_storage(settings: Settings) -> None:
    """Remember the folder; it is made when the first file comes."""
    global _folder
    _folder = settings.uploads or settings.data / "imports"


def folder() -> Path:
    """Where files lie, made if needed."""
    if _folder is None:
        raise RuntimeError("the imports are not open")
    _folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _folder


def stored(key: UUID) -> Path:
    """The file with this key."""
    return folder() / str(key)


async def remove(key: UUID) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        await asyncio.to_thread(stored(key).unlink)
