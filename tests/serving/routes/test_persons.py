"""Rows in detail, their pictures, heat maps, tracks and descriptions."""

from io import BytesIO

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from attrieve.gallery.recognised import description_of_row
from attrieve.gallery.search import search
from attrieve.schema import parse_query
from attrieve.serving.pictures import placeholder
from attrieve.serving.routes import persons
from attrieve.serving.service import Service
from attrieve.serving.state.ledger_entry import Action, LedgerEntry
from serving.place import ROWS, Place, service_over

MISSING = "x-attrieve-placeholder"


def at(key: str, what: str = "") -> str:
    return f"/api/v1/persons/{key}{what}"


def shown(service: Service) -> list[LedgerEntry]:
    return [entry for entry in service.ledger.entries() if entry.action in (Action.SEARCH, Action.VIEW)]


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)).convert("RGB"))


def test_details_are_those_of_the_row(client: TestClient, place: Place) -> None:
    row = place.rows[4]
    told = client.get(at(row.key)).json()
    assert (told["camera"], told["track"], told["time"]) == ("C1", "T1", row.time.isoformat())
    assert told["columns"] == {"note": "row 4"}
    assert told["quality"]["blur"] == 50.0
    assert told["image"] == "available"
    assert [one["probability"] for one in told["attributes"]] == pytest.approx(place.probability[4].tolist())
    assert {one["attribute"]: one["group"] for one in told["attributes"]}["bag"] == "carrying"
    assert told["hit"] is None


def test_details_with_a_description_tell_rank_and_reasons(client: TestClient, service: Service) -> None:
    gallery = service.galleries.current()
    query = parse_query("hat, !scarf", gallery.schema)
    truth = search(gallery, query, top=ROWS).hits[9]
    told = client.get(at(truth.key), params={"q": "hat, !scarf"}).json()
    assert (told["hit"]["rank"], told["hit"]["distance"]) == (10, truth.distance)
    assert [one["share"] for one in told["hit"]["reasons"]] == [one.share for one in truth.reasons]
    without_hat = search(gallery, parse_query("!scarf", gallery.schema), top=ROWS)
    rank = next(hit.rank for hit in without_hat.hits if hit.key == truth.key)
    assert {one["term"]: one["rank"] for one in told["without"]}["hat"] == rank


def test_crop_is_the_image_encoded_anew(client: TestClient, place: Place) -> None:
    row = place.rows[1]
    response = client.get(at(row.key, "/crop"))
    assert response.headers["content-type"] == "image/jpeg"
    assert MISSING not in response.headers
    original = np.asarray(Image.open(row.source.path).convert("RGB")).astype(int)
    sent = pixels_of(response.content).astype(int)
    assert sent.shape == original.shape
    assert np.abs(sent.mean((0, 1)) - original.mean((0, 1))).max() < 10
    assert row.source.path.read_bytes() not in response.content


def test_thumbnail_is_the_kept_one_or_made_of_the_image(client: TestClient, place: Place) -> None:
    kept = pixels_of(client.get(at(place.keys[8], "/thumbnail")).content)
    assert kept.shape == (16, 8, 3)
    assert np.abs(kept.astype(int).mean((0, 1)) - (8, 100, 200)).max() < 6
    made = pixels_of(client.get(at(place.keys[1], "/thumbnail")).content)
    assert made.shape == (20, 10, 3)


@pytest.mark.parametrize(("row", "why"), [(ROWS - 1, "no such image file"), (ROWS - 2, "of a video")])
def test_placeholder_and_reason_where_there_is_no_image(
    client: TestClient, place: Place, row: int, why: str
) -> None:
    for what in ("/crop", "/thumbnail"):
        response = client.get(at(place.keys[row], what))
        assert response.status_code == 200
        assert response.headers["content-type"] == "image/png"
        assert why in response.headers[MISSING]
        assert str(place.folder) not in response.headers[MISSING]
        assert pixels_of(response.content).shape == (256, 128, 3)
    told = client.get(at(place.keys[row])).json()
    assert why in told["image"]
    assert str(place.folder) not in told["image"]
    assert told["source"] == str(place.rows[row].source)


def test_the_reason_may_hold_any_letters(
    client: TestClient, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files hold what their makers like; a server would break off at a line end within a header."""
    reason = "no such image file: a\rb\nSet-Cookie: x\x01\x7f\u0435"
    monkeypatch.setattr(persons, "crop_of", lambda *_: placeholder(reason))
    response = client.get(at(place.keys[0], "/crop"))
    assert response.status_code == 200
    assert response.headers[MISSING] == "no such image file: a?b?Set-Cookie: x???"
    assert "set-cookie" not in response.headers


def test_heat_map_of_every_attribute_asked(client: TestClient, place: Place) -> None:
    told = client.get(at(place.keys[3]), params={"q": "hat, !bag"}).json()
    assert [address.rsplit("/", 1)[1] for address in told["heat_maps"]] == ["hat.png", "bag.png"]
    first, second = (client.get(address) for address in told["heat_maps"])
    assert first.headers["content-type"] == second.headers["content-type"] == "image/png"
    assert pixels_of(first.content).shape[0] >= 256
    assert first.content == client.get(told["heat_maps"][0]).content


def test_heat_map_needs_the_run(place: Place, tmp_path: object) -> None:
    with service_over(place, tmp_path, with_run=False) as (client, _):
        response = client.get(at(place.keys[0], "/heat-maps/hat.png"))
        assert (response.status_code, response.json()["type"]) == (503, "/api/v1/problems/model-missing")
        assert client.get(at(place.keys[0])).json()["heat_maps"] == []


def test_heat_map_of_an_unknown_attribute(client: TestClient, place: Place) -> None:
    response = client.get(at(place.keys[0], "/heat-maps/hatt.png"))
    assert (response.status_code, response.json()["nearest"]) == (422, ["hat"])


def test_like_is_a_description_and_finds_the_row(client: TestClient, place: Place, service: Service) -> None:
    told = client.get(at(place.keys[5], "/like")).json()
    assert told["query"] == description_of_row(service.galleries.current(), place.keys[5]).to_text()
    assert client.get(told["search"]).json()["query"]["text"] == told["query"]


def test_track_is_of_one_camera_in_time(client: TestClient, place: Place) -> None:
    row = place.rows[4]
    told = client.get(at(row.key, "/track")).json()
    truth = [one for one in place.rows if (one.track, one.camera) == (row.track, row.camera)]
    assert [one["key"] for one in told["rows"]] == [
        one.key for one in sorted(truth, key=lambda one: one.time)
    ]
    assert told["total"] == 2


@pytest.mark.parametrize("what", ["", "/crop", "/thumbnail", "/like", "/track", "/heat-maps/hat.png"])
def test_row_that_is_not_there(client: TestClient, what: str) -> None:
    response = client.get(at("0" * 16, what))
    assert (response.status_code, response.json()["type"]) == (404, "/api/v1/problems/person-not-found")


@pytest.mark.parametrize("key", ["x", "0" * 15, "..%2f..%2fetc%2fpasswd", "G" * 16, "%00" * 16])
def test_what_is_no_key(client: TestClient, key: str) -> None:
    assert client.get(at(key)).status_code in (404, 422)


def test_views_stand_in_the_ledger_once(place: Place, tmp_path: object) -> None:
    with service_over(place, tmp_path) as (client, service):
        client.get("/api/v1/search", params={"q": "!hat", "page_size": 2})
        [search] = service.ledger.entries(action=Action.SEARCH)
        hits = search.keys
        for key in hits:  # their thumbnails belong to the list of hits
            client.get(at(key, "/thumbnail"))
        other = next(key for key in place.keys if key not in hits)
        client.get(at(other, "/thumbnail"))
        client.get(at(hits[0]))
        client.get(at(hits[0], "/crop"))
        client.get(at(hits[0], "/heat-maps/hat.png"))
        client.get(at(hits[1], "/crop"))
        views = service.ledger.entries(action=Action.VIEW)
        assert [(entry.keys, entry.details.get("what")) for entry in views] == [
            ((other,), "thumbnail"),
            ((hits[0],), None),
            ((hits[1],), "crop"),
        ]


def test_purpose_is_asked_for_where_it_is_required(place: Place, tmp_path: object) -> None:
    stated = {"purpose": "lost child", "case": "7/24"}
    with service_over(place, tmp_path, purpose_required=True) as (client, service):
        for address in ("/api/v1/search?q=hat", at(place.keys[0]), at(place.keys[0], "/crop")):
            response = client.get(address)
            assert (response.status_code, response.json()["missing"]) == (422, ["purpose", "case"])
        assert shown(service) == []
        key = client.get("/api/v1/search", params={"q": "hat", **stated}).json()["hits"][0]["key"]
        assert client.get(at(key, "/thumbnail")).status_code == 200  # it was shown for a stated purpose
        assert client.get(at(key, "/crop")).status_code == 422
        assert client.get(at(key), params=stated).status_code == 200
        assert client.get(at(key, "/crop")).status_code == 200
        assert [entry.case for entry in shown(service)] == ["7/24", "7/24"]
