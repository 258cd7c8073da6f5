"""Bags and the supervisors' lists at the screen: filter, follow, decide, check, save as a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from .conftest import OpenScreens
from .screens import Screens
from .site import Site
from .test_bills import biller
from .test_look import Gallery, looks

KEPT = frozenset({"50-bags", "51-left-open", "52-conflicts", "53-work", "54-check"})


def worker(served: Site, name: str, area: str) -> httpx.Client:
    """A dispatcher's own way to the API."""
    served.dispatcher(name, area=area)
    return served.client(name)


def pack(person: httpx.Client, parent: str, children: Iterable[str] = ()) -> dict[str, Any]:
    bag: dict[str, Any] = person.post("/scans/parent", json={"code": parent}).raise_for_status().json()["bag"]
    if codes := list(children):
        person.post("/scans/children", json={"parent_code": parent, "codes": codes}).raise_for_status()
    return bag


def fill(served: Site, area: str, mark: str) -> None:
    """A shift of an area: a packed, an open and an empty big bag, and a conflict."""
    with worker(served, f"worker-{mark}".lower(), area) as person:
        packed = pack(person, f"{mark}-P1", (f"{mark}-C{number:02}" for number in range(30)))
        person.post(f"/bags/{packed['id']}/complete").raise_for_status()
        pack(person, f"{mark}-P2", (f"{mark}-D{number:02}" for number in range(12)))
        pack(person, f"{mark}-P3")
        refused = person.post("/scans/child", json={"parent_code": f"{mark}-P2", "code": f"{mark}-C07"})
        assert refused.json()["code"] == "child_in_other_parent"


async def open_list(screens: Screens, which: str, area: str = "") -> None:
    await screens.open(f"/lists/{which}")
    if area:
        await screens.page.get_by_label("Area").select_option(label=area)


def rows(page: Page, testid: str = "row") -> Locator:
    return page.get_by_test_id(testid)


async def test_bags_are_found_by_part_kind_and_state_and_the_address_keeps_it(
    open_screens: OpenScreens, served: Site
) -> None:
    fill(served, "Bags East", "BE")
    screens = await open_screens(phone=False)
    page = screens.page
    await screens.sign_in(biller(served, "bag-looker"))
    await screens.at_home()
    await screens.open_job("/bags")
    bags = rows(page, "bag-row")
    await page.get_by_role("searchbox").fill("be-p")
    await expect(bags).to_have_count(3)
    await page.get_by_text("Small bags", exact=True).click()
    await expect(page.get_by_test_id("list-empty")).to_be_visible()
    await page.get_by_role("searchbox").fill("be-c")
    await expect(bags).to_have_count(30)
    await expect(bags.first).to_contain_text("BE-P1")
    await page.reload()
    await expect(bags).to_have_count(30)
    assert re.search(r"q=be-c", page.url)
    assert re.search(r"kind=child", page.url)
    await page.get_by_role("button", name="Code").click()
    await expect(bags.first).to_contain_text("BE-C00")
    async with page.expect_download() as file:
        await page.get_by_role("button", name="CSV").click()
    text = (await (await file.value).path()).read_text("utf-8")
    assert text.count("\n") == 31
    await bags.first.get_by_role("rowheader").click()
    await expect(page.get_by_test_id("bag-code")).to_have_text("BE-C00")


async def test_what_a_shift_left_behind(open_screens: OpenScreens, served: Site) -> None:
    fill(served, "Lists East", "LE")
    screens = await open_screens(phone=False)
    page = screens.page
    await screens.sign_in(biller(served, "supervisor"))
    await screens.at_home()
    await open_list(screens, "left-open", "Lists East")
    await expect(rows(page)).to_have_count(2)
    await expect(rows(page).first).to_contain_text("worker-le")
    await expect(rows(page).nth(1)).to_contain_text("12 / 30")
    # Another day: nothing was scanned.
    await page.get_by_label("Day", exact=True).fill("2020-01-02")
    await expect(page.get_by_test_id("list-empty")).to_be_visible()

    await open_list(screens, "empty", "Lists East")
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("LE-P3")
    await open_list(screens, "unbilled", "Lists East")
    await expect(rows(page)).to_have_count(2)
    await expect(rows(page).first).to_contain_text("LE-P1")
    async with page.expect_download() as file:
        await page.get_by_role("button", name="CSV").click()
    text = (await (await file.value).path()).read_text("utf-8")
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == ["LE-P1", "LE-P2"]

    await open_list(screens, "work", "Lists East")
    await expect(rows(page, "work-row")).to_have_count(1)
    await expect(page.get_by_test_id("work-scans")).to_have_text("46")
    await rows(page, "work-row").get_by_role("button").click()
    await expect(page.locator(".worked li")).to_have_count(47)


async def test_conflicts_are_decided_where_they_are_listed(open_screens: OpenScreens, served: Site) -> None:
    fill(served, "Conflict East", "CE")
    with worker(served, "worker-ce2", "Conflict East") as person:
        person.post("/scans/child", json={"parent_code": "CE-P3", "code": "CE-D01"})
    screens = await open_screens(phone=False)
    page = screens.page
    await screens.sign_in(biller(served, "assert_fast"))
    await screens.at_home()
    await open_list(screens, "conflicts", "Conflict East")
    found = rows(page, "conflict-row")
    await expect(found).to_have_count(2)
    await found.filter(has_text="CE-C07").get_by_role("button", name="Move to CE-P2").click()
    await expect(page.get_by_text("CE-C07 is now in CE-P2.")).to_be_visible()
    await expect(found).to_have_count(1)
    await found.get_by_role("button", name="Stays in CE-P2").click()
    await expect(page.get_by_text("CE-D01 stays in CE-P2.")).to_be_visible()
    await expect(page.get_by_test_id("list-empty")).to_be_visible()


async def test_a_pasted_column_of_codes_tells_what_each_is_at(
    open_screens: OpenScreens, served: Site
) -> None:
    fill(served, "Check East", "KE")
    screens = await open_screens()
    page = screens.page
    await screens.sign_in(biller(served, "checker"))
    await screens.at_home()
    await open_list(screens, "check")
    pasted = ["ke-p1", "KE-P2", *(f"KE-C{number:02}" for number in range(30)), "NO-SUCH-BAG"]
    await page.get_by_role("textbox").fill("\n".join(pasted))
    await expect(page.get_by_test_id("check-count")).to_have_text("33 codes")
    await screens.button("Show what they are at").click()
    checked = rows(page, "check-row")
    await expect(checked).to_have_count(33)
    await expect(checked.first).to_contain_text("KE-P1")
    await expect(checked.first).to_contain_text("Packed")
    await expect(checked.last).to_contain_text("Not found")
    await page.get_by_text("Not found 1").click()
    await expect(checked).to_have_count(1)
    async with page.expect_download() as file:
        await page.get_by_role("button", name="Excel").click()
    assert (await file.value).suggested_filename == "tracetrack-codes.xlsx"
    # Put in as a paste does: typed line by line it would take the browser a minute.
    await page.get_by_role("textbox").evaluate(
        """(field) => {
            field.value = "x\\n".repeat(5001);
            field.dispatchEvent(new Event("input", { bubbles: true }));
        }"""
    )
    await expect(page.get_by_test_id("check-count")).to_contain_text("5,001 codes are too many")


@pytest.mark.parametrize(
    ("language", "phone", "dark"),
    looks(
        ("en", False, False),
        [("en", False, False), ("hi", True, False), ("en", True, True), ("hi", False, True)],
    ),
)
async def test_the_lists_are_for_everybody(
    open_screens: OpenScreens, served: Site, language: str, phone: bool, dark: bool
) -> None:
    device = f"{'phone' if phone else 'desk'}-{language}"
    mark = f"{'P' if phone else 'D'}{language.upper()}"
    fill(served, f"Look {device}", mark)
    screens = await open_screens(language, phone=phone, dark=dark, still=True)
    page = screens.page
    # The dark ones are looked at and not kept.
    gallery = Gallery(screens, device, frozenset() if dark else KEPT)
    # A supervisor of one area sees its rows alone, so that the pictures stay the same.
    await screens.sign_in(served.dispatcher(f"looker-{device}", area=f"Look {device}"))
    await screens.at_home()
    await screens.open("/bags")
    await expect(rows(page, "bag-row").first).to_be_visible()
    await gallery.look("50-bags")
    for which, name, testid in (
        ("left-open", "51-left-open", "row"),
        ("empty", "55-empty", "row"),
        ("unbilled", "56-unbilled", "row"),
        ("conflicts", "52-conflicts", "conflict-row"),
        ("work", "53-work", "work-row"),
    ):
        await screens.open(f"/lists/{which}")
        await expect(rows(page, testid).first).to_be_visible()
        await gallery.look(name)
    await rows(page, "work-row").first.get_by_role("button").click()
    await expect(page.locator(".worked li").first).to_be_visible()
    await gallery.look("57-work-open")
    await screens.open("/lists/check")
    await page.get_by_role("textbox").fill(f"{mark}-P1\n{mark}-P2\n{mark}-C01\nNO-SUCH-BAG")
    await page.locator(".check [data-kind=main]").click()
    await expect(rows(page, "check-row")).to_have_count(4)
    await gallery.look("54-check")
    assert gallery.faults == [], "\n".join(gallery.faults)
