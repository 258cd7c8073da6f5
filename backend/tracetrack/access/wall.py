"""The second wall behind the area rule: nothing of another area leaves for somebody who sees one area.

The rule itself is a condition in the SQL (``within_area``, ``sees_area``). Should a statement ever
forget it, what it found is stopped here, where it becomes an answer: the request fails and says so in
the log, and nothing of the foreign thing is told. See docs/decisions/0013.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Annotated

from pydantic import AfterValidator

from tracetrack.access.actor import Actor
from tracetrack.access.schemas import AreaRef

_sees: ContextVar[int | None] = ContextVar("sees", default=None)


class AreaLeakError(RuntimeError):
    """A statement without the area rule: something of another area was about to be told."""


def bound_to(actor: Actor) -> None:
    """From here on this request tells only what its actor may see."""
    _sees.set(actor.sees_area)


def refuse_foreign(*area_ids: int | None) -> None:
    """Stop what belongs to none of the areas that this request may tell of.

    Raises:
        AreaLeakError: it is another's.
    """
    sees = _sees.get()
    if sees is not None and sees not in area_ids:
        raise AreaLeakError(f"area {sees} was about to be told of a thing of {area_ids}")


def _own(area: AreaRef | None) -> AreaRef | None:
    refuse_foreign(area.id if area else None)
    return area


def _open(area: AreaRef | None) -> AreaRef | None:
    return None if area is None else _own(area)


OpenArea = Annotated[AreaRef | None, AfterValidator(_open)]
"""The area of a bag: one's own, or none, for a bag without an area is open to every area."""

WalledArea = Annotated[AreaRef | None, AfterValidator(_own)]
"""The area of a thing that is told: one's own, for who sees one area."""
