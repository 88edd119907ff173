"""The client has a method for every route, and its answers are the service's."""

import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from attrieve.client import AttrieveClient, ProblemAnswer
from attrieve.errors import AttrieveError
from attrieve.serving.service import Service
from attrieve.serving.wire.search import SearchRequest
from serving.place import ADDRESS, Place, service_over

ROOT = Path(__file__).parents[2]


def connection_to(client: TestClient) -> httpx.Client:
    """To the service in this process."""

    def forward(request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        answer = client.request(request.method, str(request.url), content=request.read(), headers=headers)
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)

    return httpx.Client(base_url=ADDRESS, transport=httpx.MockTransport(forward))


@pytest.fixture
def ours(client: TestClient) -> AttrieveClient:
    return AttrieveClient(connection=connection_to(client))


def test_it_is_what_the_openapi_document_says(open_service: tuple[TestClient, Service]) -> None:
    app = open_service[0].app
    assert isinstance(app, FastAPI)
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from client import source
    finally:
        sys.path.remove(str(ROOT / "docs"))
    assert (ROOT / "src/attrieve/client/client.py").read_text("utf-8") == source(app.openapi())


def test_every_route_has_its_method(client: TestClient) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    operations = [operation["operationId"] for verbs in paths.values() for operation in verbs.values()]
    assert len(operations) == len(set(operations))
    assert all(callable(getattr(AttrieveClient, name)) for name in operations)


def test_answers_are_models(ours: AttrieveClient, place: Place) -> None:
    found = ours.search(SearchRequest(query="hat, !scarf", page_size=3, questions=2))
    assert [hit.rank for hit in found.hits] == [1, 2, 3]
    assert found.questions is not None
    by_address = ours.search_by_address(q="hat, !scarf", page_size=3)
    assert [hit.key for hit in by_address.hits] == [hit.key for hit in found.hits]
    assert ours.get_person(place.keys[0], q="hat").hit is not None
    assert ours.get_crop(place.keys[0]).startswith(b"\xff\xd8")
    assert ours.get_heat_map(place.keys[0], "hat").startswith(b"\x89PNG")
    assert ours.get_statistics().rows == 24
    assert ours.list_languages() == ["en"]
    assert "attrieve_searches_total" in ours.read_metrics()
    assert ours.list_problems()[0].status == 422


def test_problems_are_exceptions(ours: AttrieveClient) -> None:
    with pytest.raises(ProblemAnswer) as refused:
        ours.search_by_address(q="hatt")
    assert (refused.value.kind, refused.value.problem.nearest) == ("unknown-name", ["hat"])
    assert "did you mean 'hat'" in str(refused.value)


def test_images_are_added(place: Place, tmp_path: Path) -> None:
    with service_over(place, tmp_path) as (client, _):
        ours = AttrieveClient(connection=connection_to(client))
        with pytest.raises(ProblemAnswer) as refused:
            ours.add_images([("a.png", b"no picture", "image/png")], camera="C7")
        assert refused.value.kind == "image-not-readable"


def test_service_that_is_not_there() -> None:
    with (
        AttrieveClient("http://127.0.0.1:1") as client,
        pytest.raises(AttrieveError, match="does not answer"),
    ):
        client.check_live()


def test_answer_of_something_else() -> None:
    def other(_: httpx.Request) -> httpx.Response:
        return httpx.Response(502, text="<h1>Bad gateway</h1>")

    connection = httpx.Client(base_url="http://elsewhere", transport=httpx.MockTransport(other))
    with pytest.raises(AttrieveError, match="answered 502"):
        AttrieveClient(connection=connection).check_live()


def test_key_travels_as_a_bearer() -> None:
    seen = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200, json={"status": "live", "version": "1"})

    client = AttrieveClient("http://elsewhere", key="abc")
    client.connection._transport = httpx.MockTransport(keep)
    assert client.check_live().status == "live"
    assert seen == ["Bearer abc"]
