"""Roles in the browser: what is not allowed is not offered, and refused if asked for all the same."""

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import ACCOUNTS, Site, sign_in

MENUS = {
    "sam": ["Search", "Cases", "Gallery"],
    "cora": ["Gallery", "Jobs"],
    "ada": ["Ledger"],
    "admin": ["Gallery", "Accounts"],
}
PAGES = {"Search": "/", "Cases": "/cases", "Gallery": "/gallery", "Jobs": "/jobs", "Ledger": "/ledger"}
PAGES["Accounts"] = "/accounts"


@pytest.mark.parametrize("name", ["sam"])
def test_menu_shows_what_the_role_may_and_the_rest_is_refused(site: Site, page: Page, name: str) -> None:
    """Each refused page says which role it needs, and the refusal stands in the ledger."""
    check(site, page, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cora", "ada", "admin"])
def test_menu_of_the_other_roles(site: Site, page: Page, name: str) -> None:
    """The same for the others."""
    check(site, page, name)


def check(site: Site, page: Page, name: str) -> None:
    sign_in(page, name, "/vocabulary")
    expect(page.locator("nav.places li")).to_have_text(MENUS[name])
    for label, address in PAGES.items():
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == (200 if label in MENUS[name] else 403)
        if label not in MENUS[name]:
            expect(page.locator(".error")).to_contain_text(f"has the role {ACCOUNTS[name].value}")
            assert site.service.ledger.count(who=name, action="refused") > 0


def test_wrong_password_is_told_and_tried_again(site: Site, page: Page) -> None:
    """The name stays, the password does not, and one comes where one wanted to go."""
    page.goto("/gallery")
    page.fill("[name=name]", "sam")
    page.fill("[name=password]", "wrong horse")
    page.keyboard.press("Enter")
    expect(page.locator("[role=alert]")).to_contain_text("name or password is wrong")
    expect(page.locator("[name=name]")).to_have_value("sam")
    expect(page.locator("[name=password]")).to_have_value("")
    page.fill("[name=password]", "correct horse battery staple")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.address}/gallery")
