"""What the worker sees and hears is what is stored."""

from __future__ import annotations

import asyncio
import re

import asyncpg
import pytest
from playwright.async_api import Route, expect

from .conftest import OpenScreens
from .screens import Screens
from .site import Site
from .test_packing import children_of
from .test_together import end_other_sessions

AHEAD = """
    // A clock that is 26 h ahead until it is put right.
    const day = Date;
    window.ahead = 26 * 3600e3;
    window.Date = class extends day {
        constructor(...of) { of.length ? super(...of) : super(day.now() + window.ahead); }
        static now() { return day.now() + window.ahead; }
    };
"""
LOOK = re.compile(r"/bags/\d+$")


async def after_a_look(screens: Screens) -> None:
    """Wait until the screen has asked once more how many are in, which it does every 4 s."""
    async with screens.page.expect_response(LOOK):
        pass
    await screens.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


@pytest.mark.parametrize("way", ["Next big bag", "Done"])
async def test_the_open_bag_is_the_one_that_was_scanned_last_after_leaving_the_page(
    screens: Screens, served: Site, stored: asyncpg.Connection, way: str
) -> None:
    """An answer from before must not open the bag before it again."""
    mark = way[0]
    await screens.start_scanning(served.dispatcher(f"returning-{mark}"))
    await screens.scan_parent(f"PV{mark}1")
    await screens.wedge(f"CV{mark}1")
    await screens.all_sent()
    await after_a_look(screens)
    await screens.button(way).click()
    await screens.scan_parent(f"PV{mark}2")
    await screens.wedge(f"CV{mark}2")
    await screens.all_sent()
    await screens.page.get_by_role("link", name="Home").click()
    await screens.at_home()
    await screens.open_job("/scan")
    await expect(screens.parent).to_have_text(f"PV{mark}2")
    await screens.shows(1)
    await screens.wedge(f"CV{mark}3")
    await screens.shows(2)
    await screens.all_sent()
    assert await children_of(stored, f"PV{mark}1") == [f"CV{mark}1"]
    assert await children_of(stored, f"PV{mark}2") == [f"CV{mark}2", f"CV{mark}3"]


async def test_the_count_never_goes_back_after_leaving_the_page(screens: Screens, served: Site) -> None:
    await screens.start_scanning(served.dispatcher("counting"))
    await screens.scan_parent("PV5")
    await screens.all_sent()
    await after_a_look(screens)
    for number in range(5):
        await screens.wedge(f"CV5{number}")
    await screens.all_sent()
    await screens.page.get_by_role("link", name="Home").click()
    await screens.at_home()
    await screens.page.evaluate(
        """() => {
            window.counts = [];
            new MutationObserver(() => {
                const shown = document.querySelector("[data-testid=count]")?.textContent;
                if (shown !== undefined && counts.at(-1) !== shown) counts.push(shown);
            }).observe(document.body, { subtree: true, childList: true, characterData: true });
        }"""
    )
    await screens.open_job("/scan")
    await screens.shows(5)
    await after_a_look(screens)
    assert await screens.page.evaluate("counts") == ["5 / 30"]


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("online", [True, False])
async def test_the_next_label_of_a_big_bag_is_asked_about_and_never_put_into_the_old_one(
    screens: Screens, served: Site, stored: asyncpg.Connection, online: bool
) -> None:
    """No patterns, as installed: the shape of the first big bag is all that is known."""
    mark = "M" if online else "N"
    await screens.start_scanning(served.dispatcher(f"rowing-{mark}", area=f"Row {mark}"))
    await screens.scan_parent(f"{mark}444-00017")
    await screens.all_sent()
    await screens.page.context.set_offline(not online)
    for code in (f"{mark.lower()}c-1", f"{mark.lower()}c-2", f"{mark}444-00018"):
        await screens.wedge(code)
    if online:
        await expect(screens.page.get_by_test_id("asked")).to_contain_text("Is this a big bag?")
    await screens.wedge(f"{mark.lower()}c-3")
    await screens.page.context.set_offline(False)
    asked = screens.page.get_by_test_id("asked")
    await expect(asked).to_contain_text(f"{mark}444-00018")
    await expect(screens.page.get_by_test_id("asked-behind")).to_contain_text("1 scan after it waits")
    assert await children_of(stored, f"{mark}444-00017") == [f"{mark.lower()}c-1", f"{mark.lower()}c-2"]
    assert await stored.fetchval("select count(*) from bags where code = $1", f"{mark.lower()}c-3") == 0
    await screens.wedge(f"{mark}444-00018")
    await expect(asked).to_have_count(0)
    await expect(screens.parent).to_have_text(f"{mark}444-00018")
    await screens.all_sent()
    await screens.shows(1)
    assert await children_of(stored, f"{mark}444-00017") == [f"{mark.lower()}c-1", f"{mark.lower()}c-2"]
    assert await children_of(stored, f"{mark}444-00018") == [f"{mark.lower()}c-3"]


@pytest.mark.usefixtures("guarded")
async def test_a_question_is_answered_by_a_picture_or_dropped(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    await screens.start_scanning(served.dispatcher("answering", area="Row Q"))
    await screens.scan_parent("Q444-00017")
    await screens.wedge("Q444-00018")
    await screens.page.get_by_test_id("asked").get_by_role("button", name="Small bag").click()
    await screens.shows(1)
    await screens.wedge("qc-1")
    await screens.wedge("WIFI:T:WPA;S:Depot;P:secret;;")
    await expect(screens.page.get_by_test_id("asked")).to_contain_text("Is this the label of a bag?")
    await screens.wedge("qc-2")
    await screens.button("Scanned by mistake").click()
    await screens.all_sent()
    await screens.shows(3)
    assert await children_of(stored, "Q444-00017") == ["Q444-00018", "qc-1", "qc-2"]


async def test_move_names_the_bag_into_which_it_moves(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    """Refused while one bag was open, decided while another is."""
    await screens.start_scanning(served.dispatcher("deciding-late"))
    await screens.scan_parent("PV31")
    await screens.wedge("CV31")
    await screens.all_sent()
    for code in ("PV32", "PV33"):
        await screens.button("Next big bag").click()
        await screens.scan_parent(code)
    await screens.all_sent()
    await screens.scan_parent("PV32")
    await screens.wedge("CV31")
    await expect(screens.refusal).to_contain_text("It is in big bag PV31")
    await screens.scan_parent("PV33")
    await screens.all_sent()
    await screens.page.get_by_role("button", name="1 scan needs you").click()
    await screens.button("Move it into PV32").click()
    await screens.all_sent()
    await expect(screens.parent).to_have_text("PV33")
    await screens.shows(0)
    assert await children_of(stored, "PV32") == ["CV31"]


HEAR = """
    window.heard = [];
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
        heard.push(Math.round(this.frequency.value));
        return start.apply(this, when);
    };
"""


async def test_full_too_many_too_few_and_done_before_are_each_told_apart(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    screens = await open_screens()
    page = screens.page
    await page.add_init_script(HEAR)
    await page.reload()
    name = served.dispatcher("telling-apart")
    await screens.start_scanning(name)
    for code in ("PV82", "PV83"):
        await screens.scan_parent(code)
        await screens.button("Next big bag").click()
    await screens.scan_parent("PV81")
    await screens.all_sent()
    with served.admin() as admin:
        many = {"parent_code": "PV81", "codes": [f"CV81-{number:02}" for number in range(29)]}
        admin.post("/scans/children", json=many).raise_for_status()
    sounds: dict[str, list[int]] = {}

    async def comes(tone: str, *after: str, press: str | None = None) -> None:
        """Scan or press a button, and hear and see what comes of it."""
        await page.evaluate("heard.length = 0")
        if press:
            await screens.button(press).click()
        for code in after:
            await screens.wedge(code)
        await expect(screens.word).to_have_attribute("data-tone", tone)
        await screens.until("heard.length > 1")
        sounds[tone] = await page.evaluate("heard")

    await comes("full", "CV82")
    await screens.shows(30)
    await expect(screens.word).to_contain_text("Full")
    await comes("over", "CV83")
    await screens.button("Take it out again").click()
    await screens.shows(30)
    await screens.all_sent()
    assert len(await children_of(stored, "PV81")) == 30

    # The next big bag closes a full one, and says that; a short one stays open, and is asked about.
    await comes("ok", "PV82")
    await expect(screens.word).to_contain_text("PV81 is done with 30.")
    await screens.wedge("CV84")
    await screens.all_sent()
    await comes("short", "PV83")
    await expect(screens.word).to_contain_text("PV82 has only 1 of 30.")
    await screens.button("It is done anyway").click()
    await expect(screens.parent).to_have_text("PV83")
    await screens.all_sent()
    states = await stored.fetch("select state from bags where code in ('PV81', 'PV82') order by code")
    assert [row["state"] for row in states] == ["completed", "completed"]

    # Done at nothing is not done at thirty.
    await comes("short", press="Done")
    await screens.button("Not done: go on packing").click()
    await expect(screens.parent).to_have_text("PV83")
    await screens.all_sent()

    # Scanned again: it was done, and a child is not simply put in.
    await comes("completed", "PV81")
    await screens.wedge("CV85")
    await expect(page.get_by_test_id("asked")).to_contain_text("Big bag PV81 was done with 30")
    await screens.button("Scanned by mistake").click()
    # Its own label again says yes.
    await screens.wedge("PV81")
    await expect(screens.word).to_have_attribute("data-tone", "ok")
    await screens.all_sent()
    assert await stored.fetchval("select state from bags where code = 'PV81'") == "open"

    await page.evaluate("heard.length = 0")
    await screens.wedge("CV84")
    await expect(screens.refusal).to_have_attribute("data-tone", "other")
    await screens.until("heard.length > 1")
    sounds["other"] = await page.evaluate("heard")
    await screens.button("Leave it there").click()
    await expect(page.locator(".needs-you")).to_have_count(0)
    assert len({tuple(notes) for notes in sounds.values()}) == len(sounds) == 6


async def test_undo_follows_the_order_of_scanning_and_not_the_clock(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    screens = await open_screens()
    await screens.page.add_init_script(AHEAD)
    await screens.page.reload()
    await screens.start_scanning(served.dispatcher("wrong-clock"))
    await screens.scan_parent("PV41")
    for number in range(6):
        await screens.wedge(f"XV4{number}")
    await screens.all_sent()
    await screens.page.evaluate("ahead = 0")
    await screens.button("Next big bag").click()
    await screens.scan_parent("PV42")
    await screens.wedge("YV41")
    await screens.wedge("YV42")
    await screens.all_sent()
    await expect(screens.last.first).to_contain_text("YV42")
    await screens.wedge("TT:UNDO")
    await screens.shows(1)
    await screens.all_sent()
    assert await children_of(stored, "PV41") == [f"XV4{number}" for number in range(6)]
    assert await children_of(stored, "PV42") == ["YV41"]


async def test_scans_after_the_end_of_a_session_are_kept_and_sent_in_their_place(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    """An admin signs the worker out in the middle of a bag."""
    name = served.dispatcher("signed-out")
    await screens.start_scanning(name)
    await screens.scan_parent("PV61")
    await screens.wedge("CV61")
    await screens.all_sent()
    await end_other_sessions(served, name)
    codes = ["CV62", "CV63", "CV64", "PV62", "CV65"]
    for code in codes[:3]:
        await screens.wedge(code)
    await expect(screens.page.get_by_test_id("interrupted")).to_be_visible()
    await screens.button("Done").click()
    for code in codes[3:]:
        await screens.wedge(code)
    await expect(screens.waiting).to_have_attribute("data-waiting", "6")
    await screens.page.get_by_test_id("interrupted").click()
    await screens.sign_in(name)
    await screens.all_sent()
    await expect(screens.parent).to_have_text("PV62")
    await screens.shows(1)
    assert await children_of(stored, "PV61") == ["CV61", *codes[:3]]
    assert await children_of(stored, "PV62") == ["CV65"]


async def test_two_tabs_fill_two_bags_each_in_its_own_order(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    await screens.start_scanning(served.dispatcher("two-chains"))
    await screens.scan_parent("PV71")
    await screens.all_sent()
    other = Screens(await screens.page.context.new_page())
    await other.open("/scan")
    await expect(other.parent).to_have_text("PV71")
    await other.button("Next big bag").click()
    await other.scan_parent("PV72")
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await screens.page.context.route("**/api/v1/scans**", hold)
    for number in range(3):
        await screens.page.bring_to_front()
        await screens.wedge(f"CVA{number}")
        await other.page.bring_to_front()
        await other.wedge(f"CVB{number}")
    await screens.keeps_waiting(6)
    held.set()
    await screens.page.reload()
    await expect(screens.parent).to_have_text("PV71")
    for tab in (screens, other):
        await tab.all_sent()
        await tab.shows(3)
    assert await children_of(stored, "PV71") == [f"CVA{number}" for number in range(3)]
    assert await children_of(stored, "PV72") == [f"CVB{number}" for number in range(3)]


async def test_signing_out_without_a_connection_is_asked_about_first(screens: Screens, served: Site) -> None:
    """Nobody could sign in again, or scan, until the connection is back."""
    await screens.sign_in(served.dispatcher("locked-out"))
    await screens.at_home()
    await screens.open("/profile")
    await expect(screens.button("Sign out")).to_be_visible()
    await screens.page.context.set_offline(True)
    await screens.button("Sign out").click()
    await expect(screens.page.get_by_role("alert")).to_contain_text("until it is back")
    await expect(screens.page.locator("input[name=username]")).to_have_count(0)
    await screens.button("Sign out all the same").click()
    await expect(screens.page.locator("input[name=username]")).to_be_visible()
