"""What clients read of the machine's failures: what happened and what to do, but no path of the server."""

import errno
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from attrieve import errors
from attrieve.data.files import write_atomically
from attrieve.errors import AttrieveError, CheckpointError, GalleryBusyError, StorageError
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.models.checkpoint import read_weights
from attrieve.serving.plain_words import plain_words
from attrieve.serving.problems import told
from attrieve.serving.service import Service
from attrieve.serving.state import database
from attrieve.serving.state.database import StateDatabase
from serving.place import Place, service_over

HERE = "/srv/people/gallery"


def caused(by: BaseException) -> StorageError:
    try:
        raise StorageError(f"cannot write {HERE}: {by}") from by
    except StorageError as error:
        return error


def os_error(number: int) -> OSError:
    return OSError(number, "whatever the system calls it", HERE)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (caused(os_error(errno.ENOSPC)), "the disk is full"),
        (caused(os_error(errno.EDQUOT)), "the disk is full"),
        (caused(RuntimeError("lance error: No space left on device (os error 28)")), "the disk is full"),
        (caused(os_error(errno.EROFS)), "may not write"),
        (caused(os_error(errno.EACCES)), "may not write"),
        (caused(os_error(errno.EIO)), "cannot be used"),
        (StorageError(f"{HERE}/gallery.json is damaged"), "cannot be used"),
        (GalleryBusyError(f"another process is writing to {HERE}"), "another process"),
        (CheckpointError(f"cannot read {HERE}/model.safetensors"), "the model"),
        (errors.GalleryFormatError(f"{HERE} is not a gallery"), "the gallery"),
    ],
)
def test_what_happened_is_told_without_a_path(error: AttrieveError, words: str) -> None:
    detail = told(error).detail
    assert words in detail
    assert "/" not in detail
    assert detail == plain_words(error)


def test_what_is_the_client_s_own_is_told_as_it_is() -> None:
    """A path that came in a query is not the server's."""
    error = errors.QueryError("'/etc/passwd' is no attribute")
    assert plain_words(error) == str(error)


def test_real_failures_lead_to_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(StorageError) as gone:
        write_atomically(tmp_path / "a file" / "within", b"")
    with pytest.raises(CheckpointError) as no_weights:
        read_weights(tmp_path)
    with pytest.raises(errors.GalleryFormatError) as no_gallery:
        GallerySnapshot.open(tmp_path)
    for caught in (gone, no_weights, no_gallery):
        assert str(tmp_path) in str(caught.value)
        assert "/" not in plain_words(caught.value)


@pytest.fixture
def full(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[TestClient, Service]]:
    """A service whose database may not grow by one page, as on a full disk."""

    class Full(database._Connection):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            self.sqlite.execute("PRAGMA max_page_count = 1")

    with service_over(place, tmp_path / "state", raise_errors=False) as (client, service):
        service.ledger.reserve.give_up()
        with monkeypatch.context() as broken:
            broken.setattr(database, "_Connection", Full)
            service.state.close()
            yield client, service
        service.state.close()


def test_a_full_disk_is_told_and_the_log_knows_where(
    full: tuple[TestClient, Service], caplog: pytest.LogCaptureFixture
) -> None:
    client, service = full
    folder = str(service.settings.state_folder)
    with caplog.at_level(logging.WARNING, logger="attrieve"):
        for number in range(200):  # what room the pages have left is used up
            case = {"number": str(number), "title": "t" * 100, "purpose": "p" * 100}
            made = client.post("/api/v1/cases", json=case)
            answer = client.post("/api/v1/search", json={"query": "hat", "purpose": "p" * 100})
            if made.status_code != 201 and answer.status_code != 200:
                break
        page = client.get("/", params={"q": "hat"}, headers={"Accept": "text/html"})
    assert answer.status_code == made.status_code == page.status_code == 507
    assert answer.headers["content-type"] == "application/problem+json"
    for one in (answer, made, page):
        assert folder not in one.text
        assert "the disk is full" in one.text
    lines = [line for line in caplog.messages if folder in line]
    assert any(answer.json()["request_id"] in line for line in lines)
    assert any(made.json()["request_id"] in line for line in lines)


def test_a_broken_database_is_told_without_its_name(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"no database at all" * 400)
    with pytest.raises(StorageError) as caught:
        StateDatabase(path)
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)
    assert str(path) in str(caught.value)
    assert "cannot be used" in plain_words(caught.value)
