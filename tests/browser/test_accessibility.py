"""axe finds nothing serious on any page, light and dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser.conftest import NEAR_ALL, Site, sign_in

QUERY = f"q={NEAR_ALL.replace(',', '%2C').replace(' ', '+').replace('?', '%3F')}"
SEARCHER = {
    "start": "/",
    "hits": f"/?{QUERY}",
    "marked": f"/?{QUERY}&right=KEY0&wrong=KEY1",
    "mistake": "/?q=hat%2C+bakpack",
    "sentence": "/?q=a+young+person+with+a+red+backpack",
    "witnesses": "/?w=A%3A+hat%2C+young&w=B~0.6%3A+%21hat",
    "no hits": f"/?{QUERY}&camera=nowhere",
    "hit": f"/persons/KEY0?{QUERY}",
    "row": "/persons/KEY1",
    "image gone": "/persons/GONE",
    "compare": f"/compare?{QUERY}&key=KEY0&key=KEY1",
    "cases": "/cases",
    "add": "/cases/add?right=KEY0",
    "case": "/cases/1",
    "gallery": "/gallery",
    "vocabulary": "/vocabulary",
    "responsible use": "/responsible-use",
    "occasion": "/occasion",
    "account": "/account",
    "refused": "/ledger",
    "nothing": "/nowhere",
}
OTHERS = {"cora": ["/jobs"], "ada": ["/ledger?verify=1"], "admin": ["/accounts"]}
SHORT = ("hits",)


def serious(page: Page) -> list[str]:
    found = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    return [
        f"{one['impact']}: {one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical", "moderate")
        for node in one["nodes"]
    ]


def filled(address: str, site: Site) -> str:
    keys = site.place.keys
    return address.replace("KEY0", keys[0]).replace("KEY1", keys[1]).replace("GONE", keys[-1])


def make_case(page: Page, site: Site) -> None:
    page.goto(filled(f"/cases/add?{QUERY}&right=KEY0", site))
    page.fill("main form.card [name=number]", "axe")
    page.fill("[name=title]", "A case")
    page.fill("[name=purpose]", "Looked at by axe")
    page.click("main form.card button")
    page.fill("#note", "a note")
    page.click("form[action$='/notes'] button")
    expect(page.locator(".notes")).to_contain_text("a note")


def check(browser: Browser, site: Site, scheme: str, width: int, names: tuple[str, ...]) -> None:
    context = browser.new_context(
        base_url=site.address,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    sign_in(page, "sam")
    if "case" in names and not site.service.cases.find(_sam(site)).items:
        make_case(page, site)
    problems = {}
    for name in names:
        page.goto(filled(SEARCHER[name], site))
        for summary in page.locator("details:not([open]):not(.who) > summary").all():
            if summary.is_visible():
                summary.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
        problems[name] = serious(page)
    context.close()
    assert {name: found for name, found in problems.items() if found} == {}


def _sam(site: Site) -> object:
    from attrieve.serving.access.roles import Actor, Role

    return Actor("sam", Role.SEARCHER, "session")


def test_hits_are_accessible(browser: Browser, site: Site) -> None:
    """The page that is looked at most, in the light; all others are tests that take longer."""
    check(browser, site, "light", 1280, SHORT)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_a_searcher_is_accessible(
    browser: Browser, site: Site, scheme: str, width: int
) -> None:
    """No serious finding on any page, narrow and wide, light and dark."""
    check(browser, site, scheme, width, tuple(SEARCHER))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_the_other_roles_are_accessible(browser: Browser, site: Site, scheme: str) -> None:
    """Jobs, ledger, accounts and the sign-in page."""
    problems = {}
    for name, addresses in OTHERS.items():
        context = browser.new_context(
            base_url=site.address, color_scheme="dark" if scheme == "dark" else "light"
        )
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto("/sign-in")
        problems["/sign-in"] = serious(page)
        sign_in(page, name, "/vocabulary")
        for address in addresses:
            page.goto(address)
            problems[address] = serious(page)
        context.close()
    assert {name: found for name, found in problems.items() if found} == {}
