"""The main job: a dispatcher packs small bags into a big one with a keyboard-wedge scanner."""

from __future__ import annotations

import asyncio
import json
import re

import asyncpg
from playwright.async_api import Route, expect

from tests.lengths import length

from .conftest import OpenScreens
from .screens import Screens
from .site import Site


async def children_of(stored: asyncpg.Connection, parent: str) -> list[str]:
    """The codes in a parent, as PostgreSQL has them."""
    rows = await stored.fetch(
        "select c.code from bags c join bags p on p.id = c.parent_id where p.code = $1 order by c.code",
        parent,
    )
    return [row["code"] for row in rows]


async def scans_by(stored: asyncpg.Connection, username: str) -> dict[str, int]:
    """How often each outcome was recorded for a worker."""
    rows = await stored.fetch(
        "select s.outcome, count(*) from scans s join users u on u.id = s.user_id"
        " where u.username = $1 group by 1",
        username,
    )
    return {row["outcome"]: row["count"] for row in rows}


async def test_a_dispatcher_signs_in_and_packs_thirty_bags(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    name = served.dispatcher("packer")
    await screens.start_scanning(name)
    await screens.scan_parent("PB900030")
    codes = [f"SB{number:05}" for number in range(30)]
    for code in codes:
        await screens.wedge(code)
    await screens.shows(30)
    await screens.all_sent()
    await screens.shows(30)
    assert await children_of(stored, "PB900030") == codes
    assert await scans_by(stored, name) == {"created": 1, "linked": 30}
    await screens.button("Done").click()
    await expect(screens.page.get_by_test_id("closed-count")).to_have_text("30 / 30")
    await screens.all_sent()
    assert await stored.fetchval("select state from bags where code = 'PB900030'") == "completed"
    await expect(screens.parent).to_have_count(0)


async def test_success_is_said_when_the_server_has_answered(screens: Screens, served: Site) -> None:
    """Until then the code is on screen without a colour, and soon as waiting."""
    await screens.start_scanning(served.dispatcher("quick"))
    await screens.scan_parent("PQ1")
    await screens.shows(0)
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await screens.page.route("**/api/v1/scans", hold)
    await screens.page.evaluate(
        """() => {
            window.tones = [];
            const look = () => {
                const tone = document.querySelector("[data-testid=word]")?.dataset.tone;
                if (tone !== undefined && tones.at(-1) !== tone) tones.push(tone);
            };
            const all = { subtree: true, childList: true, attributes: true };
            new MutationObserver(look).observe(document.body, all);
        }"""
    )
    await screens.wedge("CQ1")
    await screens.shows(1)
    await expect(screens.word).to_contain_text("CQ1")
    await expect(screens.word).to_have_attribute("data-tone", "waiting")
    assert await screens.page.evaluate("tones.slice(-2)") == ["sending", "waiting"]
    held.set()
    await expect(screens.word).to_have_attribute("data-tone", "ok")
    await screens.all_sent()
    await screens.shows(1)


async def test_two_fast_scans_are_never_merged_or_lost(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    await screens.start_scanning(served.dispatcher("fast"))
    await screens.scan_parent("PF1")
    for number in range(10):
        # As soon after one another as a scanner can; Enter and Tab by turns.
        await screens.wedge(f"CF{number}", "Enter" if number % 2 else "Tab")
    # All in one go: without a suffix the pause tells, and a busy machine makes pauses of its own.
    await screens.page.evaluate(
        """(keys) => keys.forEach((key) =>
            document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })))""",
        [*"CF-without-suffix"],
    )
    await screens.shows(11)
    await screens.all_sent()
    assert await children_of(stored, "PF1") == ["CF-without-suffix", *(f"CF{n}" for n in range(10))]


async def test_enter_never_presses_a_button(screens: Screens, served: Site) -> None:
    await screens.start_scanning(served.dispatcher("entering"))
    await screens.scan_parent("PE1")
    await screens.button("Done").focus()
    await screens.page.keyboard.press("Enter")
    await screens.wedge("CE1")
    await screens.page.keyboard.press("Enter")
    await screens.shows(1)
    await expect(screens.parent).to_have_text("PE1")
    await expect(screens.page.locator(".scanner-field")).to_be_focused()


async def test_focus_comes_back_after_every_press(screens: Screens, served: Site) -> None:
    await screens.start_scanning(served.dispatcher("pressing"))
    await screens.scan_parent("PP1")
    await screens.wedge("CP1")
    await screens.page.get_by_role("button", name="Undo CP1").click()
    await screens.shows(0)
    await expect(screens.page.locator(".scanner-field")).to_be_focused()
    await screens.page.mouse.click(180, 200)
    await expect(screens.page.locator(".scanner-field")).to_be_focused()
    await screens.wedge("CP2")
    await screens.shows(1)


async def test_what_is_typed_by_hand_is_offered_as_typing(screens: Screens, served: Site) -> None:
    await screens.start_scanning(served.dispatcher("typing"))
    await screens.page.keyboard.press("P")
    field = screens.page.get_by_label("Code of the big bag")
    await expect(field).to_be_focused()
    await screens.page.keyboard.type("H1", delay=150)
    await expect(field).to_have_value("PH1")
    await screens.page.keyboard.press("Enter")
    await expect(screens.parent).to_have_text("PH1")


async def test_a_slow_scanner_service_loses_no_letter(screens: Screens, served: Site) -> None:
    await screens.start_scanning(served.dispatcher("slow-service"))
    for number, pause in enumerate(length((120, 180, 400), (120, 135, 150, 180, 250, 400))):
        code = f"PW{number}X7"
        await screens.page.keyboard.type(code, delay=pause)
        await screens.page.keyboard.press("Enter")
        await expect(screens.parent).to_have_text(code)
        await screens.button("Next big bag").click()


async def test_the_four_outcomes_look_different(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    name = served.dispatcher("outcomes")
    await screens.start_scanning(name)
    await screens.scan_parent("PO1")
    await screens.wedge("CO1")
    await expect(screens.word).to_have_attribute("data-tone", "ok")
    await expect(screens.word).to_contain_text("OK")
    await screens.wedge("co1")
    await expect(screens.word).to_have_attribute("data-tone", "already")
    await expect(screens.word).to_contain_text("Already here")
    await screens.shows(1)
    await screens.all_sent()

    await screens.button("Next big bag").click()
    await screens.scan_parent("PO2")
    await screens.wedge("CO1")
    await expect(screens.refusal).to_contain_text("In another bag")
    await expect(screens.page.get_by_test_id("refusal-why")).to_have_text(
        re.compile(rf"^It is in big bag PO1\. {name} put it there, .+\.$")
    )
    # It stays until the next good scan, and in the list until somebody decides.
    await screens.wedge("CO2")
    await expect(screens.refusal).to_have_count(0)
    await screens.shows(1)
    await screens.page.get_by_role("button", name="1 scan needs you").click()
    await screens.button("Move it into PO2").click()
    await screens.shows(2)
    await screens.all_sent()
    assert await children_of(stored, "PO2") == ["CO1", "CO2"]
    assert await children_of(stored, "PO1") == []

    await screens.page.context.set_offline(True)
    await screens.wedge("CO3")
    await screens.wedge("CO4")
    await expect(screens.word).to_have_attribute("data-tone", "waiting")
    await expect(screens.word).to_contain_text("Waiting")
    await expect(screens.waiting).to_contain_text("waiting")


async def test_a_refusal_can_be_mended_by_moving_the_bag(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    await screens.start_scanning(served.dispatcher("moving"))
    await screens.scan_parent("PM1")
    await screens.wedge("CM1")
    await screens.all_sent()
    await screens.button("Next big bag").click()
    await screens.scan_parent("PM2")
    await screens.wedge("CM1")
    await screens.refusal.get_by_role("button", name="Move it here").click()
    await expect(screens.refusal).to_have_count(0)
    await screens.shows(1)
    await screens.all_sent()
    await expect(screens.page.get_by_role("button", name="scan needs you")).to_have_count(0)
    assert await children_of(stored, "PM2") == ["CM1"]


async def test_a_conflict_is_dropped_only_with_a_reason_that_is_kept(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    """A bag is where the record does not say; what changed nothing needs no decision."""
    await screens.start_scanning(served.dispatcher("dropping"))
    await screens.scan_parent("PD1")
    await screens.wedge("CD1")
    await screens.wedge("TT:NO-COMMAND")
    await screens.refusal.get_by_role("button", name="OK, understood").click()
    await screens.all_sent()
    await screens.button("Next big bag").click()
    await screens.wedge("CD1")
    await expect(screens.refusal).to_contain_text("Scan the big bag first.")
    await screens.refusal.get_by_role("button", name="OK, understood").click()
    await screens.page.get_by_role("button", name="1 scan needs you").click()
    await screens.button("Drop it").click()
    await screens.button("I put the bag aside").click()
    await expect(screens.page.get_by_role("dialog")).to_have_count(0)
    await screens.all_sent()
    after = await stored.fetchval(
        "select after from audit_events where action = 'scan_discarded' order by id desc limit 1"
    )
    assert json.loads(after)["reason"] == "bag set aside"
    assert await children_of(stored, "PD1") == ["CD1"]


async def test_undo_takes_back_the_effect_and_not_only_the_line(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    await screens.start_scanning(served.dispatcher("undoing"))
    await screens.scan_parent("PU1")
    for code in ("CU1", "CU2", "CU3"):
        await screens.wedge(code)
    await screens.all_sent()
    await screens.page.get_by_role("button", name="Undo CU2").click()
    await screens.shows(2)
    await expect(screens.last.filter(has_text="CU2")).to_have_attribute("data-state", "undone")
    await screens.all_sent()
    assert await children_of(stored, "PU1") == ["CU1", "CU3"]
    await screens.button("Done").click()
    await screens.all_sent()
    await screens.page.get_by_role("button", name="Undo PU1").click()
    await expect(screens.parent).to_have_text("PU1")
    await screens.shows(2)
    await screens.all_sent()
    assert await stored.fetchval("select state from bags where code = 'PU1'") == "open"


async def test_scans_of_a_cut_network_wait_and_arrive_once_each(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    name = served.dispatcher("offline")
    await screens.start_scanning(name)
    await screens.scan_parent("PN1")
    await screens.all_sent()
    await screens.page.context.set_offline(True)
    for number in range(12):
        await screens.wedge(f"CN{number:02}")
    await screens.shows(12)
    await expect(screens.waiting).to_have_attribute("data-waiting", "12")
    await screens.button("Done").click()
    await screens.scan_parent("PN2")
    await screens.wedge("CN99")
    await screens.shows_without_expected(1)
    assert await children_of(stored, "PN1") == []
    await screens.page.context.set_offline(False)
    await screens.all_sent()
    assert await children_of(stored, "PN1") == [f"CN{number:02}" for number in range(12)]
    assert await children_of(stored, "PN2") == ["CN99"]
    assert await scans_by(stored, name) == {"created": 2, "linked": 13, "completed": 1}
    await screens.shows(1)


async def test_an_answer_that_is_lost_has_its_effect_once(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    name = served.dispatcher("lossy")
    await screens.start_scanning(name)
    await screens.scan_parent("PL1")
    await screens.all_sent()
    lost = 0

    async def lose_the_answer(route: Route) -> None:
        nonlocal lost
        lost += 1
        await route.fetch()
        await route.abort()

    sends = re.compile(r"/api/v1/scans(/sync)?$")
    await screens.page.route(sends, lose_the_answer, times=3)
    for number in range(6):
        await screens.wedge(f"CL{number}")
    await screens.all_sent()
    assert lost == 3
    await screens.shows(6)
    assert await children_of(stored, "PL1") == [f"CL{number}" for number in range(6)]
    assert await scans_by(stored, name) == {"created": 1, "linked": 6}


async def test_the_parent_survives_reload_and_another_device(
    screens: Screens, open_screens: OpenScreens, served: Site
) -> None:
    name = served.dispatcher("roaming")
    await screens.start_scanning(name)
    await screens.scan_parent("PR1")
    for code in ("CR1", "CR2"):
        await screens.wedge(code)
    await screens.all_sent()
    await screens.page.reload()
    await expect(screens.parent).to_have_text("PR1")
    await screens.shows(2)
    await expect(screens.last).to_have_count(3)
    await screens.wedge("CR1")
    await expect(screens.word).to_have_attribute("data-tone", "already")

    other = await open_screens(phone=False)
    await other.start_scanning(name)
    await expect(other.parent).to_have_text("PR1")
    await other.shows(2)
    await expect(other.last.filter(has_text="CR2").first).to_be_visible()
    await other.wedge("CR3")
    await other.shows(3)


async def test_waiting_scans_outlive_reload_and_sign_out(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    name = served.dispatcher("leaving")
    await screens.start_scanning(name)
    await screens.scan_parent("PS1")
    await screens.all_sent()
    await screens.page.route("**/api/v1/scans**", lambda route: route.abort())
    for code in ("CS1", "CS2", "CS3"):
        await screens.wedge(code)
    await expect(screens.waiting).to_have_attribute("data-waiting", "3")
    await screens.keeps_waiting(3)
    await screens.page.reload()
    await expect(screens.parent).to_have_text("PS1")
    await expect(screens.waiting).to_have_attribute("data-waiting", "3")
    await screens.open("/profile")
    await expect(screens.page.locator(".sign-out")).to_contain_text("3 scans have not been sent yet")
    await screens.button("Sign out").click()
    kept = f"3 scans are kept on this phone. They are sent after {name} signs in."
    await expect(screens.page.locator("main")).to_contain_text(kept)
    assert await children_of(stored, "PS1") == []

    # Somebody else on the same phone neither sends nor sees them.
    await screens.page.unroute_all()
    await screens.sign_in(served.dispatcher("colleague"))
    await screens.at_home()
    await expect(screens.waiting).to_have_attribute("data-waiting", "0")
    await asyncio.sleep(1)
    assert await children_of(stored, "PS1") == []
    await screens.open("/profile")
    await screens.button("Sign out").click()

    await screens.sign_in(name)
    await screens.at_home()
    await screens.all_sent()
    assert await children_of(stored, "PS1") == ["CS1", "CS2", "CS3"]


async def test_answers_that_come_together_do_not_hide_a_refusal(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    await screens.start_scanning(served.dispatcher("in-a-row"))
    await screens.scan_parent("PTOGETHER1")
    await screens.wedge("CTOGETHER1")
    await screens.all_sent()
    await screens.button("Next big bag").click()
    await screens.scan_parent("PTOGETHER2")
    await screens.all_sent()
    await screens.page.context.set_offline(True)
    await screens.wedge("CTOGETHER1")
    await screens.wedge("CTOGETHER2")
    await expect(screens.waiting).to_have_attribute("data-waiting", "2")
    await screens.page.context.set_offline(False)
    await screens.all_sent()
    await expect(screens.refusal).to_contain_text("It is in big bag PTOGETHER1")
    assert await children_of(stored, "PTOGETHER2") == ["CTOGETHER2"]


async def test_the_next_big_bag_needs_no_tap(screens: Screens, served: Site) -> None:
    await screens.start_scanning(served.dispatcher("mixing"))
    await screens.scan_parent("PX1")
    await screens.all_sent()
    await screens.button("Next big bag").click()
    await screens.scan_parent("PX2")
    await screens.wedge("CX1")
    await screens.all_sent()
    await screens.scan_parent("PX1")
    await screens.shows(0)
    await screens.button("Next big bag").click()
    await screens.wedge("CX1")
    await expect(screens.refusal).to_contain_text("Scan the big bag first.")
