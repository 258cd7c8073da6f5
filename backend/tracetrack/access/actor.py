"""Who acts: the signed-in person behind a request, and what the area rule lets him see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, true


class Role(StrEnum):
    """What a person may do; see the table of roles in the README."""

    dispatcher = "dispatcher"
    biller = "biller"
    admin = "admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """The person behind a request.

    ``area_id`` is the home area: where new bags go. ``sees_area`` is the only area whose bags
    and bills the person may see, or None for all areas.
    """

    user_id: int
    username: str
    role: Role
    area_id: int | None
    session_id: UUID
    must_change_password: bool
    request_id: str
    address: str

    @property
    def sees_area(self) -> int | None:
        """The one place where the area rule is decided."""
        return self.area_id if self.role is Role.dispatcher else None

    def values(self) -> tuple[int, int | None, int | None, str, str]:
        """The first five values of a call of a SQL function; see :data:`ACTOR`."""
        return (self.user_id, self.sees_area, self.area_id, self.request_id, self.address)


ACTOR = "row($1::bigint, $2::bigint, $3::bigint, $4::text, $5::text)::floor_actor"
"""The actor as the SQL functions take it, of the values of :meth:`Actor.values`."""


def sees(actor: Actor, area_id: int | None) -> bool:
    """The area rule for a thing at hand."""
    return actor.sees_area is None or area_id == actor.sees_area


def within_area(actor: Actor, area_column: ColumnElement[Any]) -> ColumnElement[bool]:
    """The area rule as a condition on a statement: only what the actor may see."""
    return true() if actor.sees_area is None else area_column == actor.sees_area
