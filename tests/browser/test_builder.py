"""Text box and builder in step, with JavaScript at once and without it on submit."""

import re

from playwright.sync_api import Browser, Page, expect

from browser.conftest import Site, sign_in


def choice(name: str, value: str) -> str:
    return f".attribute:has(legend:text-is('{name}')) input[value={value}]"


def test_text_and_builder_follow_each_other_at_once(site: Site, page: Page) -> None:
    """What is typed is chosen, what is chosen is written; nothing is searched for meanwhile."""
    sign_in(page, "sam")
    before = site.service.ledger.count(action="search")
    page.locator("#q").press_sequentially("hat, !scarf?")
    expect(page.locator(choice("hat", "yes"))).to_be_checked()
    expect(page.locator(choice("scarf", "no"))).to_be_checked()
    expect(page.locator(".attribute:has(legend:text-is('scarf')) output")).to_have_text("50 %")

    open_all(page)
    page.locator(choice("hat", "open")).check(force=True)
    expect(page.locator("#q")).to_have_value("!scarf?")
    page.locator(choice("young", "yes")).check(force=True)
    page.locator(choice("old", "yes")).check(force=True)
    expect(page.locator("#q")).to_have_value("!scarf?, age:young|old")
    slider = page.locator(".attribute:has(legend:text-is('scarf')) input[type=range]")
    slider.focus()
    slider.press("End")
    expect(page.locator("#q")).to_have_value("!scarf, age:young|old")
    expect(page.locator(".figure .count").nth(0)).to_be_visible()
    assert site.service.ledger.count(action="search") == before


def test_mistake_is_told_while_it_is_typed_and_mended_by_a_click(site: Site, page: Page) -> None:
    """The unknown word is marked where it stands; a suggestion puts the known one there."""
    sign_in(page, "sam")
    page.locator("#q").press_sequentially("hat, bakpack")
    expect(page.locator("#understood mark")).to_have_text("bakpack")
    page.locator("#understood").get_by_role("link", name="backpack").click()
    expect(page).to_have_url(re.compile(r"\?q=hat%2C\+backpack$"))
    expect(page.locator(".hit").first).to_be_visible()


def open_all(page: Page) -> None:
    for summary in page.locator("details.region:not([open]) > summary").all():
        summary.click()


def test_all_of_it_works_without_javascript(site: Site, browser: Browser) -> None:
    """Builder, witnesses, filters, marks and the dark page are forms and links."""
    context = browser.new_context(
        base_url=site.address, java_script_enabled=False, viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    sign_in(page, "sam")
    open_all(page)
    page.locator(choice("hat", "no")).check(force=True)
    page.locator(choice("backpack", "yes")).check(force=True)
    page.locator("details.filters input[value=C1]").check()
    page.locator(".builder-end button").click()
    expect(page).to_have_url(re.compile(r"/\?q=%21hat%2C\+backpack&camera=C1$"))
    expect(page.locator("#q")).to_have_value("!hat, backpack")
    expect(page.locator(".hit .facts span:first-child")).to_have_text(["C1"] * 13)

    page.locator(".mark-wrong").first.click()
    expect(page).to_have_url(re.compile("wrong="))
    page.get_by_role("button", name="Several witnesses").click()
    expect(page.locator(".witness")).to_have_count(2)
    page.locator("[name=wt]").nth(1).fill("hat, old")
    page.locator(".ask-end button.primary").click()
    expect(page.locator(".comparison tbody tr").nth(2)).to_be_visible()
    expect(page.locator(".comparison .verdict-conflict")).to_have_count(1)

    page.locator("button.when-light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator(".witness")).to_have_count(2)
    context.close()
