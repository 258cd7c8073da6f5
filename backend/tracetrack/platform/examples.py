"""Examples of every request and answer in the OpenAPI document, made of its schemas.

A field has the same value wherever it is, so that the examples fit together; tests validate all of them.
"""

from __future__ import annotations

import re
from typing import Any

from tracetrack.platform.problems import MEDIA_TYPE, PROBLEMS, Problem

VALUES: dict[str, Any] = {
    "code": "SB-0001612",
    "parent_code": "PB-000042",
    "codes": ["SB-0001612", "SB-0001613"],
    "scan_id": "7f1b6a52-53a5-4a0c-8b1e-0d3f4b2f9a01",
    "previous": "2c9a7c1e-90a7-4a55-8d0b-7f2f3f4f5a02",
    "device_id": "b6f3e1d2-7c1a-4a55-9b0e-3d2c1b0a9f03",
    "number": "BILL-20261124-0001",
    "description": "Seed potatoes, lot 7",
    "destination": "Pune",
    "vehicle": "MH 12 AB 1234",
    "username": "asha",
    "full_name": "Asha Patil",
    "password": "seven orange kites",
    "new_password": "nine green boats",
    "language": "en",
    "time_zone": "Asia/Kolkata",
    "site_name": "TraceTrack",
    "version": "1.0.0",
    "name": "North",
    "file": "bags.xlsx",
    "key": "ttk_...",
    "beginning": "ttk_3fJ2aQ",
    "address": "192.0.2.10",
    "reason": "Two bags were left behind",
    "label": "LABEL NO. 0016586 LOT NO. 7",
    "pattern": "^PB-",
    "cursor": "WzFd",
    "next_cursor": None,
    "expires_at": "2027-11-24T06:00:00Z",
    "scopes": ["read", "bills"],
    "shift_starts": ["06:00", "14:00", "22:00"],
    "alert_mail_to": ["floor@example.com"],
    "etag": '"7-0"',
    "audit_months": 24,
    "alert_webhook": "https://alerts.example.com/tracetrack",
    "refused_with": "child_in_other_parent",
}
"""By a field's name, where the schema lets them."""

FORMATS: dict[str, Any] = {
    "uuid": "7f1b6a52-53a5-4a0c-8b1e-0d3f4b2f9a01",
    "date-time": "2026-11-24T06:00:00Z",
    "date": "2026-11-24",
    "time": "18:00:00",
    "binary": "...",
    "uri-reference": "/",
}

BODIES: dict[str, Any] = {
    "QueuedScan": {
        "scan_id": VALUES["scan_id"],
        "action": "child",
        "parent_code": VALUES["parent_code"],
        "code": VALUES["code"],
        "scanned_at": FORMATS["date-time"],
    },
}
"""Of schemas whose fields depend on each other."""

DEEPEST = 6


def add_examples(document: dict[str, Any]) -> None:
    """Put an example beside the schema of every request and every answer in JSON."""
    schemas = document["components"]["schemas"]
    named: set[str] = set()
    for path in document["paths"].values():
        for operation in path.values():
            for media, content in operation.get("requestBody", {}).get("content", {}).items():
                if media == "application/json":
                    content["example"] = example(content["schema"], schemas)
            for response in operation["responses"].values():
                for media, content in response.get("content", {}).items():
                    if media == MEDIA_TYPE:
                        # The codes stand in the answer's description.
                        codes = re.findall(r"`(\w+)`", response["description"])
                        named.update(codes)
                        content["examples"] = {
                            code: {"$ref": f"#/components/examples/{code}"} for code in codes
                        }
                    elif media == "application/json" and content.get("schema"):
                        content["example"] = example(content["schema"], schemas)
    document["components"]["examples"] = {
        code: {"summary": PROBLEMS[code].title, "value": Problem(code).document()} for code in sorted(named)
    }


def example(schema: dict[str, Any], schemas: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """A value that fits a schema.

    Args:
        schema: a JSON Schema as pydantic writes them.
        schemas: what its references name.
        name: of the field that has it.
        depth: how many objects it is in.
    """
    if "$ref" in schema:
        named = schema["$ref"].rsplit("/", 1)[-1]
        return BODIES[named] if named in BODIES else example(schemas[named], schemas, name, depth)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema.get("default", schema["enum"][0])
    if name in VALUES and _fits(VALUES[name], schema):
        return VALUES[name]
    if schema.get("default") is not None:
        return schema["default"]
    for choices in ("anyOf", "oneOf", "allOf"):
        if choices in schema:
            kinds = [one for one in schema[choices] if one.get("type") != "null"]
            return None if depth >= DEEPEST else example(kinds[0], schemas, name, depth)
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        return {field: example(inner, schemas, field, depth + 1) for field, inner in properties.items()}
    if kind == "array":
        if depth >= DEEPEST or "items" not in schema:
            return []
        return [example(schema["items"], schemas, name.removesuffix("s"), depth)] * schema.get("minItems", 1)
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return False
    if kind == "string":
        return FORMATS.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1)))
    return None


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    kinds = schema.get("anyOf", [schema])
    kind = {str: "string", list: "array", int: "integer", type(None): "null"}[type(value)]
    return any(one.get("type") == kind and one.get("format") in (None, "uuid", "date-time") for one in kinds)
