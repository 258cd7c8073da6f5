"""A shift without a word: packing by somebody who sees drawings and hears sounds, and reads nothing.

Every text on the page, seen or spoken, is blanked; the script knows roles, drawings and tones alone.
"""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest
from playwright.async_api import Locator, Page, expect

from .conftest import OpenScreens
from .screens import Screens
from .site import PASSWORD, Site
from .test_packing import children_of

WORDLESS = """
    const blank = (node) => {
        if (node.nodeType === Node.TEXT_NODE) { if (node.data !== "") node.data = ""; return; }
        for (const name of ["aria-label", "placeholder", "title", "alt"])
            if (node.getAttribute?.(name)) node.setAttribute(name, "");
        node.childNodes.forEach(blank);
    };
    new MutationObserver((changes) => changes.forEach((change) => blank(change.target))).observe(
        document, { childList: true, subtree: true, characterData: true, attributes: true });
    window.heard = [];
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
        heard.push(this.frequency.value);
        return start.apply(this, when);
    };
"""

OK, ALREADY, REFUSED, WAITING = "rising", "the same twice", "low", "falling"
OTHER, SHORT = "up and down", "two low ones"
SOUNDS = {
    (1318, 1760): OK,
    (880, 880): ALREADY,
    (196, 147): REFUSED,
    (659, 523): WAITING,
    (440, 330): OTHER,
    (523, 392): SHORT,
}
"""By their last two notes, in Hz; frontend/src/shared/ui/tokens.css."""


class Wordless:
    """Somebody who sees drawings and hears tones."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def drawing(self, name: str) -> Locator:
        return self.page.locator(f"svg[data-drawing={name}]")

    def thing(self, role: str, drawing: str) -> Locator:
        """What has this role and shows this drawing."""
        return self.page.locator(f"[role={role}], {role if role != 'link' else 'a'}").filter(
            has=self.drawing(drawing)
        )

    async def sees(self, drawing: str) -> None:
        await expect(self.drawing(drawing).first).to_be_visible()

    async def press(self, role: str, drawing: str) -> None:
        await self.page.evaluate("heard.length = 0")
        await self.thing(role, drawing).first.click()

    async def scan(self, label: str) -> None:
        """Pull the trigger at a label."""
        await self.page.evaluate("heard.length = 0")
        await Screens(self.page).wedge(label)

    async def hears(self, sound: str) -> None:
        """The sound that follows; an answer may follow that it waits."""
        for _ in range(1_200):
            notes: list[float] = await self.page.evaluate("heard.slice(-2)")
            if SOUNDS.get(tuple(round(note) for note in notes)) == sound:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"heard {notes} Hz, not {sound}")


async def test_a_bag_is_packed_by_drawings_and_sounds_alone(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    screens = await open_screens()
    page = screens.page
    await page.context.add_init_script(WORDLESS)
    await page.reload()
    person = Wordless(page)
    # Her name and password were shown to her once, each beside its drawing.
    await page.get_by_role("textbox").first.fill(served.dispatcher("wordless"))
    await page.locator("input[type=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await person.press("link", "scan-big-bag")

    await person.sees("scan-big-bag")
    await person.scan("PV1")
    await person.hears(OK)
    await person.sees("big-bag")
    await person.sees("small-bag")
    for label in ("CV1", "CV2", "CV3"):
        await person.scan(label)
        await person.hears(OK)
    await person.scan("CV2")
    await person.hears(ALREADY)
    await person.sees("already")
    # The newest that can be taken back is CV3's, as soon as it is known that CV2's changed nothing.
    await screens.all_sent()
    await person.press("button", "undo")
    await person.hears(OK)
    await person.press("button", "done")
    # Two of thirty: another sound than a full one, and one thing to press if it was a mistake.
    await person.hears(SHORT)
    await person.scan("PV2")
    await person.hears(OK)
    await person.scan("CV1")
    await person.hears(OTHER)
    await expect(page.get_by_role("alertdialog")).to_be_visible()
    await person.sees("in-other")
    await person.press("button", "into")
    await person.hears(OK)
    await page.context.set_offline(True)
    await person.scan("CV4")
    await page.wait_for_timeout(500)
    await person.scan("CV5")
    await person.hears(WAITING)
    await person.sees("waiting")
    await page.context.set_offline(False)
    await screens.all_sent()
    await person.press("button", "done")
    await person.hears(SHORT)
    await screens.all_sent()

    words = await page.evaluate("document.body.innerText.trim()")
    assert words == ""
    assert await children_of(stored, "PV1") == ["CV2"]
    assert await children_of(stored, "PV2") == ["CV1", "CV4", "CV5"]
    states = await stored.fetch("select state from bags where code in ('PV1', 'PV2')")
    assert [row["state"] for row in states] == ["completed", "completed"]


DARK = """
    // A screen that shows nothing; a voice of this device that says what it is given.
    document.addEventListener("DOMContentLoaded", () => {
        document.documentElement.style.visibility = "hidden";
    });
    localStorage.setItem("tracetrack.speech", "on");
    window.said = [];
    window.heard = [];
    const tongue = navigator.language;
    speechSynthesis.getVoices = () => [{ lang: tongue, localService: true, name: "near" }];
    Object.defineProperty(SpeechSynthesisUtterance.prototype, "voice", { set() {} });
    speechSynthesis.speak = (one) => said.push(one.text);
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
        heard.push(this.frequency.value);
        return start.apply(this, when);
    };
"""


@pytest.mark.parametrize(("language", "counted"), [("en", "{} of 30 bags"), ("hi", "30 में से {} बैग")])
async def test_a_bag_is_packed_by_ear_alone(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection, language: str, counted: str
) -> None:
    """Nothing is seen and nothing touched: a scanner, its command codes, sounds and a voice."""
    screens = await open_screens(language)
    page = screens.page
    await screens.start_scanning(served.dispatcher(f"by-ear-{language}"))
    await page.context.add_init_script(DARK)
    await page.reload()
    person = Wordless(page)
    mark = f"EAR{language.upper()}"

    async def counts(number: int) -> None:
        """The voice says how many are in."""
        await screens.until(f"said.at(-1) === {json.dumps(counted.format(number))}")

    await expect(page.locator(".stage-ask")).to_be_attached()
    await person.scan(f"{mark}-P1")
    await person.hears(OK)
    for number in (1, 2):
        await person.scan(f"{mark}-C{number}")
        await person.hears(OK)
        await counts(number)
    await person.scan(f"{mark}-C2")
    await person.hears(ALREADY)
    await person.scan("TT:UNDO")
    await person.hears(OK)
    await counts(1)
    await person.scan("TT:DONE")
    await person.hears(SHORT)
    await person.scan(f"{mark}-P2")
    await person.hears(OK)
    await person.scan(f"{mark}-C1")
    await person.hears(OTHER)
    await person.scan("TT:CANCEL")
    await page.context.set_offline(True)
    await person.scan(f"{mark}-C3")
    await person.hears(WAITING)
    await page.context.set_offline(False)
    await person.hears(OK)
    assert await children_of(stored, f"{mark}-P1") == [f"{mark}-C1"]
    assert await children_of(stored, f"{mark}-P2") == [f"{mark}-C3"]
