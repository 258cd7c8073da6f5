"""What a sheet of labels looks like."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tracetrack.bags.schemas import Body, LabelText

Millimetres = Annotated[float, Field(ge=0, le=1200)]
Size = Annotated[float, Field(ge=5, le=1200)]


class LabelSheet(Body):
    """Labels for a list of codes; all sizes in millimetres, those of a common A4 sheet of 24 by default."""

    codes: list[LabelText] = Field(min_length=1, max_length=5_000)
    copies: int = Field(default=1, ge=1, le=4, description="Of each label, one after the other.")
    symbol: Literal["qr", "datamatrix"] = "qr"
    page_width_mm: Size = 210
    page_height_mm: Size = 297
    label_width_mm: Size = 70
    label_height_mm: Size = 37
    margin_x_mm: Millimetres = 0
    margin_y_mm: Millimetres = 0.5
    gap_x_mm: Millimetres = 0
    gap_y_mm: Millimetres = 0
    padding_mm: Annotated[float, Field(ge=0, le=50)] = 3
    skip: int = Field(default=0, ge=0, le=1000, description="Places of the first sheet already used.")
    outline: bool = Field(default=False, description="Print the labels' edges.")
