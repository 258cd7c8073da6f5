"""Lists by cursor: ``{items, next_cursor}``; a page is found by its place, never by counting."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Query
from pydantic import BaseModel

from tracetrack.platform.clock import Moment
from tracetrack.platform.problems import Problem

T = TypeVar("T")

UpdatedSince = Annotated[
    Moment | None,
    Query(
        description="What changed at this time or later. A change has the time at which its transaction"
        " began: ask from some minutes before the last time on, or read `/changes`, which misses nothing."
    ),
]
"""The filter that lists and exports have alike."""

Limit = Annotated[int, Query(ge=1, le=200, description="Items a page")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before")]


class Page(BaseModel, Generic[T]):
    """One page of a list; ``next_cursor`` is null on the last."""

    items: list[T]
    next_cursor: str | None = None


def encode_cursor(*key: Any) -> str:
    """The opaque form of a place in a list."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode_cursor(cursor: str | None, *types: type) -> list[Any] | None:
    """The place that a cursor stands for, or None without one.

    Raises:
        Problem: ``bad_cursor`` when it was not made by :func:`encode_cursor` for such a list.
    """
    if cursor is None:
        return None
    try:
        key = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise Problem("bad_cursor") from None
    if not isinstance(key, list) or [type(part) for part in key] != list(types):
        raise Problem("bad_cursor")
    if any(isinstance(part, int) and abs(part) >= 2**63 for part in key):
        raise Problem("bad_cursor")
    return key
