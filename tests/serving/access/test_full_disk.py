"""With accounts, too, searches go on where the disk is full; what must be written is told as 507."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from attrieve.serving.access.roles import Role
from serving.access.entrances import PASSWORD, administration, service, sign_in
from small_disk import small_file_system


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of six mebibytes, where mounting is allowed."""
    with small_file_system(tmp_path / "disk", 6) as folder:
        yield folder


def fill(folder: Path) -> None:
    with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def searched(client: TestClient, csrf: str) -> int:
    return client.post("/api/v1/search", json={"query": "hat"}, headers={"X-CSRF-Token": csrf}).status_code


def searched_with(client: TestClient, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return client.get("/api/v1/search", params={"q": "hat"}, headers=headers).status_code


def test_searches_go_on_and_writes_are_told(small_disk: Path) -> None:
    """Who is signed in, and who has a key, goes on; that somebody was seen is not worth a refusal."""
    with service(small_disk) as (app, client):
        inside = app.state.service
        inside.ledger.reserve.size = 1 << 20
        assert inside.ledger.reserve.keep()
        boss = administration(app)
        boss.add_account("kim", Role.SEARCHER, PASSWORD)
        key, _ = boss.create_key("robot", Role.SEARCHER, days=1.0)
        csrf = sign_in(client, "kim")
        now_s = inside.ledger.clock()
        for part in (inside.entrance.sessions, inside.entrance.keys):
            part._clock = lambda: now_s + 300  # long enough that it would be written down
        # SQLite has room of its own in the files: use it up, so that not a page is left
        fill(small_disk)
        while inside.ledger.reserve.path.exists():
            assert searched(client, csrf) == 200
            assert searched_with(client, key) == 200
        fill(small_disk)
        inside.entrance.sessions._clock = inside.entrance.keys._clock = lambda: now_s + 600
        told = set()
        for _ in range(400):
            told.add(searched(client, csrf))
            told.add(searched_with(client, key))
            if 507 in told:
                break
        assert told <= {200, 507}
        assert 507 in told  # with the reserve used up, what cannot be recorded is not done
        assert client.get("/api/v1/vocabulary").status_code == 200
        (small_disk / "ballast").unlink()
        assert searched(client, csrf) == 200
        assert inside.ledger.verify().clean
