"""One label is one code, whatever scanner and keyboard: real scanners' keys in a real browser."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Page, expect

from .conftest import OpenScreens
from .keystrokes import (
    ENTER,
    F8,
    FRENCH,
    GERMAN,
    GROUP_SEPARATOR,
    INSCRIPT,
    LINE_FEED,
    TAB,
    Key,
    Keyboard,
    caps_locked,
    keypad,
    keys,
)
from .screens import Screens
from .site import Site
from .test_packing import children_of

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "codes.json").read_text())

HEARD = """
    // What is played, by the frequency of its first note.
    window.heard = [];
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...at) {
        window.heard.push(this.frequency.value);
        return start.apply(this, at);
    };
"""
REFUSED_HERTZ = 196
REFUSED_SOUNDS = f"window.heard.filter((hertz) => hertz === {REFUSED_HERTZ})"


async def refused_sounds(page: Page) -> int:
    """How often the sound of a rejection was played."""
    return int(await page.evaluate(f"{REFUSED_SOUNDS}.length"))


async def hears_refused(screens: Screens, times: int) -> None:
    """Wait until the sound of a rejection was played so often; it follows the picture."""
    await screens.until(f"{REFUSED_SOUNDS}.length >= {times}")
    assert await refused_sounds(screens.page) == times


async def packing(screens: Screens, served: Site, name: str) -> Keyboard:
    """A scan screen with an open parent, and its keyboard."""
    await screens.page.add_init_script(HEARD)
    await screens.page.reload()
    await screens.start_scanning(served.dispatcher(f"keys-{name}"))
    await screens.scan_parent(f"PK-{name}")
    return await Keyboard.of(screens.page)


SB = [*keys("SB")]

READ: dict[str, tuple[list[Key], str]] = {
    "two-lines": (
        keys("LABEL NO. 0068511\nLOT NO. 68515\n"),
        "LABEL NO. 0068511 LOT NO. 68515",
    ),
    "two-lines-crlf": ([*keys("A1"), ENTER, LINE_FEED, *keys("B2"), ENTER, LINE_FEED], "A1 B2"),
    "three-fields": (keys("SB68511\tLOT 7\tAB\t"), "SB68511 LOT 7 AB"),
    "no-num-lock": ([*SB, *keypad("678711", num_lock=False), ENTER], "SB678711"),
    "digits-no-num-lock": ([*keypad("0016586", num_lock=False), ENTER], "0016586"),
    "num-lock": ([*SB, *keypad("678712", num_lock=True), ENTER], "SB678712"),
    "french": ([*keys("SB67876", FRENCH), ENTER], "SB67876"),
    "inscript": ([*keys("SB67878", INSCRIPT), ENTER], "SB67878"),
    "caps-lock": (caps_locked([*keys("SB68513"), ENTER]), "sb68513"),
    "function-keys": ([F8, *keys("SB68514"), F8, ENTER], "SB68514"),
    "ctrl-j": ([*keys("SB68516"), LINE_FEED], "SB68516"),
    "group-separator": ([*keys("0109"), GROUP_SEPARATOR, *keys("21A"), ENTER], "010921A"),
    "code-39": (keys("*SB68519*\n"), "SB68519"),
    "upc-a": (keys("0036000291452\n"), "036000291452"),
    "tab": ([*keys("SB68520"), TAB], "SB68520"),
    "no-suffix": (keys("SB68521"), "SB68521"),
}


@pytest.mark.parametrize("name", READ)
async def test_a_label_is_one_code_whatever_the_keys(
    screens: Screens, served: Site, stored: asyncpg.Connection, name: str
) -> None:
    pressed, code = READ[name]
    keyboard = await packing(screens, served, name)
    await keyboard.press(pressed)
    await expect(screens.count).to_have_text("1 / 30")
    await screens.all_sent()
    assert await children_of(stored, f"PK-{name}") == [code]
    assert await refused_sounds(screens.page) == 0
    # The same once more is the same.
    await keyboard.press(pressed)
    await expect(screens.word).to_have_attribute("data-tone", "already")


async def test_an_input_method_and_alt_codes_give_the_label(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    keyboard = await packing(screens, served, "methods")
    await keyboard.compose([*keys("SB67879"), ENTER], INSCRIPT)
    await screens.shows(1)
    await keyboard.alt_codes("SB68512")
    await keyboard.press([ENTER])
    await screens.shows(2)
    await screens.all_sent()
    assert await children_of(stored, "PK-methods") == ["SB67879", "SB68512"]


@pytest.mark.parametrize("where", ["/scan", "/find"])
async def test_characters_typed_by_number_are_one_code_on_a_busy_page(
    screens: Screens, served: Site, where: str
) -> None:
    keyboard = await packing(screens, served, f"numbers-{where[1:]}")
    # A scanner without suffix: a tenth of a second of silence ends its codes.
    await keyboard.press(keys(f"SBNUMBERS{where[1:]}"))
    await screens.shows(1)
    if where == "/find":
        await screens.all_sent()
        await screens.open(where)
    await keyboard.alt_codes("क्षेत्र", handled_seconds=0.16)
    await keyboard.press([ENTER])
    if where == "/find":
        await screens.until("new URLSearchParams(location.search).get('code') === 'क्षेत्र'")
    else:
        await expect(screens.last.first).to_contain_text("क्षेत्र")


async def test_keys_that_nobody_can_read_are_rejected_audibly_until_the_device_has_learned(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    keyboard = await packing(screens, served, "garbled")
    await keyboard.press([*keys("SY-12", GERMAN), ENTER])
    note = screens.page.get_by_test_id("untaken")
    await expect(note).to_contain_text("The keyboard language of this computer does not fit")
    await expect(note).to_contain_text("SZß12")
    await hears_refused(screens, 1)
    await keyboard.press([*SB, Key("End", ""), *keys("1"), ENTER])
    await hears_refused(screens, 2)
    assert await children_of(stored, "PK-garbled") == []
    await keyboard.press([*keys("SB12"), ENTER])
    await expect(note).to_have_count(0)
    await screens.shows(1)


async def test_the_set_up_page_teaches_a_device_its_scanner(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    await screens.sign_in(served.dispatcher("keys-taught"))
    await screens.at_home()
    await screens.open("/help/scanner")
    await expect(screens.page.get_by_label("Scanner input")).to_be_focused()
    keyboard = await Keyboard.of(screens.page)
    said = screens.page.get_by_test_id("finding")
    await keyboard.press([*keys("4006381333931"[:-1]), ENTER])
    await expect(said).to_contain_text("switch on")
    await keyboard.press([*keys("~TT:TEST-aZqWyM-1590/", GERMAN), ENTER])
    await expect(said).to_contain_text("set this computer's keyboard to English (US)")
    await screens.open("/scan")
    await screens.scan_parent("PK-taught")
    # Rejected before, as nothing told what it was.
    await keyboard.press([*keys("~SY-12", GERMAN), ENTER])
    await screens.shows(1)
    await screens.all_sent()
    assert await children_of(stored, "PK-taught") == ["SY-12"]


async def test_keys_of_scanners_do_not_reach_the_browser(screens: Screens, served: Site) -> None:
    keyboard = await packing(screens, served, "browser")
    await screens.page.evaluate(
        """() => {
            window.passed = [];
            // Before the page is asked; whether it took the key is known after.
            addEventListener("keydown", (event) => setTimeout(() => {
                if (!event.defaultPrevented) window.passed.push(event.key);
            }), true);
        }"""
    )
    # What the page took does not come here at all, or is prevented.
    for count, pressed in enumerate(
        (
            [*keys("SB1"), LINE_FEED, LINE_FEED],
            [*keys("SB2"), GROUP_SEPARATOR, *keys("3"), ENTER, LINE_FEED],
            [*keys("SB3"), Key("F5", "F5"), ENTER],
            [*SB, *keypad("4", num_lock=False), ENTER],
        ),
        start=1,
    ):
        await keyboard.press(pressed)
        await screens.shows(count)
    assert await screens.page.evaluate("window.passed") == []


async def test_each_vector_is_its_code_by_keys(screens: Screens, served: Site) -> None:
    await screens.sign_in(served.dispatcher("keys-vectors"))
    await screens.at_home()
    await screens.open("/find")
    keyboard = await Keyboard.of(screens.page)
    for vector in VECTORS["codes"]:
        code = vector.get("code")
        # By numbers alone, a code of 128 characters takes as long as somebody who types.
        if code is None or sum(not letter.isascii() for letter in code) > 20:
            continue
        await screens.page.evaluate("history.replaceState(null, '', '/find')")
        await keyboard.type(vector["raw"] + "\n")
        await screens.until(f"new URLSearchParams(location.search).get('code') === {json.dumps(code)}")


@pytest.fixture
async def bill(served: Site) -> int:
    """A bill with one parent."""
    with served.admin() as admin:
        bill_id = int(admin.post("/bills", json={}).raise_for_status().json()["id"])
        code = f"PBURST{bill_id}"
        admin.post("/scans/parent", json={"code": code}).raise_for_status()
        admin.post(f"/bills/{bill_id}/bags", json={"code": code}).raise_for_status()
    return bill_id


async def test_labels_typed_into_a_field_are_whole_on_a_busy_page_and_from_a_scanner_that_stumbles(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection, bill: int
) -> None:
    together = [f"PTOGETHER-{number}" for number in range(4)]
    torn = [f"PSTUMBLE-{first}" for first in (1, 3, 5)]
    with served.admin() as admin:
        for code in (*together, *torn):
            admin.post("/scans/parent", json={"code": code}).raise_for_status()
    screens = await open_screens(phone=False)
    await screens.sign_in("admin")
    await screens.at_home()
    await screens.open(f"/bills/{bill}")
    field = screens.page.get_by_test_id("scan-field")
    await expect(field).to_be_focused()
    keyboard = await Keyboard.of(screens.page)
    await keyboard.scan_together(*(keys(f"{code}\n") for code in together))
    await expect(screens.page.get_by_test_id("parent-count")).to_have_text("5")
    for code in torn:
        pressed = keys(f"{code}\n")
        first = int(code[-1])
        await keyboard.press(pressed[:first])
        await asyncio.sleep(0.3)
        await keyboard.press(pressed[first:])
        await expect(screens.page.get_by_test_id("verdict")).to_contain_text(code)
        await expect(field).to_have_value("")
    await expect(screens.page.get_by_test_id("parent-count")).to_have_text("8")
    on_bill = (
        "select code from bags where bill_id = $1 and code like any ('{PTOGETHER-%,PSTUMBLE-%}') order by 1"
    )
    assert [row[0] for row in await stored.fetch(on_bill, bill)] == [*torn, *together]


BURST = [*keys("SB68530"), ENTER]


async def test_a_burst_of_keys_presses_nothing_in_a_question_and_is_rejected_audibly(
    open_screens: OpenScreens, served: Site, bill: int
) -> None:
    screens = await open_screens(phone=False)
    page = screens.page
    await page.add_init_script(HEARD)
    await page.reload()
    await screens.sign_in("admin")
    await screens.at_home()
    await screens.open(f"/bills/{bill}")
    keyboard = await Keyboard.of(page)
    note = page.get_by_test_id("untaken")
    await page.get_by_role("button", name="Complete", exact=True).click()
    dialog = page.get_by_role("dialog")
    for button in await dialog.get_by_role("button").all():
        await button.focus()
        await keyboard.press(BURST)
        await expect(note).to_contain_text("First answer the question")
        await expect(note).to_contain_text("SB68530")
        await expect(dialog).to_be_visible()
        await note.get_by_role("button").click()
    await hears_refused(screens, await dialog.get_by_role("button").count())
    with served.admin() as admin:
        assert admin.get(f"/bills/{bill}").json()["state"] == "processing"
        admin.post(f"/bills/{bill}/complete", json={}).raise_for_status()
    await page.reload()
    await page.get_by_role("button", name="Reopen").click()
    reason = dialog.get_by_role("textbox")
    await reason.fill("Wrong vehicle")
    for suffix in ([ENTER], [TAB], []):
        await keyboard.press([*keys("SB68531"), *suffix])
        await expect(note).to_contain_text("SB68531")
        await expect(reason).to_have_value("Wrong vehicle")
        await expect(reason).to_be_focused()
        await note.get_by_role("button").click()
        await reason.focus()
    # Typed by hand it is a reason.
    await page.keyboard.press("End")
    await page.keyboard.type(" again", delay=70)
    await expect(reason).to_have_value("Wrong vehicle again")


async def test_a_burst_of_keys_reaches_no_field_and_no_link_of_any_page(
    screens: Screens, served: Site
) -> None:
    page = screens.page
    keyboard = await Keyboard.of(page)
    note = page.get_by_test_id("untaken")
    name = page.locator("input[name=username]")
    await name.fill("somebody")
    await keyboard.press(BURST)
    await expect(note).to_contain_text("No codes are taken here")
    await expect(name).to_have_value("somebody")
    await expect(page.locator("input[name=password]")).to_have_value("")
    await screens.sign_in(served.dispatcher("keys-everywhere"))
    await screens.at_home()
    await page.locator("a.job").first.focus()
    await keyboard.press(BURST)
    await expect(note).to_contain_text("No codes are taken here")
    await screens.at_home()
    await screens.open("/profile")
    button = page.get_by_role("button", name="Sign out")
    await button.focus()
    await keyboard.press(BURST)
    await expect(note).to_contain_text("SB68530")
    await expect(button).to_be_focused()


async def test_codes_go_where_codes_belong_though_another_field_has_the_focus(
    open_screens: OpenScreens, served: Site, bill: int
) -> None:
    screens = await open_screens(phone=False)
    page = screens.page
    await screens.sign_in("admin")
    await screens.at_home()
    await screens.open(f"/bills/{bill}")
    keyboard = await Keyboard.of(page)
    with served.admin() as admin:
        admin.post("/scans/parent", json={"code": f"PMORE{bill}"}).raise_for_status()
    search = page.get_by_test_id("search-everything")
    await page.get_by_role("button", name="Edit", exact=True).focus()
    await keyboard.press([*keys(f"PMORE{bill}"), ENTER])
    await expect(page.get_by_test_id("verdict")).to_have_attribute("data-kind", "attached")
    await search.fill("half a")
    await keyboard.press([*keys(f"PMORE{bill}"), ENTER])
    await page.wait_for_url(f"**/find?code=PMORE{bill}")
    await expect(search).to_have_value("")
