"""Bag types and label patterns: what admins tell about this site's bags and labels."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.actor import Actor
from tracetrack.bags.codes import clean, compile_pattern
from tracetrack.bags.schemas import (
    BagType,
    BagTypeChange,
    BagTypeIn,
    LabelPattern,
    LabelPatternChange,
    LabelPatternIn,
)
from tracetrack.bags.tables import bag_types, label_patterns
from tracetrack.ledger.service import record
from tracetrack.people.names import Named, refuse_lookalike
from tracetrack.platform import db
from tracetrack.platform.db import sqlstate
from tracetrack.platform.problems import Problem
from tracetrack.platform.stamps import forget_stamps

_KINDS: dict[str, Named] = {"bag_type": "bag_types", "label_pattern": "label_patterns"}


async def list_bag_types() -> list[BagType]:
    """All bag types, the default first."""
    async with db.reading() as tx:
        rows = await tx.execute(
            select(bag_types).order_by(bag_types.c.is_default.desc(), func.lower(bag_types.c.name))
        )
        return [BagType.model_validate(dict(row)) for row in rows.mappings()]


async def list_label_patterns() -> list[LabelPattern]:
    """All label patterns, in the order in which they are tried."""
    async with db.reading() as tx:
        rows = await tx.execute(
            select(label_patterns).order_by(label_patterns.c.position, label_patterns.c.id)
        )
        return [LabelPattern.model_validate(dict(row)) for row in rows.mappings()]


async def create_bag_type(actor: Actor, new: BagTypeIn) -> BagType:
    """Add a bag type; a new default takes the place of the old one.

    Raises:
        Problem: ``name_taken`` (409), ``bad_pattern`` (422).
    """
    return BagType.model_validate(await _create(actor, "bag_type", bag_types, new.model_dump()))


async def change_bag_type(actor: Actor, type_id: int, change: BagTypeChange) -> BagType:
    """Change a bag type; expected counts and weights of its bags follow at once.

    Raises:
        Problem: ``bag_type_not_found`` (404), ``name_taken`` (409), ``bad_pattern`` (422).
    """
    changes = change.model_dump(exclude_unset=True)
    return BagType.model_validate(await _change(actor, "bag_type", bag_types, type_id, changes))


async def create_label_pattern(actor: Actor, new: LabelPatternIn) -> LabelPattern:
    """Add a label pattern.

    Raises:
        Problem: ``name_taken`` (409), ``bad_pattern`` (422), ``bag_type_not_found`` (404).
    """
    return LabelPattern.model_validate(
        await _create(actor, "label_pattern", label_patterns, new.model_dump())
    )


async def change_label_pattern(actor: Actor, pattern_id: int, change: LabelPatternChange) -> LabelPattern:
    """Change a label pattern.

    Raises:
        Problem: ``label_pattern_not_found``, ``bag_type_not_found`` (404), ``name_taken`` (409),
            ``bad_pattern`` (422).
    """
    changes = change.model_dump(exclude_unset=True)
    return LabelPattern.model_validate(
        await _change(actor, "label_pattern", label_patterns, pattern_id, changes)
    )


async def remove_bag_type(actor: Actor, type_id: int) -> None:
    """Remove a bag type that no bag and no label pattern uses.

    Raises:
        Problem: ``bag_type_not_found`` (404), ``bag_type_in_use`` (409), also for the default.
    """
    await _remove(actor, "bag_type", bag_types, type_id)


async def remove_label_pattern(actor: Actor, pattern_id: int) -> None:
    """Remove a label pattern.

    Raises:
        Problem: ``label_pattern_not_found`` (404).
    """
    await _remove(actor, "label_pattern", label_patterns, pattern_id)


def _check_values(values: dict[str, Any]) -> None:
    never_null = "name expected_children child_weight_kg pattern position enabled shape_guard"
    for field in never_null.split():
        if field in values and values[field] is None:
            raise Problem("invalid", errors=[{"loc": ["body", field], "msg": "must not be null"}])
    for field in ("pattern", "code_pattern"):
        if values.get(field) is not None:
            compile_pattern(values[field])
    if "name" in values:
        values["name"] = clean(values["name"])


async def _only_default(tx: AsyncConnection, values: dict[str, Any]) -> None:
    if values.get("is_default"):
        await tx.execute(update(bag_types).where(bag_types.c.is_default).values(is_default=False))


def _explain(error: IntegrityError) -> Exception:
    """The problem that a constraint tells of; what else the database refused is the database's to say."""
    told = {"23505": "name_taken", "23503": "bag_type_not_found"}.get(sqlstate(error) or "")
    return Problem(told) if told else error


async def _create(actor: Actor, subject: str, table: Table, values: dict[str, Any]) -> dict[str, Any]:
    _check_values(values)
    try:
        async with db.transaction() as tx:
            await _only_default(tx, values)
            await refuse_lookalike(tx, _KINDS[subject], values["name"])
            row = dict((await tx.execute(insert(table).values(values).returning(table))).mappings().one())
            await record(
                tx,
                actor,
                action=f"{subject}_created",
                subject_type=subject,
                subject_id=row["id"],
                subject_code=row["name"],
                after=values,
            )
    except IntegrityError as error:
        raise _explain(error) from None
    forget_stamps()
    return row


async def _change(
    actor: Actor, subject: str, table: Table, row_id: int, values: dict[str, Any]
) -> dict[str, Any]:
    _check_values(values)
    try:
        async with db.transaction() as tx:
            was = (
                (await tx.execute(select(table).where(table.c.id == row_id).with_for_update()))
                .mappings()
                .one_or_none()
            )
            if was is None:
                raise Problem(f"{subject}_not_found")
            if not values:
                return dict(was)
            await _only_default(tx, values)
            if "name" in values:
                await refuse_lookalike(tx, _KINDS[subject], values["name"], but=row_id)
            row = dict(
                (
                    await tx.execute(
                        update(table)
                        .where(table.c.id == row_id)
                        .values(**values, updated_at=func.now())
                        .returning(table)
                    )
                )
                .mappings()
                .one()
            )
            await record(
                tx,
                actor,
                action=f"{subject}_changed",
                subject_type=subject,
                subject_id=row_id,
                subject_code=row["name"],
                before={name: was[name] for name in values},
                after=values,
            )
    except IntegrityError as error:
        raise _explain(error) from None
    forget_stamps()
    return row


async def _remove(actor: Actor, subject: str, table: Table, row_id: int) -> None:
    try:
        async with db.transaction() as tx:
            was = (
                (await tx.execute(delete(table).where(table.c.id == row_id).returning(table)))
                .mappings()
                .one_or_none()
            )
            if was is None:
                raise Problem(f"{subject}_not_found")
            if was.get("is_default"):
                raise Problem("bag_type_in_use", "The default bag type cannot be removed.")
            before = {str(name): value for name, value in was.items() if name != "updated_at"}
            await record(
                tx,
                actor,
                action=f"{subject}_removed",
                subject_type=subject,
                subject_id=row_id,
                subject_code=was["name"],
                before=before,
            )
    except IntegrityError:
        raise Problem("bag_type_in_use") from None
    forget_stamps()
