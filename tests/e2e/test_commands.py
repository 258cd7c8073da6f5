"""Command codes, the scanner's set-up, suggestions for torn labels, and the spoken number."""

from __future__ import annotations

import io

import asyncpg
import pypdfium2
import pytest
import zxingcpp
from playwright.async_api import expect

from .conftest import OpenScreens
from .screens import Screens
from .site import Site
from .test_packing import children_of

TEST_CODE = "TT:TEST-aZqWyM-1590/"
COMMANDS = ("TT:UNDO", "TT:DONE", "TT:NEXT", "TT:CANCEL")


async def test_a_gloved_hand_works_without_touching_the_glass(
    screens: Screens, served: Site, stored: asyncpg.Connection
) -> None:
    await screens.start_scanning(served.dispatcher("gloves"))
    await screens.scan_parent("PG1")
    await screens.wedge("CG1")
    await screens.wedge("CG2")
    await screens.all_sent()
    # Caps-lock does no harm.
    await screens.wedge("tt:undo")
    await screens.shows(1)
    await screens.all_sent()
    assert await children_of(stored, "PG1") == ["CG1"]
    await screens.wedge("TT:DONE")
    await expect(screens.page.get_by_test_id("closed-count")).to_have_text("1 / 30")
    await screens.scan_parent("PG2")
    await screens.wedge("CG1")
    await expect(screens.refusal).to_be_visible()
    await screens.wedge("TT:CANCEL")
    await expect(screens.refusal).to_have_count(0)
    await screens.wedge("TT:NEXT")
    await expect(screens.parent).to_have_count(0)
    await screens.wedge("TT:DONE")
    await expect(screens.word).to_contain_text("Nothing to do")
    # What is kept for commands is never a bag.
    await screens.wedge(TEST_CODE)
    await expect(screens.refusal).to_contain_text("This cannot be the code of a bag.")
    await screens.all_sent()
    assert await stored.fetchval("select count(*) from bags where lower(code) like 'tt:%'") == 0
    assert await stored.fetchval("select state from bags where code = 'PG1'") == "completed"


async def test_the_sheet_is_printed_on_one_page_in_ones_own_words_and_can_be_scanned(
    open_screens: OpenScreens, served: Site
) -> None:
    screens = await open_screens("hi")
    await screens.sign_in(served.dispatcher("printer"))
    await screens.at_home()
    await screens.page.locator("a[href='/help']").click()
    await screens.page.locator("a[href='/help/commands']").click()
    await expect(screens.page.locator(".code-picture path")).to_have_count(10)
    await expect(screens.page.get_by_test_id("command").first).to_contain_text("वापस लें")
    paper = pypdfium2.PdfDocument(io.BytesIO(await screens.page.pdf(format="A4")))
    assert len(paper) == 1
    found = zxingcpp.read_barcodes(paper[0].render(scale=3).to_pil().convert("L"))
    # Each as a square for cameras and as bars for scanners that read only those.
    assert sorted(code.text for code in found) == sorted([*COMMANDS, TEST_CODE] * 2)


@pytest.mark.parametrize(
    ("typed", "suffix", "finding"),
    [
        (TEST_CODE, "Enter", "good"),
        (TEST_CODE, "Tab", "good"),
        (TEST_CODE, "", "noSuffix"),
        (TEST_CODE.swapcase(), "Enter", "capsLock"),
        ("TT:TEST-qWaZyM-1590/", "Enter", "layout"),
        ("SB00012", "Enter", "other"),
    ],
)
async def test_a_scanner_is_judged_by_a_test_code(
    screens: Screens, served: Site, typed: str, suffix: str, finding: str
) -> None:
    await screens.sign_in(served.dispatcher(f"setup-{finding}{suffix}".lower()))
    await screens.at_home()
    await screens.open("/help/scanner")
    await expect(screens.page.locator(".setup-code")).to_be_visible()
    await expect(screens.page.get_by_label("Scanner input")).to_be_focused()
    # All in one go: how fast this machine types is not the question here.
    await screens.page.evaluate(
        """(keys) => keys.forEach((key) =>
            document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })))""",
        [*typed, *([suffix] if suffix else [])],
    )
    said = screens.page.get_by_test_id("finding")
    await expect(said).to_have_attribute("data-finding", finding)
    await expect(said).to_contain_text("ms a letter")
    await expect(said.locator("dd").nth(1)).to_have_text(suffix or "Nothing")


async def test_a_torn_label_is_completed_from_the_bags_there_are(screens: Screens, served: Site) -> None:
    await screens.start_scanning(served.dispatcher("torn"))
    await screens.scan_parent("PTORN1")
    await screens.wedge("CTORN77")
    await screens.all_sent()
    await screens.button("Type a code").click()
    await screens.page.keyboard.type("ctor", delay=120)
    suggested = screens.page.locator(".suggestions button")
    await expect(suggested).to_have_text(["CTORN77"])
    await suggested.click()
    await expect(screens.word).to_have_attribute("data-tone", "already")
    await screens.button("Next big bag").click()
    await screens.button("Type a code").click()
    # Of a big bag only big bags are offered.
    await screens.page.keyboard.type("ptor", delay=120)
    await suggested.click()
    await expect(screens.parent).to_have_text("PTORN1")


VOICES = """(language) => {
    window.said = [];
    speechSynthesis.getVoices = () => [
        { lang: language, localService: false, name: "far" },
        { lang: `${language}-IN`, localService: true, name: "near" },
    ];
    Object.defineProperty(SpeechSynthesisUtterance.prototype, "voice", { set(v) { this.by = v.name; } });
    speechSynthesis.speak = (one) => window.said.push([one.text, one.by]);
}"""


@pytest.mark.parametrize(("language", "words"), [("en", "2 of 30 bags"), ("hi", "30 में से 2 बैग")])
async def test_the_number_is_spoken_by_a_voice_of_the_device(
    open_screens: OpenScreens, served: Site, language: str, words: str
) -> None:
    screens = await open_screens(language)
    await screens.start_scanning(served.dispatcher(f"spoken-{language}"))
    await screens.scan_parent(f"PV{language}1")
    # Where the device has no voice of its own, nothing is offered.
    await expect(screens.page.locator(".speech")).to_have_count(0)
    await screens.page.evaluate(VOICES, language)
    await screens.page.evaluate("speechSynthesis.dispatchEvent(new Event('voiceschanged'))")
    await screens.page.locator(".speech").click()
    await screens.wedge(f"CV{language}1")
    await screens.wedge(f"CV{language}2")
    await screens.shows(2)
    await screens.all_sent()
    said = await screens.page.evaluate("window.said")
    assert said[-1] == [words, "near"]
