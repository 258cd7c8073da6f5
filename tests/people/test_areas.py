"""Areas and site settings through HTTP."""

import asyncio

import pytest

from tests.floor import Floor, together
from tracetrack.people.settings import site_settings


async def test_an_admin_makes_renames_and_disables_an_area(floor: Floor) -> None:
    made = await floor.admin.post("/areas", {"name": "  Pune   Depot "})
    assert made.status_code == 201, made.text
    area = made.json()
    assert (await floor.admin.patch(f"/areas/{area['id']}", {"name": "पुणे"})).json()["name"] == "पुणे"
    assert (await floor.admin.patch(f"/areas/{area['id']}", {"disabled": True})).json()["disabled"] is True
    assert (await floor.admin.patch(f"/areas/{area['id']}", {"disabled": False})).json()["disabled"] is False
    rows = await floor.owner.fetch(
        "select action, before, after from audit_events where subject_type = 'area'"
    )
    assert [row["action"] for row in rows] == ["area_created"] + ["area_changed"] * 3


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "\u0958" * 60, "a\u200bb\u202e", "a\nb", None, 5])
async def test_an_area_needs_a_name_that_can_be_read(floor: Floor, name: object) -> None:
    assert (await floor.admin.post("/areas", {"name": name})).status_code == 422


async def test_a_name_is_given_once_whatever_its_case(floor: Floor) -> None:
    assert (await floor.admin.post("/areas", {"name": "NORTH"})).json()["code"] == "name_taken"
    south = floor.areas["South"]
    assert (await floor.admin.patch(f"/areas/{south}", {"name": "north"})).json()["code"] == "name_taken"
    assert (await floor.admin.patch(f"/areas/{south}", {"name": "SOUTH"})).status_code == 200
    answers = await together(floor.admin.post("/areas", {"name": "New"}) for _ in range(10))
    assert sorted(a.status_code for a in answers) == [201] + [409] * 9


async def test_only_a_name_that_is_given_is_called_taken(floor: Floor) -> None:
    """What another rule of the tables refuses is wrong, but not there already, and no error of ours."""
    await floor.owner.execute("""
        alter table areas add constraint areas_test check (name <> 'Refused');
        alter table promotions add constraint promotions_test check (reason <> 'Refused');
    """)
    try:
        south = await floor.admin.patch(f"/areas/{floor.areas['South']}", {"name": "Refused"})
        asked = await floor.north.post("/promotions", {"role": "biller", "reason": "Refused"})
    finally:
        await floor.owner.execute("""
            alter table areas drop constraint areas_test;
            alter table promotions drop constraint promotions_test;
        """)
    assert [(a.status_code, a.json()["code"]) for a in (south, asked)] == [(422, "invalid")] * 2


async def test_an_area_with_people_in_it_is_not_disabled(floor: Floor) -> None:
    north = floor.areas["North"]
    assert (await floor.admin.patch(f"/areas/{north}", {"disabled": True})).json()["code"] == "area_in_use"
    await floor.admin.patch(f"/users/{floor.north.id}", {"disabled": True})
    assert (await floor.admin.patch(f"/areas/{north}", {"disabled": True})).status_code == 200
    back = await floor.admin.patch(f"/users/{floor.north.id}", {"disabled": False})
    assert back.json()["code"] == "area_not_found", "nobody comes back into an area that is closed"


async def test_an_unknown_area_is_not_found(floor: Floor) -> None:
    assert (await floor.admin.patch("/areas/999", {"name": "x"})).json()["code"] == "area_not_found"


async def test_a_dispatcher_sees_his_own_area_and_the_others_see_all(floor: Floor) -> None:
    seen = {
        person.username: [area["name"] for area in (await person.get("/areas")).json()["items"]]
        for person in (floor.north, floor.south, floor.biller, floor.admin)
    }
    both = ["North", "South"]
    assert seen == {"north": ["North"], "south": ["South"], "biller": both, "admin": both}
    first = (await floor.biller.get("/areas", limit=1)).json()
    assert [a["name"] for a in first["items"]] == ["North"]
    rest = (await floor.biller.get("/areas", limit=1, cursor=first["next_cursor"])).json()
    assert ([a["name"] for a in rest["items"]], rest["next_cursor"]) == (["South"], None)


async def test_settings_have_defaults_and_changes_are_written_down(floor: Floor) -> None:
    assert (await floor.admin.get("/settings")).json().items() >= {
        "site_name": "TraceTrack",
        "time_zone": "Asia/Kolkata",
        "undo_minutes": 30,
        "code_hosts": [],
        "registration": False,
        "totp_for_admins": False,
    }.items()
    change = {"undo_minutes": 45, "code_hosts": ["Bags.Example.com "], "site_name": "TraceTrack"}
    changed = await floor.admin.patch("/settings", change)
    assert changed.status_code == 200, changed.text
    assert changed.json()["code_hosts"] == ["bags.example.com"]
    assert (await floor.admin.get("/settings")).json() == changed.json()
    assert (await site_settings()).undo_minutes == 45
    rows = await floor.owner.fetch(
        "select subject_code, before, after from audit_events where action = 'setting_changed'"
    )
    assert {(r["subject_code"], r["before"], r["after"]) for r in rows} == {
        ("undo_minutes", '{"value": 30}', '{"value": 45}'),
        ("code_hosts", '{"value": []}', '{"value": ["bags.example.com"]}'),
    }


async def test_the_ledger_tells_where_alerts_go_but_not_the_secret_in_the_address(floor: Floor) -> None:
    for address in (
        "https://chat.example.org/hooks/s3cret?key=s3cret",
        "https://s3cret@other.example.org/",
        "",
    ):
        assert (await floor.admin.patch("/settings", {"alert_webhook": address})).status_code == 200
    rows = await floor.owner.fetch(
        "select before, after from audit_events where subject_code = 'alert_webhook' order by id"
    )
    chat, other, none = (
        f'{{"value": {told}}}'
        for told in ('"https://chat.example.org/…"', '"https://other.example.org/…"', '""')
    )
    assert [tuple(row) for row in rows] == [(none, chat), (chat, other), (other, none)]
    assert "s3cret" not in (await floor.admin.get("/audit", limit=100)).text


async def test_a_setting_changed_elsewhere_is_seen_within_a_second(floor: Floor) -> None:
    assert (await site_settings()).undo_minutes == 30
    await floor.owner.execute("insert into site_settings (name, value) values ('undo_minutes', '5')")
    await asyncio.sleep(0.6)
    assert (await site_settings()).undo_minutes == 5


async def test_a_stored_setting_that_makes_no_sense_gives_way_to_the_default(floor: Floor) -> None:
    await floor.owner.execute(
        "insert into site_settings (name, value) values ('time_zone', '\"Mars/Base\"'), ('other', '1')"
    )
    await asyncio.sleep(0.6)
    assert (await site_settings()).time_zone == "Asia/Kolkata"


@pytest.mark.parametrize(
    "change",
    [
        {"time_zone": "Mars/Base"},
        {"time_zone": "../../etc/passwd"},
        # Python's name for this machine's clock, which no database knows.
        {"time_zone": "localtime"},
        {"alert_webhook": "http://a b/"},
        {"alert_webhook": "http://host:99999/"},
        {"alert_webhook": "http://host/a\tb"},
        {"alert_webhook": "http://["},
        {"undo_minutes": -1},
        {"undo_minutes": 5_000},
        {"code_hosts": ["https://x/y"]},
        {"site_name": ""},
        {"colour": "red"},
    ],
)
async def test_a_setting_that_cannot_be_is_refused(floor: Floor, change: dict[str, object]) -> None:
    assert (await floor.admin.patch("/settings", change)).status_code == 422
