"""Find: any code, what it is, where it is, its whole story."""

from __future__ import annotations

from playwright.async_api import expect

from .screens import Screens
from .site import Site


async def packed(screens: Screens, parent: str, *children: str) -> None:
    await screens.scan_parent(parent)
    for child in children:
        await screens.wedge(child)
    await screens.all_sent()


async def test_a_bag_is_found_with_its_place_and_story(screens: Screens, served: Site) -> None:
    page = screens.page
    await screens.start_scanning(served.dispatcher("finder"))
    await packed(screens, "PT100", "CT101", "CT102")
    await screens.button("Done").click()
    await screens.all_sent()
    await screens.open("/find")
    await screens.wedge("pt100")
    await expect(page.get_by_test_id("bag-code")).to_have_text("PT100")
    await expect(page.locator(".bag-head")).to_contain_text("2 / 30")
    await expect(page.locator(".bag-head")).to_contain_text("Packed")
    await expect(page.locator(".facts")).to_contain_text("North")
    await expect(page.locator(".facts")).to_contain_text("2 kg")
    await expect(page.locator(".story li").first).to_contain_text("Marked as done")
    await expect(page.locator(".story")).to_contain_text("CT101 put in")
    await expect(page.locator(".story li").last).to_contain_text("Registered")
    await page.locator(".child-link", has_text="CT101").click()
    await expect(page.get_by_test_id("bag-code")).to_have_text("CT101")
    await expect(page.locator(".story")).to_contain_text("Put into PT100")
    await expect(page.locator(".facts .bag-link")).to_have_text("PT100")
    # The next scan takes the place of the last, and Back leads back.
    await screens.wedge("CT102", suffix="Tab")
    await expect(page.get_by_test_id("bag-code")).to_have_text("CT102")
    await page.go_back()
    await expect(page.get_by_test_id("bag-code")).to_have_text("CT101")


async def test_a_mistyped_code_is_asked_about(screens: Screens, served: Site) -> None:
    page = screens.page
    await screens.start_scanning(served.dispatcher("mistyping"))
    await packed(screens, "PD200", "CD20001")
    await screens.open("/find")
    await screens.wedge("CD2000l")
    await expect(page.get_by_role("alert")).to_have_text("No bag has the code CD2000l")
    await page.get_by_role("button", name="CD20001").click()
    await expect(page.get_by_test_id("bag-code")).to_have_text("CD20001")


async def test_a_bag_of_another_area_is_not_there(screens: Screens, served: Site) -> None:
    page = screens.page
    await screens.start_scanning(served.dispatcher("southerner", area="South"))
    await packed(screens, "PZ900", "CZ901")
    await screens.open("/profile")
    await screens.button("Sign out").click()
    await screens.sign_in(served.dispatcher("northerner"))
    await screens.at_home()
    await screens.open("/find")
    await screens.wedge("PZ900")
    await expect(page.get_by_role("alert")).to_have_text("No bag has the code PZ900")
    await expect(page.locator(".find-meant")).to_have_count(0)
