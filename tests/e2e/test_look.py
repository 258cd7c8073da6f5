"""How every screen looks and reads: for everybody, in both languages, on phone and desk.

``make screenshots`` (TRACETRACK_SCREENSHOTS=1) keeps the pictures in docs/screens.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.lengths import SOAK
from tracetrack.settings import ROOT

from .conftest import OpenScreens
from .screens import Screens
from .site import PASSWORD, Site

AXE = (ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
JOBS = re.findall(r'path: "(/[^"]*)"', (ROOT / "frontend" / "src" / "app" / "jobs.ts").read_text("utf-8"))
"""Where every screen is, from the one list that the application itself takes them from."""
PICTURES = ROOT / "docs" / "screens"
KEEP = os.environ.get("TRACETRACK_SCREENSHOTS") == "1"
KEPT = frozenset(
    {
        "1-sign-in",
        "1-sign-in-refused",
        "2-first-password",
        "3-home",
        "4-scan-parent",
        "5-scan-ok",
        "6-scan-already",
        "7-scan-done",
        "8-scan-refused",
        "9-scan-waiting",
        "10-scan-type",
        "11-find",
        "12-find-parent",
        "13-find-child",
        "14-find-meant",
        "15-profile",
        "16-refused-list",
        "17-refused-why",
        "18-help",
        "19-commands",
        "20-scanner-setup",
        "21-no-camera",
    }
)
Look = tuple[str, bool, bool]
"""Language, whether it is a phone, whether it is dark."""
EVERY_PAIR: list[Look] = [("en", True, False), ("hi", True, True), ("en", False, True), ("hi", False, False)]


def looks(first: Look, every_pair: list[Look] = EVERY_PAIR) -> list[Look]:
    """This look and one that differs in everything; each pair in the long form and for pictures."""
    language, phone, dark = first
    return every_pair if SOAK or KEEP else [first, ("hi" if language == "en" else "en", not phone, not dark)]


GLOVED = ".scan :not(.bar *):is(button, a)"
"""What is pressed while scanning, by hands in gloves."""
SETTLED = """async () => {
    // Motions begin with the next picture; what is repeated for ever is not waited for.
    const picture = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    await picture();
    const motions = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < 5000);
    await Promise.allSettled(motions.map((one) => one.finished));
    await picture();
}"""
"""Waits until no motion goes on: colours and sizes are judged at rest, however late a busy machine begins."""


LONGER = r"""() => {
    // A language that needs 40 % more room, with marks above and below its letters.
    const marks = { a: "å", e: "ë", i: "î", o: "ö", u: "ű", c: "ç", n: "ñ", s: "ş", A: "Å", E: "Ê", O: "Ö" };
    const stretched = new WeakMap();
    const stretch = (node) => {
        if (stretched.get(node) === node.data || !/\p{L}/u.test(node.data)) return;
        if (node.parentElement?.closest("script, style, .code, .number, time, option, svg")) return;
        const text = node.data.trimEnd();
        const more = " ëxtrå".repeat(text.length).slice(0, Math.ceil(text.length * 0.4));
        stretched.set(node, text.replace(/[aeioucnsAEO]/g, (letter) => marks[letter]) + more);
        node.data = stretched.get(node);
    };
    const all = (root) => {
        const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        for (let node = walk.currentNode; node; node = walk.nextNode())
            if (node.nodeType === Node.TEXT_NODE) stretch(node);
    };
    all(document.body);
    new MutationObserver((changes) => changes.forEach((change) => all(change.target))).observe(
        document.body, { childList: true, subtree: true, characterData: true });
}"""
CUT = """() => [...document.querySelectorAll("body *")].flatMap((one) => {
    const says = (why) => [`${why}: ${one.outerHTML.slice(0, 110)}`];
    const worded = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "";
    const words = [...one.childNodes].filter(worded);
    if (words.length === 0) return [];
    if (one.closest(".hidden-visually, .code, svg, option, select, textarea, [hidden]")) return [];
    const range = document.createRange();
    range.selectNodeContents(words[0]);
    const text = range.getBoundingClientRect();
    if (text.width === 0 || getComputedStyle(one).visibility === "hidden") return [];
    const wider = (edge) => text.right > edge.right + 1 || text.left < edge.left - 1;
    const higher = (edge) => text.bottom > edge.bottom + 2 || text.top < edge.top - 2;
    const pressed = one.closest("button, a, label, th, td")?.getBoundingClientRect();
    if (pressed && wider(pressed)) return says("sticks out");
    for (let box = one; box !== document.body; box = box.parentElement) {
        const { overflowX, overflowY } = getComputedStyle(box), edge = box.getBoundingClientRect();
        const clips = (overflow) => overflow === "hidden" || overflow === "clip";
        if (clips(overflowX) && wider(edge) || clips(overflowY) && higher(edge)) return says("cut");
        if (/auto|scroll/.test(overflowX + overflowY)) return [];
    }
    return [];
})"""


class Gallery:
    """Looks at one screen after another and collects what is wrong with them."""

    def __init__(self, screens: Screens, name: str, kept: frozenset[str] = KEPT) -> None:
        self.screens = screens
        self.name = name
        self.kept = kept
        self.faults: list[str] = []

    async def look(self, screen: str) -> None:
        page = self.screens.page
        await page.evaluate(SETTLED)
        if KEEP and screen in self.kept:
            await page.screenshot(path=PICTURES / f"{screen}-{self.name}.png")
        if found := await self.violations():
            # A late answer may have begun to flash meanwhile: what is wrong at rest is found again.
            await page.wait_for_timeout(500)
            await page.evaluate(SETTLED)
            again = await self.violations()
            self.faults += [f"{screen}: axe {one}" for one in found if one in again]
        self.faults += [f"{screen}: small {target}" for target in await self.screens.small_targets()]
        gloved = await self.screens.small_targets(64, GLOVED)
        self.faults += [f"{screen}: small for a glove {target}" for target in gloved]
        if wide := await self.screens.overflow():
            self.faults.append(f"{screen}: {wide} px wider than the screen: {await self.screens.widest()}")

    async def violations(self) -> list[str]:
        """The rules that axe finds broken, each with the first element."""
        page = self.screens.page
        # Evaluated, not added as a script: the page's own policy forbids strangers' scripts.
        if not await page.evaluate("'axe' in window"):
            await page.evaluate(AXE)
        found: list[dict[str, Any]] = await page.evaluate(
            "axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations)"
        )
        return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]

    async def look_in_longer_words(self, screen: str) -> None:
        """Look whether the screen has room for a language that says the same in more letters."""
        await self.screens.page.evaluate(LONGER)
        await self.screens.page.evaluate(SETTLED)
        cut: list[str] = await self.screens.page.evaluate(CUT)
        self.faults += [f"{screen}, longer words: {one}" for one in cut]
        if wide := await self.screens.overflow():
            self.faults.append(
                f"{screen}, longer words: {wide} px wider than the screen: {await self.screens.widest()}"
            )


@pytest.mark.parametrize(
    ("language", "phone", "dark"),
    looks(("en", True, False)),
)
async def test_every_screen_is_for_everybody(
    open_screens: OpenScreens, served: Site, language: str, phone: bool, dark: bool
) -> None:
    device = f"{'phone' if phone else 'desk'}-{language}-{'dark' if dark else 'light'}"
    screens = await open_screens(language, phone=phone, dark=dark, still=True)
    page = screens.page
    gallery = Gallery(screens, device)
    name = served.dispatcher(device, full_name="Asha Kumari", must_change_password=True)

    await expect(page.locator("h1")).to_be_visible()
    await gallery.look("1-sign-in")
    await screens.sign_in(name, "not the password")
    await expect(page.get_by_role("alert")).to_be_visible()
    await gallery.look("1-sign-in-refused")
    await screens.sign_in(name)
    await expect(page.locator("input[name=new]")).to_be_visible()
    await gallery.look("2-first-password")
    await page.locator("input[name=current]").fill("a password for the tests")
    await page.locator("input[name=new]").fill("a password of her own")
    await page.locator("button[type=submit]").click()
    await screens.at_home()
    await gallery.look("3-home")

    await screens.open_job("/scan")
    await expect(page.locator(".stage-ask")).to_be_visible()
    await gallery.look("4-scan-parent")
    parent, mark = f"PB0{served_number(device):05}", f"SB{served_number(device):02}"
    await screens.scan_parent(parent)
    for number in range(12):
        await screens.wedge(f"{mark}{number:03}")
    await screens.all_sent()
    await screens.shows(12)
    await gallery.look("5-scan-ok")
    await screens.wedge(f"{mark}003")
    await expect(screens.word).to_have_attribute("data-tone", "already")
    await gallery.look("6-scan-already")
    await page.locator(".scan-actions button").nth(0).click()
    await expect(page.get_by_test_id("closed-count")).to_be_visible()
    await gallery.look("7-scan-done")
    await screens.scan_parent(parent.replace("PB", "PC"))
    await screens.wedge(f"{mark}001")
    await expect(screens.refusal).to_be_visible()
    await gallery.look("8-scan-refused")
    await screens.wedge("TT:NEXT")
    await screens.wedge(f"{mark}002")
    await expect(screens.refusal).to_have_attribute("data-tone", "refused")
    await screens.refusal.get_by_role("button").last.click()
    await page.locator(".needs-you").click()
    await gallery.look("16-refused-list")
    await page.locator(".refused-acts button").last.click()
    await gallery.look("17-refused-why")
    await page.locator(".sheet .icon-button").click()
    await screens.scan_parent(parent.replace("PB", "PC"))
    await screens.all_sent()
    await page.context.set_offline(True)
    await screens.wedge(f"{mark}900")
    await expect(screens.waiting).to_have_attribute("data-waiting", "1")
    await screens.wedge(f"{mark}901")
    await expect(screens.word).to_have_attribute("data-tone", "waiting")
    await gallery.look("9-scan-waiting")
    await page.context.set_offline(False)
    await screens.all_sent()
    await page.locator(".scan-actions button").last.click()
    await expect(page.locator(".type-code input")).to_be_focused()
    await gallery.look("10-scan-type")
    await page.keyboard.press("Escape")

    await screens.open("/find")
    await expect(page.locator(".find-ask")).to_be_visible()
    await gallery.look("11-find")
    await screens.wedge(parent.lower())
    await expect(page.locator(".story li").first).to_be_visible()
    await gallery.look("12-find-parent")
    await screens.wedge(f"{mark}001")
    await expect(page.locator(".bag-link")).to_be_visible()
    await gallery.look("13-find-child")
    await screens.wedge(f"{mark}00X")
    await expect(page.locator(".find-meant")).to_be_visible()
    await gallery.look("14-find-meant")

    await screens.open("/profile")
    await expect(page.locator(".sessions li").first).to_be_visible()
    await gallery.look("15-profile")

    await screens.open("/help")
    await expect(page.locator(".help-steps")).to_be_visible()
    await gallery.look("18-help")
    await screens.open("/help/commands")
    await expect(page.locator(".code-picture path")).to_have_count(10)
    await gallery.look("19-commands")
    await screens.open("/help/scanner")
    await expect(page.locator(".code-picture path")).to_have_count(3)
    await expect(page.locator(".setup-code")).to_be_visible()
    await screens.wedge("TT:TEST-qWaZyM-1590/")
    await expect(page.get_by_test_id("finding")).to_have_attribute("data-finding", "layout")
    await gallery.look("20-scanner-setup")
    await screens.open("/scan")
    await page.locator(".scan-actions button").nth(2).click()
    await expect(page.get_by_test_id("camera")).to_have_attribute("data-state", "none")
    await gallery.look("21-no-camera")
    assert gallery.faults == [], "\n".join(gallery.faults)


def served_number(device: str) -> int:
    """A number of its own for each device, so that none packs another's bags."""
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(device)) % 100


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_every_job_has_a_screen_for_everybody(
    open_screens: OpenScreens, served: Site, language: str
) -> None:
    screens = await open_screens(language, still=True)
    gallery = Gallery(screens, f"phone-{language}", frozenset())
    assert len(JOBS) > 10
    await expect(screens.page.locator("h1")).to_be_visible()
    if language == "en":
        await gallery.look_in_longer_words("sign-in")
        await screens.page.reload()
    await screens.sign_in("admin", PASSWORD)
    await screens.at_home()
    for number, path in enumerate(("/", *JOBS)):
        # Each screen is looked at in one of the languages; the other one has its turn in the long form.
        mine = SOAK or (number % 2 == 0) == (language == "en")
        if not mine and language != "en":
            continue
        await screens.open(path)
        await screens.page.locator(".breathing").wait_for(state="detached")
        if mine:
            await gallery.look(path)
        if language == "en":
            await gallery.look_in_longer_words(path)
    assert gallery.faults == [], "\n".join(gallery.faults)
