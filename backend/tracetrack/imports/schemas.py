"""What is asked of imports and what is told of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, computed_field

from tracetrack.bags.schemas import AreaRef, UserRef
from tracetrack.imports.recognise import Role, Shape

Kind = Literal["bags", "bills"]
State = Literal["queued", "running", "completed", "failed", "cancelled"]
Verdict = Literal["refused", "duplicate", "warning"]
ColumnIndex = Annotated[int, Field(ge=0, le=255)]


class SheetMapping(BaseModel):
    """How one sheet is to be read; what `GET /imports/{id}/preview` gave may be sent back, corrected."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(max_length=255)
    use: bool = True
    shape: Shape = "pairs"
    header_row: int | None = Field(
        default=None, ge=0, le=1_048_575, description="Counted from 0; null: none."
    )
    columns: dict[Role, ColumnIndex] = Field(default_factory=dict, description="Counted from 0.")


class SheetNotice(BaseModel):
    """A sheet that was not read, or was read differently than it may seem."""

    sheet: str
    skipped: bool = Field(description="None of its rows count.")
    code: str
    detail: str = Field(description="The code in a sentence.")


class SheetGuess(BaseModel):
    """How one sheet is understood."""

    name: str
    rows: int
    hidden: bool
    use: bool = Field(description="Hidden and empty sheets, and those with a `problem`, are skipped.")
    shape: Shape | None
    header_row: int | None = Field(description="Counted from 0; null: none.")
    columns: dict[Role, int] = Field(description="Counted from 0, among the columns of `sample`.")
    first_column: int = Field(description="The sheet's column (A is 0) that is the first of `sample`.")
    width: int
    problem: str | None = Field(description="Why it cannot be read without a correction.")
    problem_sentence: str | None
    notices: list[SheetNotice]
    sample: list[list[str | None]] = Field(description="Its first 20 rows.")


class Preview(BaseModel):
    """A file's sheets as they would be read."""

    sheets: list[SheetGuess]
    same_as: int | None = Field(description="The import that brought this very file in before.")


class Start(BaseModel):
    """How to go on with an import that was uploaded with `hold`, or tried with `dry_run`."""

    model_config = ConfigDict(extra="forbid")

    mapping: list[SheetMapping] | None = Field(default=None, max_length=200)
    area_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    dry_run: bool = False
    complete_parents: bool | None = Field(
        default=None, description="Complete the parents that the file fills; null: those of packing sheets."
    )
    confirm: bool = Field(default=False, description="Import a file again that came in before.")


class Import(BaseModel):
    """One uploaded file, its job, its progress, and what came of it.

    Of a completed import, `links_created + parents_packed + parents_alone + duplicates_skipped + rejected =
    rows_total`.
    """

    id: int
    kind: Kind
    state: State
    held: bool = Field(description="Uploaded, and waiting to be started.")
    dry_run: bool
    file_name: str
    file_bytes: int
    area: AreaRef | None
    created_by: UserRef
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    phase: Literal["reading", "staging", "merging"] | None
    rows_total: int | None = Field(description="Rows with data; null until they are read.")
    rows_read: int
    rows_done: int
    seconds: float | None
    parents_created: int
    children_created: int
    links_created: int = Field(description="Of bags: children linked. Of bills: parents put on bills.")
    parents_alone: int = Field(description="Rows that registered a parent without a child.")
    parents_packed: int = Field(description="Rows that closed the group of a parent in a packing sheet.")
    complete_parents: bool | None = Field(
        description="Whether parents that the file fills are completed; null: those of packing sheets."
    )
    parents_completed: int = Field(description="Parents that the import completed.")
    bills_created: int
    duplicates_skipped: int = Field(
        description="Rows that say what was so already, or what the file said before."
    )
    rejected: int
    warnings: int = Field(description="Rows that were taken, but deserve a look.")
    same_as: int | None = Field(description="The earlier import of this very file.")
    undone_at: AwareDatetime | None
    error: str | None = Field(description="Why it failed, in a sentence.")
    error_code: str | None
    skipped_sheets: list[str] = Field(description="Sheets that were not read.")
    notices: list[SheetNotice] = Field(description="What is to be said of sheets, those not read first.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def rows_per_second(self) -> float | None:
        """Rows a second since the start."""
        done = self.rows_done or self.rows_read
        return round(done / self.seconds, 1) if self.seconds else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def progress(self) -> float:
        """From 0 to 1: reading is the first quarter."""
        if self.state == "completed":
            return 1.0
        if self.phase is None:
            return 0.0
        if self.phase == "reading" or not self.rows_total:
            # How many rows there are is not known yet.
            return round(0.25 * (1 - 1 / (1 + (self.seconds or 0))), 4)
        return round(0.25 + 0.75 * self.rows_done / self.rows_total, 4)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def seconds_left(self) -> float | None:
        """An estimate while it merges."""
        if self.state != "running" or not self.seconds or self.progress <= 0.25:
            return None
        return round(self.seconds * (1 - self.progress) / self.progress, 1)


class ReportRow(BaseModel):
    """A row of the file that was refused, skipped, or taken with a warning."""

    n: int = Field(
        description="The row's place among the data rows; in a packed group the parent row is first."
    )
    verdict: Verdict
    sheet: str
    row: int | None = Field(description="Counted from 1, as Excel does.")
    column: str | None = Field(description="Letters, as Excel's.")
    value: str | None = Field(description="What stands in that cell.")
    bag_code: str | None
    code: str = Field(description="The reason, for machines.")
    detail: str = Field(description="The reason, in a sentence.")
    cells: list[str] = Field(description="The row as it stands in the file.")
