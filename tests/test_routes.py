"""Who may do what: every route of the OpenAPI document, for each role, in own, foreign and no area.

The table says it in the words of the product, not of the code. A new route is walked by itself;
it fails here until it has a rule in the code, an entry in the table, and, where it has an id in
its path that is new, a maker of such things.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.api import JSON, Operation, is_problem, operations, rules, sample
from tests.conftest import empty
from tests.floor import PASSWORD, Floor, Person
from tracetrack.platform import stamps

EVERYBODY = frozenset({"dispatcher", "biller", "admin"})
OFFICE = frozenset({"biller", "admin"})
ADMIN = frozenset({"admin"})
NOBODY_YET = frozenset[str]()
"""Routes for those who have not signed in."""

MAY: list[tuple[str, frozenset[str]]] = [
    # Signing in and out, and what everybody does with his own.
    (r"POST /auth/(login|refresh|logout)", NOBODY_YET),
    (r"(GET|PATCH) /auth/me|POST /auth/password", EVERYBODY),
    (r"(GET|DELETE) /auth/sessions|DELETE /auth/sessions/{\w+}", EVERYBODY),
    # A second factor is for the office; whoever has one sees it and takes it off.
    (r"POST /auth/totp(/.*)?", OFFICE),
    (r"(GET|DELETE) /auth/totp|POST /auth/reauthenticate", EVERYBODY),
    # Asking for an account, or for a higher role; admins decide.
    (r"GET /site|POST /registrations", NOBODY_YET),
    (r"(GET|POST) /promotions|DELETE /promotions/{\w+}", EVERYBODY),
    (r"\w+ /(registrations|promotions)(/.*)?", ADMIN),
    # Scan, link, unlink, move, complete, undo; look up, search.
    (r"(GET|POST) /scans(/.*)?", EVERYBODY),
    (r"DELETE /bags/{\w+}", ADMIN),
    (r"POST /bags/(states/export|area)", OFFICE),
    (r"(GET|POST|DELETE) /bags(/.*)?", EVERYBODY),
    # Bills: all see them, the office makes, edits, prints and reopens them, admins delete them.
    (r"DELETE /bills/{\w+}", ADMIN),
    (r"GET /bills/{\w+}/export|GET /bills/.*\.(pdf|xlsx|csv)", OFFICE),
    (r"\w+ /bills/{bill_id}/receipts(/.*)?", EVERYBODY),
    (r"POST /labels|\w+ /returns(/.*)?", OFFICE),
    (r"GET /bills(/.*)?", EVERYBODY),
    (r"(POST|PATCH|PUT|DELETE) /bills(/.*)?", OFFICE),
    (r"GET /reports(/.*)?|GET /exports?(/.*)?|POST /exports?(/.*)?", OFFICE),
    # Imports: billers those of bags only, which the import itself judges.
    (r"(GET|POST|DELETE) /imports(/.*)?", OFFICE),
    # Everybody sees which areas there are for him, and how many children a bag type expects.
    (r"GET /areas|GET /bag-types", EVERYBODY),
    (r"GET /changes", OFFICE),
    (r"GET /dashboard/summary|GET /lists/.*|GET /events|GET /search", EVERYBODY),
    (
        r"\w+ /(users|areas|settings|bag-types|label-patterns|audit|api-keys|performance)(/.*)?",
        ADMIN,
    ),
]
"""From section 2 of the product, first match counts."""

ALL = operations()
IDS = {"ids": str}
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
async def warehouse(application: httpx.ASGITransport, owner: asyncpg.Connection) -> AsyncIterator[Floor]:
    """One warehouse for all these tests: they only add to it."""
    await empty(owner)
    stamps.forget_stamps()
    async with contextlib.AsyncExitStack() as stack:
        yield await Floor.set_up(application, owner, stack)


@pytest.fixture(scope="module")
async def stranger(warehouse: Floor) -> Person:
    """A dispatcher of an area in which nothing is, who only looks."""
    warehouse.areas["East"] = await warehouse.owner.fetchval(
        "insert into areas (name) values ('East') returning id"
    )
    return await warehouse.person("east", "dispatcher", "East")


def may(operation: Operation) -> frozenset[str]:
    """The roles that the product lets in."""
    for pattern, roles in MAY:
        if re.fullmatch(pattern, str(operation)):
            return roles
    pytest.fail(f"{operation} is new: say in MAY (tests/test_routes.py) which roles may do it")


@pytest.mark.parametrize("operation", ALL, **IDS)
def test_every_route_has_a_rule_and_it_is_the_products(operation: Operation) -> None:
    rule = rules().get(str(operation))
    assert rule is not None, f"{operation} has no rule: give it an actor or ANYONE of access/dependencies.py"
    assert rule == may(operation)


def test_the_walk_itself_notices_a_route_without_a_rule() -> None:
    """A control: take one rule away and it is missed, and a path nobody has spoken of has no entry."""
    assert all(roles is not None for roles in rules().values())
    with pytest.raises(pytest.fail.Exception, match="say in MAY"):
        may(Operation("POST", "/wishes", {"responses": {}}))


class Things:
    """Things in area North, or of the person in North, for the ids in paths."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.makers: dict[str, Callable[[Person], Awaitable[Any]]] = {
            "/bags/{bag_id}": self.parent,
            "/bags/{bag_id}/move": self.child,
            "/children/{child_id}": self.child,
            "/scans/{scan_id}": self.scan,
            "/sessions/{session_id}": self.session,
            "/users/{user_id}": self.user,
            "/areas/{area_id}": self.area,
            "/api-keys/{key_id}": self.api_key,
            "/registrations/{registration_id}": self.registration,
            "/promotions/{promotion_id}": self.promotion,
            "/bag-types/{type_id}": self.bag_type,
            "/label-patterns/{pattern_id}": self.label_pattern,
            "/bills/{bill_id}": self.bill,
            "/snapshots/{revision}": self.first,
            "/receipts/{receipt_id}": self.receipt,
            "/returns/{return_id}": self.return_,
            "/imports/{import_id}": self.upload,
        }
        self.code = self._name()
        """Of the last parent made; no one in South may ever read this word."""

    async def fill(self, operation: Operation, person: Person) -> dict[str, Any]:
        """An existing thing of this person's for each id in the path."""
        filled: dict[str, Any] = choices(operation)
        for match in re.finditer(r"(/[\w-]+)/{(\w+)}", operation.path):
            place = f"{match[1]}/{{{match[2]}}}"
            if match[2] in filled:
                continue
            maker = (
                self.makers.get(operation.path)
                or self.makers.get(operation.path[match.start() :])
                or self.makers.get(place)
            )
            if maker is None:
                pytest.fail(
                    f"{operation}: nobody knows how to make a thing for {place} in a foreign area; "
                    "add a maker to Things (tests/test_routes.py)"
                )
            if place == "/children/{child_id}":
                filled["child_id"] = await self.child_of(person, filled["bag_id"])
            elif place == "/bags/{bag_id}" and "return_id" in filled:
                filled["bag_id"] = (await self.floor.biller.bag(self.code))["id"]
            else:
                filled[match[2]] = await maker(person)
        return filled

    def _name(self, word: str = "NORTHERN") -> str:
        return f"{word}-{next(NUMBERS)}"

    async def parent(self, person: Person) -> int:
        self.code = self._name()
        made = (await person.scan_parent(self.code)).json()["bag"]
        if made["area"] is None:
            # What the office makes has no area, and would be open to South.
            body = {"bag_ids": [made["id"]], "area_id": self.floor.areas["North"]}
            assert (await self.floor.biller.post("/bags/area", body)).status_code == 200
        return int(made["id"])

    async def child(self, person: Person) -> int:
        await self.parent(person)
        return int((await person.scan_child(self.code, self._name())).json()["bag"]["id"])

    async def child_of(self, person: Person, parent_id: int) -> int:
        parent = (await person.get(f"/bags/{parent_id}")).json()["bag"]["code"]
        return int((await person.scan_child(parent, self._name())).json()["bag"]["id"])

    async def scan(self, person: Person) -> str:
        await self.parent(person)
        return str((await person.scan_child(self.code, self._name())).json()["scan_id"])

    async def session(self, person: Person) -> str:
        other = await self.floor.sign_in(person.id, person.username)
        found = (await other.get("/auth/sessions")).json()["items"]
        return str(next(one["id"] for one in found if one["current"]))

    async def user(self, _: Person) -> int:
        body = {"username": self._name(), "password": PASSWORD, "role": "biller"}
        return int((await self.floor.admin.post("/users", body)).json()["id"])

    async def area(self, _: Person) -> int:
        return int((await self.floor.admin.post("/areas", {"name": self._name()})).json()["id"])

    async def api_key(self, _: Person) -> str:
        body = {"name": self._name(), "role": "biller"}
        return str((await self.floor.admin.post("/api-keys", body)).json()["id"])

    async def registration(self, _: Person) -> int:
        return int(
            await self.floor.owner.fetchval(
                "insert into registrations (username, password_hash) values ($1, '-') returning id",
                self._name(),
            )
        )

    async def promotion(self, person: Person) -> int:
        await self.floor.owner.execute("delete from promotions where user_id = $1", person.id)
        return int(
            await self.floor.owner.fetchval(
                "insert into promotions (user_id, role, reason)"
                " values ($1, 'admin', 'NORTHERN') returning id",
                person.id,
            )
        )

    async def bag_type(self, _: Person) -> int:
        return int((await self.floor.admin.post("/bag-types", {"name": self._name("TYPE")})).json()["id"])

    async def label_pattern(self, _: Person) -> int:
        body = {"name": self._name(), "pattern": "never matches"}
        return int((await self.floor.admin.post("/label-patterns", body)).json()["id"])

    async def return_(self, _: Person) -> int:
        """A return with one parent on it."""
        await self.parent(self.floor.north)
        bill = await self.floor.biller.post("/bills", {"area_id": self.floor.areas["North"]})
        place = f"/bills/{bill.json()['id']}"
        await self.floor.biller.post(f"{place}/bags", {"code": self.code})
        await self.floor.biller.post(f"{place}/complete")
        made = (await self.floor.biller.post("/returns", {"reason": "torn"})).json()
        await self.floor.biller.post(f"/returns/{made['id']}/bags", {"code": self.code})
        return int(made["id"])

    async def receipt(self, _: Person) -> int:
        """A receipt of the newest bill, to which its parent was brought, in North."""
        bill = await self.floor.owner.fetchval("select max(id) from bills")
        await self.floor.biller.post(f"/bills/{bill}/bags", {"code": self.code})
        await self.floor.biller.post(f"/bills/{bill}/complete")
        await self.floor.owner.execute("update bills set destination_area_id = area_id where id = $1", bill)
        started = await self.floor.biller.post(f"/bills/{bill}/receipts")
        return int(started.json()["receipt"]["id"])

    async def first(self, _: Person) -> int:
        return 1

    async def bill(self, _: Person) -> int:
        """A bill, and a parent of its name to put on it."""
        await self.parent(self.floor.north)
        return int(
            await self.floor.owner.fetchval(
                "insert into bills (number, area_id, created_by) values ($1, $2, $3) returning id",
                self.code,
                self.floor.areas["North"],
                self.floor.biller.id,
            )
        )

    async def upload(self, _: Person) -> int:
        return int(
            await self.floor.owner.fetchval(
                "insert into imports (kind, state, file_name, file_bytes, file_sha256, area_id, created_by)"
                " values ('bags', 'completed', $1, 1, sha256('x'), $2, $3) returning id",
                self._name() + ".csv",
                self.floor.areas["North"],
                self.floor.admin.id,
            )
        )


async def send(
    client: httpx.AsyncClient,
    operation: Operation,
    path: dict[str, Any],
    query: dict[str, Any] | None = None,
    **body: Any,
) -> httpx.Response:
    """Do an operation with sound values, but for those given."""
    places = {name: sample(schema, name) for name, schema in operation.parameters("path").items()}
    asked: dict[str, Any] = {"params": operation.required("query") | (query or {})}
    schema = operation.body_schema
    if schema is not None:
        asked["json"] = sample(schema) | {k: v for k, v in body.items() if k in schema.get("properties", {})}
    elif operation.body_type and operation.body_type != JSON:
        asked["files"] = {"file": ("bags.csv", b"1,P1,C1\n")}
    headers = {name: str(value) for name, value in operation.required("header").items()}
    return await client.request(
        operation.method, operation.path.format(**places | path), headers=headers, **asked
    )


def without_ids(answer: httpx.Response, *ids: Any) -> str:
    """An answer's body without the ids that were asked for, and that of the scan itself."""
    text = re.sub(r'"scan_id":"[0-9a-f-]{36}"', '"scan_id":"ID"', answer.text)
    for one in ids:
        text = re.sub(rf"\b{re.escape(str(one))}\b", "ID", text)
    return text


MISSING = {"integer": 2**53 - 7, "string": "00000000-0000-4000-8000-000000000000"}


def missing(operation: Operation) -> dict[str, Any]:
    """Ids that nothing has."""
    return {
        name: MISSING.get(schema.get("type", "string"))
        for name, schema in operation.parameters("path").items()
    } | choices(operation)


def choices(operation: Operation) -> dict[str, Any]:
    """Path parameters that are one of a few words: no ids, so always there."""
    return {
        name: schema["enum"][0] for name, schema in operation.parameters("path").items() if "enum" in schema
    }


OF_THE_SITE = re.compile(r"/(users|areas|bag-types|label-patterns|settings|registrations)\b")
"""Things of the whole site: there is no foreign one."""


@pytest.mark.parametrize("operation", ALL, **IDS)
async def test_each_role_in_own_foreign_and_missing_area(warehouse: Floor, operation: Operation) -> None:
    roles = may(operation)
    things = Things(warehouse)
    people = {"dispatcher": warehouse.north, "biller": warehouse.biller, "admin": warehouse.admin}
    if not roles:
        return  # Its own tests are in tests/access.
    # Nobody, and somebody with a forged token: 401, whatever else is wrong with the request.
    for token in (None, "Bearer a.b.c"):
        warehouse.anyone.headers.pop("authorization", None)
        if token:
            warehouse.anyone.headers["authorization"] = token
        for place in (missing(operation), await things.fill(operation, warehouse.north)):
            answer = await send(warehouse.anyone, operation, place)
            assert (answer.status_code, is_problem(answer)) == (401, True), answer.text
    for role, person in people.items():
        own = await things.fill(operation, warehouse.north if role == "dispatcher" else person)
        if role not in roles:
            # The role is refused before anything is looked up: nothing tells whether it exists.
            for place in (own, missing(operation)):
                answer = await send(person.http, operation, place)
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), role
                assert is_problem(answer)
            continue
        if operation.streams:
            continue
        named = {"parent_code": things.code, "current_password": PASSWORD}
        if "/bills/{bill_id}/" in operation.path or "/returns/{return_id}/" in operation.path:
            named["code"] = things.code
        answer = await send(person.http, operation, own, **named)
        assert answer.status_code < 500, answer.text
        assert answer.status_code not in (401, 403, 405), (role, answer.text)
        if own != choices(operation):
            assert answer.status_code != 404, (role, answer.text)
            absent = await send(person.http, operation, missing(operation), parent_code=things.code)
            assert (absent.status_code, is_problem(absent)) == (404, True), (role, absent.text)


@pytest.mark.parametrize(
    "operation", [one for one in ALL if "{" in one.path and not OF_THE_SITE.match(one.path)], **IDS
)
async def test_a_foreign_thing_and_a_missing_one_answer_alike(warehouse: Floor, operation: Operation) -> None:
    """To a dispatcher of another area what is in North does not exist; a session only to its user."""
    things = Things(warehouse)
    strangers = [warehouse.south] if "dispatcher" in may(operation) else []
    if "/sessions/" in operation.path or str(operation).startswith("DELETE /promotions/"):
        strangers += [warehouse.biller, warehouse.admin]
    for stranger in strangers:
        await stranger.scan_parent("SOUTHERN")
        theirs = await things.fill(operation, warehouse.north)
        for body in ({"parent_code": "SOUTHERN"}, {"parent_code": "SOUTHERN", "code": things.code}):
            foreign = await send(stranger.http, operation, theirs, **body)
            absent = await send(stranger.http, operation, missing(operation), **body)
            assert (foreign.status_code, is_problem(foreign)) == (404, True), foreign.text
            assert foreign.status_code == absent.status_code
            assert without_ids(foreign, *theirs.values()) == without_ids(absent, *missing(operation).values())
        # And with only the last id foreign, as in one's own parent and somebody else's child.
        if len(theirs) > 1:
            mixed = await things.fill(operation, stranger)
            last = list(theirs)[-1]
            foreign = await send(stranger.http, operation, mixed | {last: theirs[last]})
            absent = await send(stranger.http, operation, mixed | {last: missing(operation)[last]})
            assert foreign.status_code == absent.status_code == 404
            assert without_ids(foreign, *theirs.values()) == without_ids(absent, *missing(operation).values())


@pytest.mark.parametrize("operation", [one for one in ALL if one.method == "GET"], **IDS)
async def test_nothing_that_is_read_tells_a_dispatcher_of_another_area(
    warehouse: Floor, stranger: Person, operation: Operation
) -> None:
    """Lists, searches and counts too: with every filter that names what is foreign."""
    if "dispatcher" not in may(operation) or operation.streams:
        return
    things = Things(warehouse)
    child_id = await things.child(warehouse.north)
    await things.bill(warehouse.biller)
    north, nowhere = warehouse.areas["North"], MISSING["integer"]
    for name in ["", *operation.parameters("query")]:
        foreign, absent = {
            "area_id": (north, nowhere),
            "user_id": (warehouse.north.id, nowhere),
            "bag_id": (child_id, nowhere),
            "code": (things.code, "NOWHERE-999"),
            "q": ("NORTHERN", "NOWHERE-999"),
            "": (None, None),
        }.get(name, (None, None))
        if name and foreign is None:
            continue
        answers = [
            await send(stranger.http, operation, missing(operation), {name: value} if name else {})
            for value in (foreign, absent)
        ]
        assert answers[0].status_code == answers[1].status_code
        for answer in answers:
            told = answer.text.replace(f'"asked":"{things.code}"', "")
            assert "NORTHERN" not in told, (name, answer.text)
        assert without_ids(answers[0], foreign) == without_ids(answers[1], absent), name


async def test_who_must_choose_a_password_may_do_nothing_else_first(warehouse: Floor) -> None:
    admin = await warehouse.person("new-admin", "admin")
    await warehouse.owner.execute("update users set must_change_password = true where id = $1", admin.id)
    stamps.forget_stamps()
    for operation in ALL:
        # One's own profile, password, second factor and sessions.
        if not may(operation) or operation.path.startswith("/auth/"):
            continue
        answer = await send(admin.http, operation, missing(operation))
        assert (answer.status_code, answer.json()["code"]) == (403, "password_change_required"), operation
    assert (await admin.get("/auth/me")).status_code == 200


async def test_a_foreign_code_in_a_body_says_only_that_it_is_another_areas(warehouse: Floor) -> None:
    """The one exception to "alike": a scan must be able to say why a bag in the hand is refused."""
    things = Things(warehouse)
    await things.child(warehouse.north)
    await warehouse.south.scan_parent("SOUTHERN")
    for operation in ALL:
        schema = operation.body_schema or {}
        if "/scans/" not in operation.path or "code" not in schema.get("properties", {}):
            continue
        body = {"parent_code": "SOUTHERN", "code": things.code, "scan_id": str(uuid4())}
        answer = await send(warehouse.south.http, operation, {}, **body)
        assert (answer.status_code, answer.json()["code"]) == (409, "bag_in_other_area")
        assert set(answer.json()) == {"type", "title", "status", "detail", "code", "conflict", "scan_id"}
