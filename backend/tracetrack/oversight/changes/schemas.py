"""What changed, for programs that keep a copy."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from tracetrack.bags.schemas import UserRef

Subject = Literal["bag", "bill", "return", "import"]
SUBJECTS: tuple[Subject, ...] = ("bag", "bill", "return", "import")


class Change(BaseModel):
    """One effect on a bag, bill (its receipts too), return or import."""

    id: int
    """Of the event in the audit log. Not the order: see `GET /changes`."""
    at: dt.datetime
    """When its transaction began."""
    subject_type: Subject
    """What changed."""
    subject_id: int | None
    """The id of what changed, for `GET /bags/{bag_id}` and the like."""
    code: str | None
    """The bag's code, the bill's or return's number, or the file's name, at that time."""
    action: str
    """What happened, such as `child_linked`; new ones are added."""
    removed: bool
    """Whether it is gone by this change."""
    area_id: int | None
    """The area that it belonged to."""
    parent_id: int | None
    """Of a child that was linked or unlinked: the parent."""
    import_id: int | None
    """The import that did it."""
    scan_id: UUID | None
    """The scan that did it."""
    actor: UserRef | None
    """Who did it; null: the system itself."""
    before: dict[str, Any] | None
    """The fields that changed, as they were."""
    after: dict[str, Any] | None
    """The fields that changed, as they are."""


class Changes(BaseModel):
    """The next changes, and where to go on."""

    items: list[Change]
    """Changes of one subject are in the order in which they were made."""
    after: str
    """Send it as `after` next time; keep it where what was read is kept."""
    more: bool
    """Whether there are more already; otherwise ask again in a while."""
