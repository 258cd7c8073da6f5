"""Hand-held computers on their side, and letters of twice the size: count, outcome and acts stay in sight."""

from __future__ import annotations

import os

import pytest
from playwright.async_api import ViewportSize, expect

from tests.lengths import length

from .conftest import OpenScreens
from .screens import Screens
from .site import Site
from .test_look import SETTLED

SCREENS: dict[str, tuple[ViewportSize, str]] = {
    "740x360": ({"width": 740, "height": 360}, "100%"),
    "800x480": ({"width": 800, "height": 480}, "100%"),
    "360x740": ({"width": 360, "height": 740}, "100%"),
    "360x740-large": ({"width": 360, "height": 740}, "200%"),
}
HELD = [
    (name, language)
    for number, name in enumerate(SCREENS)
    for language in length((("en", "hi")[number % 2],), ("en", "hi"))
]
"""Each size in one of the languages; in both in the long form."""
KEEP = os.environ.get("TRACETRACK_SCREENSHOTS_IN")
"""A folder for pictures of what the test sees."""

CUT = """(names) => names.flatMap((name) => [...document.querySelectorAll(name)].flatMap((one) => {
    const box = one.getBoundingClientRect();
    const out = [];
    for (let at = one; at !== null; at = at.parentElement) {
        const edge = at === document.documentElement
            ? { left: 0, top: 0, right: innerWidth, bottom: innerHeight } : at.getBoundingClientRect();
        const clips = at === document.documentElement || /hidden|clip/.test(getComputedStyle(at).overflow);
        const inside = box.left >= edge.left - 1 && box.top >= edge.top - 1 &&
            box.right <= edge.right + 1 && box.bottom <= edge.bottom + 1;
        if (clips && !inside) out.push(`${name} sticks out of ${at.tagName}.${at.className}`);
    }
    return out;
}))"""


async def sees(screens: Screens, name: str, *things: str) -> list[str]:
    """What of these cannot be seen whole."""
    await screens.page.evaluate(SETTLED)
    if KEEP:
        await screens.page.screenshot(path=f"{KEEP}/{name}.png")
    cut: list[str] = await screens.page.evaluate(CUT, list(things))
    return [f"{name}: {one}" for one in cut]


@pytest.mark.parametrize(("name", "language"), HELD)
async def test_count_outcome_and_acts_are_seen_whole(
    open_screens: OpenScreens, served: Site, name: str, language: str
) -> None:
    size, letters = SCREENS[name]
    screens = await open_screens(language, still=True)
    await screens.page.set_viewport_size(size)
    await screens.start_scanning(served.dispatcher(f"held-{name}-{language}"))
    await screens.page.evaluate(f"document.documentElement.style.fontSize = '{letters}'")
    mark = f"H{list(SCREENS).index(name)}{language.upper()}"
    cut = await sees(screens, f"{name}-{language}-1", ".stage-ask h2", ".scan-actions .button")
    await screens.scan_parent(f"{mark}444-00017")
    for number in range(11, 13):
        await screens.wedge(f"{mark}-{number}")
    await screens.all_sent()
    await expect(screens.word).to_have_attribute("data-tone", "ok")
    seen = (".count-now", ".count-expected", "[data-testid=said-code]", ".scan-actions .button")
    cut += await sees(screens, f"{name}-{language}-2", *seen)

    # Whoever has looked at the last scans sees what comes of the next.
    await screens.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await screens.wedge(f"{mark}-13")
    await screens.all_sent()
    cut += await sees(screens, f"{name}-{language}-3", *seen)

    await screens.page.locator(".scan-actions button").nth(1).click()
    await screens.wedge(f"{mark}-13")
    await expect(screens.refusal).to_be_visible()
    cut += await sees(screens, f"{name}-{language}-4", ".refusal h2", ".refusal-code")
    button = screens.refusal.get_by_role("button").last
    await button.scroll_into_view_if_needed()
    await button.click()
    assert await screens.overflow() == 0, await screens.widest()
    assert cut == []


async def test_the_title_of_the_list_is_never_in_the_colours_of_the_outcome(
    screens: Screens, served: Site
) -> None:
    """It is over the page, on paper: letters for the colour of a refusal are white."""
    await screens.start_scanning(served.dispatcher("titled"))
    await screens.wedge("HT-P1")
    await screens.wedge("HT-C1")
    await screens.all_sent()
    await screens.button("Next big bag").click()
    await screens.wedge("HT-C1")
    await screens.refusal.get_by_role("button", name="OK, understood").click()
    ink = "getComputedStyle(document.querySelector('.scan > .bar h1')).color"
    calm = await screens.page.evaluate("getComputedStyle(document.body).color")
    await screens.wedge("HT-C1")
    await screens.refusal.get_by_role("button", name="OK, understood").click()
    await screens.page.locator(".needs-you").click()
    assert await screens.page.evaluate(ink)
    title = "getComputedStyle(document.querySelector('.sheet .bar h2')).color"
    assert await screens.page.evaluate(title) == calm
