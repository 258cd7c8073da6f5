"""Imports as a person meets them: upload, look, start, watch, cancel, report, undo."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from tracetrack.access import once
from tracetrack.access.actor import Actor, Role
from tracetrack.imports import job, queries, reading, storage
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.imports.reasons import sentence
from tracetrack.imports.schemas import Import, Kind, Preview, SheetGuess, SheetMapping, SheetNotice, Start
from tracetrack.imports.upload import Upload, receive
from tracetrack.ledger.service import record
from tracetrack.people.schemas import Id
from tracetrack.platform import db
from tracetrack.platform.paging import Page, decode_cursor, encode_cursor
from tracetrack.platform.problems import Problem
from tracetrack.platform.slow import connection
from tracetrack.settings import Settings

_MAPPING: TypeAdapter[list[SheetMapping]] = TypeAdapter(list[SheetMapping])
_ID: TypeAdapter[int] = TypeAdapter(Id)
_TRUE = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


async def upload(
    actor: Actor,
    request: Request,
    settings: Settings,
    *,
    kind: Kind | None,
    area_id: int | None,
    dry_run: bool | None,
    hold: bool | None,
    confirm: bool | None,
    complete_parents: bool | None,
    key: str | None = None,
) -> Import:
    """Take a file in and, unless it is held, queue its import.

    Values of the form go before those of the query.

    Raises:
        Problem: ``forbidden`` (403) bills, for others than admins; ``import_repeated`` (409);
            ``area_not_found`` (404); ``too_large`` (413); ``invalid`` (422).
    """
    if kind == "bills":
        _may(actor, kind)
    # It gets ready while the file comes in.
    reading.warm()
    stored = await receive(request, settings.max_upload_bytes)
    try:
        options = _options(stored.fields, kind, area_id, dry_run, hold, confirm, complete_parents)
        return await queue(actor, stored, options, key)
    except BaseException:
        await asyncio.shield(storage.remove(stored.key))
        raise


def _may(actor: Actor, kind: str) -> None:
    if kind == "bills" and actor.role is not Role.admin:
        raise Problem("forbidden", "Only an admin may import bills.")


def _options(
    fields: dict[str, str],
    kind: Kind | None,
    area_id: int | None,
    dry_run: bool | None,
    hold: bool | None,
    confirm: bool | None,
    complete_parents: bool | None,
) -> dict[str, Any]:
    def bad(name: str, message: str) -> Problem:
        return Problem("invalid", errors=[{"loc": ["body", name], "msg": message}])

    def flag(name: str, given: bool | None) -> bool:
        if name not in fields:
            return bool(given)
        try:
            return _TRUE[fields[name].strip().lower()]
        except KeyError:
            raise bad(name, "true or false") from None

    chosen = fields.get("kind", kind or "bags")
    if chosen not in ("bags", "bills"):
        raise bad("kind", "bags or bills")
    if fields.get("area_id", "").strip():
        try:
            area_id = _ID.validate_python(fields["area_id"].strip())
        except ValidationError:
            raise bad("area_id", "a number") from None
    mapping = None
    if fields.get("mapping", "").strip():
        try:
            mapping = _MAPPING.validate_json(fields["mapping"])
        except (ValidationError, ValueError):
            raise bad("mapping", "as GET /imports/{id}/preview gives it") from None
    return {
        "kind": chosen,
        "area_id": area_id,
        "dry_run": flag("dry_run", dry_run),
        "hold": flag("hold", hold),
        "confirm": flag("confirm", confirm),
        "complete_parents": flag("complete_parents", complete_parents)
        if complete_parents is not None or fields.get("complete_parents", "").strip()
        else None,
        "mapping": mapping,
    }


async def queue(actor: Actor, stored: Upload, options: dict[str, Any], key: str | None = None) -> Import:
    """Write the job of a stored file.

    Raises:
        Problem: as :func:`upload`.
    """
    _may(actor, options["kind"])
    request = options | {
        "file": [stored.file_name, stored.sha256.hex()],
        "mapping": _mapping_json(options["mapping"]),
    }
    async with db.transaction() as tx:
        told = await once.claim(tx, actor, key, ["import", request])
        if told is not None:
            await storage.remove(stored.key)
            return await get_import(told["id"])
        area_id = await _area(tx, actor, options["area_id"])
        if not options["hold"] and not options["dry_run"] and not options["confirm"]:
            await _refuse_repeat(tx, stored.sha256, options["kind"], None)
        row = await tx.execute(
            text(
                "insert into imports (kind, held, dry_run, file_name, file_bytes, file_sha256, file_key,"
                " area_id, mapping, complete_parents, created_by) values (:kind, :held, :dry_run, :file_name,"
                " :file_bytes, :sha, :key, :area_id, cast(:mapping as jsonb), :complete_parents, :user_id)"
                " returning id"
            ),
            {
                "kind": options["kind"],
                "held": options["hold"],
                "dry_run": options["dry_run"],
                "file_name": stored.file_name,
                "file_bytes": stored.size,
                "sha": stored.sha256,
                "key": stored.key,
                "area_id": area_id,
                "mapping": _mapping_json(options["mapping"]),
                "complete_parents": options["complete_parents"],
                "user_id": actor.user_id,
            },
        )
        import_id = int(row.scalar_one())
        await record(
            tx,
            actor,
            action="import_uploaded",
            subject_type="import",
            subject_id=import_id,
            subject_code=stored.file_name,
            area_id=area_id,
            after={
                "kind": options["kind"],
                "file_bytes": stored.size,
                "sha256": stored.sha256.hex(),
                "dry_run": options["dry_run"],
            },
            import_id=import_id,
        )
        await once.keep(tx, actor, key, {"id": import_id})
    job.poke()
    return await get_import(import_id)


def _mapping_json(mapping: list[SheetMapping] | None) -> str | None:
    return _MAPPING.dump_json(mapping).decode() if mapping is not None else None


async def _area(tx: AsyncConnection, actor: Actor, area_id: int | None) -> int | None:
    """The area of new bags: the one chosen, else the actor's own."""
    if area_id is None:
        return actor.area_id
    known = text("select 1 from areas where id = :id and disabled_at is null")
    if (await tx.execute(known, {"id": area_id})).scalar_one_or_none() is None:
        raise Problem("area_not_found")
    return area_id


async def _refuse_repeat(tx: AsyncConnection, sha256: bytes, kind: str, import_id: int | None) -> None:
    # Two uploads of one file at once see each other.
    await tx.execute(text("select pg_advisory_xact_lock(hashtextextended(:sha, 7))"), {"sha": sha256.hex()})
    driver: Any = (await tx.get_raw_connection()).driver_connection
    found = await driver.fetchval(queries.SAME_FILE, sha256, kind, import_id)
    if found is not None:
        raise Problem("import_repeated", import_id=found)


async def _row(import_id: int) -> Any:
    async with db.reading() as tx:
        driver: Any = (await tx.get_raw_connection()).driver_connection
        row = await driver.fetchrow(queries.ONE, import_id)
    if row is None:
        raise Problem("import_not_found")
    return row


async def get_import(import_id: int, language: str = "en") -> Import:
    """One import.

    Raises:
        Problem: ``import_not_found`` (404).
    """
    return _shown(await _row(import_id), language)


MOVES = frozenset(
    {"id", "state", "phase", "rows_total", "rows_read", "rows_done", "seconds"}
    | {"progress", "rows_per_second", "seconds_left"}
)
"""Of :class:`Import`: what changes while it runs."""


async def moving(known: Collection[int]) -> list[tuple[int | None, dict[str, Any]]]:
    """Each import that waits or runs with its area, as the live stream tells it.

    Args:
        known: ids of those that did when last asked, which are told once more when they have ended.
    """
    async with db.reading() as tx:
        driver: Any = (await tx.get_raw_connection()).driver_connection
        rows = await driver.fetch(queries.MOVING, list(known))
    return [(row["area_id"], _shown(row).model_dump(include=set(MOVES))) for row in rows]


def _loaded(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, (str, bytes)) else value


def _shown(row: Any, language: str = "en") -> Import:
    values = dict(row)
    sheets = _loaded(row["sheets"]) or []
    values["area"] = {"id": row["area_id"], "name": row["area_name"]} if row["area_id"] else None
    values["created_by"] = {"id": row["created_by"], "username": row["username"]}
    values["error"] = (
        sentence(row["error_code"], language, _loaded(row["error_values"])) if row["error_code"] else None
    )
    notices = [notice for sheet in sheets for notice in _notices(sheet, language)]
    values["notices"] = sorted(notices, key=lambda notice: not notice.skipped)
    values["skipped_sheets"] = [notice.sheet for notice in notices if notice.skipped]
    return Import.model_validate(values)


async def list_imports(state: str | None, cursor: str | None, limit: int, language: str) -> Page[Import]:
    """Imports, the newest first."""
    place = decode_cursor(cursor, int)
    async with db.reading() as tx:
        driver: Any = (await tx.get_raw_connection()).driver_connection
        rows = await driver.fetch(queries.LIST, place[0] if place else None, state, limit + 1)
    return Page(
        items=[_shown(row, language) for row in rows[:limit]],
        next_cursor=encode_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None,
    )


async def preview(import_id: int, language: str) -> Preview:
    """A file's sheets as they would be read, with their first rows.

    Raises:
        Problem: ``import_not_found`` (404), ``import_unreadable`` (422), ``import_file_gone`` (409), ``busy``
            (503) while others are previewed.
    """
    row = await _row(import_id)
    if row["file_key"] is None:
        raise Problem("import_file_gone")
    try:
        sheets = await reading.preview(
            {
                "path": str(storage.stored(row["file_key"])),
                "file_name": row["file_name"],
                "kind": row["kind"],
                "mapping": None,
                **await job.reader_needs(),
            }
        )
    except UnreadableError as error:
        raise Problem(
            "import_unreadable", sentence(error.code, language, error.values), reason=error.code
        ) from None
    return Preview(sheets=[_guess(sheet, language) for sheet in sheets], same_as=row["same_as"])


def _notices(sheet: dict[str, Any], language: str) -> list[SheetNotice]:
    """What is to be said of a sheet; a csv file's only one has no name."""
    codes: list[tuple[bool, str, dict[str, Any] | None]] = []
    if not sheet.get("used", not sheet["hidden"]):
        codes.append(
            (True, "sheet_hidden" if sheet["hidden"] else sheet.get("problem") or "sheet_left_out", None)
        )
    codes += [(False, one["code"], one.get("values")) for one in sheet.get("notices", ())]
    return [
        SheetNotice(sheet=sheet["name"], skipped=skipped, code=code, detail=sentence(code, language, values))
        for skipped, code, values in codes
    ]


def _guess(sheet: dict[str, Any], language: str) -> SheetGuess:
    problem = sheet.get("problem")
    return SheetGuess(
        name=sheet["name"],
        rows=sheet["rows"],
        hidden=sheet["hidden"],
        use=sheet.get("used", False),
        shape=sheet.get("shape"),
        header_row=sheet.get("header_row"),
        columns=sheet.get("columns", {}),
        first_column=sheet.get("first_column", 0),
        width=sheet.get("width", 0),
        problem=problem,
        problem_sentence=sentence(problem, language) if problem else None,
        notices=[notice for notice in _notices(sheet, language) if not notice.skipped],
        sample=sheet.get("sample", []),
    )


async def start(actor: Actor, import_id: int, how: Start) -> Import:
    """Queue an import that was held, or that has been tried and is now meant.

    Raises:
        Problem: ``import_not_found`` (404), ``import_not_startable`` (409), ``import_file_gone`` (409),
            ``import_repeated`` (409), ``area_not_found`` (404), ``forbidden`` (403).
    """
    async with db.transaction() as tx:
        row = (
            await tx.execute(text("select * from imports where id = :id for update"), {"id": import_id})
        ).one_or_none()
        if row is None:
            raise Problem("import_not_found")
        _may(actor, row.kind)
        waiting = row.state == "queued" and row.held
        tried = row.dry_run and row.state in ("completed", "failed", "cancelled")
        if not (waiting or tried or (row.state in ("failed", "cancelled"))):
            raise Problem("import_not_startable", state=row.state)
        if row.file_key is None:
            raise Problem("import_file_gone")
        area_id = await _area(tx, actor, how.area_id if how.area_id is not None else row.area_id)
        if not how.dry_run and not how.confirm:
            await _refuse_repeat(tx, row.file_sha256, row.kind, import_id)
        await tx.execute(
            text(
                "update imports set state = 'queued', held = false, dry_run = :dry_run, area_id = :area_id,"
                " mapping = coalesce(cast(:mapping as jsonb), mapping), started_at = null,"
                " finished_at = null,"
                " attempts = 0, cancel_requested_at = null, error_code = null, error_values = null,"
                " rows_read = 0, rows_done = 0, rows_total = null, parents_created = 0, children_created = 0,"
                " links_created = 0, parents_alone = 0, parents_packed = 0, parents_completed = 0,"
                " complete_parents = coalesce(cast(:complete_parents as boolean), complete_parents),"
                " bills_created = 0, duplicates_skipped = 0,"
                " rejected = 0, warnings = 0 where id = :id"
            ),
            {
                "id": import_id,
                "dry_run": how.dry_run,
                "area_id": area_id,
                "mapping": _mapping_json(how.mapping),
                "complete_parents": how.complete_parents,
            },
        )
        await tx.execute(text("delete from import_report where import_id = :id"), {"id": import_id})
        await record(
            tx,
            actor,
            action="import_started",
            subject_type="import",
            subject_id=import_id,
            subject_code=row.file_name,
            area_id=area_id,
            after={"dry_run": how.dry_run},
            import_id=import_id,
        )
    job.poke()
    return await get_import(import_id)


async def cancel(actor: Actor, import_id: int) -> Import:
    """Cancel an import: at once when it waits, within a second when it runs; nothing of it stays.

    Cancelling a cancelled one changes nothing.

    Raises:
        Problem: ``import_not_found`` (404), ``import_finished`` (409), ``forbidden`` (403).
    """
    _may(actor, (await _row(import_id))["kind"])
    async with db.transaction() as tx:
        row = (
            await tx.execute(
                text(
                    "update imports set cancel_requested_at = coalesce(cancel_requested_at, now()),"
                    " state = case when state = 'queued' then 'cancelled' else state end,"
                    " finished_at = case when state = 'queued' then now() else finished_at end"
                    " where id = :id and state in ('queued', 'running') returning file_name, area_id"
                ),
                {"id": import_id},
            )
        ).one_or_none()
        if row is not None:
            await record(
                tx,
                actor,
                action="import_cancelled",
                subject_type="import",
                subject_id=import_id,
                subject_code=row.file_name,
                area_id=row.area_id,
                import_id=import_id,
            )
    shown = await get_import(import_id)
    if row is None and shown.state != "cancelled":
        raise Problem("import_finished", state=shown.state)
    return shown


async def remove(actor: Actor, import_id: int) -> None:
    """Remove an import that has written nothing, with its file and its report.

    Raises:
        Problem: ``import_not_found`` (404), ``import_not_removable`` (409), ``forbidden`` (403).
    """
    async with db.transaction() as tx:
        row = (
            await tx.execute(text("select * from imports where id = :id for update"), {"id": import_id})
        ).one_or_none()
        if row is None:
            raise Problem("import_not_found")
        _may(actor, row.kind)
        draft = row.state == "queued" and row.held
        tried = row.state == "completed" and row.dry_run
        if not (draft or tried or row.state in ("failed", "cancelled")):
            raise Problem("import_not_removable", state=row.state)
        await tx.execute(text("delete from import_report where import_id = :id"), {"id": import_id})
        await tx.execute(text("delete from imports where id = :id"), {"id": import_id})
        await record(
            tx,
            actor,
            action="import_removed",
            subject_type="import",
            subject_id=import_id,
            subject_code=row.file_name,
            area_id=row.area_id,
            import_id=import_id,
        )
    if row.file_key is not None:
        await asyncio.shield(storage.remove(row.file_key))


async def undo(actor: Actor, import_id: int) -> Import:
    """Take a whole import back, while nothing that it made was moved, filled or billed since.

    Undoing it again changes nothing.

    Raises:
        Problem: ``import_not_found`` (404), ``import_not_undoable`` (409), ``import_changed`` (409),
            ``forbidden`` (403).
    """
    async with connection() as own, own.transaction():
        await own.execute("select pg_advisory_xact_lock(hashtextextended('tracetrack import', 0))")
        row = await own.fetchrow("select * from imports where id = $1 for update", import_id)
        if row is None:
            raise Problem("import_not_found")
        _may(actor, row["kind"])
        if row["undone_at"] is None:
            if row["state"] != "completed" or row["dry_run"]:
                raise Problem("import_not_undoable", state=row["state"])
            who = (actor.user_id, None, None, actor.request_id, actor.address)
            name = "import_undo_bags" if row["kind"] == "bags" else "import_undo_bills"
            done = await own.fetchrow(
                f"select * from {name}($1, $2::floor_actor)",  # noqa: S608
                import_id,
                who,
            )
            assert done is not None
            if done["problem"]:
                raise Problem(done["problem"])
            await own.execute(
                "update imports set undone_at = now(), undone_by = $2 where id = $1", import_id, actor.user_id
            )
            await own.execute(
                "select ledger_record($1::floor_actor, 'import_undone', 'import', $2, $3, $4, null, $5, null,"
                " null, $2)",
                who,
                import_id,
                row["file_name"],
                row["area_id"],
                {"bags_removed": done["removed"]},
            )
    return await get_import(import_id)
