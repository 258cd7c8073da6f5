"""A served site, a real Chromium, and people at its screens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from tests.conftest import TEMPLATE
from tracetrack.platform.embedded import postgres

from . import chromium
from .screens import DESK, PHONE, Screens
from .site import Site, serve

DATABASE = "tracetrack_browser"

PATIENCE_MS = 60_000
"""What is waited for comes at once, unless the machine is busy with something else."""
CONTROL_PATIENCE_MS = 10_000
"""What a control waits for does not come."""

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def served(
    server: postgres.Postgres, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The whole site as people reach it, on a database of its own."""
    server.create_database(DATABASE, TEMPLATE)
    with serve(
        tmp_path_factory.mktemp("site"),
        DATABASE_URL=server.url(postgres.APP, DATABASE),
        TRACETRACK_MIGRATE_URL=server.url(postgres.OWNER, DATABASE),
        REDIS_URL=redis_url,
    ) as site:
        # Codes of most tests are chosen to be read, not as a site's labels are.
        site.guard_shapes(on=False)
        yield site


@pytest.fixture
def control() -> Iterator[None]:
    """A test that waits for what does not come, and waits no longer than it must."""
    expect.set_options(timeout=CONTROL_PATIENCE_MS)
    yield
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def guarded(served: Site) -> Iterator[None]:
    """The site as it is installed: a code whose shape speaks against its meaning is asked about."""
    served.guard_shapes(on=True)
    yield
    served.guard_shapes(on=False)


@pytest.fixture
async def stored(server: postgres.Postgres, served: Site) -> AsyncIterator[asyncpg.Connection]:
    """The served site's database, to look at what is really there."""
    connection = await asyncpg.connect(server.url(postgres.OWNER, DATABASE))
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium."""
    # In a thread, as it may have to be installed first.
    path = await asyncio.to_thread(chromium.ensure)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=list(chromium.flags()))
        yield running
        await running.close()


OpenScreens = Callable[..., Awaitable[Screens]]


@pytest.fixture
async def open_screens(browser: Browser, served: Site) -> AsyncIterator[OpenScreens]:
    """Opens the site on another device; whatever a page says it must not say fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def open_one(
        language: str = "en",
        *,
        phone: bool = True,
        dark: bool = False,
        still: bool = False,
        kept: bool = False,
    ) -> Screens:
        size: Any = PHONE if phone else DESK
        context = await browser.new_context(
            base_url=served.url,
            viewport=size,
            has_touch=phone,
            # Kept on the device as an installed application is; else each test loads it afresh.
            service_workers="allow" if kept else "block",
            locale=f"{language}-IN",
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
        )
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None,
        )
        await page.goto("/")
        return Screens(page)

    yield open_one
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest.fixture
async def screens(open_screens: OpenScreens) -> Screens:
    """The site on a phone, in English."""
    return await open_screens()
