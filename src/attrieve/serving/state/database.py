"""The file that holds what the service remembers: SQLite with a write-ahead log.

A commit is on the disk when it returns (``synchronous=FULL``): what was acknowledged survives ``kill -9``
and a loss of power, as far as the disk keeps its word. Several processes and threads may use one file;
writers wait for each other, readers wait for nobody. The file can be read by its owner alone.

>>> import tempfile
>>> folder = tempfile.TemporaryDirectory()
>>> database = StateDatabase(Path(folder.name) / "state.sqlite")
>>> database.ensure("note", ["CREATE TABLE note (text TEXT NOT NULL) STRICT"])
>>> with database.transaction() as connection:
...     _ = connection.execute("INSERT INTO note VALUES ('red jacket')")
>>> [row["text"] for row in database.rows("SELECT text FROM note")]
['red jacket']
>>> database.close()
>>> folder.cleanup()
"""

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrieve.errors import StorageError

WAIT_S = 30.0
"""How long a writer waits for another one."""

CACHE_KIB = 256
"""Pages that one connection keeps at most. SQLite's own 2 MiB would count once for each of up to 40 threads
that come and go with the load; what is read again lies in the machine's cache of files."""


class StateDatabase:
    """One SQLite file, with a connection for each thread.

    Args:
        path: the file; it and its folder are made if they are missing.

    Raises:
        StorageError: if it cannot be opened or made.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._local = threading.local()
        self._open: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._guard = threading.Lock()
        self._before_closing: list[Callable[[], object]] = []
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StorageError(f"cannot open {self.path}: {error.strerror}") from error
        with self._told():
            self._held().sqlite.execute("PRAGMA journal_mode = WAL")

    def ensure(self, name: str, statements: Sequence[str]) -> None:
        """Bring the tables of a module to their newest version.

        Args:
            name: the module's, under which its version is kept.
            statements: one text for each version, each of one or several statements; a version once
                released is never changed, new ones are put at the end.

        Raises:
            StorageError: if the file was written by a newer attrieve, or cannot be written.
        """
        with self.transaction() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_versions"
                " (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT"
            )
            row = connection.execute("SELECT version FROM schema_versions WHERE name = ?", [name]).fetchone()
            version = int(row["version"]) if row else 0
            if version > len(statements):
                raise StorageError(
                    f"{self.path} holds version {version} of {name}, this attrieve knows {len(statements)}:"
                    " use the attrieve that wrote it, or a newer one"
                )
            for text in statements[version:]:
                for statement in single_statements(text):
                    connection.execute(statement)
            if version < len(statements):
                connection.execute(
                    "INSERT INTO schema_versions VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET version = excluded.version",
                    [name, len(statements)],
                )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything or nothing; one within another of the same thread joins it.

        Raises:
            StorageError: if the disk refuses, or other writers do not let go.
        """
        with self._told():
            held = self._held()
            connection = held.sqlite
            if held.writing:
                yield connection
                return
            if connection.in_transaction:
                raise RuntimeError("a snapshot is for reading; write before or after it")
            connection.execute("BEGIN IMMEDIATE")
            held.writing = True
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite rolls back by itself where the disk is full
                    connection.execute("ROLLBACK")
                held.then.clear()
                raise
            finally:
                held.writing = False
        then, held.then = held.then, []
        for action in then:
            action()

    def after_commit(self, action: Callable[[], object]) -> None:
        """Do something when this thread's transaction is on the disk; not if it is undone."""
        self._held().then.append(action)

    def before_closing(self, action: Callable[[], object]) -> None:
        """Do something whenever :meth:`close` is called, before the connections are closed."""
        self._before_closing.append(action)

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is within :meth:`transaction`."""
        return self._held().writing

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read several times and see one state; within a transaction, that of the transaction."""
        with self._told():
            connection = self._held().sqlite
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN DEFERRED")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def rows(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """Return what a SELECT finds."""
        with self._told():
            return self._held().sqlite.execute(statement, parameters).fetchall()

    def forget_deleted(self) -> None:
        """Write the log back and empty it, so that what was deleted is not left in it.

        Deleted rows are overwritten with zeros (``secure_delete``); while others read, it is left to the next
        time, since writers would have to wait for them too.
        """
        with self._told():
            connection = self._held().sqlite
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.execute(f"PRAGMA busy_timeout = {round(1000 * WAIT_S)}")

    def close(self) -> None:
        """Close the connections of all threads; whoever uses it again opens a new one."""
        for action in self._before_closing:
            action()
        with self._guard:
            for connection in list(self._open):
                connection.close()
            self._open.clear()
            self._local = threading.local()

    def _held(self) -> "_Connection":
        held: _Connection | None = getattr(self._local, "held", None)
        if held is None:
            held = _Connection(self.path)
            with self._guard:
                self._open.add(held)
            self._local.held = held
        return held

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say of a refusing disk which file it was; broken constraints are the caller's."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError):
            raise
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF == sqlite3.SQLITE_ERROR:
                raise  # a wrong statement: our own mistake
            raise StorageError(f"cannot use {self.path}: {error}") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise StorageError(
                f"{self.path} is damaged or no SQLite file: {error}; put a copy of it back"
            ) from error


class _Connection:
    """A connection that is closed when the thread that opened it is gone."""

    def __init__(self, path: Path) -> None:
        self.sqlite = sqlite3.connect(
            path.absolute(), timeout=WAIT_S, isolation_level=None, check_same_thread=False
        )
        self.sqlite.row_factory = sqlite3.Row
        self.writing = False
        self.then: list[Callable[[], object]] = []
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            f"cache_size = {-CACHE_KIB}",
        ):
            self.sqlite.execute(f"PRAGMA {pragma}")

    def close(self) -> None:
        self.sqlite.close()

    def __del__(self) -> None:
        if hasattr(self, "sqlite"):
            self.sqlite.close()


def single_statements(text: str) -> Iterator[str]:
    """Split at semicolons that end a statement, so not within a trigger.

    >>> list(single_statements("SELECT 1; SELECT 2"))
    ['SELECT 1;', 'SELECT 2;']
    """
    gathered = ""
    for part in text.split(";"):
        gathered += part + ";"
        if sqlite3.complete_statement(gathered):
            if gathered.strip(" \n;"):
                yield gathered.strip()
            gathered = ""
    if gathered.strip(" \n;"):
        raise ValueError(f"not a whole statement: {gathered!r}")
