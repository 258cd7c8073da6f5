"""Signing in, the first password, languages, the profile."""

from __future__ import annotations

from playwright.async_api import expect

from .conftest import OpenScreens
from .screens import Screens
from .site import PASSWORD, Site


async def test_a_wrong_password_is_said_in_one_sentence(screens: Screens, served: Site) -> None:
    name = served.dispatcher("forgetful")
    await screens.sign_in(name, "not the password")
    await expect(screens.page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    await screens.sign_in(name)
    await screens.at_home()
    await expect(screens.page.locator(".home-who")).to_contain_text("North")


async def test_the_language_is_chosen_by_its_own_name_before_sign_in(screens: Screens, served: Site) -> None:
    await screens.page.get_by_text("हिन्दी", exact=True).click()
    await expect(screens.page.locator("h1")).to_have_text("साइन इन")
    await expect(screens.page.locator("html")).to_have_attribute("lang", "hi")
    name = served.dispatcher("hindi-speaker")
    await screens.sign_in(name, "not the password")
    await expect(screens.page.get_by_role("alert")).to_have_text("नाम या पासवर्ड गलत है।")
    await screens.sign_in(name)
    await expect(screens.page.locator(".jobs")).to_contain_text("स्कैन करें")
    await screens.page.reload()
    await expect(screens.page.locator(".jobs")).to_contain_text("स्कैन करें")


async def test_the_first_password_must_be_changed(screens: Screens, served: Site) -> None:
    name = served.dispatcher("newcomer", must_change_password=True)
    await screens.sign_in(name)
    page = screens.page
    await expect(page.locator("h1")).to_have_text("Choose your own password")
    await screens.open("/scan")
    await expect(page.locator("h1")).to_have_text("Choose your own password")
    await page.locator("input[name=current]").fill(PASSWORD)
    await page.locator("input[name=new]").fill("short")
    await page.locator("button[type=submit]").click()
    await expect(page.get_by_role("alert")).to_contain_text("Too easy to guess")
    await page.locator("input[name=new]").fill("my very own password")
    await page.locator("button[type=submit]").click()
    await expect(page.locator(".stage")).to_be_visible()
    await screens.open("/profile")
    await screens.button("Sign out").click()
    await screens.sign_in(name, "my very own password")
    await expect(page.locator("h1")).to_be_visible()


async def test_a_reload_stays_signed_in_and_a_sign_out_ends_it(screens: Screens, served: Site) -> None:
    await screens.sign_in(served.dispatcher("staying"))
    await screens.at_home()
    await screens.page.reload()
    await screens.at_home()
    token_kept = await screens.page.evaluate(
        "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"
    )
    assert "eyJ" not in token_kept
    await screens.open("/profile")
    await screens.button("Sign out").click()
    await expect(screens.page.locator("h1")).to_have_text("Sign in")
    await screens.open("/scan")
    await expect(screens.page.locator("h1")).to_have_text("Sign in")


async def test_a_session_elsewhere_can_be_ended(
    screens: Screens, open_screens: OpenScreens, served: Site
) -> None:
    name = served.dispatcher("everywhere")
    other = await open_screens(phone=False)
    await other.sign_in(name)
    await other.at_home()
    await screens.sign_in(name)
    await screens.at_home()
    await screens.open("/profile")
    await expect(screens.page.locator(".sessions li")).to_have_count(2)
    await screens.page.get_by_role("button", name="Sign out: Computer").click()
    await expect(screens.page.locator(".sessions li")).to_have_count(1)
    await other.open_job("/scan")
    # It goes on taking scans: on a sign-in page they would be typed into its fields.
    signed_out = other.page.get_by_test_id("interrupted")
    await expect(signed_out).to_contain_text("You were signed out")
    await signed_out.click()
    await expect(other.page.locator("h1")).to_have_text("Sign in")


async def test_profile_keeps_language_sound_and_a_new_password(screens: Screens, served: Site) -> None:
    name = served.dispatcher("settled")
    await screens.sign_in(name)
    await screens.at_home()
    page = screens.page
    await screens.open("/profile")
    await page.get_by_role("switch", name="Sound is on").click()
    await expect(page.get_by_role("switch", name="Sound is off")).to_have_attribute("aria-checked", "false")
    await screens.button("Change my password").click()
    await page.locator("input[name=current]").fill("not the password")
    await page.locator("input[name=new]").fill("another good password")
    await page.locator(".profile form button[type=submit]").click()
    await expect(page.get_by_role("alert")).to_contain_text("The password you have now is not right.")
    await page.locator("input[name=current]").fill(PASSWORD)
    await page.locator(".profile form button[type=submit]").click()
    await expect(page.get_by_role("alert")).to_have_text("Your new password is saved.")
    await page.get_by_text("हिन्दी", exact=True).click()
    await expect(page.locator("h1")).to_have_text("मेरी प्रोफ़ाइल")
    await page.reload()
    await expect(page.get_by_role("switch", name="आवाज़ बंद है")).to_be_visible()
