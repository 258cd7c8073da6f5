"""What admins do at the screens: people, places, labels, settings, keys; and who asks to come in."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import asyncpg
import pyotp
import pytest
from playwright.async_api import Locator, Page, expect

from tests import retrying
from tests.totp import earlier_code

from .conftest import OpenScreens
from .screens import Screens
from .site import PASSWORD, Site
from .test_look import Gallery, looks

KEPT = frozenset(
    {"70-people", "71-person", "72-requests", "74-patterns", "75-settings", "76-keys", "77-totp"}
)


def add(site: Site, username: str, role: str = "admin", **more: Any) -> str:
    """Add a person with the tests' password; answers the name."""
    with site.admin() as admin:
        body = {"username": username, "password": PASSWORD, "role": role, **more}
        admin.post("/users", json=body).raise_for_status()
    return username


def area(site: Site, name: str) -> int:
    with site.admin() as admin:
        if name not in site.areas:
            site.areas[name] = admin.post("/areas", json={"name": name}).raise_for_status().json()["id"]
    return site.areas[name]


def setting(site: Site, **change: Any) -> None:
    with site.admin() as admin:
        admin.patch("/settings", json=change).raise_for_status()


def signs_in(site: Site, username: str, password: str) -> bool:
    body = {"username": username, "password": password}
    with retrying.sync_client(f"{site.url}/api/v1") as client:
        return client.post("/auth/login", json=body).status_code == 200


def key_works(site: Site, key: str) -> bool:
    bearer = {"authorization": f"Bearer {key}"}
    with retrying.sync_client(f"{site.url}/api/v1", headers=bearer) as client:
        return client.get("/bags").status_code == 200


def ask_for_account(site: Site, **asked: str) -> None:
    with retrying.sync_client(f"{site.url}/api/v1") as client:
        client.post("/registrations", json=asked).raise_for_status()


async def opened(open_screens: OpenScreens, username: str, path: str, **how: Any) -> Screens:
    screens = await open_screens(**({"phone": False} | how))
    await screens.sign_in(username)
    await screens.at_home()
    await screens.open(path)
    return screens


def row(page: Page, kind: str, text: str) -> Locator:
    return page.get_by_test_id(f"{kind}-row").filter(has_text=text)


def wrong(page: Page) -> Locator:
    """What is said at a field."""
    return page.locator(".line-wrong")


async def test_a_new_person_gets_a_password_for_the_first_day(
    open_screens: OpenScreens, served: Site
) -> None:
    area(served, "North")
    screens = await opened(open_screens, add(served, "boss-1"), "/people")
    page = screens.page
    await screens.button("New person").click()
    await page.locator("input[name=full_name]").fill("Sunita Devi")
    await page.locator("input[name=new-username]").fill("BOSS-1")
    await screens.button("Add").click()
    await expect(wrong(page)).to_have_text("Choose an area: a dispatcher works in one.")
    await page.locator("select[name=area]").select_option(label="North")
    await screens.button("Add").click()
    await expect(wrong(page)).to_have_text("This name is used already.")
    await page.locator("input[name=new-username]").fill("sunita-1")
    await screens.button("Add").click()
    password = await page.get_by_test_id("one-time-password").inner_text()
    await screens.button("Done").click()
    await expect(page.locator("h1")).to_have_text("Sunita Devi")
    await expect(page.get_by_text("Must choose a password")).to_be_visible()

    hers = await open_screens()
    await hers.sign_in("sunita-1", password)
    await expect(hers.page.locator("h1")).to_have_text("Choose your own password")
    await hers.page.locator("input[name=current]").fill(password)
    await hers.page.locator("input[name=new]").fill("a password of her own")
    await hers.page.locator("button[type=submit]").click()
    await expect(hers.page.locator(".stage, .jobs").first).to_be_visible()


async def test_a_dangerous_act_asks_for_the_password_and_then_goes_on(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    area(served, "North")
    other = add(served, "ravi-2", "dispatcher", area_id=served.areas["North"], full_name="Ravi")
    screens = await opened(open_screens, add(served, "boss-2"), "/people")
    page = screens.page
    await page.locator("input[name=q]").fill("ravi-2")
    await expect(page.get_by_test_id("person-row")).to_have_count(1)
    await row(page, "person", "Ravi").get_by_role("link").click()
    await expect(page.locator("h1")).to_have_text("Ravi")

    await stored.execute("update sessions set authenticated_at = now() - interval '16 minutes'")
    await page.locator("select[name=role]").select_option("biller")
    await screens.button("Save").click()
    dialog = page.get_by_role("dialog", name="Is it you?")
    await expect(dialog).to_be_visible()
    await dialog.locator("input[type=password]").fill("not the password")
    await screens.button("Go on").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("not right")
    await dialog.locator("input[type=password]").fill(PASSWORD)
    await screens.button("Go on").click()
    await expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    assert await stored.fetchval("select role from users where username = $1", other) == "biller"

    # Who would rather not leaves everything as it is.
    await stored.execute("update sessions set authenticated_at = now() - interval '16 minutes'")
    await page.locator("select[name=role]").select_option("admin")
    await screens.button("Save").click()
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert await stored.fetchval("select role from users where username = $1", other) == "biller"


async def test_a_person_is_reset_signed_out_and_shut_out(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    name = add(served, "leaving-3", "biller")
    theirs = await open_screens()
    await theirs.sign_in(name)
    await theirs.at_home()
    user_id = await stored.fetchval("select id from users where username = $1", name)
    screens = await opened(open_screens, add(served, "boss-3"), f"/people/{user_id}")
    page = screens.page
    await screens.button("Sign out everywhere").click()
    await page.locator(".sheet").get_by_role("button", name="Sign out everywhere").click()
    await expect(page.get_by_text("Signed out on 1 device.")).to_be_visible()
    await expect(screens.button("Sign out everywhere")).to_have_count(0)

    await screens.button("New password").click()
    await screens.button("Make a password").click()
    given = await page.get_by_test_id("one-time-password").inner_text()
    await screens.button("Done").click()
    await theirs.open("/")
    await theirs.sign_in(name, given)
    await expect(theirs.page.locator("input[name=new]")).to_be_visible()

    await screens.button("Shut out").click()
    await page.locator(".sheet").get_by_role("button", name="Shut out").click()
    await expect(page.get_by_text("Shut out: cannot sign in.")).to_be_visible()
    assert not signs_in(served, name, given)
    await screens.button("Let in again").click()
    await expect(page.get_by_text("Shut out: cannot sign in.")).to_have_count(0)


async def test_areas_and_bag_types_are_made_and_changed(open_screens: OpenScreens, served: Site) -> None:
    screens = await opened(open_screens, add(served, "boss-4"), "/places")
    page = screens.page
    await screens.button("New area").click()
    await page.locator("input[name=area-name]").fill("Depot 4")
    await screens.button("Save").click()
    await expect(row(page, "area", "Depot 4")).to_contain_text("In use")
    await screens.button("New area").click()
    await page.locator("input[name=area-name]").fill("depot 4")
    await screens.button("Save").click()
    await expect(wrong(page)).to_have_text("This name is used already.")
    await screens.button("Cancel").click()
    await row(page, "area", "Depot 4").get_by_role("button", name="Edit").click()
    await screens.button("Close this area").click()
    await expect(row(page, "area", "Depot 4")).to_contain_text("Closed")

    await page.get_by_text("Bag types", exact=True).click()
    await screens.button("New bag type").click()
    await page.locator("input[name=type-name]").fill("Jumbo 4")
    await page.locator("input[name=expected]").fill("50")
    await page.locator("input[name=weight]").fill("0.5")
    await page.locator("input[name=code-pattern]").fill("^J4(")
    await screens.button("Save").click()
    await expect(wrong(page)).to_contain_text("This pattern cannot be read")
    await page.locator("input[name=code-pattern]").fill("^J4-")
    await screens.button("Save").click()
    jumbo = row(page, "type", "Jumbo 4")
    await expect(jumbo).to_contain_text("50")
    await expect(jumbo).to_contain_text("0.5 kg")
    await jumbo.get_by_role("button", name="Remove").click()
    await page.locator(".sheet").get_by_role("button", name="Remove").click()
    await expect(jumbo).to_have_count(0)


async def test_a_label_is_tried_before_its_pattern_is_saved(open_screens: OpenScreens, served: Site) -> None:
    screens = await opened(open_screens, add(served, "boss-5"), "/places/patterns")
    page = screens.page
    label = "LABEL NO. 0016586 LOT NO. 12"
    await page.locator("input[name=try-label]").fill(label)
    reading = page.get_by_test_id("reading")
    await expect(reading).to_contain_text("No pattern: the whole text")
    await screens.button("New label pattern").click()
    sheet = page.locator(".sheet")
    await sheet.locator("input[name=pattern-name]").fill("lot label 5")
    await sheet.locator("input[name=pattern]").fill(r"LABEL NO\. (\d+")
    await sheet.locator("input[name=try-label]").fill(label)
    await expect(sheet).to_contain_text("This pattern cannot be read")
    await sheet.locator("input[name=pattern]").fill(r"LABEL NO\. (\d+)")
    await expect(sheet.get_by_test_id("reading")).to_contain_text("0016586")
    await expect(sheet.get_by_test_id("reading")).to_contain_text("This pattern")
    await screens.button("Save").click()
    await expect(sheet).to_have_count(0)
    await expect(reading).to_contain_text("0016586")
    await expect(reading).to_contain_text("lot label 5")
    await row(page, "pattern", "lot label 5").get_by_role("button", name="Remove").click()
    await sheet.get_by_role("button", name="Remove").click()
    await expect(page.get_by_test_id("pattern-row")).to_have_count(0)
    await expect(reading).to_contain_text("No pattern: the whole text")


async def test_settings_are_checked_saved_and_written_down(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    screens = await opened(open_screens, add(served, "boss-6"), "/settings")
    page = screens.page
    await expect(screens.button("Save")).to_be_disabled()
    zone = page.locator("input[name=time_zone]")
    await zone.fill("Asia/Nowhere")
    await screens.button("Save").click()
    await expect(wrong(page)).to_have_text("Check this.")
    await zone.fill("Asia/Kathmandu")
    await page.locator("input[name=undo_minutes]").fill("45")
    await screens.button("Save").click()
    await expect(page.get_by_text("2 changes saved")).to_be_visible()
    await expect(screens.button("Save")).to_be_disabled()
    changed = await stored.fetch(
        "select subject_code from audit_events where action = 'setting_changed' order by id desc limit 2"
    )
    assert {one["subject_code"] for one in changed} == {"time_zone", "undo_minutes"}
    await page.get_by_role("switch", name="Admins need a code from their phone").click()
    await screens.button("Save").click()
    await expect(page.get_by_text("Set up the code from your own phone first")).to_be_visible()
    setting(served, time_zone="Asia/Kolkata", undo_minutes=30)


async def test_a_key_is_shown_once_works_and_is_revoked(open_screens: OpenScreens, served: Site) -> None:
    screens = await opened(open_screens, add(served, "boss-7"), "/keys")
    page = screens.page
    await screens.button("New key").click()
    await page.locator("input[name=key-name]").fill("Accounts 7")
    await screens.button("Make the key").click()
    key = await page.get_by_test_id("key").inner_text()
    await screens.button("Done").click()
    listed = row(page, "key", "Accounts 7")
    await expect(listed).to_contain_text("Biller, All areas")
    await expect(page.locator("body")).not_to_contain_text(key)
    assert key_works(served, key)
    await listed.get_by_role("button", name="Revoke").click()
    await page.locator(".sheet").get_by_role("button", name="Revoke").click()
    await expect(listed).to_contain_text("Revoked")
    # Another worker may know it for a moment longer.
    ends = time.monotonic() + 60
    while await asyncio.to_thread(key_works, served, key):
        assert time.monotonic() < ends


async def test_a_key_has_the_scopes_and_the_end_that_were_chosen(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    screens = await opened(open_screens, add(served, "boss-12"), "/keys")
    page = screens.page
    await screens.button("New key").click()
    await page.locator("input[name=key-name]").fill("Reader 11")
    for scope in ("Reading", "Scanning", "Bills", "Imports", "Exports"):
        await page.get_by_role("checkbox", name=scope).uncheck()
    await screens.button("Make the key").click()
    await expect(page.get_by_role("alert")).to_contain_text("Choose at least one")
    await page.get_by_role("checkbox", name="Reading").check()
    await page.get_by_role("checkbox", name="Exports").check()
    last_day = page.locator("input[name=key-last-day]")
    await last_day.fill("2020-01-01")
    await screens.button("Make the key").click()
    await expect(wrong(page)).to_be_visible()
    await last_day.fill("2099-06-30")
    await screens.button("Make the key").click()
    await expect(page.get_by_test_id("key")).to_be_visible()
    await screens.button("Done").click()
    listed = row(page, "key", "Reader 11")
    await expect(listed).to_contain_text("Reading, Exports")
    await expect(listed).to_contain_text("2099")
    await expect(listed).to_contain_text("Never")
    kept = await stored.fetchrow("select scopes, expires_at from api_keys where name = 'Reader 11'")
    assert (set(kept["scopes"]), kept["expires_at"].year) == ({"read", "export"}, 2099)
    await stored.execute("update api_keys set expires_at = now() where name = 'Reader 11'")
    await page.reload()
    await expect(listed).to_contain_text("Ended")
    await expect(listed.get_by_role("button", name="Revoke")).to_have_count(0)


async def set_up_totp(screens: Screens) -> tuple[str, str]:
    """The phone's secret, and an emergency code."""
    page = screens.page
    await screens.button("Set it up").click()
    secret = (await page.locator(".copy-text").inner_text()).replace(" ", "")
    await page.locator("input[name=totp-code]").fill("000000")
    await screens.button("Turn on").click()
    await expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    await page.locator("input[name=totp-code]").fill(await asyncio.to_thread(earlier_code, secret))
    await screens.button("Turn on").click()
    codes = page.get_by_test_id("recovery-codes").locator("li")
    await expect(codes).to_have_count(10)
    return secret, await codes.first.inner_text()


async def test_a_code_from_the_phone_is_asked_for_from_then_on(
    open_screens: OpenScreens, served: Site
) -> None:
    name = add(served, "careful-8", "biller")
    screens = await opened(open_screens, name, "/profile", phone=True)
    secret, emergency = await set_up_totp(screens)
    await screens.button("I have kept them").click()
    await expect(screens.page.get_by_text(re.compile("^On since"))).to_be_visible()

    other = await open_screens()
    await other.sign_in(name)
    await expect(other.page.locator("h1")).to_have_text("Code from your phone")
    await expect(other.page.locator("input[name=totp]")).to_be_focused()
    await other.page.keyboard.type("123456", delay=120)
    await other.page.keyboard.press("Enter")
    await expect(other.page.get_by_role("alert")).to_contain_text("This code is wrong")
    await other.page.locator("input[name=totp]").fill(pyotp.TOTP(secret).now())
    await other.page.keyboard.press("Enter")
    await other.at_home()

    third = await open_screens()
    await third.sign_in(name)
    await third.page.locator("input[name=totp]").fill(emergency)
    await third.page.keyboard.press("Enter")
    await third.at_home()
    await screens.open("/profile")
    await expect(screens.page.get_by_text("9 emergency codes are left.")).to_be_visible()
    await screens.button("Sign out everywhere else").click()
    await expect(screens.page.locator(".sessions li")).to_have_count(1)
    await screens.button("Turn off").click()
    await screens.page.locator(".sheet").get_by_role("button", name="Turn off").click()
    await expect(screens.button("Set it up")).to_be_visible()


async def test_a_dangerous_act_asks_for_the_code_too_of_who_has_one(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    name = add(served, "careful-10")
    screens = await opened(open_screens, name, "/profile")
    page = screens.page
    secret, _ = await set_up_totp(screens)
    await stored.execute("update sessions set authenticated_at = now() - interval '16 minutes'")
    await screens.open("/keys")
    await screens.button("New key").click()
    await page.locator("input[name=key-name]").fill("Careful")
    await page.locator(".sheet button[type=submit]").click()
    dialog = page.get_by_role("dialog", name="Is it you?")
    await expect(dialog.locator("input[name=totp]")).to_have_count(0)
    await dialog.locator("input[name=password-again]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(dialog.locator("input[name=totp]")).to_be_focused()
    await page.keyboard.type("000000", delay=120)
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("This code is wrong")
    assert await stored.fetchval("select count(*) from api_keys where name = 'Careful'") == 0
    await dialog.locator("input[name=totp]").fill(pyotp.TOTP(secret).now())
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("key")).to_be_visible()
    assert await stored.fetchval("select count(*) from api_keys where name = 'Careful'") == 1


async def test_an_admin_sets_it_up_first_where_the_site_asks_for_it(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    name = add(served, "boss-9")
    await stored.execute("insert into site_settings (name, value) values ('totp_for_admins', 'true')")
    try:
        screens = await open_screens(phone=False)
        await screens.sign_in(name)
        page = screens.page
        await expect(page.locator("h1")).to_have_text("Code from my phone")
        secret = (await page.locator(".copy-text").inner_text()).replace(" ", "")
        await page.locator("input[name=totp-code]").fill(pyotp.TOTP(secret).now())
        await screens.button("Turn on").click()
        await screens.button("I have kept them").click()
        await screens.at_home()
    finally:
        await stored.execute("delete from site_settings where name = 'totp_for_admins'")


async def test_who_asks_for_an_account_is_let_in(open_screens: OpenScreens, served: Site) -> None:
    area(served, "North")
    closed = await open_screens()
    await expect(closed.page.locator("input[name=username]")).to_be_visible()
    await expect(closed.button("Ask for an account")).to_have_count(0)
    setting(served, registration=True)
    try:
        hers = await open_screens()
        await hers.button("Ask for an account").click()
        await hers.page.locator("input[name=full-name]").fill("Meena Kumari")
        await hers.page.locator("input[name=username]").fill("meena-10")
        await hers.page.locator("input[name=password]").fill("short")
        await hers.page.locator("input[name=note]").fill("Packing, line 3")
        await hers.page.locator("button[type=submit]").click()
        await expect(hers.page.get_by_role("alert")).to_contain_text("Too easy to guess")
        await hers.page.locator("input[name=password]").fill(PASSWORD)
        await hers.page.locator("button[type=submit]").click()
        await expect(hers.page.get_by_role("alert")).to_contain_text("An admin has been asked")

        screens = await opened(open_screens, add(served, "boss-10"), "/people/requests")
        asked = screens.page.get_by_test_id("registration").filter(has_text="meena-10")
        await expect(asked).to_contain_text("Packing, line 3")
        await asked.get_by_role("button", name="Let in").click()
        await screens.page.locator("select[name=area]").select_option(label="North")
        await screens.page.locator(".sheet").get_by_role("button", name="Let in").click()
        await expect(asked).to_have_count(0)
        await hers.button("To sign in").click()
        await hers.sign_in("meena-10")
        await expect(hers.page.locator(".stage, .jobs").first).to_be_visible()
    finally:
        setting(served, registration=False)


async def test_who_asks_for_another_role_gets_an_answer(open_screens: OpenScreens, served: Site) -> None:
    name = served.dispatcher("hopeful-11", full_name="Kiran")
    hers = await open_screens()
    await hers.sign_in(name)
    await hers.at_home()
    await hers.open("/profile")
    await hers.button("Ask for another role").click()
    await hers.page.locator("textarea").fill("I make the bills when Ravi is away")
    await hers.button("Ask").click()
    await expect(hers.page.get_by_text("You asked to be Biller.")).to_be_visible()
    screens = await opened(open_screens, add(served, "boss-11"), "/people/requests")
    wish = screens.page.get_by_test_id("promotion").filter(has_text="Kiran")
    await expect(wish).to_contain_text("Dispatcher wants to be Biller")
    await wish.get_by_role("button", name="Say no").click()
    await screens.page.locator("textarea").fill("Not this season")
    await screens.page.locator(".sheet").get_by_role("button", name="Say no").click()
    await expect(wish).to_have_count(0)
    await hers.open("/profile")
    await expect(hers.page.get_by_text("The answer was no (Biller): Not this season")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "phone", "dark"),
    looks(("hi", True, False)),
)
async def test_every_admin_screen_is_for_everybody(
    open_screens: OpenScreens,
    served: Site,
    stored: asyncpg.Connection,
    language: str,
    phone: bool,
    dark: bool,
) -> None:
    device = f"{'phone' if phone else 'desk'}-{language}-{'dark' if dark else 'light'}"
    area(served, "North")
    area(served, "Shivamogga")
    boss = add(served, f"boss-{device}", full_name="Lakshmi Rao")
    person = add(
        served, f"p-{device}", "dispatcher", area_id=served.areas["Shivamogga"], full_name="Ravi Shankar"
    )
    setting(served, registration=True)
    ask_for_account(
        served,
        username=f"new-{device}",
        password=PASSWORD,
        full_name="मीना कुमारी",
        note="Packing, line 3",
    )
    user_id = await stored.fetchval("select id from users where username = $1", person)
    await stored.execute(
        "insert into promotions (user_id, role, reason) values ($1, 'biller', 'I make the bills')", user_id
    )
    pattern = {"name": f"Lot {device}", "pattern": r"LABEL NO\. (\d+)", "kind": "child"}
    with served.admin() as admin:
        made = admin.post("/label-patterns", json=pattern).raise_for_status().json()
        admin.post("/api-keys", json={"name": f"ERP {device}", "role": "biller"}).raise_for_status()

    screens = await open_screens(language, phone=phone, dark=dark, still=True)
    page = screens.page
    gallery = Gallery(screens, device, KEPT)
    ask = page.locator("form button[data-kind=plain]")
    await ask.click()
    await expect(page.locator("input[name=note]")).to_be_visible()
    await gallery.look("79-register")
    await page.locator("form button[data-kind=plain]").click()
    await screens.sign_in(boss)
    await screens.at_home()

    await screens.open("/people")
    await expect(page.get_by_test_id("person-row").first).to_be_visible()
    await gallery.look("70-people")
    await page.locator(".office-head .button[data-kind=main]").click()
    await expect(page.locator(".sheet")).to_be_visible()
    await gallery.look("70-people-new")
    await page.locator(".sheet-acts button[type=submit]").click(no_wait_after=True)
    await page.keyboard.press("Escape")
    await screens.open(f"/people/{user_id}")
    await expect(page.locator("select[name=role]")).to_be_visible()
    await gallery.look("71-person")
    await page.locator(".person-buttons button").first.click()
    await page.locator(".sheet button[type=submit]").click()
    await expect(page.get_by_test_id("one-time-password")).to_be_visible()
    await gallery.look("71-person-password")
    await screens.open("/people/requests")
    await expect(page.get_by_test_id("registration").first).to_be_visible()
    await expect(page.get_by_test_id("promotion").first).to_be_visible()
    await gallery.look("72-requests")
    for place in ("areas", "types"):
        await screens.open(f"/places/{place}")
        await expect(page.locator(".list-row").first).to_be_visible()
        await gallery.look(f"73-{place}")
    await screens.open("/places/patterns")
    await expect(page.get_by_test_id("pattern-row").first).to_be_visible()
    await page.locator("input[name=try-label]").fill("LABEL NO. 0016586 LOT NO. 12")
    await expect(page.get_by_test_id("reading")).to_be_visible()
    await gallery.look("74-patterns")
    await page.locator(".row-acts button").first.click()
    await page.locator(".sheet input[name=try-label]").fill("LABEL NO. 7")
    await expect(page.locator(".sheet").get_by_test_id("reading")).to_be_visible()
    await gallery.look("74-pattern")
    await screens.open("/settings")
    await page.locator("input[name=time_zone]").fill("Asia/Nowhere")
    await page.locator("form button[type=submit]").click()
    await expect(wrong(page)).to_be_visible()
    await gallery.look("75-settings")
    await screens.open("/keys")
    await expect(page.get_by_test_id("key-row").first).to_be_visible()
    await gallery.look("76-keys")
    await page.locator(".office-head .button[data-kind=main]").click()
    await page.locator("input[name=key-name]").fill(f"Tally {device}")
    await page.locator("input[name=key-scope-scan]").uncheck()
    await gallery.look("76-key-new")
    await page.locator(".sheet button[type=submit]").click()
    await expect(page.get_by_test_id("key")).to_be_visible()
    await gallery.look("76-key")
    await page.keyboard.press("Escape")
    await stored.execute("update sessions set authenticated_at = now() - interval '16 minutes'")
    await page.locator(".office-head .button[data-kind=main]").click()
    await page.locator("input[name=key-name]").fill(f"Again {device}")
    await page.locator(".sheet button[type=submit]").click()
    await expect(page.locator("input[name=password-again]")).to_be_visible()
    await gallery.look("78-again")
    await page.locator("input[name=password-again]").fill(PASSWORD)
    await page.locator(".sheet button[type=submit]").last.click()
    await expect(page.get_by_test_id("key")).to_be_visible()
    await page.keyboard.press("Escape")
    await screens.open("/profile")
    begin = page.locator("section[aria-labelledby=totp] > button")
    await begin.click()
    secret = (await page.locator(".copy-text").inner_text()).replace(" ", "")
    await page.locator(".qr").scroll_into_view_if_needed()
    await gallery.look("77-totp")
    await page.locator("input[name=totp-code]").fill(pyotp.TOTP(secret).now())
    await page.locator("section[aria-labelledby=totp] button[type=submit]").click()
    await expect(page.get_by_test_id("recovery-codes")).to_be_visible()
    await gallery.look("77-totp-codes")
    await stored.execute("update sessions set authenticated_at = now() - interval '16 minutes'")
    await screens.open("/keys")
    await page.locator(".office-head .button[data-kind=main]").click()
    await page.locator("input[name=key-name]").fill(f"Code {device}")
    await page.locator(".sheet button[type=submit]").click()
    await page.locator("input[name=password-again]").fill(PASSWORD)
    await page.locator(".sheet button[type=submit]").last.click()
    await expect(page.locator("input[name=totp]")).to_be_focused()
    await gallery.look("78-again-code")
    setting(served, registration=False)
    with served.admin() as admin:
        admin.delete(f"/label-patterns/{made['id']}").raise_for_status()
    assert gallery.faults == [], "\n".join(gallery.faults)
