"""Pictures of the service's pages for the documentation, of drawn people only.

    python docs/screenshots.py DRAWN RUN [--out docs/images] [--people 900] [--chromium /usr/bin/chromium]

DRAWN is a folder written by ``attrieve data draw`` (or the ``people`` of ``attrieve demo``), RUN a run
trained on such people. They are indexed with invented cameras, times and tracks, a service is started over
them, somebody works with it in a browser, and what the browser shows is kept as ``service-*.png``.
"""

import argparse
import csv
import io
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from attrieve.data.peta import read_peta
from attrieve.gallery.ingest import index_images
from attrieve.gallery.sources import open_sources
from attrieve.models.retriever import Retriever
from attrieve.serving.access.roles import Role
from attrieve.serving.app import create_app
from attrieve.serving.settings import read_settings

CAMERAS = ("Gate 1", "Gate 2", "Hall east", "Hall west", "Platform 3")
BEGUN = datetime(2024, 5, 12, 6, 30, tzinfo=UTC)
SENTENCE = "a young man with a backpack, probably jeans, no hat"
ACCOUNTS = {"kim": Role.SEARCHER, "robin": Role.AUDITOR}
BYTES_MOST = 200_000
SIZES = {"desktop": (1440, 900), "tablet": (820, 1100), "phone": (390, 844)}


def write_list(drawn: Path, target: Path, most: int) -> None:
    """List drawn people with invented cameras, times and tracks; the pictures of one person are one track."""
    tracks: dict[str, int] = {}
    pictures: dict[str, int] = {}
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "camera", "time", "track"])
        for person in read_peta(drawn).persons.persons[-most:]:
            identity = person.identity or person.key
            track = tracks.setdefault(identity, len(tracks))
            picture = pictures[identity] = pictures.get(identity, -1) + 1
            moment = BEGUN + timedelta(seconds=97 * track + track * track % 3600 + 2 * picture)
            camera = CAMERAS[track * 7 % len(CAMERAS)]
            writer.writerow([person.image.path.absolute(), camera, moment.isoformat(), f"track {track:04d}"])


@contextmanager
def service_over(gallery: Path, run: Path, state: Path, password: str) -> Iterator[str]:
    """Run a service with accounts in a thread; give its address."""
    given = {"gallery": gallery, "run": run, "state": state, "access": "accounts"}
    app = create_app(read_settings(given, environment={}))
    for name, role in ACCOUNTS.items():
        app.state.service.accounts.add(name, role, password)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.1)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class Camera:
    """A browser that is signed in, and keeps what it shows.

    Args:
        browser: the browser.
        address: of the service.
        out: folder of the pictures.
        password: of all accounts.
    """

    def __init__(self, browser: Browser, address: str, out: Path, password: str) -> None:
        self._browser = browser
        self._address = address
        self._out = out
        self._password = password

    def page(self, name: str = "kim", size: str = "desktop", scheme: str = "light") -> Page:
        """Sign somebody in, with purpose and case said."""
        width, height = SIZES[size]
        context = self._browser.new_context(
            base_url=self._address,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        context.set_default_timeout(120_000)
        page = context.new_page()
        page.goto("/sign-in?back=/occasion")
        page.fill("[name=name]", name)
        page.fill("[name=password]", self._password)
        with page.expect_navigation():
            page.click("main button.primary")
        if ACCOUNTS[name] is Role.SEARCHER:
            page.fill("[name=purpose]", "Missing person, station")
            page.fill("[name=case]", "2024-113")
            with page.expect_navigation():
                page.click("main button.primary")
        return page

    def keep(self, page: Page, name: str, *, whole: bool = False) -> None:
        """Keep what a page shows, in few colours so that the file stays small."""
        page.wait_for_load_state("networkidle")
        image = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
        target = self._out / f"service-{name}.png"
        for colours in (256, 192, 128, 96, 64):
            buffer = io.BytesIO()
            image.quantize(colours, kmeans=3, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
            if buffer.tell() < BYTES_MOST:
                break
        target.write_bytes(buffer.getvalue())
        print(f"{target} {image.width} x {image.height}, {buffer.tell() / 1000:.0f} kB, {colours} colours")


def work(camera: Camera) -> None:
    """Search, mark, keep a case, export; keep a picture of every step."""
    page = camera.page()
    page.goto("/")
    camera.keep(page, "start")
    page.fill("#q", SENTENCE)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    camera.keep(page, "search")
    search = page.url.removeprefix(page.url.split("/?")[0])
    keys = [str(card.get_attribute("id")).removeprefix("hit-") for card in page.locator(".hit").all()]
    page.goto(f"/persons/{keys[0]}{search[1:]}")
    camera.keep(page, "hit", whole=True)
    page.goto(f"/compare{search[1:]}" + "".join(f"&key={key}" for key in keys[:4]))
    camera.keep(page, "compare")
    page.goto(f"{search}&right={keys[0]}&right={keys[1]}&wrong={keys[2]}")
    camera.keep(page, "marked")
    page.goto(
        "/?w=Anna%3A+male%2C+backpack%2C+jeans%2C+hat%3F&w=Ben~0.6%3A+a+man+without+hat%2C+in+shorts+or+jeans"
    )
    camera.keep(page, "witnesses")
    page.goto("/?q=male%2C+bakpack%2C+%21hat")
    camera.keep(page, "mistake")
    page.goto(f"/cases/add{search[1:]}&right={keys[0]}&right={keys[1]}")
    page.fill("main form.card [name=title]", "Lost child at the station")
    with page.expect_navigation():
        page.click("main form.card button")
    page.fill("#note", "Seen near gate 2 by a ticket clerk; look at the pictures after nine as well.")
    with page.expect_navigation():
        page.click("form[action$='/notes'] button")
    with page.expect_navigation():
        page.click("button[value=pdf]")
    page.wait_for_selector("#exports a[download]")
    page.goto("/cases/1")
    camera.keep(page, "case")
    page.goto("/gallery")
    camera.keep(page, "gallery", whole=True)
    page.goto("/vocabulary")
    camera.keep(page, "vocabulary")
    auditor = camera.page("robin")
    auditor.goto("/ledger?verify=1")
    camera.keep(auditor, "ledger")
    dark = camera.page(scheme="dark")
    dark.goto(search)
    camera.keep(dark, "search-dark")
    tablet = camera.page(size="tablet")
    tablet.goto(search)
    camera.keep(tablet, "search-tablet")
    phone = camera.page(size="phone")
    phone.goto(search)
    camera.keep(phone, "search-phone")
    phone.goto("/")
    phone.click(".builder-button")
    camera.keep(phone, "builder-phone")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("drawn", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--people", type=int, default=900, help="how many pictures are indexed")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    password = secrets.token_urlsafe(18)
    with tempfile.TemporaryDirectory() as folder:
        work_folder = Path(folder)
        write_list(given.drawn, work_folder / "people.csv", given.people)
        retriever = Retriever.from_pretrained(given.run)
        gallery = work_folder / "station"
        print(index_images(retriever, gallery, open_sources([str(work_folder / "people.csv")])))
        with (
            service_over(gallery, given.run, work_folder / "state", password) as address,
            sync_playwright() as tools,
        ):
            browser = tools.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
            work(Camera(browser, address, given.out, password))
            browser.close()


if __name__ == "__main__":
    main()
