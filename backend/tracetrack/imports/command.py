"""``tracetrack import FILE``: the same path as an upload, from the command line."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import text

from tracetrack.access.actor import Actor, Role
from tracetrack.imports import job, service, storage
from tracetrack.imports.schemas import Import
from tracetrack.imports.upload import Upload, clean_name
from tracetrack.platform import db
from tracetrack.platform.problems import Problem
from tracetrack.settings import Settings

POLL_SECONDS = 0.25

_ADMIN = text(
    "select id, username, area_id from users where role = 'admin' and disabled_at is null"
    " and (cast(:name as text) is null or lower(username) = lower(:name)) order by id limit 1"
)
_AREA = text("select id from areas where lower(name) = lower(:name) and disabled_at is null")


async def import_file(
    database_url: str,
    settings: Settings,
    file: Path,
    show: Callable[[Import], None],
    *,
    kind: str,
    area: str | None,
    user: str | None,
    dry_run: bool,
    confirm: bool,
) -> Import:
    """Import one file and wait for its end; a running server may do it, or this process.

    Args:
        database_url: as the application.
        settings: of the installation.
        file: xlsx or csv.
        show: called a few times a second with how far it is.
        kind: ``bags`` or ``bills``.
        area: the name of the area of new bags.
        user: the admin who imports; the first one unless given.
        dry_run: try, and write nothing.
        confirm: import a file again that came in before.

    Raises:
        Problem: as ``POST /imports``.
        OSError: the file cannot be read.
    """
    db.open_database(database_url, settings)
    job.open_imports(settings.model_copy(update={"database_url": SecretStr(database_url)}))
    try:
        async with db.reading() as tx:
            admin = (await tx.execute(_ADMIN, {"name": user})).one_or_none()
            area_id = (await tx.execute(_AREA, {"name": area})).scalar_one_or_none() if area else None
        if admin is None:
            raise Problem("user_not_found", "There is no such admin.")
        if area and area_id is None:
            raise Problem("area_not_found")
        actor = Actor(admin.id, admin.username, Role.admin, admin.area_id, uuid.UUID(int=0), False, "cli", "")
        stored = await asyncio.to_thread(_store, file)
        try:
            shown = await service.queue(
                actor,
                stored,
                {
                    "kind": kind,
                    "area_id": area_id,
                    "dry_run": dry_run,
                    "hold": False,
                    "confirm": confirm,
                    "mapping": None,
                    "complete_parents": None,
                },
            )
        except BaseException:
            await storage.remove(stored.key)
            raise
        while shown.state in ("queued", "running"):
            await asyncio.sleep(POLL_SECONDS)
            shown = await service.get_import(shown.id)
            show(shown)
        return shown
    finally:
        await job.close_imports()
        await db.close_database()


def _store(file: Path) -> Upload:
    key = uuid.uuid4()
    target = storage.stored(key)
    with file.open("rb") as source, target.open("xb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
    with target.open("rb") as copied:
        digest = hashlib.file_digest(copied, "sha256").digest()
    return Upload(key, clean_name(file.name), target.stat().st_size, digest, {})
