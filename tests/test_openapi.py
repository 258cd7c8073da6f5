"""The OpenAPI document says what generated clients and their readers need, and its examples are true."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import jsonschema
import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from tests.api import DOCUMENT, JSON, PROBLEM, Operation, operations
from tracetrack.app import ROUTERS
from tracetrack.platform.openapi import TAGS
from tracetrack.platform.problems import PROBLEMS

ALL = operations()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
ROUTES = {route.name: route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}
IDS = {"ids": str}


def codes(operation: Operation, status: str) -> set[str]:
    """The codes that the document names for a status."""
    return set(re.findall(r"`(\w+)`", operation.said["responses"].get(status, {}).get("description", "")))


def test_each_operation_has_a_short_id_of_its_own() -> None:
    ids = Counter(operation.said["operationId"] for operation in ALL)
    assert [name for name, times in ids.items() if times > 1] == []
    assert [name for name in ids if len(name) > 30 or not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_each_schema_has_a_name_of_its_own() -> None:
    assert [name for name in SCHEMAS if "__" in name or "-" in name] == []
    titles = Counter(schema.get("title", name) for name, schema in SCHEMAS.items())
    assert [title for title, times in titles.items() if times > 1] == []


def test_each_tag_says_what_it_is() -> None:
    used = {tag for operation in ALL for tag in operation.said["tags"]}
    assert used == {tag["name"] for tag in TAGS}
    assert DOCUMENT["tags"] == TAGS
    assert DOCUMENT["servers"][0]["url"] == "/"
    assert DOCUMENT["info"]["license"]["identifier"] == "Apache-2.0"


@pytest.mark.parametrize("operation", ALL, **IDS)
def test_every_operation_names_what_may_go_wrong(operation: Operation) -> None:
    for status, code in (("400", "malformed"), ("413", "too_large"), ("503", "busy")):
        assert code in codes(operation, status)
    if operation.said["security"]:
        assert {"unauthorized", "session_ended"} <= codes(operation, "401")
        assert "too_many_requests" in codes(operation, "429")
    rule = operation.said["x-roles"]
    assert bool(rule) is bool(operation.said["security"])
    if rule and len(rule) < 3:
        assert "forbidden" in codes(operation, "403")
        assert f"Roles: {', '.join(rule)}." in operation.said["description"]
    for status, response in operation.said["responses"].items():
        if status >= "400":
            assert codes(operation, status) <= PROBLEMS.keys(), status
            assert all(str(PROBLEMS[code].status) == status for code in codes(operation, status))
        assert ("Retry-After" in response.get("headers", {})) is (status in ("429", "503"))
        for media, content in response.get("content", {}).items():
            assert content["schema"], media


def test_what_is_made_says_where_and_what_has_a_version_says_which() -> None:
    headers: dict[str, set[str]] = {}
    for operation in ALL:
        said = operation.said["responses"]
        headers[operation.said["operationId"]] = {
            name for status in ("200", "201") for name in said.get(status, {}).get("headers", {})
        }
    assert {"Location", "ETag"} <= headers["create_bill"]
    assert {name for name, known in headers.items() if "ETag" in known} == {
        "create_bill",
        "get_bill",
        "look_up_bill",
        "change_bill",
        "complete_bill",
        "reopen_bill",
    }


def test_files_are_described_as_files() -> None:
    for name in ("export_table", "import_template", "export_bill", "print_labels"):
        (operation,) = [one for one in ALL if one.said["operationId"] == name]
        assert JSON not in operation.said["responses"]["200"]["content"]


def _validate(schema: dict[str, Any], value: Any) -> None:
    jsonschema.Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    ).validate(value)


@pytest.mark.parametrize("operation", ALL, **IDS)
def test_each_example_is_one(operation: Operation) -> None:
    """Of requests and answers in JSON; the schema takes them, and so does the route's own model."""
    content = operation.said.get("requestBody", {}).get("content", {})
    if JSON in content:
        _validate(content[JSON]["schema"], content[JSON]["example"])
        (field,) = ROUTES[operation.said["operationId"]].dependant.body_params
        TypeAdapter(field.field_info.annotation).validate_python(content[JSON]["example"])
    for status, response in operation.said["responses"].items():
        for media, described in response.get("content", {}).items():
            if media == PROBLEM:
                assert described["examples"].keys() == codes(operation, status)
            elif media == JSON:
                _validate(described["schema"], described["example"])


def test_the_examples_of_problems_are_problems() -> None:
    for code, example in DOCUMENT["components"]["examples"].items():
        _validate(SCHEMAS["Problem"], example["value"])
        assert example["value"]["code"] == code


def test_a_wrong_example_would_be_noticed() -> None:
    """A control of the validation above."""
    with pytest.raises(jsonschema.ValidationError):
        _validate({"$ref": "#/components/schemas/NewBill"}, {"target_parents": "many"})


def test_fields_are_described_by_the_docstrings_below_them() -> None:
    assert SCHEMAS["ApiKey"]["properties"]["user_id"]["description"] == "The user in whose name the key acts."
    assert SCHEMAS["Site"]["properties"]["version"]["description"].startswith("The version of TraceTrack")
    described = [
        field
        for schema in SCHEMAS.values()
        for field in schema.get("properties", {}).values()
        if field.get("description")
    ]
    assert len(described) > 150
