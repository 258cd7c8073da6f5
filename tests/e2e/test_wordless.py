"""A shift without a word: packing by somebody who sees drawings and hears sounds, and reads nothing.

Every text on the page, seen or spoken, is blanked; the script knows roles, drawings and tones alone.
"""

from __future__ import annotations

import asyncio

import asyncpg
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
        """The sound that follows; a refusal may follow the tone that the phone expected."""
        for _ in range(200):
            notes: list[float] = await self.page.evaluate("heard.slice(-2)")
            if len(notes) == 2 and named(*notes) == sound:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"heard {notes} Hz, not {sound}")


def named(first: float, second: float) -> str:
    """What two notes (Hz) say."""
    if max(first, second) < 300:
        return REFUSED
    return ALREADY if first == second else OK if first < second else WAITING


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
    await person.hears(OK)

    await person.sees("ok")
    await person.scan("PV2")
    await person.hears(OK)
    await person.scan("CV1")
    await person.hears(REFUSED)
    await expect(page.get_by_role("alertdialog")).to_be_visible()
    await person.sees("refused")
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
    await person.hears(OK)
    await screens.all_sent()

    words = await page.evaluate("document.body.innerText.trim()")
    assert words == ""
    assert await children_of(stored, "PV1") == ["CV2"]
    assert await children_of(stored, "PV2") == ["CV1", "CV4", "CV5"]
    states = await stored.fetch("select state from bags where code in ('PV1', 'PV2')")
    assert [row["state"] for row in states] == ["completed", "completed"]
