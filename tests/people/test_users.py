"""Users through HTTP: what admins may do, and what nobody may."""

import json

import pytest
from sqlalchemy import text

from tests.floor import PASSWORD, Floor, together
from tracetrack.access import queries as access
from tracetrack.people import queries
from tracetrack.platform.upkeep import do_chores

NEW = {"username": "sunita", "password": "a good long one", "role": "biller"}


async def events(floor: Floor, action: str) -> list[dict[str, object]]:
    rows = await floor.owner.fetch(
        "select actor_id, subject_id, subject_code, before, after"
        " from audit_events where action = $1 order by id",
        action,
    )
    return [
        {**row, "before": json.loads(row["before"] or "null"), "after": json.loads(row["after"] or "null")}
        for row in rows
    ]


async def test_an_admin_makes_a_user_who_then_signs_in(floor: Floor) -> None:
    made = await floor.admin.post(
        "/users",
        {
            **NEW,
            "role": "dispatcher",
            "area_id": floor.areas["North"],
            "full_name": "सुनीता",
            "language": "hi",
        },
    )
    assert made.status_code == 201, made.text
    user = made.json()
    assert user["area"] == {"id": floor.areas["North"], "name": "North"}
    assert (user["disabled"], user["must_change_password"], user["last_seen_at"]) == (False, False, None)
    person = await floor.sign_in(user["id"], "sunita", NEW["password"])
    assert (await person.get("/auth/me")).json()["full_name"] == "सुनीता"
    [event] = await events(floor, "user_created")
    assert (event["actor_id"], event["subject_id"], event["subject_code"]) == (
        floor.admin.id,
        user["id"],
        "sunita",
    )
    assert "password" not in str(event["after"]).replace("must_change_password", "")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"username": "NORTH"}, 409, "name_taken"),
        ({"username": "  north "}, 409, "name_taken"),
        ({"username": ""}, 422, "invalid"),
        ({"username": "   "}, 422, "invalid"),
        ({"username": "x" * 65}, 422, "invalid"),
        # One letter, which is stored as two.
        ({"username": "\u095c" * 40}, 422, "invalid"),
        ({"username": "a\u202eb"}, 422, "invalid"),
        ({"username": "a\0b"}, 422, "invalid"),
        ({"password": "short"}, 422, "weak_password"),
        ({"password": "x1y2" * 65}, 422, "weak_password"),
        ({"password": "sunita1234567"}, 422, "weak_password"),
        ({"role": "dispatcher"}, 422, "area_required"),
        ({"role": "boss"}, 422, "invalid"),
        ({"area_id": 999}, 404, "area_not_found"),
        ({"area_id": 2**63}, 422, "invalid"),
        ({"is_admin": True}, 422, "invalid"),
    ],
)
async def test_a_user_who_cannot_be_is_refused(
    floor: Floor, change: dict[str, object], status: int, code: str
) -> None:
    answer = await floor.admin.post("/users", {**NEW, **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await floor.owner.fetchval("select count(*) from users") == 4


async def test_a_user_made_twice_at_once_is_made_once(floor: Floor) -> None:
    answers = await together(floor.admin.post("/users", {**NEW, "username": n}) for n in ("anil", "ANIL") * 5)
    assert sorted(a.status_code for a in answers) == [201] + [409] * 9


async def test_users_are_listed_page_by_page_and_found_by_name(floor: Floor) -> None:
    for name in ("Asha", "bela", "Chandra"):
        await floor.admin.post("/users", {**NEW, "username": name})
    names: list[str] = []
    cursor = None
    while True:
        page = (await floor.admin.get("/users", limit=2, cursor=cursor)).json()
        names += [user["username"] for user in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == ["admin", "Asha", "bela", "biller", "Chandra", "north", "south"]
    found = (await floor.admin.get("/users", q="CHAN")).json()["items"]
    assert [user["username"] for user in found] == ["Chandra"]
    found = (await floor.admin.get("/users", role="dispatcher", area_id=floor.areas["South"])).json()["items"]
    assert [user["username"] for user in found] == ["south"]
    assert (await floor.admin.get("/users", q="%")).json()["items"] == []
    assert (await floor.admin.get("/users", cursor="x")).json()["code"] == "bad_cursor"


async def test_a_change_is_written_down_with_before_and_after(floor: Floor) -> None:
    body = {"role": "biller", "full_name": "N", "password": "a whole new sentence"}
    answer = await floor.admin.patch(f"/users/{floor.north.id}", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["role"] == "biller"
    [event] = await events(floor, "user_changed")
    assert event["before"] == {"role": "dispatcher", "full_name": ""}
    assert event["after"] == {"role": "biller", "full_name": "N", "password": "changed", "sessions_ended": 1}
    assert event["actor_id"] == floor.admin.id


async def test_a_change_to_the_same_changes_nothing(floor: Floor) -> None:
    body = {"role": "dispatcher", "area_id": floor.areas["North"], "disabled": False}
    assert (await floor.admin.patch(f"/users/{floor.north.id}", body)).status_code == 200
    assert (await floor.north.get("/auth/me")).status_code == 200
    assert await events(floor, "user_changed") == []


async def test_a_new_name_or_language_signs_nobody_out(floor: Floor) -> None:
    await floor.admin.patch(f"/users/{floor.north.id}", {"full_name": "Nora", "language": "hi"})
    me = (await floor.north.get("/auth/me")).json()
    assert (me["full_name"], me["language"]) == ("Nora", "hi")


async def test_a_password_reset_can_ask_for_a_change(floor: Floor) -> None:
    body = {"password": "a whole new sentence", "must_change_password": True}
    await floor.admin.patch(f"/users/{floor.north.id}", body)
    assert (await floor.north.get("/auth/me")).status_code == 401
    again = await floor.sign_in(floor.north.id, "north", body["password"])
    assert (await again.get("/areas")).json()["code"] == "password_change_required"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"area_id": None}, 422, "area_required"),
        ({"area_id": 999}, 404, "area_not_found"),
        ({"password": "north"}, 422, "weak_password"),
        ({"username": "other"}, 422, "invalid"),
        ({"id": 1}, 422, "invalid"),
    ],
)
async def test_a_change_that_cannot_be_is_refused(
    floor: Floor, change: dict[str, object], status: int, code: str
) -> None:
    answer = await floor.admin.patch(f"/users/{floor.north.id}", change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await floor.north.get("/auth/me")).status_code == 200


@pytest.mark.parametrize("body", [{"role": "biller"}, {"password": "a whole new sentence"}])
async def test_an_unknown_user_is_not_found(floor: Floor, body: dict[str, str]) -> None:
    assert (await floor.admin.patch("/users/999", body)).json()["code"] == "user_not_found"


@pytest.mark.parametrize("body", [{"disabled": True}, {"role": "biller"}])
async def test_the_last_admin_stays(floor: Floor, body: dict[str, object]) -> None:
    answer = await floor.admin.patch(f"/users/{floor.admin.id}", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert (await floor.admin.get("/users")).status_code == 200


async def admins_left_after_a_duel(floor: Floor, name: str) -> int:
    """Two admins take each other's place at once; how many admins that leaves."""
    other = await floor.person(name, "admin")
    await together(
        [
            floor.admin.patch(f"/users/{other.id}", {"role": "biller"}),
            other.patch(f"/users/{floor.admin.id}", {"disabled": True}),
        ]
    )
    left = await floor.owner.fetchval(
        "select count(*) from users where role = 'admin' and disabled_at is null"
    )
    await floor.owner.execute(
        "update users set disabled_at = case when id <> $1 then now() end, role = 'admin'"
        " where id in ($1, $2)",
        floor.admin.id,
        other.id,
    )
    floor.admin = await floor.sign_in(floor.admin.id, "admin", PASSWORD)
    return int(left)


async def test_two_admins_who_demote_each_other_at_once_leave_one(floor: Floor) -> None:
    assert {await admins_left_after_a_duel(floor, f"rival{n}") for n in range(20)} == {1}


async def test_without_the_lock_a_duel_can_leave_none(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(queries, "ADMINS", text(str(queries.ADMINS).replace("for no key update", "")))
    for number in range(40):
        if await admins_left_after_a_duel(floor, f"rival{number}") == 0:
            return
    pytest.fail("each of 40 duels left an admin: the lock makes no difference")


async def test_an_admin_who_steps_down_goes_on_as_what_he_is(floor: Floor) -> None:
    await floor.person("other", "admin")
    assert (await floor.admin.patch(f"/users/{floor.admin.id}", {"role": "biller"})).status_code == 200
    assert (await floor.admin.get("/auth/me")).json()["role"] == "biller"
    assert (await floor.admin.get("/users")).json()["code"] == "forbidden"


async def test_without_a_password_a_one_time_one_is_made_and_told_once(floor: Floor) -> None:
    made = (await floor.admin.post("/users", {"username": "sunita", "role": "biller"})).json()
    assert made["must_change_password"] is True
    assert "one_time_password" not in (await floor.admin.get(f"/users/{made['id']}")).json()
    sunita = await floor.sign_in(made["id"], "sunita", made["one_time_password"])
    assert (await sunita.get("/bills")).json()["code"] == "password_change_required"


async def test_a_reset_gives_a_one_time_password_and_ends_the_sessions(floor: Floor) -> None:
    answer = await floor.admin.post(f"/users/{floor.north.id}/one-time-password")
    assert answer.status_code == 200
    assert (await floor.north.get("/auth/me")).status_code == 401
    north = await floor.sign_in(floor.north.id, "north", answer.json()["password"])
    assert (await north.get("/auth/me")).json()["must_change_password"] is True
    [event] = await events(floor, "user_changed")
    assert event["after"] == {"must_change_password": True, "password": "changed", "sessions_ended": 1}
    assert answer.json()["password"] not in str(event)


async def test_an_admin_signs_somebody_out_everywhere(floor: Floor) -> None:
    other = await floor.sign_in(floor.north.id, "north")
    assert (await floor.admin.get(f"/users/{floor.north.id}")).json()["sessions"] == 2
    assert (await floor.admin.delete(f"/users/{floor.north.id}/sessions")).json() == {"sessions_ended": 2}
    assert [(await one.get("/auth/me")).status_code for one in (floor.north, other)] == [401, 401]
    assert (await floor.admin.get(f"/users/{floor.north.id}")).json()["sessions"] == 0
    await floor.sign_in(floor.admin.id, "admin")
    assert (await floor.admin.delete(f"/users/{floor.admin.id}/sessions")).json() == {"sessions_ended": 1}
    assert (await floor.admin.get("/users")).status_code == 200, "the admin stays in here"
    [first, second] = await events(floor, "session_ended")
    assert (first["subject_id"], second["subject_id"]) == (floor.north.id, floor.admin.id)


async def test_people_and_programs_are_told_apart(floor: Floor) -> None:
    key = (await floor.admin.post("/api-keys", {"name": "ERP", "role": "biller"})).json()
    [program] = (await floor.admin.get("/users", keys=True)).json()["items"]
    assert (program["id"], program["is_key"]) == (key["user_id"], True)
    people = (await floor.admin.get("/users", keys=False)).json()["items"]
    assert [one["username"] for one in people] == ["admin", "biller", "north", "south"]
    answer = await floor.admin.post(f"/users/{key['user_id']}/one-time-password")
    assert answer.json()["code"] == "user_not_found"


async def test_everybody_missing_is_not_found(floor: Floor) -> None:
    for method, path in (
        ("GET", "/users/999"),
        ("POST", "/users/999/one-time-password"),
        ("DELETE", "/users/999/sessions"),
        ("DELETE", "/users/999/totp"),
    ):
        answer = await floor.admin.http.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found"), path


async def test_when_somebody_was_last_seen_outlives_his_sessions(floor: Floor) -> None:
    """Sessions are forgotten a day after they ran out; it is still told who came last in spring."""
    was = (await floor.admin.get(f"/users/{floor.north.id}")).json()["last_seen_at"]
    assert was is not None
    for _ in range(2):
        await floor.owner.execute("update sessions set expires_at = now() - interval '2 days'")
        await do_chores(access.UPKEEP)
        admin = await floor.sign_in(floor.admin.id, "admin", PASSWORD)
        assert await floor.owner.fetchval("select count(*) from sessions") == 1
        [seen] = (await admin.get("/users", q="north")).json()["items"]
        assert (seen["last_seen_at"], seen["sessions"]) == (was, 0)
