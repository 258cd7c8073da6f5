"""After the first visit the application opens and scans without network."""

from __future__ import annotations

import asyncpg
from playwright.async_api import expect

from .conftest import OpenScreens
from .site import Site
from .test_packing import children_of


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
    await screens.shows(3)
    await screens.page.reload()
    await expect(screens.parent).to_have_text("PK1")
    await expect(screens.waiting).to_have_attribute("data-waiting", "2")
    await screens.wedge("CK4")
    await screens.page.context.set_offline(False)
    await screens.all_sent()
    assert await children_of(stored, "PK1") == ["CK1", "CK2", "CK3", "CK4"]
