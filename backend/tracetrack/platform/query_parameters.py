"""Query parameters that a route does not have: refused, as unknown fields of a body are."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request

MOST_NAMED = 20
"""Unknown parameters that an answer names: to look for what each of thousands meant would take seconds."""

_names_by_route: dict[str, frozenset[str]] = {}


def query_names(route: APIRoute) -> frozenset[str]:
    """The names of every query parameter of a route, those of its dependencies too."""
    if (known := _names_by_route.get(route.unique_id)) is not None:
        return known
    names: set[str] = set()
    for field in (field for one in _with_dependencies(route.dependant) for field in one.query_params):
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names |= {one.alias or name for name, one in annotation.model_fields.items()}
        else:
            names.add(field.alias)
    return _names_by_route.setdefault(route.unique_id, frozenset(names))


def _with_dependencies(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for dependency in dependant.dependencies:
        yield from _with_dependencies(dependency)


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have: a mistyped filter would answer everything.

    Raises:
        RequestValidationError: answered with ``invalid`` (422), which names the parameter and the one that
            was probably meant.
    """
    if not request.scope["query_string"]:
        return
    known = query_names(request.scope["route"])
    unknown = [name for name in request.query_params if name not in known][:MOST_NAMED]
    if unknown:
        raise RequestValidationError([_error(name, known) for name in unknown])


def _error(name: str, known: frozenset[str]) -> dict[str, object]:
    near = difflib.get_close_matches(name[:64], known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return {"type": "extra_forbidden", "loc": ("query", name), "msg": f"There is no such parameter{hint}"}
