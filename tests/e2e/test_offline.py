"""After the first visit the application opens and scans without network."""

from __future__ import annotations

import asyncio
import re

import asyncpg
from playwright.async_api import Request, expect

from .conftest import OpenScreens
from .screens import Screens
from .site import Site
from .test_packing import children_of

COUNT = re.compile(r"/bags/\d+$")
"""Asks for a big bag as it is."""
LONGER_THAN_A_LOOK = 5
"""The screen looks every 4 s how many are in."""


async def test_it_opens_and_scans_with_no_network_and_sends_later(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    screens = await open_screens(kept=True)
    await screens.start_scanning(served.dispatcher("no-network"))
    await screens.scan_parent("PK1")
    await screens.wedge("CK1")
    await screens.all_sent()
    await screens.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    await screens.page.context.set_offline(True)
    await screens.page.goto("/scan")
    await expect(screens.parent).to_have_text("PK1")
    await screens.shows(1)
    for code in ("CK2", "CK3"):
        await screens.wedge(code)
        await expect(screens.word).to_contain_text(code)
        await expect(screens.word).to_have_attribute("data-tone", "waiting")
    await screens.shows(3)
    await screens.keeps_waiting(2)
    await screens.page.reload()
    await expect(screens.parent).to_have_text("PK1")
    await expect(screens.waiting).to_have_attribute("data-waiting", "2")
    await screens.wedge("CK4")
    await screens.page.context.set_offline(False)
    await screens.all_sent()
    assert await children_of(stored, "PK1") == ["CK1", "CK2", "CK3", "CK4"]


async def test_nobody_is_asked_how_many_are_in_while_nobody_can_answer(
    screens: Screens, served: Site
) -> None:
    page = screens.page
    looks: list[str] = []

    def note(request: Request) -> None:
        if COUNT.search(request.url):
            looks.append(request.url)

    async def looks_again() -> None:
        async with page.expect_request(COUNT):
            pass

    await screens.start_scanning(served.dispatcher("sparing"))
    await screens.scan_parent("PK5")
    await screens.all_sent()
    await looks_again()
    await page.context.set_offline(True)
    page.on("request", note)
    await expect(screens.waiting).to_have_attribute("data-link", "down")
    looks.clear()
    await asyncio.sleep(LONGER_THAN_A_LOOK)
    assert looks == []
    await page.context.set_offline(False)
    await looks_again()
    await expect(screens.waiting).to_have_attribute("data-link", "up")

    # The device has a network, but the server is not there.
    await page.route("**/api/v1/**", lambda route: route.abort())
    await screens.wedge("CK51")
    await expect(screens.waiting).to_have_attribute("data-link", "waiting")
    looks.clear()
    await asyncio.sleep(LONGER_THAN_A_LOOK)
    assert looks == []
    await page.unroute_all()
    await screens.all_sent()
    await looks_again()


async def test_a_browser_that_keeps_nothing_is_told_so_before_anybody_scans(
    screens: Screens, served: Site
) -> None:
    await screens.page.add_init_script(
        "IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError'); };"
    )
    await screens.page.reload()
    await screens.sign_in(served.dispatcher("private"))
    await expect(screens.page.get_by_role("alert")).to_contain_text("This browser keeps nothing")


async def test_the_browser_is_asked_to_keep_scans_when_room_is_short(screens: Screens, served: Site) -> None:
    await screens.page.add_init_script(
        "window.asked = 0; StorageManager.prototype.persist = async () => { asked += 1; return true; };"
    )
    await screens.page.reload()
    await screens.start_scanning(served.dispatcher("keeping"))
    await screens.until("asked === 1")
