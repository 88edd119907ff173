"""What guards the browser: cookies, tokens of forms, origins, names, headers."""

from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from attrieve.serving.access.headers import ALWAYS, CONTENT_SECURITY_POLICY
from attrieve.serving.access.roles import Role
from serving.access.entrances import PASSWORD, administration, client_of, service, sign_in


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with service(tmp_path_factory.mktemp("state"), host_names=("search.example.org",)) as (made, _):
        administration(made).add_account("kim", Role.SEARCHER, PASSWORD)
        yield made


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return client_of(app)


def cookies_of(answer: httpx.Response) -> dict[str, dict[str, str]]:
    """The attributes of the cookies an answer sets, by name."""
    parsed: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        parsed.load(header)
    return {name: {key: value for key, value in morsel.items() if value} for name, morsel in parsed.items()}


def test_the_cookie_of_a_session(client: TestClient) -> None:
    """No script reads it, no other site sends it, and it ends with the browser; the device's stays."""
    answer = client.post("/api/v1/sign-in", json={"name": "kim", "password": PASSWORD})
    always = {"path": "/", "samesite": "strict", "httponly": True}
    told = {"attrieve-session": always, "attrieve-device": always | {"max-age": "7776000"}}
    assert cookies_of(answer) == told


def test_the_cookie_over_https(tmp_path: Path) -> None:
    """Only ever over HTTPS, and from this host alone; browsers are told to stay with HTTPS."""
    with service(tmp_path, behind_proxy=True, access="accounts", host="127.0.0.1") as (app, client):
        client.base_url = client.base_url.copy_with(scheme="https")
        administration(app).add_account("kim", Role.SEARCHER, PASSWORD)
        answer = client.post("/api/v1/sign-in", json={"name": "kim", "password": PASSWORD})
        always = {"path": "/", "samesite": "strict", "httponly": True, "secure": True}
        cookies = cookies_of(answer)
        assert cookies.pop("__Host-attrieve-device") == always | {"max-age": "7776000"}
        assert cookies == {"__Host-attrieve-session": always}
        assert "max-age=31536000" in answer.headers["strict-transport-security"]


def test_behind_a_proxy_nothing_but_https_is_answered(tmp_path: Path) -> None:
    """Who comes past the proxy, or to it without HTTPS, would send passwords and keys in the open."""
    with service(tmp_path, behind_proxy=True) as (_, client):
        for path in ("/api/v1/account", "/sign-in", "/api/v1/metrics"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["type"]) == (400, "/api/v1/problems/bad-request")
            assert "HTTPS" in answer.json()["detail"]
        assert client.get("/api/v1/health/live").status_code == 200
        client.base_url = client.base_url.copy_with(scheme="https")
        assert client.get("/api/v1/account").status_code == 401
        assert client.get("/sign-in").status_code == 200


def test_a_session_changes_nothing_without_its_token(client: TestClient) -> None:
    """Nor with another session's, nor with a made-up one; reading needs none."""
    theirs = sign_in(client, "kim")
    client.cookies.clear()
    mine = sign_in(client, "kim")
    assert theirs != mine
    assert client.get("/api/v1/account").status_code == 200
    for token in ({}, {"x-csrf-token": theirs}, {"x-csrf-token": ""}, {"x-csrf-token": "é".encode()}):
        refused = client.post("/api/v1/sign-out", headers=token)
        assert (refused.status_code, refused.json()["type"]) == (403, "/api/v1/problems/form-expired")
    assert client.post("/api/v1/sign-out", headers={"x-csrf-token": mine}).status_code == 200


def test_the_token_may_come_in_a_form(client: TestClient) -> None:
    """As pages without scripts send it; the route refuses the form for its own reasons."""
    token = sign_in(client, "kim")
    for fields, status in [({"csrf": token}, {200, 422}), ({"csrf": "x"}, {403}), ({}, {403, 422})]:
        answer = client.post("/api/v1/sign-out", data=fields)
        assert answer.status_code in status, fields


def test_a_key_needs_no_token(app: FastAPI, client: TestClient) -> None:
    """Browsers do not send keys by themselves."""
    text, _ = administration(app).create_key("boss-program", Role.ADMINISTRATOR, days=1.0)
    made = client.post(
        "/api/v1/keys", json={"name": "x", "role": "searcher"}, headers={"authorization": f"Bearer {text}"}
    )
    assert made.status_code == 201


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://127.0.0.1"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "http://127.0.0.1:81"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://[broken"}, False),
    ],
)
def test_requests_of_other_sites_are_refused(
    client: TestClient, headers: dict[str, str], passes: bool
) -> None:
    """Whatever the browser says on where it comes from; also without accounts, where nothing else would."""
    answer = client.post("/api/v1/sign-in", json={"name": "kim", "password": PASSWORD}, headers=headers)
    assert (answer.status_code == 200) == passes
    assert client.get("/api/v1/health/live", headers=headers).status_code == 200


def test_a_machine_without_accounts_is_safe_from_other_sites_too(tmp_path: Path) -> None:
    """A page elsewhere can make a browser send a form; it is refused before any route."""
    with service(tmp_path, access="open") as (_, client):
        assert client.get("/api/v1/account").json()["through"] == "local"
        assert client.post("/api/v1/search", json={"query": "hat"}).status_code == 200
        elsewhere = {"origin": "http://evil.example"}
        assert client.post("/api/v1/search", json={"query": "hat"}, headers=elsewhere).status_code == 403
        assert client.post("/api/v1/sign-in", json={"name": "kim", "password": "x"}).status_code == 409


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("127.0.0.1", True), ("127.0.0.1:8000", True), ("[::1]:8000", True), ("192.168.0.9", True),
        ("localhost:8000", True), ("LOCALHOST", True), ("search.example.org", True),
        ("evil.example", False), ("localhost.evil.example", False), ("127.0.0.1.evil.example", False),
        ("", False), ("[broken", False), ("evil.example@127.0.0.1", True),
    ],
)  # fmt: skip
def test_names_of_this_service_and_others(client: TestClient, host: str, passes: bool) -> None:
    """A name that an attacker lets point here (DNS rebinding) is refused; bare addresses are harmless."""
    answer = client.get("/api/v1/health/live", headers={"host": host})
    assert (answer.status_code == 200) == passes
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("path", ["/api/v1/health/live", "/api/v1/account", "/nothing"])
def test_every_answer_says_what_a_browser_may_do(client: TestClient, path: str) -> None:
    """Answers, refusals and errors alike; nothing is kept."""
    answer = client.get(path)
    for name, value in ALWAYS.items():
        assert answer.headers[name] == value
    assert "no-store" in answer.headers["cache-control"]
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_failures_of_the_service_say_it_too(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer nobody planned."""
    monkeypatch.setattr(app.state.service.entrance, "admit", lambda _: 1 / 0)
    answer = client.get("/api/v1/account")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_too_many_requests_say_when_to_come_back(tmp_path: Path) -> None:
    """Of an account, and of an address that has no key; others may go on."""
    with service(tmp_path, requests_per_minute=5) as (app, client):
        boss = administration(app)
        keys = [boss.create_key(name, Role.SEARCHER, days=1.0)[0] for name in ("one", "two")]
        one, two = ({"authorization": f"Bearer {key}"} for key in keys)
        statuses = [client.get("/api/v1/account", headers=one).status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        refused = client.get("/api/v1/account", headers=one)
        assert 1 <= int(refused.headers["retry-after"]) <= 12
        assert client.get("/api/v1/account", headers=two).status_code == 200
        statuses = [client.get("/api/v1/account").status_code for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "Basic a2ltOng=", "Bearer é", "bearer  "]
)
def test_what_is_no_key_is_told(client: TestClient, authorization: str) -> None:
    """With how to bring one; a session beside it does not help, or a program would not notice."""
    sign_in(client, "kim")
    answer = client.get("/api/v1/account", headers={"authorization": authorization.encode()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_ended_key_is_told_and_recorded(app: FastAPI, client: TestClient) -> None:
    """Whoever has it learns why; the auditor sees that it was tried."""
    boss = administration(app)
    text, key = boss.create_key("importer", Role.CURATOR, days=1.0)
    boss.revoke_key(key.prefix)
    answer = client.get("/api/v1/account", headers={"authorization": f"Bearer {text}"})
    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]
    last = app.state.service.ledger.entries(action="refused")[-1]
    assert (last.who, last.key) == ("importer", key.prefix)


def test_changing_the_own_password(app: FastAPI, client: TestClient) -> None:
    """The old one must be right; other sessions end, this one stays."""
    administration(app).add_account("lee", Role.AUDITOR, PASSWORD)
    sign_in(client, "lee")
    other = dict(client.cookies)
    client.cookies.clear()
    token = {"x-csrf-token": sign_in(client, "lee")}
    change = {"old": "wrong", "new": "five tall chairs hum"}
    assert client.put("/api/v1/account/password", json=change, headers=token).status_code == 401
    tried = app.state.service.ledger.entries(action="sign-in-failed")[-1]
    assert (tried.who, tried.details["account"]) == ("lee", "lee")
    weak = {"old": PASSWORD, "new": "short"}
    assert client.put("/api/v1/account/password", json=weak, headers=token).status_code == 422
    change["old"] = PASSWORD
    assert client.put("/api/v1/account/password", json=change, headers=token).status_code == 200
    assert client.get("/api/v1/account").status_code == 200
    client.cookies.clear()
    client.cookies.update(other)
    assert client.get("/api/v1/account").status_code == 401
    client.cookies.clear()
    sign_in(client, "lee", "five tall chairs hum")
