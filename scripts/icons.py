"""Draw the application's icons (``frontend/public/icons``) from its one drawing, ``favicon.svg``.

``make icons``, after the drawing changed. A maskable icon fills its square, with the drawing inside
the circle that every device leaves.
"""

from __future__ import annotations

import asyncio
import re
import sys

from playwright.async_api import async_playwright

from tracetrack.settings import ROOT

sys.path.insert(0, str(ROOT))
from tests.e2e import chromium

PUBLIC = ROOT / "frontend" / "public"
SAFE = 0.8
"""The part of a maskable icon's width that is always seen."""


def square(svg: str, size: int, *, ground: str = "transparent", part: float = 1.0) -> str:
    """A page that shows the drawing on its ground, ``size`` px wide, the drawing a part of it."""
    drawn = svg.replace("<svg ", f'<svg width="{size * part}" height="{size * part}" ', 1)
    return (
        f'<body style="margin:0;width:{size}px;height:{size}px;background:{ground};'
        f'display:grid;place-items:center">{drawn}</body>'
    )


async def main() -> None:
    """Draw them all."""
    svg = (PUBLIC / "favicon.svg").read_text("utf-8")
    found = re.search(r'<rect[^>]*fill="(#\w+)"', svg)
    assert found, "the drawing's first shape is its ground"
    ground = found.group(1)
    pages = {
        "180": square(svg.replace('rx="11"', ""), 180),
        "192": square(svg, 192),
        "512": square(svg, 512),
        "maskable-512": square(svg.replace('rx="11"', ""), 512, ground=ground, part=SAFE),
    }
    (PUBLIC / "icons").mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.ensure(), args=chromium.flags())
        page = await browser.new_page()
        for name, content in pages.items():
            size = int(name.rsplit("-", 1)[-1])
            await page.set_viewport_size({"width": size, "height": size})
            await page.set_content(content)
            await page.screenshot(path=PUBLIC / "icons" / f"{name}.png", omit_background=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
