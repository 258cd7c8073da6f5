"""What the API calls a bill, and what is asked of bills."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, model_validator

from tracetrack.access.wall import refuse_foreign
from tracetrack.bags.schemas import AreaRef, Bag, Body, LabelText, UserRef
from tracetrack.people.schemas import Id, OneLine
from tracetrack.platform.clock import DeviceMoment
from tracetrack.platform.problems import PROBLEMS

BillState = Literal["new", "processing", "completed"]
Warning_ = Literal["no_children", "far_from_expected"]
"""What is unusual about a parent: nothing in it, or more than a fifth away from what is expected."""


def _paragraphs(text: str) -> str:
    """Text of several lines: NFC, nothing in it that cannot be stored or seen."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
        raise ValueError("must hold no control characters")
    return text


def _written(text: str) -> str:
    if not text:
        raise ValueError("must not be blank")
    return text


Number = Annotated[str, Field(max_length=64), AfterValidator(lambda text: " ".join(text.split()))]
BillNumber = Annotated[Number, Field(min_length=1), AfterValidator(_written)]
Description = Annotated[str, Field(max_length=2000), AfterValidator(_paragraphs)]
Destination = Annotated[OneLine, Field(max_length=200)]
Vehicle = Annotated[OneLine, Field(max_length=64)]
TargetParents = Annotated[int, Field(ge=1, le=1_000_000)]
Reason = Annotated[str, Field(max_length=500), AfterValidator(_paragraphs), AfterValidator(_written)]


def _one_line_number(number: str) -> str:
    if not number.isprintable():
        raise ValueError("must hold no control or invisible characters")
    return unicodedata.normalize("NFC", number)


class NewBill(Body):
    """A bill to make; without a number it takes the next of the day, `BILL-20261124-0001`."""

    number: Annotated[BillNumber, AfterValidator(_one_line_number)] | None = None
    description: Description = ""
    destination: Destination = ""
    vehicle: Vehicle = ""
    target_parents: TargetParents | None = None
    area_id: Id | None = Field(default=None, description="One's own area unless chosen.")
    destination_area_id: Id | None = Field(default=None, description="The area that receives it.")


class BillChange(Body):
    """What changes about a bill; what is absent stays. Null takes away a target or an area."""

    number: Annotated[BillNumber, AfterValidator(_one_line_number)] | None = None
    description: Description | None = None
    destination: Destination | None = None
    vehicle: Vehicle | None = None
    target_parents: TargetParents | None = None
    area_id: Id | None = None
    destination_area_id: Id | None = None


class Bill(BaseModel):
    """A numbered dispatch document.

    Totals follow from the links while it is open, and from its snapshot once it is completed.
    Weights in kilograms; variance is actual minus expected.
    """

    id: int
    number: str
    description: str
    destination: str
    destination_area: AreaRef | None
    vehicle: str
    state: BillState
    area: AreaRef | None
    target_parents: int | None
    parent_count: int
    child_count: int
    weight_kg: float
    expected_weight_kg: float
    variance_kg: float
    created_by: UserRef
    created_at: AwareDatetime
    updated_at: AwareDatetime
    completed_by: UserRef | None
    completed_at: AwareDatetime | None
    revision: int | None = Field(description="Of the snapshot that a completed bill shows.")
    etag: str = Field(description="As in the header `ETag`; moves with the bill's fields, bags and totals.")

    @model_validator(mode="after")
    def _walled(self) -> Self:
        coming = self.destination_area if self.completed_at else None
        refuse_foreign(*(area.id for area in (self.area, coming) if area))
        return self


class BilledBag(Bag):
    """A parent on a bill; on a completed one its weights are the snapshot's."""

    # Not walled: who receives a bill sees what comes on it, from whichever area.
    area: AreaRef | None
    attached_at: AwareDatetime
    attached_by: UserRef | None
    warnings: list[Warning_]


class BillScan(Body):
    """A parent was scanned at a bill."""

    code: LabelText
    scan_id: UUID | None = Field(default=None, description="As of a scan on the floor: makes retries safe.")
    scanned_at: DeviceMoment = None


class BillScans(Body):
    """Many parents at once; each code is judged by itself."""

    codes: list[LabelText] = Field(min_length=1, max_length=500)
    scan_id: UUID | None = None
    scanned_at: DeviceMoment = None


class Attached(BaseModel):
    """A parent is on the bill, with what is unusual about it, and the bill's totals as they are now."""

    scan_id: UUID
    outcome: Literal["attached", "already_attached"]
    bag: Bag
    bill: Bill
    warnings: list[Warning_]


class Detached(BaseModel):
    """A parent is off the bill."""

    scan_id: UUID
    outcome: Literal["detached"]
    bag: Bag
    bill: Bill


class Refused(BaseModel):
    """Why one code was refused; further members as in the problem document of the same code."""

    model_config = {"extra": "allow"}

    code: str
    title: str
    detail: str


class BillCodeResult(BaseModel):
    """What came of one code."""

    code: str
    outcome: Literal["attached", "already_attached", "detached", "refused"]
    bag: Bag | None = None
    warnings: list[Warning_] = []
    problem: Refused | None = None


class BillScanned(BaseModel):
    """What came of each code, in order, and the bill's totals as they are now."""

    scan_id: UUID
    bill: Bill
    results: list[BillCodeResult]


class Completion(Body):
    """The totals that were checked before completing; absent ones are not compared."""

    parent_count: int | None = Field(default=None, ge=0, lt=2**31)
    child_count: int | None = Field(default=None, ge=0, lt=2**31)
    weight_kg: float | None = Field(default=None, ge=0, le=1e12, description="To the gram.")


class Reopening(Body):
    """Why a completed bill is opened again."""

    reason: Reason


class Snapshot(BaseModel):
    """What a bill said when it was completed, or after a return; it never changes."""

    id: int
    revision: int
    reason: Literal["completed", "returned", "return_cancelled"]
    taken_at: AwareDatetime
    taken_by: UserRef
    parent_count: int
    child_count: int
    weight_kg: float
    expected_weight_kg: float
    reopened_at: AwareDatetime | None
    reopened_by: UserRef | None
    reopened_because: str | None


class SnapshotParent(BaseModel):
    """A parent as a snapshot keeps it."""

    position: int
    bag_id: int
    code: str
    child_count: int
    expected_children: int
    weight_kg: float
    expected_weight_kg: float
    attached_at: AwareDatetime


def refused(code: str, answer: dict[str, Any]) -> BillCodeResult:
    """One code's refusal, with its problem as a document of its own."""
    kind = PROBLEMS[answer["problem"]]
    told = {
        name: answer[name] for name in ("bag", "parent", "bill", "reason") if answer.get(name) is not None
    }
    problem = Refused.model_validate(
        {"code": answer["problem"], "title": kind.title, "detail": kind.en, **told}
    )
    return BillCodeResult(code=code, outcome="refused", problem=problem)
