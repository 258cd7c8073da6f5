"""What a scan says and what it is answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from tracetrack.bags.schemas import Bag, BagRef, Body, Kind, LabelText, UserRef
from tracetrack.people.schemas import CodeFormats
from tracetrack.platform.clock import DeviceMoment

ScanId = Annotated[
    UUID,
    Field(description="Made by the client. Sent again within 7 days: the same answer, no second effect."),
]
DeviceTime = Annotated[
    DeviceMoment,
    Field(description="The device's clock when it scanned: recorded, whatever it says, and never judged."),
]


class FromDevice(Body):
    """Which device a scan is from, and its place among the scans of that device."""

    device_id: Annotated[UUID | None, Field(description="Made once by each device.")] = None
    sequence: Annotated[int | None, Field(ge=1, le=2**53 - 1, description="Grows with each scan.")] = None


Previous = Annotated[
    UUID | None,
    Field(
        description="The `scan_id` of the scan before it; null where it begins a chain, with no parent open."
    ),
]
SaidKind = Annotated[
    Kind | None, Field(alias="as", description="What the worker said it is, as the answer to a question.")
]


class CodeScan(FromDevice):
    """A code was scanned; the server decides what it means."""

    code: LabelText
    scan_id: ScanId
    previous: Previous
    scanned_at: DeviceTime = None
    said: SaidKind = None


class ParentScan(FromDevice):
    """A parent bag was scanned."""

    code: LabelText
    scan_id: ScanId | None = None
    scanned_at: DeviceTime = None


class ChildScan(FromDevice):
    """A child bag was scanned into a parent."""

    parent_code: LabelText
    code: LabelText
    scan_id: ScanId | None = None
    scanned_at: DeviceTime = None


class ChildrenScan(FromDevice):
    """Many child bags were scanned into one parent at once."""

    parent_code: LabelText
    codes: list[LabelText] = Field(min_length=1, max_length=500)
    scan_id: ScanId | None = None
    scanned_at: DeviceTime = None


Reason = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")]

SyncAction = Literal["scan", "parent", "child", "complete", "reopen", "unlink", "move", "undo", "discard"]


class QueuedScan(FromDevice):
    """One scan from the queue of a device."""

    scan_id: ScanId
    action: SyncAction
    previous: Previous = None
    said: SaidKind = None
    parent_code: LabelText | None = None
    code: LabelText | None = None
    about: Annotated[UUID | None, Field(description="The scan to undo or to discard.")] = None
    reason: Reason | None = None
    refused_with: Annotated[
        str | None,
        Field(
            pattern="^[a-z_]{1,64}$",
            description="For discard: the problem it was refused with, if it never became a scan.",
        ),
    ] = None
    scanned_at: DeviceTime = None

    @model_validator(mode="after")
    def _codes_fit_the_action(self) -> QueuedScan:
        if self.action == "parent" and self.code is None:
            self.code, self.parent_code = self.parent_code, None
        if self.action == "scan" and "previous" not in self.model_fields_set:
            raise ValueError("scan needs previous, which may be null")
        needed = {
            "scan": ("code",),
            # Of the parent that the chain has open.
            "complete": () if "previous" in self.model_fields_set else ("parent_code",),
            "parent": ("code",),
            "child": ("parent_code", "code"),
            "move": ("parent_code", "code"),
            "unlink": ("code",),
            "undo": ("about",),
            "discard": ("about", "reason"),
        }.get(self.action, ("parent_code",))
        for field in needed:
            if getattr(self, field) is None:
                raise ValueError(f"{self.action} needs {field}")
        return self


class Queue(Body):
    """The scans that a device has waiting, oldest first."""

    scans: list[QueuedScan] = Field(min_length=1, max_length=1000)


class ScanKey(FromDevice):
    """The id of a scan that is about an id in the path."""

    scan_id: ScanId | None = None
    scanned_at: DeviceTime = None


class Move(ScanKey):
    """Where a child goes."""

    parent_code: LabelText


class NewLabel(ScanKey):
    """The code on a bag's new label."""

    code: LabelText


class ParentScanned(BaseModel):
    """A parent is open for packing."""

    scan_id: UUID
    outcome: Literal["created", "opened"]
    bag: Bag


class ChildScanned(BaseModel):
    """A child is in its parent; `linked_by` and `linked_at` tell who put it there if it was there already."""

    scan_id: UUID
    outcome: Literal["linked", "already_linked"]
    bag: Bag
    parent: Bag
    linked_by: UserRef | None = None
    linked_at: AwareDatetime | None = None


class ParentClosed(BaseModel):
    """What became of the parent that was open before."""

    outcome: Literal["completed", "short", "open", "already_completed"] = Field(
        description="`completed` by this scan; `short` of its expected children and left open;"
        " `open` although full, where automatic completion is off."
    )
    bag: Bag


class Scanned(BaseModel):
    """What a scan was decided to mean, and what came of it."""

    scan_id: UUID
    kind: Kind
    outcome: Literal["created", "opened", "reopened", "linked", "already_linked"]
    bag: Bag
    parent: Bag | None = Field(default=None, description="Of a child: the parent that it is in.")
    closed: ParentClosed | None = None
    was_completed: bool = Field(
        default=False,
        description="The parent was done before; scanned again right after, it is opened again.",
    )
    reopened: bool = Field(default=False, description="The parent was done; this child opened it again.")
    current_parent: BagRef | None = Field(description="The parent that is open after this scan.")
    linked_by: UserRef | None = None
    linked_at: AwareDatetime | None = None


class ChildMoved(BaseModel):
    """A child has changed its parent."""

    scan_id: UUID
    outcome: Literal["moved", "linked", "already_linked"]
    bag: Bag
    parent: Bag
    from_parent: BagRef | None = None


class ChildUnlinked(BaseModel):
    """A child is out of its parent."""

    scan_id: UUID
    outcome: Literal["unlinked"]
    bag: Bag
    parent: Bag


class Relabelled(BaseModel):
    """A bag has a new code; the old one still finds it."""

    scan_id: UUID
    outcome: Literal["label_replaced", "already_labelled"]
    bag: Bag


class Refusal(BaseModel):
    """Why one item was refused; further members as in the problem document of the same code."""

    model_config = {"extra": "allow"}

    code: str
    title: str
    detail: str


class CodeResult(BaseModel):
    """What came of one code: `linked`, `already_linked` or `refused`."""

    code: str
    outcome: Literal["linked", "already_linked", "refused"]
    problem: Refusal | None = None


class ChildrenScanned(BaseModel):
    """What came of each code, in order, and the parent as it is now."""

    scan_id: UUID
    parent: Bag
    results: list[CodeResult]


class SyncResult(BaseModel):
    """What came of one queued scan."""

    scan_id: UUID
    outcome: str = Field(description="As the scan's own route answers, or `refused`.")
    problem: Refusal | None = None
    kind: Kind | None = Field(default=None, description="Of a `scan`: what it was decided to be.")
    bag: Bag | None = None
    parent: Bag | None = None
    closed: ParentClosed | None = None
    was_completed: bool = False
    reopened: bool = False
    current_parent: BagRef | None = Field(
        default=None, description="Of a scan with `previous`: the parent that is open after it."
    )


class Synced(BaseModel):
    """What came of each queued scan, in the order sent."""

    results: list[SyncResult]


class Undone(BaseModel):
    """A scan was taken back."""

    outcome: Literal["undone"]
    bag: Bag | None = None
    parent: Bag | None = None


class Discard(Body):
    """Why a refused scan is dropped."""

    reason: Reason


class Discarded(BaseModel):
    """A refusal is dealt with; the reason is in the audit log."""

    outcome: Literal["discarded"]


class DeviceScan(BaseModel):
    """What the server has of one scan of a device."""

    scan_id: UUID
    sequence: int
    action: str
    code: str
    outcome: str = Field(description="What came of it, or the code of the problem when refused.")
    refused: bool


class DeviceScans(BaseModel):
    """The scans that the server has from a device, by their sequence."""

    items: list[DeviceScan]
    next_after: int | None = Field(description="Ask again with this as `after`; null at the end.")


class ScanQuestion(BaseModel):
    """How often one question was asked, and what it was answered with."""

    reason: str = Field(
        description="`looks_like_parent`, `looks_like_child`, `unlike_children`, `no_pattern_matches`,"
        " `not_a_bag_code`, `parent_completed`; `two_areas` is no question, but counted: a child that was"
        " put into a parent of another area within the last ten minutes."
    )
    asked: int
    parent: int
    child: int
    reopened: int
    unanswered: int


class ScanQuestions(BaseModel):
    """The questions asked of scans, by reason."""

    items: list[ScanQuestion]


class CurrentParent(BaseModel):
    """The parent that a worker is packing, on whichever device, and the scan to continue from."""

    parent: Bag | None
    last_scan_id: UUID | None = Field(
        description="One's last scan, on whichever device: a chain continues with it as `previous`."
    )


class CameraFormats(BaseModel):
    """Which kinds of codes this site's cameras read."""

    formats: CodeFormats


Answer = dict[str, Any]
"""What ``floor_scan`` answers."""
