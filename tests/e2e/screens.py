"""What people do at the screens, in their words."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Any, Literal

from playwright.async_api import Locator, Page, ViewportSize, expect

from .keystrokes import APART_SECONDS, Keyboard, keys
from .site import PASSWORD

PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 800}


UNANSWERED = """new Promise((done) => {
    const opened = indexedDB.open("tracetrack");
    opened.onsuccess = () => {
        const all = opened.result.transaction("scans").objectStore("scans").getAll();
        all.onsuccess = () => {
            opened.result.close();
            done(all.result.filter((scan) => scan.state === "waiting").length);
        };
    };
})"""


@dataclass
class Screens:
    """The screens of one device."""

    page: Page
    scanner: Keyboard | None = None

    async def sign_in(self, username: str, password: str = PASSWORD) -> None:
        """Sign in; what follows is up to the site."""
        await self.page.locator("input[name=username]").fill(username)
        await self.page.locator("input[name=password]").fill(password)
        await self.page.locator("button[type=submit]").click()

    async def at_home(self) -> None:
        """Wait for the home screen."""
        await expect(self.page.locator(".jobs")).to_be_visible()

    async def open_job(self, path: str) -> None:
        """Choose a job at home; at a desk the side of the screen has a link to it as well."""
        await self.page.locator(f"a.job[href='{path}']").click()

    async def open(self, path: str) -> None:
        """Load a page of the site afresh and wait until it is there."""
        await self.page.goto(path)
        await expect(self.page.locator("h1")).to_be_visible()

    async def start_scanning(self, username: str) -> None:
        """Sign in and go to the scan screen."""
        await self.sign_in(username)
        await self.at_home()
        await self.open_job("/scan")
        await expect(self.page.locator(".stage")).to_be_visible()
        await expect(self.page.locator(".stage .breathing")).to_have_count(0)

    async def wedge(self, code: str, suffix: Literal["Enter", "Tab", ""] = "Enter") -> None:
        """Type a code as a scanner does."""
        if self.scanner is None:
            self.scanner = await Keyboard.of(self.page)
        await self.scanner.scan(keys(code + {"Enter": "\n", "Tab": "\t", "": ""}[suffix]))
        if suffix:
            # What a person presses next is no part of the label.
            await asyncio.sleep(APART_SECONDS)

    async def scan_parent(self, code: str) -> None:
        """Scan a parent and see it open."""
        await self.wedge(code)
        await expect(self.parent).to_have_text(code)

    @property
    def parent(self) -> Locator:
        return self.page.get_by_test_id("parent-code")

    @property
    def count(self) -> Locator:
        """The big number, as "12 / 30"."""
        return self.page.get_by_test_id("count")

    @property
    def word(self) -> Locator:
        """What came of the last scan."""
        return self.page.get_by_test_id("word")

    @property
    def refusal(self) -> Locator:
        return self.page.get_by_role("alertdialog")

    @property
    def waiting(self) -> Locator:
        """The scans that wait, as a number the page keeps beside the word."""
        return self.page.locator(".link-pill")

    @property
    def last(self) -> Locator:
        return self.page.get_by_test_id("last-scan")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def all_sent(self) -> None:
        """Wait until nothing waits to be sent, and the page knows that the line is good again."""
        await expect(self.waiting).to_have_attribute("data-waiting", "0")
        await expect(self.waiting).to_have_attribute("data-link", "up")

    async def shows(self, count: int, expected: int = 30) -> None:
        """The count on screen."""
        await expect(self.count).to_have_text(re.compile(rf"^{count} / {expected}$"))

    async def shows_without_expected(self, count: int) -> None:
        """The count of a parent that the server has not told about yet."""
        await expect(self.count).to_have_text(str(count))

    async def until(self, true: str, seconds: float = 60) -> None:
        """Wait until an expression is true; the page's own policy forbids the browser's way of waiting."""
        ends = time.monotonic() + seconds
        while not await self.page.evaluate(true):
            assert time.monotonic() < ends, f"still not: {true}"
            await asyncio.sleep(0.02)

    async def keeps_waiting(self, scans: int) -> None:
        """Wait until the device has stored so many unanswered scans; they are shown before."""
        await self.until(f"{UNANSWERED}.then((stored) => stored === {scans})")

    async def small_targets(self, px: int = 48, of: str = "a, button, input, label") -> list[dict[str, Any]]:
        """Things to press that are visible and smaller than so many px, either way."""
        found: list[dict[str, Any]] = await self.page.evaluate(
            """([px, of]) => [...document.querySelectorAll(of)].flatMap((one) => {
                const target = one.closest(".field-box, .language-choice label, .confirm") ?? one;
                const box = target.getBoundingClientRect();
                const hidden = one.matches(".hidden-visually, .scanner-field, .field > label, .line > label");
                const small = box.width < px || box.height < px;
                return hidden || !small || box.width === 0 ? [] :
                    [{ what: one.outerHTML.slice(0, 80), width: box.width, height: box.height }];
            })""",
            [px, of],
        )
        return found

    async def overflow(self) -> int:
        """Pixels by which the page is wider than the screen."""
        wide: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wide

    async def widest(self) -> str:
        """What reaches furthest beyond the screen's right edge."""
        found: str = await self.page.evaluate(
            """() => [...document.querySelectorAll("body *")]
                .filter((one) => {
                    for (let box = one.parentElement; box !== document.body; box = box.parentElement)
                        if (getComputedStyle(box).overflowX !== "visible") return false;
                    return true;
                })
                .map((one) => [one.getBoundingClientRect().right, one.outerHTML.slice(0, 110)])
                .sort((a, b) => b[0] - a[0])[0][1]"""
        )
        return found
