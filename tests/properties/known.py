"""Hooks of the fuzzer: what it has learned from answers, so that half of its calls name what exists.

Made-up ids and codes meet nothing but refusals. This keeps the ids, codes and ETags that answers
told, and puts them where a made-up request has a place for them. What would end the run for
everybody (users and areas that were there before) is not learned.
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import schemathesis

from tests.api import Operation, operations
from tests.floor import PASSWORD
from tracetrack.platform.http import API

OPERATIONS = {f"{one.method} {API}{one.path}": one for one in operations()}
KEPT = 40
"""Of each kind, the last."""
OF_COLLECTION = {
    "bills": "bill_id",
    "returns": "return_id",
    "imports": "import_id",
    "bag-types": "type_id",
    "label-patterns": "pattern_id",
    "api-keys": "key_id",
    "registrations": "registration_id",
    "promotions": "promotion_id",
}
MADE_ONLY = {"users": "user_id", "areas": "area_id"}

dice = random.Random(20261124)
learned: dict[str, list[Any]] = defaultdict(list)


def learn(kind: str, value: Any) -> None:
    known = learned[kind]
    if value not in known:
        known.append(value)
        del known[:-KEPT]


def one_of(kind: str) -> Any:
    """The newest more often than the others; None where none is known."""
    known = learned[kind]
    return known[-1 - int(len(known) * dice.random() ** 3)] if known else None


def look_at(value: Any) -> None:
    """Learn what any part of an answer tells of bags, bills and scans."""
    if isinstance(value, list):
        for item in value:
            look_at(item)
    elif isinstance(value, dict):
        if value.get("kind") in ("parent", "child") and "code" in value and "id" in value:
            learn(f"{value['kind']} code", value["code"])
            learn(f"{value['kind']} id", value["id"])
            if value.get("parent"):
                learn("link", {"bag_id": value["parent"]["id"], "child_id": value["id"]})
            if value.get("bill"):
                learn("billed", {"bill_id": value["bill"]["id"], "bag_id": value["id"]})
            if value.get("state") == "dispatched":
                learn("dispatched code", value["code"])
        if "number" in value and "etag" in value:
            learn("bill_id", value["id"])
        if value.get("outcome") in ("linked", "moved", "unlinked", "created", "completed"):
            learn("scan_id", value.get("scan_id"))
        for item in value.values():
            look_at(item)


@schemathesis.hook
def after_call(context: Any, case: schemathesis.Case, response: schemathesis.Response) -> None:
    """Learn from a success."""
    kind = (response.headers.get("content-type") or [""])[0]
    if response.status_code >= 300 or not response.content or "json" not in kind:
        return
    said = response.json()
    path = case.operation.path.removeprefix(API)
    look_at(said)
    words = path.strip("/").split("/")
    of_all = {**OF_COLLECTION, **(MADE_ONLY if case.method == "POST" else {})}
    if len(words) == 1 and words[0] in of_all and isinstance(said, dict):
        for item in said.get("items", [said]):
            learn(of_all[words[0]], item.get("id"))
    if words[-1] == "receipts" and case.method == "POST":
        learn("receipt", {"bill_id": case.path_parameters["bill_id"], "receipt_id": said["receipt"]["id"]})
    if etag := response.headers.get("etag"):
        learn(f"etag {said.get('id')}" if isinstance(said, dict) else "etag", etag[0])


def ids(path: str) -> dict[str, Any]:
    """Known ids for a path."""
    if "{child_id}" in path:
        return one_of("link") or {}
    if "{receipt_id}" in path:
        return one_of("receipt") or {}
    if path.endswith("/bills/{bill_id}/bags/{bag_id}"):
        return one_of("billed") or {}
    found = {name: one_of(name) for name in (*OF_COLLECTION.values(), *MADE_ONLY.values(), "scan_id")}
    found["bag_id"] = one_of("child id" if path.endswith("/move") else "parent id")
    return {name: value for name, value in found.items() if value is not None and f"{{{name}}}" in path}


def fill(body: dict[str, Any], operation: Operation) -> None:
    """Put known values into a body, and leave out what need not be there half of the time."""
    if dice.random() < 0.5:
        required = (operation.body_schema or {}).get("required", ())
        for name in set(body) - set(required):
            del body[name]
    child = one_of("child code") if dice.random() < 0.5 else f"NEW-{dice.randrange(10**9)}"
    parent = one_of("dispatched code" if "returns" in operation.path else "parent code")
    bags_are_parents = operation.path.startswith(("/bills", "/returns", "/scans/parent", "/labels"))
    known = {
        "parent_code": one_of("parent code"),
        "code": parent if bags_are_parents else child,
        "codes": [parent] if bags_are_parents else [child],
        "password": PASSWORD,
        "username": f"made{dice.randrange(10**9)}",
        "area_id": one_of("area_id"),
    }
    body.update({name: value for name, value in known.items() if name in body and value})


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Give half of the calls what is known."""
    operation = OPERATIONS.get(f"{case.method.upper()} {case.operation.path}")
    if operation is None or dice.random() < 0.5:
        return
    if case.path_parameters:
        case.path_parameters.update(ids(operation.path))
    if isinstance(case.body, dict) and operation.path != "/auth/password":
        fill(case.body, operation)
    if operation.path.startswith("/bills/{bill_id}") and (
        bill := (case.path_parameters or {}).get("bill_id")
    ):
        etag = one_of(f"etag {bill}")
        if etag and case.headers is not None:
            case.headers["If-Match"] = etag
