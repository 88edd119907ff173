"""A day's work by the keyboard alone, and what stands in the ledger afterwards."""

import re

from playwright.sync_api import Page, expect

from browser.conftest import NEAR_ALL, PASSWORD, Site, tab_to


def enter(page: Page) -> None:
    """Press Enter where that leads to another page, and wait for it."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def type_and_enter(page: Page, *texts: str) -> None:
    for number, text in enumerate(texts):
        if number:
            page.keyboard.press("Tab")
        page.keyboard.type(text)
    enter(page)


def test_search_mark_refine_keep_export_and_leave(site: Site, page: Page) -> None:
    """Sign in, describe, search, open a hit, mark it, refine, make a case, export, sign out: no mouse."""
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/sign-in\?back=%2F$"))
    type_and_enter(page, "sam", PASSWORD)

    expect(page.locator("#q")).to_be_focused()
    type_and_enter(page, NEAR_ALL)
    expect(page.locator(".hit")).to_have_count(24)
    expect(page).to_have_url(re.compile(r"q=young%2C\+%21hat%2C\+backpack%3F"))
    expect(page.locator(".lead").first).to_contain_text("A hit is a lead, not an identification")

    tab_to(page, "#results .hit:first-child h3 a")
    enter(page)
    expect(page.locator("h1")).to_contain_text("Hit 1")
    expect(page.locator(".why tbody tr")).to_have_count(3)
    expect(page.locator(".maps img")).to_have_count(3)
    key = page.url.split("/persons/")[1].split("?")[0]

    tab_to(page, ".mark-right")
    enter(page)
    expect(page.locator(".mark-right")).to_have_attribute("aria-pressed", "true")

    tab_to(page, "a.back")
    enter(page)
    expect(page.locator(f"#hit-{key}")).to_have_class(re.compile("marked-right"))
    tab_to(page, "a.primary[href*='refine=1']")
    enter(page)
    expect(page).to_have_url(re.compile("refine=1"))
    expect(page.locator(".hit")).to_have_count(24)

    tab_to(page, "a[href*='/cases/add']")
    enter(page)
    tab_to(page, "main form.card [name=number]")
    type_and_enter_fields(page, "2024-113", "Lost child", "Missing person")
    expect(page.locator("h1")).to_have_text("Lost child")
    expect(page.locator(f"[id='name-{key}']")).to_be_visible()

    tab_to(page, "#note")
    page.keyboard.type("seen near the gate")
    page.keyboard.press("Tab")
    enter(page)
    expect(page.locator(".notes")).to_contain_text("seen near the gate")

    tab_to(page, "button[value=zip]")
    enter(page)
    link = page.locator("#exports a[download]")
    expect(link).to_be_visible(timeout=90_000)
    tab_to(page, "#exports a[download]")
    with page.expect_download() as downloaded:
        page.keyboard.press("Enter")
    assert downloaded.value.suggested_filename.endswith(".zip")

    tab_to(page, ".who summary")
    page.keyboard.press("Enter")
    tab_to(page, "form[action='/sign-out'] button")
    enter(page)
    expect(page).to_have_url(re.compile("/sign-in"))

    done = [(entry.action.value, entry.who) for entry in site.service.ledger.entries(who="sam")]
    for action in ("sign-in", "search", "view", "mark", "case", "export", "sign-out"):
        assert (action, "sam") in done


def type_and_enter_fields(page: Page, number: str, title: str, purpose: str) -> None:
    page.keyboard.type(number)
    page.keyboard.press("Tab")
    page.keyboard.type(title)
    page.keyboard.press("Tab")
    page.keyboard.type(purpose)
    page.keyboard.press("Tab")
    enter(page)


def test_skip_link_leads_past_the_menu(site: Site, page: Page) -> None:
    """The first thing the Tab key reaches leads to the content."""
    page.goto("/responsible-use")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
