"""The state's file: versions of tables, transactions, who may read it."""

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from attrieve.errors import StorageError
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.signing import KEY_FILE, SigningKey, verify_signature


@pytest.fixture
def database(tmp_path: Path) -> StateDatabase:
    return StateDatabase(tmp_path / "state" / "state.sqlite")


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    """Database, log, signing key and the folder."""
    folder = tmp_path / "state"
    database = StateDatabase(folder / "state.sqlite")
    database.ensure("note", ["CREATE TABLE note (text TEXT) STRICT"])
    SigningKey.open(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("state.sqlite", "state.sqlite-wal", KEY_FILE):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


def test_tables_grow_by_versions(database: StateDatabase) -> None:
    """Each version is made once; what is there stays."""
    first = "CREATE TABLE note (text TEXT NOT NULL) STRICT"
    second = "ALTER TABLE note ADD COLUMN author TEXT; CREATE INDEX note_author ON note (author)"
    database.ensure("note", [first])
    with database.transaction() as connection:
        connection.execute("INSERT INTO note VALUES ('kept')")
    database.ensure("note", [first, second])
    database.ensure("note", [first, second])
    assert [tuple(row) for row in database.rows("SELECT * FROM note")] == [("kept", None)]
    with pytest.raises(StorageError, match="newer"):
        database.ensure("note", [first])


def test_a_failing_version_leaves_nothing(database: StateDatabase) -> None:
    """All statements of all missing versions, or none."""
    with pytest.raises(sqlite3.OperationalError):
        database.ensure("note", ["CREATE TABLE note (text TEXT) STRICT", "CREATE NONSENSE"])
    database.ensure("note", ["CREATE TABLE note (text TEXT) STRICT"])
    assert database.rows("SELECT * FROM note") == []


def test_a_transaction_within_another_joins_it(database: StateDatabase) -> None:
    """The inner one's writes go with the outer one's."""
    database.ensure("note", ["CREATE TABLE note (text TEXT) STRICT"])

    def failing() -> None:
        with database.transaction() as outer:
            outer.execute("INSERT INTO note VALUES ('outer')")
            with database.transaction() as inner:
                inner.execute("INSERT INTO note VALUES ('inner')")
            assert database.in_transaction
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert not database.in_transaction
    assert database.rows("SELECT * FROM note") == []


def test_nothing_is_written_within_a_snapshot(database: StateDatabase) -> None:
    """It would be rolled back with it."""
    with database.snapshot(), pytest.raises(RuntimeError, match="reading"), database.transaction():
        pass


def test_a_snapshot_does_not_see_what_others_write(database: StateDatabase) -> None:
    """Neither do they wait for it."""
    database.ensure("note", ["CREATE TABLE note (text TEXT) STRICT"])

    def write() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO note VALUES ('new')")

    with database.snapshot() as connection:
        assert connection.execute("SELECT count(*) FROM note").fetchone()[0] == 0
        writer = threading.Thread(target=write)
        writer.start()
        writer.join()
        assert connection.execute("SELECT count(*) FROM note").fetchone()[0] == 0
    assert len(database.rows("SELECT * FROM note")) == 1


def test_the_signing_key_stays_the_same(tmp_path: Path) -> None:
    """Made once; two at the same moment get the same one."""
    keys: list[str] = []
    threads = [
        threading.Thread(target=lambda: keys.append(SigningKey.open(tmp_path).public_key)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 6
    assert set(keys) == {SigningKey.open(tmp_path).public_key}


def test_a_signature_has_one_spelling(tmp_path: Path) -> None:
    """Capitals, blanks and other bytes are no signature."""
    key = SigningKey.open(tmp_path)
    signature = key.sign(b"message")
    assert verify_signature(key.public_key, b"message", signature)
    for other in (signature.upper(), f" {signature}", signature[:-2] + "zz", signature[:-2], "", "é"):
        assert not verify_signature(key.public_key, b"message", other)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_broken_signing_key_is_told(tmp_path: Path, content: bytes) -> None:
    """It is not replaced: what was signed with it would no longer be ours."""
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(StorageError, match=KEY_FILE):
        SigningKey.open(tmp_path)
    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_connections_of_threads_that_ended_are_closed(database: StateDatabase) -> None:
    """A service's threads come and go for months; each has a connection of its own while it lives."""
    opened: list[sqlite3.Connection] = []

    def use() -> None:
        database.rows("SELECT 1")
        with database.snapshot() as connection:
            opened.append(connection)

    for _ in range(8):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert len({id(connection) for connection in opened}) == 8
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
    database.rows("SELECT 1")
    database.close()
