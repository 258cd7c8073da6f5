"""What the dashboard shows."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel

from tracetrack.access.schemas import AreaRef
from tracetrack.access.wall import WalledArea
from tracetrack.bags.schemas import UserRef


class Slot(BaseModel):
    """Scans of a minute or an hour that begins at ``at``."""

    at: dt.datetime
    scans: int
    refused: int


class AreaFigures(BaseModel):
    """One area today."""

    area: AreaRef
    bags: int
    open_parents: int
    scans_today: int
    refused_today: int


class WorkerFigures(BaseModel):
    """One worker today."""

    user: UserRef
    scans_today: int
    refused_today: int
    undone_today: int


class CodeRef(BaseModel):
    """A bag by code."""

    id: int
    code: str


class Packing(BaseModel):
    """A parent that somebody is packing now."""

    user: UserRef
    parent: CodeRef
    child_count: int
    expected_children: int
    since: dt.datetime


class OpenBill(BaseModel):
    """A bill that is not completed."""

    id: int
    number: str
    state: str
    area: WalledArea
    parent_count: int
    child_count: int
    target_parents: int | None
    weight_kg: float


class BillFigures(BaseModel):
    """Bills by state; ``in_progress`` are the newest twenty."""

    new: int
    processing: int
    completed_today: int
    in_progress: list[OpenBill]


class ImportFigures(BaseModel):
    """An import that waits or runs."""

    id: int
    state: str
    kind: str
    file_name: str
    rows_total: int | None
    rows_done: int


class Summary(BaseModel):
    """The warehouse now; days are the site's, and everything is of the areas one may see."""

    bags: int
    parents: dict[str, int]
    """By state."""
    children: dict[str, int]
    """By state."""
    scans_today: int
    refused_today: int
    undone_today: int
    per_minute: list[Slot]
    """The last hour, every minute."""
    per_hour: list[Slot]
    """The last 24 hours of the site's clock."""
    areas: list[AreaFigures]
    workers: list[WorkerFigures]
    """Those with most scans today, fifty at most."""
    packing: list[Packing]
    bills: BillFigures
    imports: list[ImportFigures] | None
    """Null for those who may not see imports."""
    conflicts: int
    """Children of the last 24 hours that were scanned into one parent while in another, and still are;
    counted up to five hundred."""
