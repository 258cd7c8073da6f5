"""The OpenAPI document: FastAPI's, with what it cannot know.

Errors, headers and roles that every route of a kind has, descriptions of fields from the docstrings below
them, and examples.
"""

from __future__ import annotations

import ast
import asyncio
import gzip
import hashlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tracetrack.platform.examples import add_examples
from tracetrack.platform.pages import codings
from tracetrack.platform.problems import MEDIA_TYPE, PROBLEMS

ABOUT = """Bag tracking for warehouses.

Errors are `application/problem+json` (RFC 9457) with a stable `code`; each answer below names the codes
that it can have. After `Retry-After` seconds a request may be sent again; a scan with the same `scan_id`
has no second effect. Lists are `{items, next_cursor}`: send `next_cursor` as `cursor` until it is null.
Times are RFC 3339 in UTC. Unknown fields and query parameters are refused (422). Fields and codes may be
added to answers at any time: ignore what you do not know. Every answer has an `X-Request-Id`, by which
the site's log names the request; one that was sent is kept.
"""

TAGS = [
    {"name": "scanning", "description": "The floor: scan, undo, move, complete; a device's queue."},
    {"name": "bags", "description": "Bags, bag types and label patterns; lookup, lists and history."},
    {"name": "bills", "description": "Bills: made, filled by scan, completed, reopened."},
    {"name": "documents", "description": "Bills and labels as files to print."},
    {"name": "receiving", "description": "What the receiving area found of a bill."},
    {"name": "returns", "description": "What a dealer sends back."},
    {"name": "reports", "description": "Figures by day, bill and area."},
    {"name": "auth", "description": "Signing in and out, sessions, second factors."},
    {"name": "people", "description": "Users, areas, settings, API keys, requests for accounts and roles."},
    {"name": "oversight", "description": "Dashboard, live events, lists, search, audit log, performance."},
    {"name": "imports", "description": "Workbooks and text files in, with a preview and a report."},
    {"name": "exports", "description": "Tables as files."},
]

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details. Further members depend on `code`.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "What this kind of problem is."},
        "title": {"type": "string", "description": "The kind of problem in a few words, in English."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "A sentence for people, in the language asked for."},
        "code": {
            "type": "string",
            "description": "The stable name of the problem. New ones are added: treat one that you do not"
            " know by its `status`.",
            "x-extensible-enum": sorted(PROBLEMS),
        },
    },
    "additionalProperties": True,
}
Codes = dict[int, tuple[str, ...]]
_SIGNED_IN: Codes = {401: ("unauthorized", "session_ended"), 429: ("too_many_requests",)}
_READY = ("password_change_required", "totp_setup_required")
_EVERYWHERE: Codes = {400: ("malformed",), 413: ("too_large",), 500: ("internal_error",), 503: ("busy",)}

HEADERS: dict[str, dict[str, Any]] = {
    "Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}},
    "ETag": {"description": "The version of what is answered, for `If-Match`.", "schema": {"type": "string"}},
    "Location": {
        "description": "The address of what was made.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
}


def openapi_route(app: FastAPI) -> Route:
    """``/openapi.json``, written out and packed once, at the first request."""
    made: list[asyncio.Task[tuple[bytes, bytes, str]]] = []

    def make() -> tuple[bytes, bytes, str]:
        plain = orjson.dumps(app.openapi())
        return plain, gzip.compress(plain, 6, mtime=0), hashlib.sha256(plain).hexdigest()[:32]

    async def document(request: Request) -> Response:
        if not made or (made[0].done() and made[0].exception() is not None):
            # In a thread, so that nobody waits for it but who asked.
            made[:] = [asyncio.create_task(asyncio.to_thread(make))]
        plain, packed, digest = await asyncio.shield(made[0])
        packs = "gzip" in codings(request.headers.get("accept-encoding", ""))
        headers = {
            "etag": f'"{digest}{"-gzip" if packs else ""}"',
            "cache-control": "no-cache",
            "vary": "Accept-Encoding",
        }
        if headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if packs:
            headers["content-encoding"] = "gzip"
        return Response(packed if packs else plain, headers=headers, media_type="application/json")

    return Route("/openapi.json", document)


def describe(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Make ``app.openapi()`` return the whole truth.

    Args:
        app: the application.
        routers: every router that it includes.
    """
    plain = app.openapi
    routes = {
        route.name: route for router in routers for route in router.routes if isinstance(route, APIRoute)
    }

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document = plain()
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        _describe_fields(schemas)
        schemas["Problem"] = PROBLEM_SCHEMA
        components["headers"] = HEADERS
        for path in document["paths"].values():
            for operation in path.values():
                route = routes[operation["operationId"]]
                rule = _rule(route.dependant)
                _describe_errors(operation, rule)
                _describe_files(operation)
                _describe_headers(operation)
                _describe_roles(operation, rule, route)
        add_examples(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _rule(dependant: Dependant) -> Any:
    """What says who may call a route (``access/dependencies.py``)."""
    for inner in dependant.dependencies:
        if hasattr(inner.call, "roles"):
            return inner.call
        if (below := _rule(inner)) is not None:
            return below
    return None


def _any_problem() -> dict[str, Any]:
    return {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _describe_errors(operation: dict[str, Any], rule: Any) -> None:
    responses = operation["responses"]
    unprocessable = responses.get("422")
    if unprocessable and "application/json" in unprocessable.get("content", {}):
        described = unprocessable["description"]
        responses["422"] = {
            "description": "`invalid`" if described == "Validation Error" else described,
            **_any_problem(),
        }
    codes = dict(_EVERYWHERE)
    if operation.get("security"):
        codes |= _SIGNED_IN
        refused = [] if getattr(rule, "not_ready", False) else list(_READY)
        if len(rule.roles) < 3 or not getattr(rule, "programs", True):
            refused.insert(0, "forbidden")
        if getattr(rule, "programs", True) and not getattr(rule, "any_scope", False):
            refused.append("scope_missing")
        if refused:
            codes[403] = tuple(refused)
    else:
        operation["security"] = []
    for status, added in codes.items():
        if not added:
            continue
        response = responses.setdefault(str(status), {"description": "", **_any_problem()})
        known = re.findall(r"`(\w+)`", response["description"])
        response["description"] = ", ".join(f"`{code}`" for code in dict.fromkeys([*known, *added]))
    operation["responses"] = dict(sorted(responses.items()))


def _describe_files(operation: dict[str, Any]) -> None:
    """Files have a schema, and a route of files alone answers with no JSON."""
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if (
            status.startswith("2")
            and len(content) > 1
            and not content.get("application/json", {}).get("schema")
        ):
            content.pop("application/json", None)
        if content.get("application/json") == {"schema": {}}:
            # Says "done" and no more.
            content["application/json"]["schema"] = {"type": "null"}
        for media, described in content.items():
            if "json" not in media and not described.get("schema"):
                is_text = media.startswith("text/")
                described["schema"] = {"type": "string"} | ({} if is_text else {"format": "binary"})


def _describe_headers(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status in ("429", "503"):
            response.setdefault("headers", {})["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}


def _describe_roles(operation: dict[str, Any], rule: Any, route: APIRoute) -> None:
    roles = sorted(str(role) for role in getattr(rule, "roles", ()))
    if not roles:
        said = "Needs no signing in."
    else:
        said = f"Roles: {', '.join(roles)}."
        scope = rule.scope(route)
        if getattr(rule, "any_scope", False):
            said += " API keys: every one."
        else:
            said += f" API keys: scope `{scope}`." if scope else " For people alone, not for API keys."
    operation["description"] = "\n\n".join(filter(None, [operation.get("description"), said]))
    operation["x-roles"] = roles


def answers(status: int, *headers: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI ``responses`` of a route whose answer has these :data:`HEADERS`."""
    return {status: {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers}}}


def _describe_fields(schemas: dict[str, Any]) -> None:
    """Take the description of each field from the docstring below it."""
    models = {model.__name__: model for model in _models(BaseModel)}
    for name, schema in schemas.items():
        model = models.get(name) or models.get(name.split("_")[0])
        if model is None:
            continue
        for field, described in schema.get("properties", {}).items():
            if "description" not in described and (text := _docstring(model, field)):
                described["description"] = text


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        if model.__module__.startswith("tracetrack."):
            yield model
        yield from _models(model)


def _docstring(model: type[BaseModel], field: str) -> str | None:
    for one in model.__mro__:
        if one.__module__.startswith("tracetrack."):
            # The name of a generic model's form, such as Page[Bag], is not in its source.
            found = _docstrings(one.__module__).get((one.__name__.split("[")[0], field))
            if found is not None:
                return found
    return None


@cache
def _docstrings(module: str) -> dict[tuple[str, str], str]:
    """The docstrings below the fields of a module's classes, by class and field."""
    found = {}
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module]))):
        if not isinstance(node, ast.ClassDef):
            continue
        for field, below in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                found[node.name, field.target.id] = inspect.cleandoc(below.value.value).replace("``", "`")
    return found
