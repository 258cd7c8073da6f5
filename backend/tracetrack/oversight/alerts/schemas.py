"""What is told of alerts' ways to people."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Tried(BaseModel):
    """What came of a message of trial."""

    channel: Literal["webhook", "mail"]
    error: str | None
    """Null: it was taken."""
