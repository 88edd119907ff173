"""The OpenAPI document is complete, and the service keeps to it whatever is sent."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from attrieve.gallery.synthesize import synthesize
from attrieve.serving.app import create_app
from attrieve.serving.settings import read_settings
from serving.place import ADDRESS, Place, make_place, service_over

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
EVERYWHERE = {"400", "401", "403", "408", "413", "422", "429", "500", "503", "507"}

CLIENT_TAKES = 65_536
"""Characters of the longest address the client of these tests sends at all."""


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


@pytest.fixture(scope="module")
def document(client_of_a_copy: TestClient) -> dict[str, Any]:
    return dict(client_of_a_copy.get("/api/v1/openapi.json").json())


@pytest.fixture(scope="module")
def client_of_a_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Over a gallery of its own: whatever is sent may change it."""
    folder = tmp_path_factory.mktemp("copy")
    place: Place = make_place(folder, rows=6)
    with service_over(place, folder / "state", raise_errors=False) as (client, _):
        yield client


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for path, verb, operation in operations(document):
        assert operation["summary"], (path, verb)
        assert operation["description"], (path, verb)
        assert set(operation["tags"]) <= tags, (path, verb, operation["tags"])
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                assert parameter.get("description"), (path, verb, parameter["name"])


def test_every_operation_tells_its_problems(document: dict[str, Any]) -> None:
    for path, verb, operation in operations(document):
        told = set(operation["responses"])
        assert told >= EVERYWHERE, (path, verb)
        assert any(status.startswith("2") for status in told)
        for status, answer in operation["responses"].items():
            if status >= "400" and "ReadyView" not in str(answer):
                assert list(answer["content"]) == ["application/problem+json"], (path, verb, status)


def test_examples_are_answered(document: dict[str, Any], tmp_path: Path) -> None:
    content = document["paths"]["/api/v1/search"]["post"]["requestBody"]["content"]["application/json"]
    synthesize(tmp_path / "gallery", 64)
    app = create_app(read_settings({"gallery": tmp_path / "gallery"}, environment={}))
    with TestClient(app, base_url=ADDRESS) as client:
        for name, example in content["examples"].items():
            answer = client.post("/api/v1/search", json=example["value"])
            assert answer.status_code == 200, (name, answer.text)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_keep_to_the_document(client_of_a_copy: TestClient, mode: GenerationMode) -> None:
    try_all(client_of_a_copy, mode, examples=1)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_many_answers_keep_to_the_document(client_of_a_copy: TestClient, mode: GenerationMode) -> None:
    try_all(client_of_a_copy, mode, examples=60)


def try_all(client: TestClient, mode: GenerationMode, *, examples: int) -> None:
    """Send what the document allows, or what it does not, to every operation."""
    schema = schemathesis.openapi.from_dict(client.get("/api/v1/openapi.json").json())
    schema.config.update(base_url=ADDRESS)
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not any(operation.iter_parameters()) and not operation.body:
            continue  # nothing could be wrong
        hold(operation, client, mode, examples)


def hold(
    operation: schemathesis.APIOperation, client: TestClient, mode: GenerationMode, examples: int
) -> None:
    @settings(
        max_examples=examples,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        request = _request(case)
        assume(len(request["url"]) <= CLIENT_TAKES)
        response = client.request(**request)
        assert response.status_code != 500, response.text
        response.request.read()
        case.validate_response(response, checks=CHECKS)

    with suppress(Unsatisfiable):  # everything fits a path parameter that is any text
        holds()


def _request(case: schemathesis.Case) -> dict[str, Any]:
    """Return what the client in this process takes, encoded as the generator's own library would."""
    given = case.as_transport_kwargs()
    names = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
    sent = requests.Request(**{name: given[name] for name in names if name in given}).prepare()
    body = sent.body if isinstance(sent.body, bytes | str | None) else b"".join(sent.body)
    return {"method": sent.method, "url": sent.url, "headers": dict(sent.headers), "content": body}
