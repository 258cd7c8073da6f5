"""The first start makes one admin, and the demo fills a site once."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import pytest

from tests.conftest import TEMPLATE
from tracetrack.access.passwords import verify_password
from tracetrack.people.demo import fill
from tracetrack.people.first_run import ensure_admin
from tracetrack.people.rescue import let_in
from tracetrack.platform.embedded import postgres

names = (f"first_run_{n}" for n in count())


@pytest.fixture
async def empty_site(
    server: postgres.Postgres, application: object
) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """The address of a database of its own, and a connection to look into it."""
    name = next(names)
    server.create_database(name, TEMPLATE)
    owner = await asyncpg.connect(server.url(postgres.OWNER, name))
    yield server.url(postgres.OWNER, name), owner
    await owner.close()
    server.drop_database(name)


async def test_eight_first_starts_at_once_make_one_admin(empty_site: tuple[str, asyncpg.Connection]) -> None:
    url, owner = empty_site
    said = await asyncio.gather(*(ensure_admin(url) for _ in range(8)))
    assert said.count("there already") == 7
    [made] = [line for line in said if line != "there already"]
    password = re.findall(r"[a-z2-9]{4}(?:-[a-z2-9]{4}){3}", made)[0]
    [admin] = await owner.fetch("select * from users")
    assert (admin["username"], admin["role"], admin["must_change_password"]) == ("admin", "admin", True)
    assert await verify_password(password, admin["password_hash"])
    [event] = await owner.fetch("select * from audit_events")
    assert (event["action"], event["actor_id"], event["subject_code"]) == ("user_created", None, "admin")
    assert password not in str(dict(event))


async def test_a_given_password_need_not_be_changed_and_is_never_said(
    empty_site: tuple[str, asyncpg.Connection],
) -> None:
    url, owner = empty_site
    said = await ensure_admin(url, "a given password")
    assert "a given password" not in said
    [admin] = await owner.fetch("select * from users")
    assert admin["must_change_password"] is False
    assert await verify_password("a given password", admin["password_hash"])
    assert await ensure_admin(url, "another password") == "there already"
    assert await verify_password(
        "a given password", (await owner.fetch("select * from users"))[0]["password_hash"]
    )


async def test_the_demo_fills_areas_users_and_bags_once(empty_site: tuple[str, asyncpg.Connection]) -> None:
    url, owner = empty_site
    first = await asyncio.gather(*(fill(url, "a demo password", parents=20, children=600) for _ in range(3)))
    assert sum("620 bags" in line for line in first) == 1
    assert not any("a demo password" in line for line in first)
    users = await owner.fetch(
        "select u.*, a.name as area from users u left join areas a on a.id = area_id order by username"
    )
    assert [(u["username"], u["role"], u["area"], u["must_change_password"]) for u in users] == [
        ("biller", "biller", None, False),
        ("dispatcher-north", "dispatcher", "North", False),
        ("dispatcher-south", "dispatcher", "South", False),
    ]
    assert await verify_password("a demo password", users[0]["password_hash"])
    bags = await owner.fetch(
        "select kind, area_id, count(*) as n, sum(child_count) as c from bags group by 1, 2"
    )
    assert sorted((b["kind"], b["n"], b["c"]) for b in bags) == [
        ("child", 300, 0),
        ("child", 300, 0),
        ("parent", 10, 300),
        ("parent", 10, 300),
    ]
    actions = dict(await owner.fetch("select action, count(*) from audit_events group by 1"))
    assert (actions["bag_created"], actions["child_linked"]) == (20, 600)
    linked = await owner.fetchrow("select * from audit_events where action = 'child_linked' limit 1")
    assert json.loads(linked["after"])["parent_id"] == linked["parent_id"]


async def test_a_demo_without_a_password_makes_one_and_says_it(
    empty_site: tuple[str, asyncpg.Connection],
) -> None:
    url, owner = empty_site
    said = await fill(url, parents=2, children=4)
    password = re.findall(r"password ([a-z2-9-]{19})$", said)[0]
    user = await owner.fetchrow("select * from users where username = 'dispatcher-north'")
    assert await verify_password(password, user["password_hash"])


async def test_who_holds_the_machine_lets_the_only_admin_in_again(
    empty_site: tuple[str, asyncpg.Connection],
) -> None:
    url, owner = empty_site
    await ensure_admin(url, "a forgotten password")
    await owner.execute("""
        insert into second_factors (user_id, secret, confirmed_at) select id, '-', now() from users;
        insert into sessions (user_id, expires_at) select id, now() + interval '1 day' from users;
        update users set disabled_at = now();""")
    password = await let_in(url, "ADMIN")
    assert password is not None
    [admin] = await owner.fetch("select * from users")
    assert (admin["disabled_at"], admin["must_change_password"]) == (None, True)
    assert await verify_password(password, admin["password_hash"])
    assert await owner.fetchval("select count(*) from second_factors") == 0
    assert await owner.fetchval("select count(*) from sessions where ended_at is null") == 0
    events = await owner.fetch("select action, actor_id, after from audit_events order by id")
    assert [event["action"] for event in events] == ["user_created", "second_factor_off", "user_changed"]
    assert password not in str([dict(event) for event in events])
    assert await let_in(url, "nobody") is None
