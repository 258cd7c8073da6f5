"""What the API calls a bag, and what is asked of bags."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    computed_field,
    model_validator,
)

from tracetrack.access.schemas import AreaRef as AreaRef
from tracetrack.access.wall import OpenArea, WalledArea
from tracetrack.bags.codes import LONGEST_LABEL
from tracetrack.people.schemas import ThingName
from tracetrack.platform.clock import doubtful
from tracetrack.platform.paging import Page

LabelText = Annotated[str, StringConstraints(max_length=LONGEST_LABEL)]
"""Text as a scanner read it; see :func:`tracetrack.bags.codes.read_label`."""

BagId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Kind = Literal["parent", "child"]
BagState = Literal["open", "completed", "billed", "dispatched", "free", "linked"]


class Body(BaseModel):
    """A request body: unknown fields are refused, numbers are finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=False)


class BagRef(BaseModel):
    """A bag by id and code."""

    id: int
    code: str


class BillRef(BaseModel):
    """A bill by id, number and state."""

    id: int
    number: str
    state: Literal["new", "processing", "completed"]


class UserRef(BaseModel):
    """A person by id and name."""

    id: int
    username: str


class Bag(BaseModel):
    """A physical bag with its code.

    A parent's state is open, completed, billed or dispatched; a child's is free or linked.
    Weights are in kilograms and follow from the links: children x the type's child weight.
    """

    id: int
    code: str
    kind: Kind
    state: BagState
    area: OpenArea
    child_count: int
    expected_children: int | None = Field(description="Of a parent, from its bag type; it refuses nothing.")
    weight_kg: float
    expected_weight_kg: float | None
    parent: BagRef | None
    bill: BillRef | None
    bag_type: AreaRef | None
    lot: str | None
    variety: str | None
    tag: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class LinkedChild(Bag):
    """A child in the list of its parent's children."""

    linked_at: AwareDatetime
    linked_by: UserRef | None


class ScanRecord(BaseModel):
    """One recorded act at a scanner."""

    id: int
    scan_id: str
    action: str
    outcome: str = Field(description="What came of it, or the code of the problem when refused.")
    refused: bool
    code: str
    bag: BagRef | None
    parent: BagRef | None
    user: UserRef
    area: WalledArea
    scanned_at: AwareDatetime | None = Field(description="The device's time; recorded, never judged.")
    received_at: AwareDatetime
    undone: bool
    device_id: UUID | None = None
    sequence: int | None = Field(default=None, description="Its place among the scans of the device.")

    @computed_field(description="The device's time is far from the time of arrival.")  # type: ignore[prop-decorator]
    @property
    def time_doubtful(self) -> bool:
        """Whether the device's clock is likely to be wrong."""
        return doubtful(self.scanned_at, self.received_at)


class BagDetail(BaseModel):
    """A bag with what surrounds it."""

    bag: Bag
    parent: Bag | None
    children: Page[LinkedChild]
    bill: BillRef | None
    scans: list[ScanRecord] = Field(description="The last ten scans of this bag.")
    found_by_old_code: bool = Field(description="The code asked for was replaced; the bag has a new one.")


MOST_STATES = 5_000
"""Codes that are asked about at once."""


class CodesAsked(Body):
    """Codes or labels, as pasted from a list."""

    codes: list[LabelText] = Field(min_length=1, max_length=MOST_STATES)


class CodeState(BaseModel):
    """What a code of the list stands for; ``problem`` says why nothing is told of it."""

    asked: str
    problem: Literal["bag_not_found", "bad_code"] | None
    id: int | None = None
    code: str | None = None
    kind: Kind | None = None
    state: BagState | None = None
    area: OpenArea = None
    child_count: int | None = None
    expected_children: int | None = None
    parent: BagRef | None = None
    bill: BillRef | None = None


class CodeStates(BaseModel):
    """The state of each code, in the order asked."""

    results: list[CodeState]


class Event(BaseModel):
    """One entry of a bag's history."""

    id: int
    at: AwareDatetime
    action: str
    actor: UserRef | None
    code: str | None
    subject_id: int | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AreaGiven(Body):
    """Bags that get an area: named by id, or all that an import brought."""

    bag_ids: list[Annotated[int, Field(ge=1, lt=2**63)]] = Field(default=[], max_length=1_000)
    import_id: int | None = Field(default=None, ge=1, lt=2**63)
    area_id: int = Field(ge=1, lt=2**63)

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.bag_ids) == (self.import_id is not None):
            raise ValueError("either bag_ids or import_id")
        return self


class BagsGiven(BaseModel):
    """How many bags have another area now, children in parents included."""

    bags: int


class BagTypeIn(Body):
    """A bag type as an admin sets it."""

    name: ThingName
    expected_children: int = Field(default=30, ge=0, le=100_000)
    child_weight_kg: float = Field(default=1.0, ge=0, le=100_000)
    code_pattern: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="RE2 expression; a parent code it matches is of this type.",
    )
    is_default: bool = False
    shape_guard: bool = Field(
        default=True, description="Ask about a code whose shape speaks against what it would be."
    )


class BagTypeChange(Body):
    """Changes of a bag type; what is absent stays."""

    name: ThingName | None = None
    expected_children: int | None = Field(default=None, ge=0, le=100_000)
    child_weight_kg: float | None = Field(default=None, ge=0, le=100_000)
    code_pattern: str | None = Field(default=None, min_length=1, max_length=500)
    is_default: Literal[True] | None = None
    shape_guard: bool | None = None


class BagType(BaseModel):
    """A type of parent bag: what is expected in it and what a child weighs (kg)."""

    id: int
    name: str
    expected_children: int
    child_weight_kg: float
    code_pattern: str | None
    is_default: bool
    shape_guard: bool


class LabelPatternIn(Body):
    """A label pattern as an admin sets it."""

    name: ThingName
    pattern: str = Field(
        min_length=1,
        max_length=500,
        description="RE2 expression. The code is its group `code`, else its first group, else the match.",
    )
    kind: Kind | None = None
    bag_type_id: BagId | None = None
    position: int = Field(default=0, ge=-1000, le=1000)
    enabled: bool = True


class LabelPatternChange(Body):
    """Changes of a label pattern; what is absent stays."""

    name: ThingName | None = None
    pattern: str | None = Field(default=None, min_length=1, max_length=500)
    kind: Kind | None = None
    bag_type_id: BagId | None = None
    position: int | None = Field(default=None, ge=-1000, le=1000)
    enabled: bool | None = None


class LabelPattern(BaseModel):
    """A named regular expression that takes the code out of a label; tried in order of position."""

    id: int
    name: str
    pattern: str
    kind: Kind | None
    bag_type_id: int | None
    position: int
    enabled: bool


class DraftPattern(Body):
    """A label pattern that is not saved yet, to be tried before the others."""

    pattern: str = Field(min_length=1, max_length=500)
    kind: Kind | None = None
    bag_type_id: BagId | None = None
    replaces: BagId | None = Field(default=None, description="The saved pattern of which this is a change.")


class LabelTrial(Body):
    """A label to try the site's patterns on."""

    text: LabelText
    draft: DraftPattern | None = None


class LabelReading(BaseModel):
    """What the site's patterns make of a label."""

    code: str
    kind: Kind | None
    bag_type_id: int | None
    pattern_id: int | None = Field(description="The saved pattern that told; null where none did.")
    by_draft: bool = Field(description="It was the pattern that is not saved yet.")
