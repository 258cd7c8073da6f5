"""What the reports say."""

from __future__ import annotations

import datetime as dt

from pydantic import AwareDatetime, BaseModel, Field

from tracetrack.bags.schemas import AreaRef, UserRef
from tracetrack.billing.schemas import BillState


class Work(BaseModel):
    """What was done in a time; weights in kilograms.

    Linked and unlinked children are counted as they happened; the packed weight is their balance.
    Bills count on the day on which they were completed, with what their snapshots say, and only
    while they are completed.
    """

    parents_packed: int = Field(default=0, description="Parents into which children were scanned.")
    parents_completed: int = Field(default=0, description="Parents that a worker said are done.")
    children_linked: int = 0
    children_unlinked: int = 0
    weight_packed_kg: float = 0
    parents_imported: int = 0
    children_imported: int = 0
    scans: int = 0
    scans_refused: int = 0
    bills_created: int = 0
    bills_completed: int = 0
    parents_dispatched: int = 0
    children_dispatched: int = 0
    weight_dispatched_kg: float = 0


class AreaWork(Work):
    """The work in one area; null for bags of none."""

    area: AreaRef | None


class WorkerWork(Work):
    """The work of one person."""

    worker: UserRef
    full_name: str


class EndOfDay(BaseModel):
    """One day in the site's time zone."""

    date: dt.date
    time_zone: str
    totals: Work
    by_area: list[AreaWork]
    by_worker: list[WorkerWork]


class BillSums(BaseModel):
    """Several bills added up."""

    bills: int = 0
    parent_count: int = 0
    child_count: int = 0
    weight_kg: float = 0
    expected_weight_kg: float = 0
    variance_kg: float = 0


class DaySums(BillSums):
    """The bills of one day."""

    date: dt.date


class DestinationSums(BillSums):
    """The bills to one destination, as it was written."""

    destination: str


class StateSums(BillSums):
    """The bills in one state."""

    state: BillState


class BillLine(BaseModel):
    """One bill of a summary."""

    id: int
    number: str
    state: BillState
    area: AreaRef | None
    destination: str
    vehicle: str
    created_at: AwareDatetime
    completed_at: AwareDatetime | None
    parent_count: int
    child_count: int
    weight_kg: float
    expected_weight_kg: float
    variance_kg: float


class BillSummary(BaseModel):
    """The bills of a period, by the day on which they were made or completed."""

    from_: dt.date = Field(alias="from")
    to: dt.date
    time_zone: str
    totals: BillSums
    by_day: list[DaySums]
    by_destination: list[DestinationSums]
    by_state: list[StateSums]
    bills: list[BillLine] = Field(description="At most 1,000, the last first; the files have all.")


class AreaStanding(AreaWork):
    """The work of an area in a period, and what is there now: parents that are not dispatched."""

    parents_in_stock: int = 0
    children_in_stock: int = 0
    weight_in_stock_kg: float = 0


class AreaReport(BaseModel):
    """All areas over a period."""

    from_: dt.date = Field(alias="from")
    to: dt.date
    time_zone: str
    areas: list[AreaStanding]
