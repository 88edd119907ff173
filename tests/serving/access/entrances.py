"""Services with accounts, for tests: passwords that cost little, a clock that goes as it is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from attrieve.serving.access.administration import Administration
from attrieve.serving.access.entrance import Entrance
from attrieve.serving.access.passwords import Passwords
from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.app import create_app
from attrieve.serving.settings import ServiceSettings, read_settings
from attrieve.serving.state.ledger import Ledger
from gallery.building import random_gallery
from serving.state.ledgers import Clock

PASSWORD = "four short lamps sing"
HERE = "http://127.0.0.1"
BOSS = Actor("boss", Role.ADMINISTRATOR, "session")


def cheap_passwords() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def settings(state: Path, **changes: object) -> ServiceSettings:
    """Settings of a service with accounts."""
    given = {"gallery": "nowhere", "state": state, "access": "accounts", **changes}
    return read_settings(given, environment={})


def entrance(state: Path, clock: Clock | None = None, **changes: object) -> Entrance:
    """An entrance without a service around it."""
    clock = clock or Clock()
    ledger = Ledger.open(state, clock=clock)
    wanted = settings(state, **{"sign_ins_per_minute": 10_000, **changes})
    return Entrance(ledger.database, ledger, wanted, passwords=cheap_passwords(), clock=clock)


@contextmanager
def service(state: Path, **changes: object) -> Iterator[tuple[FastAPI, TestClient]]:
    """A service over a few rows, and a client of it."""
    wanted = settings(state, **{"sign_ins_per_minute": 10_000, "requests_per_minute": 1_000_000, **changes})
    app = create_app(wanted, gallery=random_gallery(8))
    inside = app.state.service
    inside.entrance = Entrance(inside.state, inside.ledger, wanted, passwords=cheap_passwords())
    inside.accounts = inside.entrance.accounts
    with client_of(app) as client:
        yield app, client


def client_of(app: FastAPI) -> TestClient:
    """Another browser: with cookies of its own."""
    return TestClient(app, base_url=HERE, raise_server_exceptions=False, follow_redirects=False)


def administration(app: FastAPI) -> Administration:
    return Administration(app.state.service.entrance, BOSS)


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> str:
    """Sign in and return the token for forms."""
    answer = client.post("/api/v1/sign-in", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["csrf"])
