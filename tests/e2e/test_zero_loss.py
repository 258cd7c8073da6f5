"""Nothing lost and nothing doubled: a scanner that does not stop, while everything else does.

The network is cut, slow or loses answers, the tab is killed and opened again, the site is killed with
its database and started again. ``make soak`` (TRACETRACK_SOAK set) runs the whole of it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Browser, BrowserContext, Error, Page, Route, expect

from tests.lengths import figure, length

from .screens import Screens
from .site import PASSWORD, Served, Site

BAGS, TAB_KILLS, SITE_KILLS = length((2, 2, 1), (20, 20, 5))
"""Big bags; and how often the tab and the site are killed on the way."""
PER_BAG = length(20, 50)
"""Scans a big bag: itself and its children."""
SLOW_SECONDS = 2
ANSWER_LOST = 0.5
CHANGES_EVERY = 10
"""Scans between two changes of the weather."""
BEFORE_A_KILL = 3
"""Scans without network before the tab is killed: it always dies with something unsent."""

FORGETFUL = """
    // Each page has a storage of its own, which nobody finds again: a queue in memory alone.
    const open = IDBFactory.prototype.open, page = Math.random();
    IDBFactory.prototype.open = function (name, ...more) { return open.call(this, name + page, ...more); };
"""


@dataclass
class Weather:
    """What the network does to scans; it changes all the time."""

    context: BrowserContext
    chance: random.Random
    kind: str = "fine"
    happened: Counter[str] = field(default_factory=Counter)

    async def __call__(self, route: Route) -> None:
        """Hold, drop or hand on a call."""
        try:
            if self.kind == "slow":
                self.happened["slow calls"] += 1
                await asyncio.sleep(SLOW_SECONDS)
            elif self.kind == "lossy" and self.chance.random() < ANSWER_LOST:
                await route.fetch()
                self.happened["answers lost"] += 1
                await route.abort()
                return
            await route.continue_()
        except Error:
            pass  # The tab was killed meanwhile, or the site.

    async def turn(self, kind: str | None = None) -> None:
        """Change, to this kind or by chance."""
        self.kind = kind or self.chance.choice(["fine", "cut", "slow", "lossy"])
        self.happened[self.kind] += 1
        await self.context.set_offline(self.kind == "cut")


@dataclass
class Storm:
    """What came of scanning through it."""

    happened: Counter[str]
    seconds: float
    links: list[tuple[str, str]]
    """Parent and child of each link, as PostgreSQL has them."""
    scans: Counter[tuple[str, str]]
    """How often each act is recorded for each code."""
    completed: list[str]
    shown: tuple[str, int]
    """On screen at the end: the big bag and its count."""
    refused: int


def typed() -> list[tuple[str, str]]:
    """Every code that is scanned, with its big bag."""
    bags = [f"ZP{bag:02}" for bag in range(BAGS)]
    return [(bag, bag if n == 0 else f"{bag}-{n:03}") for bag in bags for n in range(PER_BAG)]


async def open_tab(context: BrowserContext, weather: Weather) -> Page:
    page = await context.new_page()
    await page.route("**/api/v1/scans**", weather)
    await page.goto("/scan")
    stage = page.locator(".stage:not(:has(.breathing))")
    await expect(stage.or_(page.locator("input[name=password]"))).to_be_visible(timeout=120_000)
    if await page.locator("input[name=password]").count():
        # The answer with the next refresh token died with the site.
        screens = Screens(page)
        await screens.sign_in("stormy", PASSWORD)
        await screens.open_job("/scan")
        await expect(stage).to_be_visible(timeout=120_000)
    return page


async def kill_tab(page: Page) -> None:
    """Crash its process, as when the system takes its memory away."""
    dead = asyncio.Event()
    page.on("crash", lambda _: dead.set())
    cdp = await page.context.new_cdp_session(page)
    crash = asyncio.ensure_future(cdp.send("Page.crash"))
    await asyncio.wait_for(dead.wait(), 30)
    crash.cancel()
    await page.close()


async def scan_through(browser: Browser, folder: Path, *, forgetful: bool = False) -> Storm:
    """Scan every code through the storm, and look at what became of it."""
    served = Served(folder)
    await asyncio.to_thread(served.start)
    context = await browser.new_context(base_url=served.url, service_workers="allow", locale="en-IN")
    if forgetful:
        await context.add_init_script(FORGETFUL)
    chance = random.Random(7)
    weather = Weather(context, chance)
    codes = typed()
    tab_kills = {len(codes) * n // (TAB_KILLS + 1) for n in range(1, TAB_KILLS + 1)}
    site_kills = {len(codes) * n // (SITE_KILLS + 1) + 5 for n in range(1, SITE_KILLS + 1)}
    starting = asyncio.ensure_future(asyncio.sleep(0))
    try:
        first = Screens(await context.new_page())
        await first.page.goto("/")
        await first.start_scanning(Site(served.url).dispatcher("stormy"))
        await first.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        page = first.page
        await page.route("**/api/v1/scans**", weather)
        began = time.monotonic()
        for number, (bag, code) in enumerate(codes):
            if number in tab_kills:
                await kill_tab(page)
                weather.happened["tabs killed"] += 1
                page = await open_tab(context, weather)
            if number in site_kills:
                await starting
                await asyncio.to_thread(served.kill)
                weather.happened["sites killed"] += 1
                starting = asyncio.ensure_future(asyncio.to_thread(served.start))
            if number + BEFORE_A_KILL in tab_kills:
                await weather.turn("cut")
            elif number % CHANGES_EVERY == 0 and not tab_kills & {*range(number, number + BEFORE_A_KILL)}:
                await weather.turn()
            if code == bag and number > 0:
                if await page.locator(".refusal").count():
                    await page.locator(".refusal button").last.click()
                await page.locator(".scan-actions [data-kind=ok]").click()
            await Screens(page).wedge(code)
        await starting
        await weather.turn("fine")
        # The control lost big bags with their scans: what came after them is in question.
        sent = page.locator(".link-pill[data-waiting='0']")
        settled = sent.or_(page.get_by_test_id("asked")) if forgetful else sent
        await expect(settled.first).to_be_visible(timeout=180_000)
        seconds = time.monotonic() - began
        shown = "", 0
        if await page.get_by_test_id("count").count():
            count = await page.get_by_test_id("count").inner_text()
            shown = await page.get_by_test_id("parent-code").inner_text(), int(count.split("/")[0])
        refused = await page.locator(".needs-you").count()
        connection = await asyncpg.connect(served.database())
        links = await connection.fetch(
            "select p.code as bag, c.code from bags c join bags p on p.id = c.parent_id order by 1, 2"
        )
        acts = await connection.fetch("select action, code, count(*) from scans group by 1, 2")
        completed = await connection.fetch(
            "select code from bags where kind = 'parent' and state = 'completed' order by 1"
        )
        await connection.close()
        return Storm(
            happened=weather.happened,
            seconds=seconds,
            links=[(row["bag"], row["code"]) for row in links],
            scans=Counter({(row["action"], row["code"]): row["count"] for row in acts}),
            completed=[row["code"] for row in completed],
            shown=shown,
            refused=refused,
        )
    finally:
        await context.close()
        await starting
        served.stop()


@pytest.mark.slow
async def test_every_scan_has_its_effect_once(browser: Browser, tmp_path: Path) -> None:
    storm = await scan_through(browser, tmp_path)
    figure("zero loss", f"{len(typed())} scans in {storm.seconds:.0f} s; {dict(storm.happened)}")
    bags = [bag for bag, code in typed() if code == bag]
    children = [(bag, code) for bag, code in typed() if code != bag]
    assert storm.links == children
    assert storm.completed == bags[:-1]
    # Once each in the record too: no answer that was lost made a second act.
    assert storm.scans == {
        **{("parent", bag): 1 for bag in bags},
        **{("child", code): 1 for _, code in children},
        **{("complete", bag): 1 for bag in bags[:-1]},
    }
    assert storm.shown == (bags[-1], PER_BAG - 1)
    assert storm.refused == 0


@pytest.mark.slow
async def test_a_queue_in_memory_alone_would_lose_scans(browser: Browser, tmp_path: Path) -> None:
    storm = await scan_through(browser, tmp_path, forgetful=True)
    lost = {(bag, code) for bag, code in typed() if code != bag} - set(storm.links)
    figure("zero loss: control", f"{len(lost)} of {len(typed())} scans lost")
    assert len(lost) >= TAB_KILLS
