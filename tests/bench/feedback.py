"""From a scan to its outcome on screen, on a slow phone: ``ONLY=feedback make bench``.

``SCANS`` codes (300) typed at 10 ms a key into the scan screen of a real Chromium whose processor is
slowed down four times. A scan's time runs from its last key, as the system stamped it, until the frame
with the outcome has been painted.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright, expect

from tests.e2e import chromium
from tests.e2e.screens import PHONE, Screens
from tests.e2e.site import serve

SCANS = int(os.environ.get("SCANS", "300"))
SLOWER = 4
LIMIT_MS = 100
"""What the 95th percentile must stay under."""
DUPLICATE_EVERY = 10

WATCH = """() => {
    window.took = [];
    let ended = null;
    addEventListener("keydown", (event) => { if (event.key === "Enter") ended = event.timeStamp; }, true);
    new MutationObserver(() => {
        if (ended === null) return;
        const from = ended;
        ended = null;
        const painted = new MessageChannel();
        painted.port1.onmessage = () => took.push(performance.now() - from);
        requestAnimationFrame(() => painted.port2.postMessage(null));
    }).observe(document.querySelector(".scan"), { attributeFilter: ["data-tone", "data-beat"] });
}"""


async def times(page: Page) -> list[float]:
    """Milliseconds of each scan."""
    await page.evaluate(WATCH)
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    screens = Screens(page)
    for number in range(SCANS):
        again = number % DUPLICATE_EVERY == DUPLICATE_EVERY - 1
        await screens.wedge(f"FB{number - again:05}")
        await asyncio.sleep(0.1)
    await screens.until(f"took.length === {SCANS}")
    found: list[float] = await page.evaluate("took")
    return found


async def measure(folder: Path) -> list[float]:
    with serve(folder) as site:
        name = site.dispatcher("bench")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium.ensure(), args=chromium.flags()
            )
            context = await browser.new_context(base_url=site.url, viewport=PHONE, has_touch=True)
            screens = Screens(await context.new_page())
            await screens.page.goto("/")
            await screens.start_scanning(name)
            await screens.scan_parent("PFB")
            await screens.all_sent()
            found = await times(screens.page)
            await expect(screens.count).to_contain_text(str(SCANS - SCANS // DUPLICATE_EVERY))
            await browser.close()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = sorted(asyncio.run(measure(Path(folder))))
    p95 = found[int(len(found) * 0.95)]
    print(
        f"scan to outcome on screen, processor {SLOWER}x slower, {len(found)} scans:"
        f" p50 {statistics.median(found):.0f} ms, p95 {p95:.0f} ms, max {found[-1]:.0f} ms"
        f" ({'under' if p95 < LIMIT_MS else 'OVER'} {LIMIT_MS} ms)",
        flush=True,
    )


if __name__ == "__main__":
    main()
