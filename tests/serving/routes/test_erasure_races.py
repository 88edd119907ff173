"""What is erased stays erased, whatever somebody saves while it happens; really side by side."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import DatabaseWriter, open_database_writer
from attrieve.serving.access.roles import local_actor
from attrieve.serving.cases import erased_rows
from attrieve.serving.erasure import RowToErase
from attrieve.serving.routes import cases as case_routes
from attrieve.serving.service import Service
from serving.place import Place, make_place, service_over
from serving.routes.test_cases import CASE, final

WAIT_S = 60.0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path / "place", rows=6)


@pytest.fixture
def opened(place: Place, tmp_path: Path) -> Iterator[tuple[TestClient, Service, str]]:
    with service_over(place, tmp_path / "state", refresh_seconds=3600.0) as (client, service):
        yield client, service, client.post("/api/v1/cases", json=CASE).headers["Location"]


class Stop:
    """A place in the code where a thread stops until it may go on."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stopped(*arguments: Any, **options: Any) -> Any:
            self._stop()
            return function(*arguments, **options)

        return stopped

    def after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stopped(*arguments: Any, **options: Any) -> Any:
            result = function(*arguments, **options)
            self._stop()
            return result

        return stopped

    def _stop(self) -> None:
        self.reached.set()
        assert self.go_on.wait(WAIT_S)


def save(client: TestClient, case: str, key: str) -> httpx.Response:
    return client.post(f"{case}/hits", json={"keys": [key]})


def facts_in_file(service: Service, key: str) -> list[dict[str, Any]]:
    rows = service.state.rows("SELECT facts FROM case_hits WHERE key = ?", [key])
    return [json.loads(row["facts"]) for row in rows]


@pytest.mark.parametrize("known_before", [False, True])
def test_a_hit_saved_between_the_record_and_the_deletion_keeps_no_facts(
    opened: tuple[TestClient, Service, str],
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    known_before: bool,
) -> None:
    """The row is still in the gallery, the case folders have been swept."""
    client, service, case = opened
    key, stop = place.keys[0], Stop()
    if known_before:
        assert save(client, case, key).json()[0]["facts"]
    monkeypatch.setattr(DatabaseWriter, "delete", stop.before(DatabaseWriter.delete))
    job = client.delete(f"/api/v1/persons/{key}").headers["Location"]
    assert stop.reached.wait(WAIT_S)
    assert client.get(f"/api/v1/persons/{key}").status_code == 200
    refused = save(client, case, key)
    assert (refused.status_code, refused.json()["type"]) == (404, "/api/v1/problems/person-not-found")
    assert save(client, case, place.keys[1]).status_code == 201
    stop.go_on.set()
    assert final(client, job)["state"] == "done"
    assert facts_in_file(service, key) == ([{}] if known_before else [])


def test_facts_read_before_the_erasure_are_not_saved_after_it(
    opened: tuple[TestClient, Service, str], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow request, or a process that has not noticed yet, has them in hand."""
    client, service, case = opened
    key, stop = place.keys[0], Stop()
    monkeypatch.setattr(case_routes, "hits_to_save", stop.after(case_routes.hits_to_save))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(save, client, case, key)
        assert stop.reached.wait(WAIT_S)
        job = client.delete(f"/api/v1/persons/{key}").headers["Location"]
        assert final(client, job)["result"]["rows"] == 1
        stop.go_on.set()
        assert slow.result(WAIT_S).status_code == 404
    assert facts_in_file(service, key) == []


def test_a_picture_that_came_back_can_be_saved_again(
    opened: tuple[TestClient, Service, str], place: Place
) -> None:
    """Somebody indexed it anew: it is a row like others, and what was known of it before stays forgotten."""
    client, service, case = opened
    key = place.keys[0]
    assert save(client, case, key).status_code == 201
    assert final(client, client.delete(f"/api/v1/persons/{key}").headers["Location"])["state"] == "done"
    assert save(client, case, key).status_code == 404
    with open_database_writer(place.gallery) as writer:
        writer.add(place.rows[:1], Vectors(place.embedding[:1], place.probability[:1]))
    service.galleries.refresh()
    [saved] = save(client, case, key).json()
    assert saved["facts"]["key"] == key
    assert saved["erased_at"] is None
    assert final(client, client.delete(f"/api/v1/persons/{key}").headers["Location"])["state"] == "done"
    assert facts_in_file(service, key) == [{}]


def test_after_a_kill_in_between_nothing_is_saved_until_it_is_erased(
    opened: tuple[TestClient, Service, str], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is there until the job is done again; then it can come back as any other."""
    client, service, case = opened
    key = place.keys[0]

    def killed(*_: object) -> int:
        raise SystemExit

    with monkeypatch.context() as killing:
        killing.setattr(DatabaseWriter, "delete", killed)
        with open_database_writer(place.gallery) as writer, pytest.raises(SystemExit):
            service.workshop.erasure.erase(writer, [RowToErase(key)], local_actor())
    assert save(client, case, key).status_code == 404
    assert final(client, client.delete(f"/api/v1/persons/{key}").headers["Location"])["result"]["rows"] == 1
    with open_database_writer(place.gallery) as writer:
        writer.add(place.rows[:1], Vectors(place.embedding[:1], place.probability[:1]))
    service.galleries.refresh()
    assert save(client, case, key).status_code == 201


def test_what_was_erased_is_remembered_long_enough_and_not_for_ever(
    opened: tuple[TestClient, Service, str], place: Place
) -> None:
    client, service, _ = opened
    for key in place.keys[:2]:
        assert final(client, client.delete(f"/api/v1/persons/{key}").headers["Location"])["state"] == "done"
    rows = service.state.rows("SELECT key, gone FROM erased_rows ORDER BY key")
    assert [tuple(row) for row in rows] == sorted((key, 1) for key in place.keys[:2])
    with service.state.transaction() as connection:
        connection.execute(
            "UPDATE erased_rows SET erased_at = erased_at - ? WHERE key = ?",
            [erased_rows.REMEMBERED_S + 60, place.keys[0]],
        )
    assert final(client, client.delete(f"/api/v1/persons/{place.keys[2]}").headers["Location"])
    kept = {row["key"] for row in service.state.rows("SELECT key FROM erased_rows")}
    assert kept == set(place.keys[1:3])
