"""Receipts: what arrived of a bill."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from tracetrack.bags.schemas import Body, LabelText, UserRef
from tracetrack.billing.schemas import Description
from tracetrack.platform.clock import DeviceMoment


class ReceiptStart(Body):
    """What is noted about an arrival."""

    note: Description = ""


class ReceiptFinish(Body):
    """A last note; absent, the first one stays."""

    note: Description | None = None


class Receipt(BaseModel):
    """One arrival of a bill: parents found, short (on the bill, not scanned) and excess (not on the bill)."""

    id: int
    bill_id: int
    number: str = Field(description="Of the bill.")
    note: str
    expected_count: int
    found_count: int
    short_count: int
    excess_count: int
    started_by: UserRef
    started_at: AwareDatetime
    finished_by: UserRef | None
    finished_at: AwareDatetime | None


class ReceiptStarted(BaseModel):
    """A receipt to scan into: a new one, or the one that somebody has begun."""

    outcome: Literal["started", "continued"]
    receipt: Receipt


class ReceiptScan(Body):
    """A bag was scanned on arrival."""

    code: LabelText
    scan_id: UUID | None = None
    scanned_at: DeviceMoment = None


class ReceiptScanned(BaseModel):
    """Whether the bag is on the bill, and the receipt as it is now."""

    scan_id: UUID
    outcome: Literal["found", "already_found", "excess", "already_excess"]
    code: str
    child_count: int | None = Field(description="As the bill says; null for an excess bag.")
    receipt: Receipt


class ReceiptItem(BaseModel):
    """One bag of a receipt."""

    result: Literal["found", "short", "excess"]
    code: str
    child_count: int | None
    scanned_by: UserRef | None
    scanned_at: AwareDatetime | None
