"""Those who watch over the warehouse: find anything, see it live, read the log, know how the site does."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, Page, expect

from tests.lengths import assert_fast, length

from .conftest import OpenScreens
from .screens import DESK, Screens
from .site import PASSWORD, Served, Site
from .test_bills import biller, pack
from .test_look import SETTLED, Gallery, looks

SCANS = length(test=8, soak=20)
SEEN_SECONDS = 1.0
KEPT = frozenset({"40-home-admin", "41-dashboard", "42-audit", "43-performance", "44-search"})


async def at_desk(open_screens: OpenScreens, username: str, path: str = "/", **look: Any) -> Screens:
    """Somebody of the office at a wide screen."""
    screens = await open_screens(**{"phone": False, **look})
    await screens.sign_in(username)
    await screens.at_home()
    if path != "/":
        await screens.open(path)
    return screens


async def number_in(page: Page, testid: str) -> int:
    return int(re.sub(r"\D", "", await page.get_by_test_id(testid).inner_text()))


async def counts(page: Page, scans: int) -> None:
    """Wait until at least so many scans of today are shown; earlier ones may be told later."""
    ends = time.monotonic() + 60
    while await number_in(page, "scans-today") < scans:
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)


async def test_one_box_finds_a_bag_a_bill_a_person_and_a_page(
    open_screens: OpenScreens, served: Site
) -> None:
    pack(served, "SEEKME", 2, children=1)
    served.dispatcher("seekwalla", full_name="Seema Rao")
    with served.admin() as admin:
        admin.post("/bills", json={"number": "SEEK-77"}).raise_for_status()
    screens = await at_desk(open_screens, "admin", "/bills")
    page = screens.page
    box, found = page.get_by_test_id("search-everything"), page.get_by_test_id("search-found")

    await expect(box).to_be_visible()
    await page.wait_for_timeout(300)
    # A person's keys are told from a scanner's by their pause.
    await page.keyboard.press("/")
    await expect(box).to_be_focused()
    await page.keyboard.type("seek", delay=60)
    for word in ("SEEKME00000", "SEEK-77", "Seema Rao"):
        await expect(found).to_contain_text(word)
    # As a person does: a scanner's keys come within a tenth of a second of each other.
    for _ in range(2):
        await page.keyboard.press("ArrowDown")
        await page.wait_for_timeout(300)
    chosen = await found.locator("[aria-selected=true] .desk-hit-name").inner_text()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(rf"/find\?code={re.escape(chosen)}"))
    # The page has come, and has taken the keys as a page that reads a scanner does.
    await expect(page.locator("main").get_by_text(chosen).first).to_be_visible()
    await page.wait_for_timeout(300)

    await page.keyboard.press("Control+k")
    await expect(box).to_be_focused()
    await page.keyboard.type("audit", delay=60)
    await expect(found).to_contain_text("Audit log")
    # Enter within a tenth of a second of the last letter is a scanner's, and looks for a bag.
    await page.wait_for_timeout(300)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/audit$"))
    await expect(page.locator("h1")).to_have_text("Audit log")
    await page.wait_for_timeout(300)
    await expect(box).not_to_be_focused()

    # Keys lead to pages, and a scan to its bag, on a page that reads no scanner.
    await page.keyboard.type("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("g")
    await page.wait_for_timeout(250)
    await page.keyboard.press("b")
    await expect(page).to_have_url(re.compile("/bills$"))
    await page.wait_for_timeout(300)
    await screens.wedge("SEEKME00001")
    await expect(page).to_have_url(re.compile("/find.code=SEEKME00001"))


async def test_light_or_dark_is_chosen_and_kept(open_screens: OpenScreens, served: Site) -> None:
    screens = await at_desk(open_screens, biller(served, "nightbird"))
    page = screens.page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(ground)
    button = page.locator(".desk-foot button[aria-label^='Colours']")
    await button.click()
    await expect(button).to_have_attribute("aria-label", "Colours: Light")
    assert await page.evaluate(ground) == light
    await button.click()
    await expect(button).to_have_attribute("aria-label", "Colours: Dark")
    await screens.until(f"{ground} !== '{light}'")
    await page.evaluate(SETTLED)
    dark = await page.evaluate(ground)
    await page.reload()
    await screens.at_home()
    await screens.until(f"{ground} === '{dark}'")
    await page.emulate_media(color_scheme="dark")
    await button.click()
    await button.click()
    await screens.until(f"{ground} === '{light}'")


async def test_a_scan_is_on_the_dashboard_of_another_browser_within_a_second(
    open_screens: OpenScreens, served: Site
) -> None:
    watcher = (await at_desk(open_screens, biller(served, "watcher"), "/dashboard")).page
    await expect(watcher.get_by_test_id("live")).to_have_attribute("data-live", "up")
    floor = await open_screens()
    await floor.start_scanning(served.dispatcher("watched"))
    await floor.scan_parent("LIVE-PARENT")
    await floor.all_sent()
    await expect(watcher.locator(".live-list").first).to_contain_text("LIVE-PARENT")
    before, delays = await number_in(watcher, "scans-today"), []
    for number in range(SCANS):
        began = time.monotonic()
        await floor.wedge(f"LIVE-{number:03}")
        await counts(watcher, before + number + 1)
        delays.append(time.monotonic() - began)
    print("a scan was seen after", sorted(round(delay, 2) for delay in delays))
    assert_fast(sorted(delays)[len(delays) // 2], SEEN_SECONDS, "first key to other screen, median s")


async def test_the_seventh_tab_is_live_as_the_first(open_screens: OpenScreens, served: Site) -> None:
    """A browser has six lines to a server: all tabs of a person share one, and any can take it over."""
    first = await at_desk(open_screens, "admin", "/dashboard")
    tabs = [first.page]
    for _ in range(6):
        tab = await first.page.context.new_page()
        await tab.goto("/dashboard")
        await expect(tab.get_by_test_id("scans-today")).to_be_visible()
        tabs.append(tab)
    with served.admin() as admin:
        admin.post("/scans/parent", json={"code": "SEVENTH-1"}).raise_for_status()
    for tab in tabs:
        await expect(tab.locator(".live-list").first).to_contain_text("SEVENTH-1")
    # The tab that had the stream is closed: another goes on with it.
    await tabs.pop(0).close()
    with served.admin() as admin:
        admin.post("/scans/parent", json={"code": "SEVENTH-2"}).raise_for_status()
    for tab in tabs:
        await expect(tab.locator(".live-list").first).to_contain_text("SEVENTH-2")


async def test_the_office_looks_at_one_area_by_an_address(open_screens: OpenScreens, served: Site) -> None:
    served.dispatcher("eastern", area="East")
    served.dispatcher("western", area="West")
    screens = await at_desk(
        open_screens, biller(served, "onearea"), f"/dashboard?area={served.areas['East']}"
    )
    page = screens.page
    await expect(page.get_by_test_id("bags")).to_have_text("0")
    with served.admin() as admin:
        for area in ("East", "West"):
            admin.post(
                "/bills", json={"number": f"ONLY-{area}", "area_id": served.areas[area]}
            ).raise_for_status()
    await expect(page.get_by_test_id("dashboard")).to_contain_text("ONLY-East")
    await expect(page.get_by_test_id("dashboard")).not_to_contain_text("ONLY-West")
    await page.locator(".dashboard-ask select").select_option("")
    await expect(page.get_by_test_id("dashboard")).to_contain_text("ONLY-West")


OVERHEAR = """
    const real = window.fetch;
    window.said = "";
    window.asked = [];
    window.fetch = async (...call) => {
        const answer = await real(...call);
        const request = call[0];
        if (!(request.url ?? String(request)).includes("/events") || !answer.ok) return answer;
        window.asked.push(request.headers.get("Last-Event-ID"));
        const [theirs, ours] = answer.body.tee();
        const pieces = ours.getReader(), decoder = new TextDecoder();
        void (async () => {
            for (let got = await pieces.read(); !got.done; got = await pieces.read())
                window.said += decoder.decode(got.value, { stream: true });
        })().catch(() => undefined);
        return new Response(theirs, { status: answer.status, headers: answer.headers });
    };
"""
"""Keeps what the stream says, as the page got it."""


def events_in(said: str) -> list[int]:
    """The ids of the ledger's events, in the order in which they were told."""
    told: list[int] = []
    for block in said.split("\n\n"):
        lines = dict(line.partition(": ")[::2] for line in block.split("\n") if line)
        if lines.get("event") == "ledger":
            told += [event["id"] for event in json.loads(lines["data"])["events"]]
        assert lines.get("event") != "reset"
    return told


async def test_after_a_restart_of_the_site_the_stream_goes_on_without_gap_or_double(
    browser: Browser, tmp_path: Path
) -> None:
    served = Served(tmp_path)
    await asyncio.to_thread(served.start)
    context = await browser.new_context(
        base_url=served.url, viewport=DESK, service_workers="block", locale="en-IN"
    )
    try:
        await context.add_init_script(OVERHEAR)
        page = await context.new_page()
        await page.goto("/")
        screens = Screens(page)
        await screens.sign_in("admin", PASSWORD)
        await screens.at_home()
        await page.locator("a.desk-job[href='/dashboard']").click()
        live = page.get_by_test_id("live")
        await expect(live).to_have_attribute("data-live", "up")
        told = page.get_by_test_id("bags")
        pack(Site(served.url), "BEFORE", 5, children=3)
        await expect(told).to_have_text("20")

        await asyncio.to_thread(served.stop)
        await expect(live).to_have_attribute("data-live", "down")
        await expect(live).to_contain_text("Line down since")
        await asyncio.to_thread(served.start)
        # Some of it happens before the page is back.
        pack(Site(served.url), "AFTER", 5, children=3)
        await expect(live).to_have_attribute("data-live", "up")
        await expect(told).to_have_text("40")
        pack(Site(served.url), "LATER", 1, children=1)
        await expect(told).to_have_text("42")

        heard = events_in(await page.evaluate("window.said"))
        asked = await page.evaluate("window.asked")
        owner = await asyncpg.connect(served.database())
        rows = await owner.fetch("select id from audit_events where subject_type = 'bag' order by id")
        await owner.close()
        assert len(heard) == len(set(heard)), "told twice"
        assert {row["id"] for row in rows} <= set(heard), "not told"
        assert asked[0] is None
        assert len(asked) > 1
        assert all(asked[1:]), "came back without saying how far it was"
    finally:
        await context.close()
        await asyncio.to_thread(served.stop)


async def test_the_log_tells_what_was_and_what_is(open_screens: OpenScreens, served: Site) -> None:
    with served.admin() as admin:
        bill = admin.post("/bills", json={"number": "LOGGED-1", "destination": "Pune"})
        bill.raise_for_status()
        admin.patch(
            f"/bills/{bill.json()['id']}",
            json={"destination": "Nagpur"},
            headers={"If-Match": bill.headers["ETag"]},
        ).raise_for_status()
    pack(served, "LOGGED-P", 1, children=1)
    screens = await at_desk(open_screens, "admin", "/audit")
    page = screens.page
    rows = page.get_by_test_id("audit-row")
    await page.locator("input[name=q]").fill("LOGGED-1")
    await expect(rows).to_have_count(2)
    await expect(page).to_have_url(re.compile("q=LOGGED-1"))
    await expect(rows.first).to_contain_text("Bill changed")
    await rows.first.get_by_role("button").click()
    changed = page.locator(".difference tr[data-changed]", has_text="Destination")
    await expect(changed.locator("[data-side=before]")).to_have_text("Pune")
    await expect(changed.locator("[data-side=after]")).to_have_text("Nagpur")

    # A link keeps the filters; a kept search is one press away.
    await page.reload()
    await expect(rows).to_have_count(2)
    await page.get_by_role("button", name="Keep this search").click()
    await page.locator("input[name=saved-name]").fill("My bill")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Clear").first.click()
    await expect(rows).not_to_have_count(2)
    await page.get_by_role("button", name="My bill", exact=True).click()
    await expect(rows).to_have_count(2)
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="CSV").click()
    file = await (await saved.value).path()
    lines = await asyncio.to_thread(file.read_text, "utf-8-sig")
    assert len(lines.strip().split("\n")) == 3

    # A bag's story, with what was put into it; a person's timeline.
    await screens.open("/audit?code=logged-p00000")
    await expect(rows).to_have_count(2)
    await expect(page.locator(".audit-only")).to_contain_text("logged-p00000")
    await rows.first.get_by_role("button").click()
    await page.get_by_role("button", name="Timeline of admin").click()
    await expect(page.locator(".audit-only")).to_contain_text("Timeline of admin")
    await expect(page.get_by_test_id("seal")).to_contain_text(re.compile("Sealed up to|Nothing is sealed"))


async def test_columns_are_chosen_and_remembered(open_screens: OpenScreens, served: Site) -> None:
    pack(served, "COLUMN", 1, children=0)
    with served.admin() as admin:
        admin.post("/bills", json={"number": "COLUMN-1", "vehicle": "MH 12"}).raise_for_status()
    screens = await at_desk(open_screens, biller(served, "chooser"), "/bills?q=COLUMN")
    page = screens.page
    await expect(page.locator("thead")).to_contain_text("Vehicle")
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_role("dialog").get_by_label("Vehicle").uncheck()
    await page.get_by_role("dialog").get_by_label("Area").check()
    await page.get_by_role("button", name="Done").click()
    await page.reload()
    await expect(page.locator("thead")).to_contain_text("Area")
    await expect(page.locator("thead")).not_to_contain_text("Vehicle")


async def test_how_the_site_does_by_route_and_only_for_admins(
    open_screens: OpenScreens, served: Site
) -> None:
    pack(served, "MEASURED", 1)
    screens = await at_desk(open_screens, "admin", "/performance/dashboard")
    page = screens.page
    route = page.locator(".routes tbody button", has_text="POST /auth/login")
    # Workers store what they did every fifteen seconds, and the slowest routes alone are in sight at first.
    everything = page.locator(".routes > .button")
    await expect(route.or_(everything).first).to_be_visible(timeout=40_000)
    if await everything.is_visible():
        await everything.click()
    await expect(route).to_be_visible(timeout=40_000)
    await expect(page.locator(".workers li")).not_to_have_count(0)
    await route.click()
    await expect(page).to_have_url(re.compile("route="))
    await expect(page.locator(".performance-one")).to_contain_text("POST /api/v1/auth/login")
    await page.locator(".tabs label", has_text="Last 30 days").click()
    await expect(page.get_by_test_id("performance")).to_be_visible()
    other = await at_desk(open_screens, biller(served, "notadmin"))
    for path in ("/performance/dashboard", "/audit"):
        await other.page.goto(path)
        await other.at_home()


@pytest.mark.parametrize(
    ("language", "phone", "dark"),
    looks(
        ("hi", False, True),
        [("en", False, False), ("hi", True, True), ("hi", False, True), ("en", True, False)],
    ),
)
async def test_every_screen_of_oversight_is_for_everybody(
    open_screens: OpenScreens, served: Site, language: str, phone: bool, dark: bool
) -> None:
    device = f"{'phone' if phone else 'desk'}-{language}-{'dark' if dark else 'light'}"
    pack(served, f"OVER{device}"[:14], 2, children=12)
    with served.admin() as admin:
        admin.post("/bills", json={"number": f"OVER-{device}", "target_parents": 4}).raise_for_status()
    screens = await at_desk(open_screens, "admin", language=language, phone=phone, dark=dark, still=True)
    page = screens.page
    gallery = Gallery(screens, device, kept=KEPT)
    await gallery.look("40-home-admin")
    await screens.open("/dashboard")
    await expect(page.get_by_test_id("live")).to_have_attribute("data-live", "up")
    await gallery.look("41-dashboard")
    await screens.open("/audit")
    await page.get_by_test_id("audit-row").first.get_by_role("button").click()
    await expect(page.locator(".audit-detail")).to_be_visible()
    await gallery.look("42-audit")
    await screens.open("/performance/dashboard")
    await expect(page.get_by_test_id("performance")).to_be_visible()
    await gallery.look("43-performance")
    if not phone:
        await screens.open("/bills")
        await page.get_by_test_id("search-everything").fill("OVER")
        await expect(page.locator(".desk-hit").first).to_be_visible()
        await gallery.look("44-search")
        await page.keyboard.press("Escape")
        await page.locator(".desk-foot button").last.click()
        await gallery.look("keys")
    assert gallery.faults == [], "\n".join(gallery.faults)
