"""The ledger: one row for each effect, written in the effect's own transaction."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.platform.upkeep import Chore

UPKEEP = (
    Chore("audit_forgotten", "select forget_audit()"),
    Chore("partitions", "select keep_partitions()"),
)
"""A scan or event without a partition for its month is kept all the same, but costs more to find."""

_RECORD = text(
    "select ledger_record(row(cast(:actor_id as bigint), null, null, cast(:request_id as text),"
    " cast(:address as text))::floor_actor, cast(:action as text), cast(:subject_type as text),"
    " cast(:subject_id as bigint), cast(:subject_code as text), cast(:area_id as bigint), :before, :after,"
    " cast(:parent_id as bigint), cast(:scan_id as uuid), cast(:import_id as bigint))"
).bindparams(
    bindparam("before", type_=JSONB(none_as_null=True)), bindparam("after", type_=JSONB(none_as_null=True))
)


class Acting(Protocol):
    """Who did it, if that is known, and through which request."""

    @property
    def user_id(self) -> int | None: ...  # noqa: D102
    @property
    def request_id(self) -> str: ...  # noqa: D102
    @property
    def address(self) -> str: ...  # noqa: D102


async def record(
    tx: AsyncConnection,
    actor: Acting | None,
    *,
    action: str,
    subject_type: str,
    subject_id: int | None,
    subject_code: str | None = None,
    area_id: int | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    parent_id: int | None = None,
    scan_id: UUID | None = None,
    import_id: int | None = None,
) -> None:
    """Write one audit event; if it cannot be written, the effect is undone with it.

    Args:
        tx: the transaction of the effect.
        actor: who did it; None for the system itself.
        action: what was done, in the past tense: ``user_created``.
        subject_type: ``bag``, ``bill``, ``user``, ``area``, ``setting`` ...
        before: the changed values as they were.
        after: the changed values as they are.
    """
    await tx.execute(
        _RECORD,
        {
            "actor_id": actor.user_id if actor else None,
            "request_id": actor.request_id if actor else None,
            "address": actor.address if actor else None,
            "action": action,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "subject_code": subject_code,
            "area_id": area_id,
            "before": before,
            "after": after,
            "parent_id": parent_id,
            "scan_id": scan_id,
            "import_id": import_id,
        },
    )
