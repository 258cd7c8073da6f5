"""An application on the phone: it can be installed, renews itself without losing a scan, stays awake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests import retrying
from tracetrack.platform.embedded.processes import free_port

from .conftest import OpenScreens
from .screens import PHONE, Screens
from .site import Site
from .test_packing import children_of


class Builds:
    """The site behind a proxy that can hand out a later build of the pages: another page, another worker."""

    def __init__(self, site: Site) -> None:
        self.later = False
        self.inside = retrying.client(site.url)

    async def hand_on(self, request: Request) -> Response:
        """Ask the site, and change what differs between two builds."""
        path = request.url.path
        changed = self.later and path in ("/", "/sw.js")
        headers = dict(request.headers) | ({"accept-encoding": "identity"} if changed else {})
        answer = await self.inside.request(
            request.method,
            request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            headers=headers,
            content=await request.body(),
        )
        body = answer.content
        if changed:
            body = body.replace(b"<head>", b'<head><meta name="build" content="later" />', 1)
            body = body.replace(b"`tracetrack-${", b"`tracetrack-later${", 1)
        given = Response(body, answer.status_code)
        for name, value in answer.headers.multi_items():
            if name not in ("content-length", "content-encoding", "transfer-encoding", "connection", "date"):
                given.raw_headers.append((name.encode(), value.encode()))
        return given


@asynccontextmanager
async def proxied(builds: Builds) -> AsyncIterator[str]:
    """Serve them; answers the address."""
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", builds.hand_on, methods=methods)])
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it tells by this alone
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    server.force_exit = True
    await serving
    await builds.inside.aclose()


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A phone that keeps the application."""
    context = await browser.new_context(viewport=PHONE, has_touch=True, locale="en-IN")
    yield context
    await context.close()


async def test_a_new_version_is_told_of_and_taken_without_losing_a_scan(
    phone: BrowserContext, served: Site, stored: asyncpg.Connection
) -> None:
    builds = Builds(served)
    async with proxied(builds) as url:
        screens = Screens(await phone.new_page())
        page = screens.page
        await page.goto(url)
        await screens.start_scanning(served.dispatcher("renewing"))
        await screens.scan_parent("PY1")
        await screens.all_sent()
        await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        await page.reload()
        await expect(screens.parent).to_have_text("PY1")
        await page.route("**/api/v1/scans**", lambda route: route.abort())
        for code in ("CY1", "CY2"):
            await screens.wedge(code)
        await expect(screens.waiting).to_have_attribute("data-waiting", "2")
        await screens.keeps_waiting(2)

        builds.later = True
        await page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
        await expect(page.get_by_test_id("new-version")).to_be_visible()
        await page.locator("header a[href='/']").click()
        renew = screens.button("New version: start it now")
        await expect(renew).to_be_visible()
        # Until somebody says so, the old one goes on.
        assert await page.locator("meta[name=build]").count() == 0
        await renew.click()
        await expect(page.locator("meta[name=build]")).to_be_attached()
        await screens.at_home()
        await expect(screens.waiting).to_have_attribute("data-waiting", "2")
        await expect(renew).to_have_count(0)
        await screens.until(
            "caches.keys().then((names) => names.length === 1 && names[0].startsWith('tracetrack-later'))"
        )

        await page.unroute_all()
        await screens.open_job("/scan")
        await expect(screens.parent).to_have_text("PY1")
        await screens.wedge("CY3")
        await screens.all_sent()
    assert await children_of(stored, "PY1") == ["CY1", "CY2", "CY3"]


async def test_a_new_version_is_there_by_itself_when_the_application_is_opened_again(
    phone: BrowserContext, served: Site
) -> None:
    builds = Builds(served)
    async with proxied(builds) as url:
        page = await phone.new_page()
        await page.goto(url)
        await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        builds.later = True
        await page.evaluate("""navigator.serviceWorker.getRegistration().then((one) => one.update())""")
        await Screens(page).until(
            "navigator.serviceWorker.getRegistration().then((one) => one.waiting !== null)"
        )
        await page.close()
        for _ in range(50):
            page = await phone.new_page()
            await page.goto(url)
            if await page.locator("meta[name=build]").count():
                break
            await page.close()
            await asyncio.sleep(0.1)
        await expect(page.locator("meta[name=build]")).to_be_attached()


async def test_it_can_be_installed(open_screens: OpenScreens) -> None:
    screens = await open_screens(kept=True)
    cdp = await screens.page.context.new_cdp_session(screens.page)
    manifest = await cdp.send("Page.getAppManifest")
    assert manifest["errors"] == []
    found = await cdp.send("Page.getInstallabilityErrors")
    # Every test's browser is a private window, which is all that may stand in the way.
    assert [one["errorId"] for one in found["installabilityErrors"]] in ([], ["in-incognito"])


async def test_the_screen_stays_on_while_scanning_and_no_longer(
    open_screens: OpenScreens, served: Site
) -> None:
    screens = await open_screens()
    page = screens.page
    await page.add_init_script("""
        window.locks = 0;
        Object.defineProperty(navigator, "wakeLock", { value: {
            request: async (kind) => {
                locks += kind === "screen" ? 1 : 0;
                return { release: async () => { locks -= 1; } };
            },
        } });
    """)
    await page.reload()
    await screens.start_scanning(served.dispatcher("awake"))
    await screens.until("locks === 1")
    await page.locator("header a[href='/']").click()
    await screens.until("locks === 0")


async def test_a_browser_that_is_too_old_says_so(browser: Browser, served: Site) -> None:
    # Such a browser stumbles over the first line of the scripts: as if there were none.
    context = await browser.new_context(java_script_enabled=False, viewport=PHONE)
    try:
        page = await context.new_page()
        await page.goto(served.url)
        told = page.get_by_text("this browser is too old")
        await expect(told).to_be_attached()
        assert not await told.is_visible(), "a slow line is no old browser"
        await expect(told).to_be_visible(timeout=20_000)
    finally:
        await context.close()
