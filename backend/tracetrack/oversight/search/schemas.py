"""What a search finds."""

from __future__ import annotations

from pydantic import BaseModel

from tracetrack.access.actor import Role
from tracetrack.access.wall import WalledArea
from tracetrack.bags.schemas import Bag


class BillFound(BaseModel):
    """A bill by its number."""

    id: int
    number: str
    state: str
    area: WalledArea
    parent_count: int


class UserFound(BaseModel):
    """A user by name."""

    id: int
    username: str
    full_name: str
    role: Role
    disabled: bool


class Found(BaseModel):
    """A few of each kind: what is exactly so first, then what begins so, then what has it inside."""

    bags: list[Bag]
    bills: list[BillFound]
    users: list[UserFound]
    """For admins; empty for others."""
