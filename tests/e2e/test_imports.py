"""Importing at the screen: look at the first rows, correct, try, import, read the report, take back."""

from __future__ import annotations

import re
import time
from pathlib import Path

import asyncpg
import pytest
import xlsxwriter
from playwright.async_api import Locator, Page, expect

from .conftest import OpenScreens
from .screens import Screens
from .site import PASSWORD, Site
from .test_bills import biller, pack
from .test_look import Gallery

ROWS = 80_000
PER_PARENT = 30
KEPT = frozenset({"30-imports", "31-import-preview", "32-import-result"})


def workbook(path: Path, rows: int, mark: str) -> Path:
    """A season's file with titles nobody knows, 4 codes that are none, and 8 children twice."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Season")
        sheet.write_row(0, 0, ["Sr No", "Bora number", "Packet number", "Lot"])
        for row in range(rows):
            child = f"{mark}{row:07}"
            if row % (rows // 4) == rows // 8:
                child = "zero\u200bwidth"
            elif row % (rows // 8) == 77:
                child = f"{mark}{row - 1:07}"
            sheet.write_row(row + 1, 0, [row + 1, f"{mark}P{row // PER_PARENT:05}", child, "L-7"])
    return path


async def open_imports(screens: Screens, username: str) -> None:
    await screens.sign_in(username)
    await screens.at_home()
    await screens.page.locator("a.job[href='/imports']").click()
    await expect(screens.page.locator(".drop")).to_be_visible()


def column(page: Page, letter: str) -> Locator:
    """What a column of the sample is said to be."""
    return page.get_by_label(f"column {letter}", exact=True)


async def test_a_season_of_eighty_thousand_rows(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection, tmp_path: Path
) -> None:
    file = workbook(tmp_path / "season.xlsx", ROWS, "S")
    screens = await open_screens(phone=False)
    page = screens.page
    await open_imports(screens, biller(served, "importer"))
    async with page.expect_download() as template:
        await page.get_by_role("button", name="Excel").first.click()
    assert (await template.value).suggested_filename.endswith(".xlsx")

    await page.locator("input[type=file]").set_input_files(file)
    sheet = page.get_by_test_id("sheet")
    await expect(sheet.locator("tbody tr")).to_have_count(20)
    # The titles were strange, so the columns are said by hand.
    await column(page, "B").select_option("parent")
    await column(page, "C").select_option("child")
    await page.get_by_label("Row with the headings").select_option("0")
    await expect(sheet).to_contain_text("80,000 rows")

    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if re.search(r"/imports/\d+$", one.url) else None)
    await screens.button("Import").click()
    began = time.monotonic()
    moved: list[str] = []
    while not await page.get_by_text("Some rows were refused").is_visible():
        percent = page.get_by_test_id("percent")
        # It may be gone between two looks, when the import is done.
        moved += await percent.all_inner_texts()
        await page.wait_for_timeout(100)
        assert time.monotonic() < began + 300
    assert len(set(moved)) > 1, moved
    # It is told how far it is by the live stream; without that it asks three times a second.
    assert len(asked) < 4 + time.monotonic() - began, asked
    counts = page.get_by_test_id("counts")
    await expect(counts.locator(".sum dd")).to_have_text(["79,988", "+ 0", "+ 8", "+ 4", "80,000"])
    await expect(counts.get_by_test_id("parents-created")).to_have_text("2,667")
    assert (
        await stored.fetchval("select count(*) from bags where parent_id is not null and code like 'S0%'")
        == 79_988
    )

    rows = page.get_by_test_id("report-row")
    await expect(rows).to_have_count(4)
    await expect(rows.first).to_contain_text("row 10,002")
    for format in ("Excel", "CSV"):
        async with page.expect_download() as report:
            await page.get_by_test_id("report").get_by_role("button", name=format).click()
        assert (await (await report.value).path()).stat().st_size > 0

    # The same file once more is told, and asks.
    await page.goto("/imports")
    await expect(page.get_by_test_id("import-row").first).to_contain_text("season.xlsx")
    await page.locator("input[type=file]").set_input_files(file)
    await expect(page.get_by_text("This very file was imported before")).to_be_visible()
    await expect(screens.button("Import")).to_be_disabled()


async def test_a_file_is_tried_then_imported_and_taken_back(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection, tmp_path: Path
) -> None:
    file = workbook(tmp_path / "wrong.xlsx", 400, "W")
    screens = await open_screens(phone=False)
    page = screens.page
    await open_imports(screens, biller(served, "hasty"))
    await page.locator("input[type=file]").set_input_files(file)
    await column(page, "B").select_option("parent")
    await column(page, "C").select_option("child")
    await page.get_by_label("Row with the headings").select_option("0")
    in_bags = "select count(*) from bags where code like 'WP%'"
    await screens.button("Try without writing").click()
    await expect(page.get_by_test_id("rows-total")).to_have_text("400")
    assert await stored.fetchval(in_bags) == 0
    await screens.button("Import now").click()
    await expect(screens.button("Take it back")).to_be_visible(timeout=30_000)
    assert await stored.fetchval(in_bags) == 14
    await screens.button("Take it back").click()
    await page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    await expect(page.get_by_text("This import was taken back.")).to_be_visible(timeout=30_000)
    assert await stored.fetchval(in_bags) == 0


async def test_a_sheet_of_bills_puts_parents_on_them(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection, tmp_path: Path
) -> None:
    codes = pack(served, "IB", 4, 2)
    file = tmp_path / "dispatch.xlsx"
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("Dispatch")
        rows = [["Bill No", "Parent"], *(["IMPORTED-1", code] for code in codes[:3])]
        for at, row in enumerate([*rows, ["IMPORTED-2", codes[3]], ["IMPORTED-2", "NEVER-SEEN"]]):
            sheet.write_row(at, 0, row)
    screens = await open_screens(phone=False)
    page = screens.page
    with served.admin() as admin:
        user = {"username": "bill-importer", "password": PASSWORD, "role": "admin"}
        admin.post("/users", json={**user, "must_change_password": False}).raise_for_status()
    await open_imports(screens, "bill-importer")
    await page.locator(".tabs").get_by_text("Bills", exact=True).click()
    await page.locator("input[type=file]").set_input_files(file)
    await expect(page.get_by_test_id("sheet")).to_contain_text("5 rows")
    await screens.button("Import").click()
    # The parent that nobody has registered is told, with its row; the others are on their bills.
    report = page.get_by_test_id("report-row")
    await expect(report).to_have_count(1)
    await expect(report).to_contain_text("NEVER-SEEN")
    on_bills = await stored.fetch(
        "select l.number, count(*) from bills l join bags b on b.bill_id = l.id"
        " where l.number like 'IMPORTED-%' group by 1 order by 1"
    )
    assert [tuple(row) for row in on_bills] == [("IMPORTED-1", 3), ("IMPORTED-2", 1)]


async def test_a_file_that_is_none_is_refused_in_a_sentence(
    open_screens: OpenScreens, served: Site, tmp_path: Path
) -> None:
    file = tmp_path / "picture.xlsx"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2_000))
    screens = await open_screens()
    await open_imports(screens, biller(served, "careless"))
    await screens.page.locator("input[type=file]").set_input_files(file)
    await expect(screens.page.get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize(("language", "phone"), [("en", False), ("hi", True)])
async def test_the_import_screens_are_for_everybody(
    open_screens: OpenScreens, served: Site, tmp_path: Path, language: str, phone: bool
) -> None:
    file = workbook(tmp_path / f"small-{language}.xlsx", 800, f"L{language}")
    screens = await open_screens(language, phone=phone)
    page = screens.page
    gallery = Gallery(screens, f"{'phone' if phone else 'desk'}-{language}", KEPT)
    await open_imports(screens, biller(served, f"import-{language}"))
    await gallery.look("30-imports")
    await page.locator("input[type=file]").set_input_files(file)
    await expect(page.get_by_test_id("sheet")).to_be_visible()
    selects = page.locator(".sample select")
    await selects.nth(1).select_option("parent")
    await selects.nth(2).select_option("child")
    await page.locator(".guess-choices select").nth(1).select_option("0")
    await gallery.look("31-import-preview")
    await page.locator(".start [data-kind=main]").click()
    await expect(page.get_by_test_id("report-row").first).to_be_visible(timeout=30_000)
    await gallery.look("32-import-result")
    assert gallery.faults == [], "\n".join(gallery.faults)


async def test_what_changed_nothing_is_not_green_and_a_draft_can_be_removed(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection, tmp_path: Path
) -> None:
    refused = tmp_path / "refused.csv"
    refused.write_text("Parent,Child\nNULL,EA1\nTotal,2\n")
    screens = await open_screens(phone=False)
    page = screens.page
    await open_imports(screens, biller(served, "tidy"))
    await page.locator("input[type=file]").set_input_files(refused)
    await screens.button("Import").click()
    await expect(page.get_by_text("Nothing was imported: every row was refused.")).to_be_visible()
    await expect(page.locator(".note[data-tone=ok]")).to_have_count(0)
    await expect(screens.button("Take it back")).to_have_count(0)

    # A packing sheet offers to complete its parents; beside it is a sheet that only counts.
    packing = tmp_path / "packing.xlsx"
    with xlsxwriter.Workbook(packing) as book:
        for name, rows in {
            "Line 1": [["1", "EPACK-C1"], ["Parent Code", "EPACK-P1"]],
            "Sum": [["Row Labels", "Count of QR"], ["EPACK-P1", 1]],
        }.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                sheet.write_row(at, 0, row)
    await page.goto("/imports")
    await page.locator("input[type=file]").set_input_files(packing)
    await expect(page.get_by_label("Mark the big bags of this packing sheet as done")).to_be_checked()
    await expect(page.get_by_test_id("sheet").nth(1)).to_contain_text("counts bags instead of naming them")
    await screens.button("Import").click()
    await expect(page.get_by_test_id("parents-completed")).to_have_text("1")
    await expect(page.get_by_test_id("notices")).to_contain_text("Sum: Not read.")
    assert await stored.fetchval("select state from bags where code = 'EPACK-P1'") == "completed"

    await page.goto("/imports")
    draft = tmp_path / "draft.csv"
    draft.write_text("Parent,Child\nEDRAFT,EDRAFT-1\n")
    await page.locator("input[type=file]").set_input_files(draft)
    await screens.button("Remove this file").click()
    await expect(page.get_by_test_id("import-row").first).to_be_visible()
    await expect(page.get_by_text("draft.csv")).to_have_count(0)
    assert await stored.fetchval("select count(*) from imports where file_name = 'draft.csv'") == 0
