"""A service in a thread of its own and a real browser before it; skipped where there is no Chromium."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from attrieve.serving.access.roles import Role
from attrieve.serving.app import create_app
from attrieve.serving.service import Service
from attrieve.serving.settings import read_settings
from serving.place import Place, make_place

PASSWORD = "correct horse battery staple"
ACCOUNTS = {"sam": Role.SEARCHER, "cora": Role.CURATOR, "ada": Role.AUDITOR, "admin": Role.ADMINISTRATOR}
NEAR_ALL = "young, !hat, backpack?"
"""A description in the words of the small gallery."""


@dataclass(frozen=True)
class Site:
    """A running service with accounts.

    Args:
        address: where browsers find it.
        service: behind it.
        place: its gallery.
    """

    address: str
    service: Service
    place: Place


def chromium() -> str:
    """Return where Chromium is, or skip."""
    found = (
        os.environ.get("ATTRIEVE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if not found or not Path(found).exists():
        pytest.skip("no chromium found; install it, or name it in ATTRIEVE_CHROMIUM")
    return found


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    chromium()
    place = make_place(tmp_path_factory.mktemp("browsed"), rows=40)
    given = {
        "gallery": place.gallery,
        "state": tmp_path_factory.mktemp("browsed-state"),
        "access": "accounts",
        "search_threads": 1,
        "requests_per_minute": 100_000,
        "sign_ins_per_minute": 1000,
    }
    app = create_app(read_settings(given, environment={}), retriever=place.retriever)
    service: Service = app.state.service
    for name, role in ACCOUNTS.items():
        service.accounts.add(name, role, PASSWORD)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the service did not start")
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Site(f"http://127.0.0.1:{port}", service, place)
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    # A click returns before the page it leads to is there: tests expect things, and a busy machine is slow.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    with_script = browser.new_context(base_url=site.address, viewport={"width": 1280, "height": 900})
    with_script.set_default_timeout(60_000)
    yield with_script
    with_script.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def sign_in(page: Page, name: str, back: str = "/") -> None:
    """Sign in with the mouse, where a test is about something else."""
    page.goto(f"/sign-in?back={back}")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("main button.primary")
    page.wait_for_url(lambda address: "/sign-in" not in address)


def tab_to(page: Page, selector: str, *, most: int = 250) -> None:
    """Press Tab until what has the focus meets a selector; everything must be reachable so."""
    page.wait_for_load_state()
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector!r} is not reached by the Tab key on {page.url}")
