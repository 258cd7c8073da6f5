"""Return tickets: parents that a dealer brings back."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from tracetrack.bags.schemas import AreaRef, Bag, BillRef, Body, LabelText, UserRef
from tracetrack.billing.schemas import Reason
from tracetrack.people.schemas import DealerName
from tracetrack.platform.clock import DeviceMoment

ReturnState = Literal["open", "confirmed", "cancelled"]


class NewReturn(Body):
    """A return: why, and from whom."""

    reason: Reason
    dealer: DealerName = ""


class Return(BaseModel):
    """A return ticket. `open` collects parents, `confirmed` has freed them, `cancelled` put them back."""

    id: int
    number: str
    state: ReturnState
    reason: str
    dealer: str
    area: AreaRef | None
    parent_count: int
    created_by: UserRef
    created_at: AwareDatetime
    confirmed_by: UserRef | None
    confirmed_at: AwareDatetime | None
    cancelled_by: UserRef | None
    cancelled_at: AwareDatetime | None
    cancelled_because: str | None


class ReturnScan(Body):
    """A parent was scanned that comes back."""

    code: LabelText
    scan_id: UUID | None = None
    scanned_at: DeviceMoment = None


class ReturnScanned(BaseModel):
    """A parent is on the ticket; nothing has changed on its bill yet."""

    scan_id: UUID
    outcome: Literal["added", "already_added"]
    bag: Bag
    bill: BillRef
    return_: Return = Field(alias="return")


class ReturnedBag(BaseModel):
    """A parent on a return ticket, with the bill it is, or was, on."""

    bag_id: int
    code: str
    bill: BillRef | None
    child_count: int
    added_by: UserRef
    added_at: AwareDatetime


class Cancellation(Body):
    """Why a return is cancelled."""

    reason: Reason


class BillReturn(BaseModel):
    """What a return did to a bill: its totals before and after, and why."""

    return_id: int
    number: str
    action: Literal["returned", "return_cancelled"]
    at: AwareDatetime
    by: UserRef
    reason: str
    parents: int
    before: dict[str, float]
    after: dict[str, float]
