"""The API as its OpenAPI document says it is, for tests that walk all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from tracetrack.app import ROUTERS, create_app
from tracetrack.platform.http import API
from tracetrack.settings import Settings

DOCUMENT: dict[str, Any] = create_app(Settings(_env_file=None)).openapi()
PROBLEM = "application/problem+json"
JSON = "application/json"


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    """Below ``/api/v1``, with its parameters unfilled."""
    said: dict[str, Any]
    """What the document says of it."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def parameters(self, where: str) -> dict[str, dict[str, Any]]:
        """Schemas of the parameters in the ``path``, ``query`` or ``header``."""
        return {p["name"]: p["schema"] for p in self.said.get("parameters", ()) if p["in"] == where}

    def required(self, where: str) -> dict[str, Any]:
        """A sound value of each parameter that must be given."""
        return {
            p["name"]: sample(p["schema"], p["name"])
            for p in self.said.get("parameters", ())
            if p["in"] == where and p.get("required")
        }

    @cached_property
    def body_type(self) -> str | None:
        """The content type of the body, if it takes one."""
        return next(iter(self.said.get("requestBody", {}).get("content", {})), None)

    @cached_property
    def body_schema(self) -> dict[str, Any] | None:
        """The schema of its JSON body, if it takes one."""
        content = self.said.get("requestBody", {}).get("content", {})
        return resolved(content[JSON]["schema"]) if JSON in content else None

    @property
    def streams(self) -> bool:
        """Whether an answer may go on for ever."""
        return "text/event-stream" in self.said["responses"].get("200", {}).get("content", {})


def operations() -> list[Operation]:
    """Every operation of the document."""
    return [
        Operation(method.upper(), path.removeprefix(API), said)
        for path, methods in DOCUMENT["paths"].items()
        for method, said in methods.items()
    ]


def rules() -> dict[str, frozenset[str] | None]:
    """The roles that the code lets in, by operation; None where a route has no rule at all."""
    found = {}
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods:
                found[f"{method} {route.path}"] = _roles(route.dependant)
    return found


def _roles(dependant: Dependant) -> frozenset[str] | None:
    for inner in dependant.dependencies:
        roles = getattr(inner.call, "roles", None)
        if roles is not None:
            return frozenset(str(role) for role in roles)
        if (below := _roles(inner)) is not None:
            return below
    return None


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without its reference, and without the null that it may be instead."""
    if "$ref" in schema:
        return resolved(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    for choices in ("anyOf", "oneOf", "allOf"):
        if choices in schema:
            return resolved(next(one for one in schema[choices] if one.get("type") != "null"))
    return schema


SOUND = {
    "uuid": "7f1b6a52-53a5-4a0c-8b1e-0d3f4b2f9a01",
    "date-time": "2026-11-24T06:00:00Z",
    "date": "2026-11-24",
    "password": "correct horse battery",
    "language": "en",
    "time_zone": "Asia/Kolkata",
    "cursor": "WzFd",
    "action": "complete",
}
"""Sound values by format or name, where the schema alone does not tell."""


def sample(schema: dict[str, Any], name: str = "") -> Any:
    """A sound value for a schema: the least that it asks for."""
    schema = resolved(schema)
    if name in SOUND and schema.get("type") == "string":
        return SOUND[name]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        asked = schema.get("required", ())
        return {
            field: sample(inner, field)
            for field, inner in schema.get("properties", {}).items()
            if field in asked
        }
    if kind == "array":
        return [sample(schema["items"], name)] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        return max(1, int(schema.get("minimum", 1)))
    if kind == "boolean":
        return True
    return SOUND.get(schema.get("format", ""), "x" * max(2, schema.get("minLength", 2)))


def fields(schema: dict[str, Any], at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of every value in a body of this schema, optional and nested ones too."""
    schema = resolved(schema)
    yield at
    if schema.get("type") == "object":
        for name, inner in schema.get("properties", {}).items():
            yield from fields(inner, (*at, name))
    elif schema.get("type") == "array":
        yield from fields(schema["items"], (*at, 0))


def body_with(schema: dict[str, Any], at: tuple[str | int, ...], raw: str) -> str:
    """A sound body as JSON text, but with this text in one place."""
    mark = "the-marked-place"
    body = sample(schema)
    if not at:
        return raw
    here, inner = body, schema
    for step in at[:-1]:
        inner = resolved(inner)
        inner = inner["items"] if isinstance(step, int) else inner["properties"][step]
        if isinstance(step, str) and step not in here:
            here[step] = sample(inner, step)
        here = here[step]
    here[at[-1]] = mark
    return json.dumps(body).replace(f'"{mark}"', raw)


def is_problem(answer: httpx.Response) -> bool:
    """Whether an answer is a problem document with a code, as every error must be."""
    if answer.headers.get("content-type") != PROBLEM:
        return False
    said = answer.json()
    return said["status"] == answer.status_code and bool(said["code"]) and bool(said["detail"])
