"""The pages over a small gallery: what they say, what they keep out, where they lead."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from attrieve.serving.service import Service
from serving.place import Place, service_over

HTML = {"accept": "text/html"}
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}"


class Seen(HTMLParser):
    """What a browser would make of a page."""

    VOID = frozenset({"img", "input", "meta", "link", "br", "rect", "line", "circle", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.tags
            if name == tag and all(attributes.get(key.rstrip("_")) == value for key, value in wanted.items())
        ]


def get(client: TestClient, address: str, status: int = 200) -> Seen:
    answer = client.get(address, headers=HTML)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"].startswith("text/html")
    page = Seen(answer.text)
    inert(page)
    sound(page)
    return page


def inert(page: Seen) -> None:
    """Nothing within a page runs, and nothing comes from elsewhere."""
    assert [
        attributes
        for attributes in page.all("script")
        if not (attributes.get("src") or "").startswith("/static/")
    ] == []
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (
            tag,
            attributes,
        )
        for name in ("src", "href", "action"):
            address = attributes.get(name)
            own = address is None or address.startswith(("/", "#", "?"))
            assert own or (tag == "a" and attributes.get("rel") == "noreferrer"), (tag, address)


def sound(page: Seen) -> None:
    """One main, one h1, a title, no id twice, and a name for every field."""
    assert len(page.all("main")) == 1
    assert len(page.all("h1")) >= 1
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert sorted(ids) == sorted(set(ids))
    named = {attributes.get("for") for attributes in page.all("label")}
    for attributes in page.all("img"):
        assert "alt" in attributes
    for attributes in page.all("textarea"):
        assert (
            attributes.get("id") in named
            or attributes.get("aria-label")
            or attributes["name"] in ("where", "purpose")
        )


def post(
    client: TestClient, address: str, fields: dict[str, str | list[str]], page: str = "/occasion"
) -> str:
    """Send a form as a browser would, and return where it leads."""
    token = Seen(client.get(page, headers=HTML).text).all("input", name="csrf")[0]["value"]
    answer = client.post(address, data={**fields, "csrf": token or ""}, headers=HTML, follow_redirects=False)
    assert answer.status_code == 303, answer.text[:800]
    return answer.headers["location"]


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/gallery",
        "/cases",
        "/jobs",
        "/ledger",
        "/ledger?verify=1",
        "/accounts",
        "/vocabulary",
        "/responsible-use",
        "/occasion",
        "/compare",
        "/cases/add",
    ],
)
def test_page_is_sound(client: TestClient, address: str) -> None:
    """Every page has its parts, and nothing inline."""
    get(client, address)


def test_hits_of_the_page_are_those_of_the_interface(client: TestClient) -> None:
    """Page and REST rank alike, and say the same of each hit."""
    answer = client.get("/api/v1/search", params={"q": "young, !hat", "page_size": 24}).json()
    page = get(client, "/?q=young%2C+%21hat")
    ranks = [attributes["id"] for attributes in page.all("article")]
    assert ranks == [f"hit-{hit['key']}" for hit in answer["hits"]]
    assert len(page.all("img")) == len(answer["hits"])
    assert "A hit is a lead, not an identification." in page.text


def test_form_of_the_builder_becomes_a_short_address(client: TestClient) -> None:
    """Without JavaScript the form sends all it has; the page it leads to has the query alone."""
    page = get(client, "/?q=hat")
    fields = {"q": "hat", "shown": "hat"}
    fields["vocabulary"] = str(page.all("input", name="vocabulary")[0]["value"])
    fields["a.3"] = "open"
    fields["a.6"] = "no"
    answer = client.get("/", params=fields, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?q=%21backpack"


def test_mistake_is_a_page_with_the_place_and_what_may_be_meant(client: TestClient) -> None:
    """Nothing is searched for; status 422."""
    page = get(client, "/?q=hat%2C+bakpack", 422)
    assert page.all("mark")
    assert page.all("a", href="/?q=hat%2C+backpack")
    assert not page.all("article")


def test_page_beyond_the_last_is_told(client: TestClient) -> None:
    """An address can be changed by hand; what does not fit is said, not an error of the service."""
    page = get(client, "/?q=hat&page=99", 422)
    assert "behind the" in page.text


@pytest.mark.parametrize(
    "where", ["q", "w", "camera", "source", "where", "from", "right", "purpose", "case_number"]
)
def test_hostile_text_in_an_address_is_inert(client: TestClient, where: str) -> None:
    """Whatever stands in the address is shown as text, if at all."""
    parameters = {"q": "hat"} if where not in ("q", "w") else {}
    answer = client.get("/", params={**parameters, where: HOSTILE}, headers=HTML)
    assert answer.status_code in (200, 422)
    page = Seen(answer.text)
    inert(page)
    assert "49" not in re.findall(r"'(\d+)", page.text)


def test_hostile_texts_in_a_case_are_inert(client: TestClient, place: Place) -> None:
    """Number, title, purpose, notes and members of a case come back as the text they were."""
    fields = {"number": f"n{HOSTILE}"[:90], "title": HOSTILE, "purpose": HOSTILE}
    fields["key"] = place.keys[0]
    fields["back"] = "q=hat&right=" + place.keys[0]
    case = post(client, "/cases", fields)
    assert re.fullmatch(r"/cases/\d+", case)
    post(client, f"{case}/notes", {"text": HOSTILE})
    post(client, f"{case}/members", {"name": HOSTILE, "role": "reader"})
    page = get(client, case)
    assert page.text.count(HOSTILE) >= 4
    assert page.all("article")
    assert HOSTILE in get(client, "/cases").text
    assert HOSTILE in get(client, "/ledger").text


def test_marks_are_recorded_and_stand_in_the_address(
    client: TestClient, service: Service, place: Place
) -> None:
    """A mark leads back to the hit, on the same page, and the ledger has it."""
    key = place.keys[3]
    address = post(
        client, "/marks", {"back": "/?q=hat&page=1&wrong=" + key, "mark": f"right.{key}"}, "/?q=hat"
    )
    assert address == f"/?q=hat&right={key}#hit-{key}"
    entry = service.ledger.entries(action="mark", newest_first=True, limit=1)[0]
    assert (entry.keys, entry.details["mark"], entry.query) == ((key,), "right", "hat")
    page = get(client, f"/?q=hat&right={key}&refine=1")
    [pressed] = page.all("button", value=f"none.{key}")
    assert pressed["aria-pressed"] == "true"


def test_marks_never_lead_away(client: TestClient, place: Place) -> None:
    """The way back is a path of this service or none."""
    key = place.keys[0]
    address = post(client, "/marks", {"back": "https://elsewhere.org/?q=hat", "mark": f"right.{key}"})
    assert address.startswith("/?right=")


def test_row_whose_image_is_gone_says_why(client: TestClient, place: Place) -> None:
    """The page of the row is there, with the reason in the place of picture and heat maps."""
    page = get(client, f"/persons/{place.keys[-1]}?q=hat")
    assert "The picture cannot be shown" in page.text
    assert not page.all("img", class_="crop-large")


def test_unknown_row_case_and_page_are_pages_of_their_own(client: TestClient) -> None:
    """Errors are told to people as pages, with the status."""
    for address in (
        "/persons/0123456789abcdef",
        "/persons/nonsense",
        "/cases/99999",
        "/nowhere",
        "/static/old.css",
    ):
        answer = client.get(address, headers=HTML)
        assert answer.status_code in (404, 422)
        assert "<main" in answer.text


def test_description_is_read_for_the_builder_without_a_search(client: TestClient, service: Service) -> None:
    """The script's questions are answered by the same parser, and are no searches."""
    before = service.ledger.count(action="search")
    told = client.get("/description", params={"q": "an old person without a hat"}).json()
    assert told["readable"] is True
    assert told["said"] == {"2": ["yes", 100], "3": ["no", 100]}
    assert told["counts"] == {"head": 1, "person": 1, "carried": 0}
    told = client.get("/description", params={"q": "bakpack"}).json()
    assert told["readable"] is False
    assert "<mark>bakpack</mark>" in told["html"]
    assert service.ledger.count(action="search") == before


def test_assets_are_kept_for_ever_and_pages_never(client: TestClient) -> None:
    """Names change with content; what shows people is not kept."""
    answer = client.get("/", headers=HTML)
    assert answer.headers["cache-control"] == "no-store"
    for attributes in Seen(answer.text).all("link"):
        asset = client.get(str(attributes["href"]))
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_theme_is_kept_and_leads_back(client: TestClient) -> None:
    """The switch works without JavaScript and never leads away."""
    answer = client.get("/theme", params={"to": "dark", "back": "/gallery"}, follow_redirects=False)
    assert answer.headers["location"] == "/gallery"
    assert get(client, "/gallery").all("html")[0]["data-theme"] == "dark"
    away = client.get("/theme", params={"to": "light", "back": "//elsewhere.org"}, follow_redirects=False)
    assert away.headers["location"] == "/"


@pytest.fixture(scope="module")
def asked_what_for(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, Service]]:
    with service_over(place, tmp_path_factory.mktemp("purpose"), purpose_required=True) as opened:
        yield opened


def test_purpose_and_case_are_asked_for_before_a_search(
    asked_what_for: tuple[TestClient, Service], place: Place
) -> None:
    """Where the operator requires it, nothing is shown until both are said; then both stand in the ledger."""
    client, service = asked_what_for
    page = get(client, "/?q=hat")
    assert not page.all("article")
    assert page.all("input", name="purpose")
    row = client.get(f"/persons/{place.keys[0]}?q=hat", headers=HTML, follow_redirects=False)
    assert row.headers["location"].startswith("/occasion?back=")
    back = post(client, "/occasion", {"purpose": "lost child", "case": "7/24", "back": "/?q=hat"}, "/?q=hat")
    assert back == "/?q=hat"
    page = get(client, "/?q=hat")
    assert len(page.all("article")) > 0
    assert client.get(str(page.all("img")[0]["src"])).status_code == 200
    get(client, f"/persons/{place.keys[0]}?q=hat")
    assert client.get(f"/api/v1/persons/{place.keys[0]}/crop").status_code == 200
    for action in ("search", "view"):
        entry = service.ledger.entries(action=action, newest_first=True, limit=1)[0]
        assert (entry.purpose, entry.case) == ("lost child", "7/24")


def test_witnesses_may_contradict_each_other_in_anything(client: TestClient, service: Service) -> None:
    """What they cancel out is asked neither by the search nor in the next question, whichever it would be."""
    names = service.galleries.current().schema.names
    for disputed in names:
        agreed = "scarf" if disputed == "hat" else "hat"
        said = {"w": [f"A: !{disputed}, {agreed}", f"B: {disputed}, {agreed}"]}
        page = get(client, "/?" + urlencode(said, doseq=True))
        assert len(page.all("article")) > 0
        assert "conflict" in page.text


@pytest.mark.parametrize(
    "address",
    [
        "/?q=young",
        "/?q=age%3Ayoung|old%2C+hat%3F",
        "/?q=backpack%2C+!nothing%2C+!young%2C+!adult",
        "/?w=A%3A+hat&w=B%3A+!hat%2C+young%3F",
        "/?w=A%3A+hat&w=B%3A+",
        "/?w=A%3A+young&w=B%3A+!young%2C+hat",
        "/?w=A%3A+young&w=B%3A+!young%2C+hat%2C+scarf&at=1",
        "/?q=hat&right=KEY0&wrong=KEY1&refine=1",
        "/?q=bakpack",
    ],
)
def test_every_link_on_a_search_leads_somewhere(client: TestClient, place: Place, address: str) -> None:
    """Chips to take away, questions to answer, suggestions, pages, hits: nothing offered is refused."""
    start = address.replace("KEY0", place.keys[0]).replace("KEY1", place.keys[1])
    page = Seen(client.get(start, headers=HTML).text)
    links = {one["href"] for one in page.all("a") if (one["href"] or "").startswith("/")}
    assert len(links) > 10
    assert {link: client.get(str(link), headers=HTML).status_code for link in links} == dict.fromkeys(
        links, 200
    )


def test_the_witness_being_written_is_asked_what_is_open_to_them(client: TestClient) -> None:
    """A is sure of an age, B only of which it is not: B is asked for the others, A is not."""
    for active in (0, 1):
        page = client.get(f"/?w=A%3A+young&w=B%3A+!young%2C+hat&at={active}", headers=HTML).text
        labels = set(re.findall(r'class="question">([^<]+)<', page))
        assert labels
        assert bool(labels & {"adult", "old"}) == (active == 1)


def test_without_a_run_heat_maps_are_left_out_with_the_reason(place: Place, tmp_path: Path) -> None:
    """Nothing is drawn that cannot be drawn, and the page says what is missing."""
    with service_over(place, tmp_path, with_run=False) as (client, _):
        page = get(client, f"/persons/{place.keys[0]}?q=hat")
        assert "started without the run" in page.text
        assert not [one for one in page.all("img") if "heat-maps" in (one["src"] or "")]
        assert "cannot describe images" in get(client, "/jobs").text


def test_failure_nobody_expected_is_a_page_that_tells_nothing_but_its_number(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What went wrong stands in the log; the page names the entry, not the reason."""

    def fail(_: object) -> None:
        raise RuntimeError("a secret of the machine")

    monkeypatch.setattr(service.statistics, "of", fail)
    answer = client.get("/gallery", headers=HTML)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in Seen(answer.text).text
