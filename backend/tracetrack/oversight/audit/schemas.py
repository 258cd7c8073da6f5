"""What comes out of the audit log."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from tracetrack.access.schemas import AreaRef
from tracetrack.bags.schemas import UserRef


class SealState(BaseModel):
    """The chain that the log is sealed in."""

    seals: int
    """Links of the chain so far."""
    head: str | None
    """The end of the chain, in hexadecimal: compare it with the one in the server's log."""
    sealed_at: dt.datetime | None
    unsealed: int
    """Events that are not in the chain yet, counted up to ten thousand; new ones are for some seconds."""
    unsealed_since: dt.datetime | None


class AuditEvent(BaseModel):
    """One effect: who did what to what, as it was and as it is."""

    id: int
    at: dt.datetime
    action: str
    actor: UserRef | None
    """None: the system itself, or somebody who had not signed in."""
    area: AreaRef | None
    subject_type: str
    subject_id: int | None
    code: str | None
    """Code of the bag, number of the bill, name of the user or area, at that time."""
    parent_id: int | None
    scan_id: UUID | None
    import_id: int | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None
    address: str | None
