"""One worker, two tabs or two phones; and a session that ends under waiting scans."""

from __future__ import annotations

import asyncio

import asyncpg
from playwright.async_api import Route, expect

from tests import retrying

from .conftest import OpenScreens
from .screens import Screens
from .site import PASSWORD, Site
from .test_packing import children_of, scans_by

UNSENT = "It is sent when the connection is back."


async def test_two_tabs_scan_into_one_bag_without_losing_or_doubling(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    name = served.dispatcher("two-tabs")
    await screens.start_scanning(name)
    await screens.scan_parent("PT1")
    await screens.all_sent()
    other = Screens(await screens.page.context.new_page())
    await other.open("/scan")
    await expect(other.parent).to_have_text("PT1")
    # Both without network for a while: either may send what the other scanned.
    await screens.page.context.set_offline(True)
    for number in range(6):
        tab = (screens, other)[number % 2]
        await tab.page.bring_to_front()
        await tab.wedge(f"CT{number}")
    await expect(screens.waiting).to_have_attribute("data-waiting", "6")
    await expect(other.waiting).to_have_attribute("data-waiting", "6")
    await screens.page.context.set_offline(False)
    for tab in (screens, other):
        await tab.all_sent()
        await tab.shows(6)
    assert await children_of(stored, "PT1") == [f"CT{number}" for number in range(6)]
    assert await scans_by(stored, name) == {"created": 1, "linked": 6}


async def test_two_phones_of_one_worker_fill_two_bags(
    screens: Screens, open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    name = served.dispatcher("two-phones")
    await screens.start_scanning(name)
    await screens.scan_parent("PT2")
    other = await open_screens()
    await other.start_scanning(name)
    await expect(other.parent).to_have_text("PT2")
    await other.button("Next big bag").click()
    await other.scan_parent("PT3")
    for number in range(4):
        await screens.wedge(f"CTA{number}")
        await other.wedge(f"CTB{number}")
    for phone in (screens, other):
        await phone.all_sent()
        await phone.shows(4)
    # What the other phone opened last is no reason to change what is open here.
    await expect(screens.parent).to_have_text("PT2")
    assert await children_of(stored, "PT2") == [f"CTA{number}" for number in range(4)]
    assert await children_of(stored, "PT3") == [f"CTB{number}" for number in range(4)]


async def end_other_sessions(served: Site, username: str) -> None:
    """Sign in somewhere else and end every session but that one."""
    async with retrying.client(f"{served.url}/api/v1") as elsewhere:
        who = {"username": username, "password": PASSWORD}
        signed_in = (await elsewhere.post("/auth/login", json=who)).raise_for_status().json()
        elsewhere.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        for session in (await elsewhere.get("/auth/sessions")).raise_for_status().json()["items"]:
            if not session["current"]:
                (await elsewhere.delete(f"/auth/sessions/{session['id']}")).raise_for_status()


async def test_scans_outlive_a_session_that_was_ended_elsewhere(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    name = served.dispatcher("ended")
    await screens.start_scanning(name)
    await screens.scan_parent("PT4")
    await screens.all_sent()
    await screens.page.context.set_offline(True)
    for code in ("CT41", "CT42"):
        await screens.wedge(code)
    await expect(screens.waiting).to_have_attribute("data-waiting", "2")
    await end_other_sessions(served, name)
    # The third is scanned before the phone hears of it: half a code would be no scan.
    scanned = asyncio.Event()

    async def hear_late(route: Route) -> None:
        await scanned.wait()
        await route.continue_()

    await screens.page.route("**/api/v1/auth/refresh", hear_late)
    await screens.page.context.set_offline(False)
    await screens.wedge("CT43")
    await expect(screens.waiting).to_have_attribute("data-waiting", "3")
    scanned.set()
    # The page goes on taking scans: on a sign-in page they would be typed into its fields.
    signed_out = screens.page.get_by_test_id("interrupted")
    await expect(signed_out).to_contain_text("You were signed out")
    for code in ("CT44", "CT45"):
        await screens.wedge(code)
    await screens.shows(5)
    await expect(screens.word).to_have_attribute("data-tone", "out")
    await signed_out.click()
    await expect(screens.page.locator("main")).to_contain_text(
        f"5 scans are kept on this phone. They are sent after {name} signs in."
    )
    assert await children_of(stored, "PT4") == []
    await screens.sign_in(name)
    await screens.all_sent()
    assert await children_of(stored, "PT4") == [f"CT4{number}" for number in range(1, 6)]
    await screens.shows(5)


async def test_done_says_what_has_yet_to_be_sent(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    await screens.start_scanning(served.dispatcher("done-early"))
    await screens.scan_parent("PT5")
    await screens.all_sent()
    await screens.page.context.set_offline(True)
    await screens.wedge("CT51")
    await screens.button("Done").click()
    await expect(screens.page.locator(".stage-closed")).to_contain_text(UNSENT)
    state = "select state from bags where code = 'PT5'"
    assert await stored.fetchval(state) == "open"
    await screens.page.context.set_offline(False)
    await screens.all_sent()
    await expect(screens.page.locator(".stage-closed")).not_to_contain_text(UNSENT)
    assert await stored.fetchval(state) == "completed"
    assert await children_of(stored, "PT5") == ["CT51"]
