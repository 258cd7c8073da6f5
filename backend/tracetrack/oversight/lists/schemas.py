"""What the supervisors' lists show."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, Field

from tracetrack.bags.schemas import Bag, BagRef, UserRef


class LeftOpen(Bag):
    """A parent that somebody worked on in a shift and that is open still."""

    last_scan_at: dt.datetime
    """In that shift."""
    last_scan_by: UserRef


class Conflict(BaseModel):
    """A child that was scanned into one parent while in another; nobody has decided yet."""

    scan_id: int
    """Of the newest such scan."""
    at: dt.datetime
    scanned_by: UserRef
    bag: Bag
    wanted_parent: BagRef | None = Field(description="Null where it is gone or in another area.")


class Shift(BaseModel):
    """One shift of a day by the site's clock."""

    start: dt.datetime
    end: dt.datetime
    current: bool


class Shifts(BaseModel):
    """The shifts of a day; the day goes from its first shift to the next day's."""

    date: dt.date
    time_zone: str
    items: list[Shift]


class Worked(BaseModel):
    """What one person scanned; times are quarters of an hour."""

    user: UserRef
    full_name: str
    scans: int
    refused: int
    undone: int
    first_slot: dt.datetime
    last_slot: dt.datetime


class ShiftWork(BaseModel):
    """What everybody scanned between two moments, those with most first."""

    since: dt.datetime = Field(serialization_alias="from")
    until: dt.datetime = Field(serialization_alias="to")
    scans: int
    refused: int
    undone: int
    items: list[Worked]
