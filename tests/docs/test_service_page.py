"""What the page on the service shows is what the service does."""

import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient

from attrieve.client import asking
from attrieve.gallery.synthesize import synthesize
from attrieve.serving.app import create_app
from attrieve.serving.settings import ServiceSettings, read_settings
from serving.place import ADDRESS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "service.md").read_text("utf-8")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    gallery = tmp_path_factory.mktemp("drawn") / "gallery"
    synthesize(gallery, 600)
    app = create_app(read_settings({"gallery": gallery, "search_threads": 1}, environment={}))
    with TestClient(app, base_url=ADDRESS) as opened:
        yield opened


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def commands() -> list[list[str]]:
    return [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]


@pytest.mark.parametrize("command", commands(), ids=lambda command: urlsplit(command[1]).path)
def test_commands_are_answered(client: TestClient, command: list[str]) -> None:
    assert command[0] == "curl"
    body = command[command.index("-d") + 1] if "-d" in command else None
    kind = {"Content-Type": "application/json"} if body else {}
    answer = client.request("POST" if body else "GET", command[1], content=body, headers=kind)
    assert answer.status_code == 200, answer.text


def test_python_runs(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        answer = client.request(request.method, str(request.url), content=request.read(), headers=headers)
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)

    real = httpx.Client
    monkeypatch.setattr(
        asking.httpx, "Client", lambda **given: real(**given, transport=httpx.MockTransport(forward))
    )
    said = StringIO()
    [code] = blocks("python")
    with redirect_stdout(said):
        exec(compile(code, "docs/service.md", "exec"), {})
    lines = said.getvalue().splitlines()
    assert lines[-1].startswith("unknown-name ['backpack'")
    assert lines[0].startswith("1 camera-06 ")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (DOCS / target).is_file(), target


def test_settings_named_here_and_in_the_examples_exist() -> None:
    assert read_settings(file=DOCS / "examples" / "service.toml", environment={}).workers == 2
    for name in ("Containerfile", "attrieve.service"):
        text = (DOCS / "examples" / name).read_text("utf-8")
        for variable in re.findall(r"ATTRIEVE_(\w+)=", text):
            assert variable.lower() in ServiceSettings.model_fields
    for name in ("searches_at_once", "queue", "refresh_seconds"):
        assert f"`{name}`" in PAGE
        assert name in ServiceSettings.model_fields
