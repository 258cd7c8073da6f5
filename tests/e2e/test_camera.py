"""The camera as scanner: a real Chromium with a film of labels before its (fake) camera."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, BrowserContext, Locator, async_playwright, expect

from tests.lengths import figure, length

from . import chromium
from .conftest import OpenScreens
from .films import BLACK, PACKING, Shown, film, random_labels
from .screens import PHONE, Screens
from .site import Site
from .test_keys import HEARD, REFUSED_SOUNDS
from .test_look import KEEP, PICTURES
from .test_packing import children_of, scans_by

SHOWN_MS = 90_000
"""A film runs so long before it is given up."""

Film = Sequence[tuple[float, Sequence[Shown]]]
ONCE = sum(seconds for seconds, _ in PACKING)
"""Seconds until that film begins again."""
Filmed = Callable[..., Awaitable[Screens]]


@pytest.fixture
async def filmed(served: Site, tmp_path: Path) -> AsyncIterator[Filmed]:
    """Opens the site on a device whose camera sees a film."""
    async with async_playwright() as playwright:
        browsers: list[Browser] = []
        complaints: list[str] = []

        async def one(scenes: Film, *, kept: bool = False) -> Screens:
            shown = film(tmp_path / f"film{len(browsers)}.mjpeg", scenes)
            browser = await playwright.chromium.launch(
                executable_path=chromium.ensure(),
                args=[
                    *chromium.flags(),
                    "--use-fake-device-for-media-stream",
                    "--use-fake-ui-for-media-stream",
                    f"--use-file-for-fake-video-capture={shown}",
                ],
            )
            browsers.append(browser)
            context: BrowserContext = await browser.new_context(
                base_url=served.url,
                viewport=PHONE,
                has_touch=True,
                locale="en-IN",
                service_workers="allow" if kept else "block",
            )
            page = await context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "console",
                lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
            )
            await page.goto("/")
            return Screens(page)

        yield one
        for browser in browsers:
            await browser.close()
        assert complaints == []


def camera(screens: Screens) -> Locator:
    return screens.page.get_by_test_id("camera")


async def test_labels_turned_blurred_and_several_at_once_are_packed_once_each(
    filmed: Filmed, served: Site, stored: asyncpg.Connection
) -> None:
    screens = await filmed(PACKING)
    name = served.dispatcher("filmed")
    await screens.start_scanning(name)
    began = time.monotonic()
    await screens.button("Camera").click()
    await expect(screens.parent).to_have_text("PB-770777", timeout=SHOWN_MS)
    print(f"\ncamera opened to first code on screen: {time.monotonic() - began:.2f} s")
    await expect(screens.count).to_have_text(re.compile("^6 / 30$"), timeout=SHOWN_MS)
    # A product's bars lie beside the labels of the lot.
    await expect(camera(screens)).to_contain_text("Show one label at a time")
    await screens.all_sent()
    inside = [f"SB77000{number}" for number in range(1, 7)]
    assert await children_of(stored, "PB-770777") == inside
    # The labels lay there for seconds, in dozens of pictures.
    scans = await scans_by(stored, name)
    if await screens.page.evaluate("document.querySelector('.camera video').currentTime") > ONCE:
        # What a busy machine missed came again, and what it had read already.
        scans = {outcome: scans[outcome] for outcome in ("created", "linked")}
    assert scans == {"created": 1, "linked": 6}


MARKS = """() => JSON.stringify(Object.fromEntries(
    [...document.querySelectorAll("[data-testid=camera-mark]")]
        .map((mark) => [mark.querySelector("title").textContent, mark.dataset.tone]).sort()))"""
"""The tone of each code that is marked in the picture, all of one moment."""


async def test_each_code_is_marked_with_what_came_of_it(
    filmed: Filmed, served: Site, stored: asyncpg.Connection
) -> None:
    together = [
        Shown("CSEEN1", at=(250, 200), scale=8),
        Shown("CSEEN2", at=(640, 200), scale=8),
        Shown("CSEEN3", "DataMatrix", at=(1000, 480), scale=9),
    ]
    screens = await filmed([(3, [Shown("PSEEN1"), Shown("CSEEN1", at=(200, 200))]), (60, together)])
    await screens.start_scanning(served.dispatcher("marked"))
    await screens.scan_parent("PSEEN0")
    await screens.wedge("CSEEN1")
    await screens.all_sent()
    await screens.button("Next big bag").click()
    await screens.button("Camera").click()
    # Which of two labels is the big bag? Not for a machine to guess.
    await expect(camera(screens)).to_contain_text("First show the big bag alone", timeout=SHOWN_MS)
    await expect(screens.parent).to_have_count(0)
    # The wedge works beside it.
    await screens.scan_parent("PSEEN1")
    # A refusal is over the picture, so the camera waits until it is acknowledged.
    await expect(screens.refusal).to_contain_text("It is in big bag PSEEN0")
    await screens.refusal.get_by_role("button", name="Leave it there").click()
    await screens.shows(2)
    # A mark goes with the look that does not find its code, and comes again with the next.
    tones = {"CSEEN1": "refused", "CSEEN2": "ok", "CSEEN3": "ok"}
    await screens.until(f"({MARKS})() === {json.dumps(json.dumps(tones, separators=(',', ':')))}")
    if KEEP:
        await screens.page.screenshot(path=PICTURES / "22-camera-phone-en-light.png")
    await screens.all_sent()
    assert await children_of(stored, "PSEEN1") == ["CSEEN2", "CSEEN3"]


async def played(screens: Screens, seconds: float) -> None:
    """Wait until the camera has shown so much of its film."""
    await screens.until(f"document.querySelector('.camera video')?.currentTime > {seconds}", seconds * 3 + 20)


async def test_bars_are_one_code_however_long_they_are_looked_at(
    filmed: Filmed, served: Site, stored: asyncpg.Connection
) -> None:
    screens = await filmed([(60, [Shown("8909675071235", "EAN13", scale=4)])])
    await screens.start_scanning(served.dispatcher("one-ean"))
    await screens.scan_parent("P-EAN")
    await screens.button("Camera").click()
    await screens.shows(1)
    await played(screens, 3)
    await screens.all_sent()
    assert await children_of(stored, "P-EAN") == ["8909675071235"]


async def test_what_opens_a_big_bag_is_alone_and_a_command_too(
    filmed: Filmed, served: Site, stored: asyncpg.Connection
) -> None:
    child, parent = Shown("SBALONE1", at=(250, 200)), Shown("P-ALONE1", "Code128", (800, 480), scale=4)
    command = Shown("TT:UNDO", at=(1000, 200), scale=6)
    screens = await filmed(
        [
            (2, [child, parent]),
            *length([], [(1, []), (2, [child, parent])]),
            (3, [parent]),
            (0.5, []),
            (2, [child]),
            (2.5, [command, Shown("SBALONE2", "Code128", (500, 480), scale=4)]),
            (60, []),
        ]
    )
    name = served.dispatcher("alone")
    await screens.start_scanning(name)
    await screens.button("Camera").click()
    await expect(camera(screens)).to_contain_text("First show the big bag alone", timeout=SHOWN_MS)
    await expect(screens.parent).to_have_text("P-ALONE1", timeout=SHOWN_MS)
    await screens.shows(1)
    await played(screens, length(11, 14))
    await screens.all_sent()
    # Neither taken back by the command, nor anything packed beside it.
    assert await children_of(stored, "P-ALONE1") == ["SBALONE1"]
    assert await scans_by(stored, name) == {"created": 1, "linked": 1}


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        ([BLACK], "The picture is black"),
        ([Shown("SBTORN1", torn=0.6)], re.compile("cannot be read|No label can be seen")),
        ([Shown("SB1", "PDF417", scale=4)], "Codes of the kind PDF417 are not read here"),
        ([Shown("SBTWO1", at=(250, 200)), Shown("SBTWO1", at=(900, 480))], "Two labels with the code SBTWO1"),
    ],
    ids=["black", "torn", "pdf417", "twice"],
)
async def test_what_the_camera_cannot_take_is_said(
    filmed: Filmed, served: Site, request: pytest.FixtureRequest, seen: list[Shown], sentence: Any
) -> None:
    screens = await filmed([(60, seen)])
    await screens.page.add_init_script(HEARD)
    await screens.page.reload()
    await screens.start_scanning(served.dispatcher(f"said-{request.node.callspec.id}"))
    await screens.button("Camera").click()
    await expect(camera(screens)).to_contain_text(sentence, timeout=SHOWN_MS)
    if "torn" not in request.node.name:
        await screens.until(f"{REFUSED_SOUNDS}.length >= 1")


async def test_a_site_chooses_which_kinds_its_cameras_read(filmed: Filmed, served: Site) -> None:
    with served.admin() as admin:
        before = admin.get("/settings").json()["camera_formats"]
        admin.patch("/settings", json={"camera_formats": [*before, "pdf417", "code_39"]}).raise_for_status()
        try:
            screens = await filmed([(60, [Shown("PCHOSEN-1", "PDF417", scale=4)])])
            await screens.start_scanning(served.dispatcher("choosing-kinds"))
            await screens.button("Camera").click()
            await expect(screens.parent).to_have_text("PCHOSEN-1", timeout=SHOWN_MS)
        finally:
            admin.patch("/settings", json={"camera_formats": before}).raise_for_status()


async def test_a_permission_that_nobody_gives_is_asked_for_aloud(
    open_screens: OpenScreens, served: Site
) -> None:
    screens = await open_screens()
    await screens.start_scanning(served.dispatcher("unanswered"))
    await screens.page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => new Promise(() => undefined); }"
    )
    await screens.button("Camera").click()
    await expect(camera(screens)).to_contain_text("Allow the camera")


SENT = """
    // The codes that the page sends.
    window.sent = [];
    const through = window.fetch;
    window.fetch = async (asked, ...more) => {
        if (asked.method === "POST" && asked.url.endsWith("/bags"))
            window.sent.push((await asked.clone().json()).code);
        return through(asked, ...more);
    };
"""
FILMS = length(1, 10)
SCENES = length(8, 20)


@pytest.mark.parametrize("seed", range(FILMS))
async def test_no_code_is_read_that_is_on_no_label(filmed: Filmed, served: Site, seed: int) -> None:
    scenes = random_labels(random.Random(seed), SCENES)
    shown = {label.text for _, labels in scenes for label in labels}
    with served.admin() as admin:
        bill = admin.post("/bills", json={}).raise_for_status().json()["id"]
    screens = await filmed(scenes)
    await screens.page.add_init_script(SENT)
    await screens.sign_in("admin")
    await screens.at_home()
    await screens.open(f"/bills/{bill}")
    await screens.button("Camera").click()
    await played(screens, 1.5 * SCENES + 1)
    # The film is shown again and again: a machine that is busy has missed some.
    await screens.until(f"new Set(window.sent).size >= {len(shown) / 3}", 180)
    read = set(await screens.page.evaluate("window.sent"))
    assert read <= shown
    figure(f"labels of film {seed} that were read", f"{len(read)} of {len(shown)}")


async def test_the_camera_reads_without_network_after_the_first_visit(
    filmed: Filmed, served: Site, stored: asyncpg.Connection
) -> None:
    screens = await filmed([(60, [Shown("PDARK1")])], kept=True)
    name = served.dispatcher("filmed-offline")
    await screens.start_scanning(name)
    await screens.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    await screens.page.context.set_offline(True)
    await screens.page.goto("/scan")
    await screens.button("Camera").click()
    await expect(screens.parent).to_have_text("PDARK1", timeout=SHOWN_MS)
    await expect(screens.waiting).to_have_attribute("data-waiting", "1")
    await screens.page.context.set_offline(False)
    await screens.all_sent()
    assert await scans_by(stored, name) == {"created": 1}


async def test_the_camera_stops_when_the_page_is_hidden_and_is_open_again_the_next_time(
    filmed: Filmed, served: Site
) -> None:
    screens = await filmed([(60, [])])
    page = screens.page
    await screens.start_scanning(served.dispatcher("hiding"))
    await screens.button("Camera").click()
    await expect(camera(screens)).to_have_attribute("data-state", "running", timeout=SHOWN_MS)
    live = "document.querySelector('.camera video').srcObject?.active ?? false"
    assert await page.evaluate(live)
    hide = """(to) => {
        Object.defineProperty(document, "visibilityState", { value: to, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await page.evaluate(hide, "hidden")
    assert not await page.evaluate(live)
    await page.evaluate(hide, "visible")
    await expect(camera(screens)).to_have_attribute("data-state", "running")
    assert await page.evaluate(live)
    await screens.open("/scan")
    await expect(camera(screens)).to_have_attribute("data-state", "running", timeout=SHOWN_MS)
    await camera(screens).get_by_role("button", name="Close the camera").click()
    await expect(camera(screens)).to_have_count(0)
    await screens.open("/scan")
    await expect(screens.button("Camera")).to_be_visible()


async def test_a_camera_with_a_lamp_can_light_a_dark_corner(filmed: Filmed, served: Site) -> None:
    screens = await filmed([(60, [])])
    await screens.page.evaluate("""() => {
        const lit = window.lit = [];
        MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true });
        MediaStreamTrack.prototype.applyConstraints = async ({ advanced }) => lit.push(advanced[0].torch);
    }""")
    await screens.start_scanning(served.dispatcher("dark-corner"))
    await screens.button("Camera").click()
    light = camera(screens).get_by_role("button", name="Light")
    await light.click(timeout=SHOWN_MS)
    await expect(light).to_have_attribute("aria-pressed", "true")
    await light.click()
    await expect(light).to_have_attribute("aria-pressed", "false")
    assert await screens.page.evaluate("lit") == [True, False]


@pytest.mark.parametrize(
    ("trouble", "cause", "sentence"),
    [
        ("none", "new DOMException('', 'NotFoundError')", "There is no camera here."),
        ("refused", "new DOMException('', 'NotAllowedError')", "The camera is not allowed."),
        ("busy", "new DOMException('', 'NotReadableError')", "Something else is using the camera."),
        ("insecure", None, "The camera works only at a secure address"),
    ],
)
async def test_without_a_camera_it_says_why_and_the_scanner_goes_on(
    open_screens: OpenScreens, served: Site, trouble: str, cause: str | None, sentence: str
) -> None:
    screens = await open_screens()
    page = screens.page
    await screens.start_scanning(served.dispatcher(f"camera-{trouble}"))
    if cause is None:
        await page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
        await page.evaluate("Object.defineProperty(window, 'isSecureContext', { value: false })")
    else:
        await page.evaluate(
            f"() => {{ navigator.mediaDevices.getUserMedia = () => Promise.reject({cause}); }}"
        )
    await screens.button("Camera").click()
    await expect(camera(screens)).to_have_attribute("data-state", trouble)
    await expect(camera(screens).get_by_role("alert")).to_contain_text(sentence)
    await screens.scan_parent(f"P-{trouble[:1]}")
    await camera(screens).get_by_role("button", name="Try again").click()
    await expect(camera(screens)).to_have_attribute("data-state", trouble)
