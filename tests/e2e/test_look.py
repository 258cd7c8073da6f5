"""How every screen looks and reads: for everybody, in both languages, on phone and desk.

``make screenshots`` (TRACETRACK_SCREENSHOTS=1) keeps the pictures in docs/screens.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.async_api import expect

from tracetrack.settings import ROOT

from .conftest import OpenScreens
from .screens import Screens
from .site import Site

AXE = (ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
PICTURES = ROOT / "docs" / "screens"
KEEP = os.environ.get("TRACETRACK_SCREENSHOTS") == "1"
KEPT = frozenset(
    {
        "1-sign-in",
        "3-home",
        "4-scan-parent",
        "5-scan-ok",
        "6-scan-already",
        "8-scan-refused",
        "9-scan-waiting",
        "12-find-parent",
        "14-find-meant",
        "15-profile",
        "16-refused-list",
        "17-refused-why",
    }
)
SETTLE_MS = 150
"""Without motion an outcome's flash is over by then: colours are judged at rest."""


class Gallery:
    """Looks at one screen after another and collects what is wrong with them."""

    def __init__(self, screens: Screens, name: str, kept: frozenset[str] = KEPT) -> None:
        self.screens = screens
        self.name = name
        self.kept = kept
        self.faults: list[str] = []

    async def look(self, screen: str) -> None:
        page = self.screens.page
        await page.wait_for_timeout(SETTLE_MS)
        if KEEP and screen in self.kept:
            await page.screenshot(path=PICTURES / f"{screen}-{self.name}.png")
        # Evaluated, not added as a script: the page's own policy forbids strangers' scripts.
        await page.evaluate(AXE)
        found: list[dict[str, Any]] = await page.evaluate("axe.run().then((result) => result.violations)")
        self.faults += [f"{screen}: axe {v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]
        self.faults += [f"{screen}: small {target}" for target in await self.screens.small_targets()]
        if wide := await self.screens.overflow():
            self.faults.append(f"{screen}: {wide} px wider than the screen")


@pytest.mark.parametrize(
    ("language", "phone", "dark"),
    [
        ("en", True, False),
        ("hi", True, False),
        ("en", False, False),
        ("hi", False, False),
        ("hi", True, True),
        ("en", False, True),
    ],
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

    await page.locator("a[href='/scan']").click()
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
    await screens.refusal.get_by_role("button").last.click()
    await page.locator(".needs-you").click()
    await gallery.look("16-refused-list")
    await page.locator(".refused-acts button").last.click()
    await gallery.look("17-refused-why")
    await page.locator(".sheet .icon-button").click()
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
    assert gallery.faults == [], "\n".join(gallery.faults)


def served_number(device: str) -> int:
    """A number of its own for each device, so that none packs another's bags."""
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(device)) % 100
