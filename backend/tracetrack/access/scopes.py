"""What a key may be used for: each call that programs may make has one scope."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Scope(StrEnum):
    """A part of what a key's role may do."""

    read = "read"
    scan = "scan"
    bills = "bills"
    import_ = "import"
    export = "export"


CHANGES = {
    "scanning": Scope.scan,
    "bags": Scope.scan,
    "bills": Scope.bills,
    "documents": Scope.bills,
    "receiving": Scope.bills,
    "returns": Scope.bills,
}
"""Scopes of calls that change something, by the tag of the route."""

WHOLE = {"imports": Scope.import_, "exports": Scope.export, "reports": Scope.export}
"""Scopes of all calls with a tag, those that only read too."""

BY_NAME = {"bag_states": Scope.read, "bag_states_file": Scope.export, "export_bill": Scope.export}
"""Scopes of calls that their tag and method do not tell."""


def scope_of(route: Any) -> Scope:
    """The scope that a key needs for a route.

    Args:
        route: one of FastAPI's, with ``name``, ``tags`` and ``methods``.
    """
    tag = route.tags[0]
    if route.name in BY_NAME:
        return BY_NAME[route.name]
    if tag in WHOLE:
        return WHOLE[tag]
    return Scope.read if route.methods <= {"GET", "HEAD"} else CHANGES.get(tag, Scope.bills)
