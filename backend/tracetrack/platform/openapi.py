"""The OpenAPI document: FastAPI's, with our problem schema in place of its validation error."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from tracetrack.platform.problems import MEDIA_TYPE, PROBLEMS

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details. `code` is stable; further members depend on it.",
    "required": ["title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
    },
}
_ANY_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_SIGNED_IN = {
    "401": "`unauthorized`, `session_ended`",
    "403": "`forbidden`, `password_change_required`, `totp_setup_required`",
}
_EVERYWHERE = {"400": "`malformed`", "413": "`too_large`", "500": "`internal_error`", "503": "`busy`"}


def describe(app: FastAPI) -> None:
    """Make ``app.openapi()`` return the whole truth about errors."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        schemas["Problem"] = PROBLEM_SCHEMA
        for path in document["paths"].values():
            for operation in path.values():
                responses = operation["responses"]
                if "422" in responses and "application/json" in responses["422"].get("content", {}):
                    described = responses["422"]["description"]
                    responses["422"] = {
                        "description": "`invalid`" if described == "Validation Error" else described,
                        **_ANY_PROBLEM,
                    }
                everywhere = _EVERYWHERE | (_SIGNED_IN if operation.get("security") else {})
                for status, description in everywhere.items():
                    responses.setdefault(status, {"description": description, **_ANY_PROBLEM})
        return document

    app.openapi = openapi  # type: ignore[method-assign]
