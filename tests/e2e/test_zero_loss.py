"""Nothing lost and nothing doubled: a scanner that does not stop, while everything else does.

The network is cut, slow or loses answers, the tab is killed and opened again, the server
is stopped and started.
TRACETRACK_SOAK set: the long form.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import asyncpg
from playwright.async_api import Browser, BrowserContext, Error, Page, Route, expect

from tests.conftest import TEMPLATE
from tracetrack.platform.embedded import postgres

from .screens import Screens
from .site import serve

DATABASE = "tracetrack_zero_loss"
SOAK = bool(os.environ.get("TRACETRACK_SOAK"))
SCANS, TAB_KILLS, SERVER_STOPS = (1000, 20, 5) if SOAK else (80, 1, 1)
BETWEEN_SECONDS = 0.02
SLOW_SECONDS = 2


class Weather:
    """What the network does to the calls of scans; it changes all the time."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.kind = "fine"
        self.lost = 0

    async def __call__(self, route: Route) -> None:
        try:
            if self.kind == "cut":
                await route.abort()
                return
            if self.kind == "slow":
                await asyncio.sleep(SLOW_SECONDS)
            elif self.kind == "lossy" and self.chance.random() < 0.5:
                self.lost += 1
                await route.fetch()
                await route.abort()
                return
            await route.continue_()
        except Error:
            pass  # The tab was killed meanwhile, or the server.

    def turn(self) -> None:
        self.kind = self.chance.choice(["fine", "cut", "slow", "lossy"])


async def open_tab(context: BrowserContext, weather: Weather, parent: str) -> Page:
    page = await context.new_page()
    await page.route("**/api/v1/scans/**", weather)
    await page.goto("/scan")
    await expect(page.get_by_test_id("parent-code")).to_have_text(parent, timeout=60_000)
    return page


async def storm(
    browser: Browser, server: postgres.Postgres, redis: str, folder: Path, database: str
) -> tuple[list[str], str]:
    """Scan through the storm; answers the codes of the links in the database, and the count on screen."""
    server.create_database(database, TEMPLATE)
    port = {}
    settings = {
        "DATABASE_URL": server.url(postgres.APP, database),
        "TRACETRACK_MIGRATE_URL": server.url(postgres.OWNER, database),
        "REDIS_URL": redis,
    }
    weather = Weather(7)
    kills = {SCANS * n // (TAB_KILLS + 1) for n in range(1, TAB_KILLS + 1)}
    server_stops = {SCANS * n // (SERVER_STOPS + 1) + 3 for n in range(1, SERVER_STOPS + 1)}
    running = serve(folder, **settings)
    site = running.__enter__()
    port["PORT"] = site.url.rsplit(":", 1)[1]
    context = await browser.new_context(base_url=site.url, service_workers="allow", locale="en-IN")
    try:
        first = Screens(await context.new_page())
        await first.page.goto("/")
        await first.start_scanning(site.dispatcher("stormy"))
        await first.scan_parent("PZ")
        await first.all_sent()
        await first.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        page = first.page
        await page.route("**/api/v1/scans/**", weather)
        for number in range(SCANS):
            if number in kills:
                await page.close(run_before_unload=False)
                page = await open_tab(context, weather, "PZ")
            if number in server_stops:
                running.__exit__(None, None, None)
                running = serve(folder, **settings, **port)
                starting = asyncio.create_task(asyncio.to_thread(running.__enter__))
            if number % 10 == 0:
                weather.turn()
            await Screens(page).wedge(f"Z{number:04}")
            await asyncio.sleep(BETWEEN_SECONDS)
        await starting
        weather.kind = "fine"
        await expect(page.locator(".link-pill")).to_have_attribute("data-waiting", "0", timeout=60_000)
        connection = await asyncpg.connect(server.url(postgres.OWNER, database))
        rows = await connection.fetch(
            "select code from scans where action = 'child' and outcome = 'linked' order by code"
        )
        assert await connection.fetchval("select count(*) from bags where parent_id is not null") == len(rows)
        await connection.close()
        return [row["code"] for row in rows], await page.get_by_test_id("count").inner_text()
    finally:
        await context.close()
        running.__exit__(None, None, None)


async def test_every_scan_has_its_effect_once(
    browser: Browser, server: postgres.Postgres, redis_url: str, tmp_path: Path
) -> None:
    linked, shown = await storm(browser, server, redis_url, tmp_path, DATABASE)
    assert linked == [f"Z{number:04}" for number in range(SCANS)]
    assert shown.split()[0].replace(",", "") == str(SCANS)
