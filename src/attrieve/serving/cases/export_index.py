"""What was exported: who, when, from which case, with which rows; and where the file lies."""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from attrieve.data.files import write_atomically
from attrieve.errors import StorageError
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.database import StateDatabase

FOLDER = "exports"
ERASED_ROW = "it contained a row that was erased"
CASE_DELETED = "its case was deleted"

_TABLES = [
    """
    CREATE TABLE exports (
        number INTEGER PRIMARY KEY,
        case_id INTEGER NOT NULL,
        case_number TEXT NOT NULL,
        kind TEXT NOT NULL,
        created_by TEXT NOT NULL,
        created_at REAL NOT NULL,
        file TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        removed_at REAL,
        removed_why TEXT
    ) STRICT;
    CREATE INDEX exports_by_case ON exports (case_id, number);
    CREATE TABLE export_keys (
        number INTEGER NOT NULL REFERENCES exports (number) ON DELETE CASCADE,
        key TEXT NOT NULL,
        PRIMARY KEY (key, number)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE export_files_to_delete (
        number INTEGER NOT NULL,
        kind TEXT NOT NULL,
        PRIMARY KEY (number, kind)
    ) STRICT, WITHOUT ROWID;
    """,
]


class ExportKind(StrEnum):
    """What an export is."""

    PDF = "pdf"
    """A document to read and print."""
    ZIP = "zip"
    """Everything, with checksums and a signature."""


@dataclass(frozen=True)
class Export:
    """An export that was made.

    Args:
        number: that of the job that made it.
        case: identifier of its case.
        case_number: file number of its case, then.
        kind: what it is.
        created_by: name of the account.
        created_at: in UTC.
        file: name of the file, as it is offered for download.
        sha256: of the file, 64 hexadecimal digits.
        size: of the file in bytes.
        removed_at: when the file was removed, in UTC; None while it is there.
        removed_why: why it was removed, or None.
    """

    number: int
    case: int
    case_number: str
    kind: ExportKind
    created_by: str
    created_at: datetime
    file: str
    sha256: str
    size: int
    removed_at: datetime | None
    removed_why: str | None


class ExportIndex:
    """The exports of a service, and their files.

    Args:
        state: folder of the service's state.
        database: of the service; the tables are made if they are missing.
        clock: seconds since 1970.
    """

    def __init__(
        self, state: Path, database: StateDatabase, *, clock: Callable[[], float] | None = None
    ) -> None:
        self._folder = state / FOLDER
        self._database = database
        self._now = clock or (lambda: datetime.now(UTC).timestamp())
        database.ensure("exports", _TABLES)
        with suppress(StorageError):  # whoever erases next is told
            self._delete_files()

    def add(
        self,
        number: int,
        *,
        case: int,
        case_number: str,
        kind: ExportKind,
        created_by: str,
        created_at: datetime,
        content: bytes,
        keys: Sequence[str],
    ) -> Export | None:
        """Keep an export; made a second time, it takes the place of the first.

        Args:
            number: of the job that made it.
            case: identifier of its case.
            case_number: its file number.
            kind: what it is.
            created_by: name of the account.
            created_at: in UTC.
            content: of the file.
            keys: of the rows whose pictures or facts it contains.

        Returns:
            The export, or None if one of the rows was erased meanwhile; nothing is kept then.

        Raises:
            StorageError: if the disk refuses.
        """
        path = self._path(number, kind)
        write_atomically(path, content)
        name = f"case-{_plain_name(case_number)}-{number}.{kind.value}"
        with self._database.transaction() as connection:
            for key in keys:
                if connection.execute(
                    "SELECT 1 FROM case_hits WHERE case_id = ? AND key = ? AND erased_at IS NULL", [case, key]
                ).fetchone():
                    continue
                path.unlink(missing_ok=True)
                return None
            connection.execute("DELETE FROM exports WHERE number = ?", [number])
            connection.execute("DELETE FROM export_files_to_delete WHERE number = ?", [number])
            connection.execute(
                "INSERT INTO exports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                [
                    number,
                    case,
                    case_number,
                    kind.value,
                    created_by,
                    created_at.timestamp(),
                    name,
                    hashlib.sha256(content).hexdigest(),
                    len(content),
                ],
            )
            connection.executemany(
                "INSERT INTO export_keys VALUES (?, ?)", [(number, key) for key in dict.fromkeys(keys)]
            )
            return self._one(connection, number)

    def of_case(self, case: int) -> tuple[Export, ...]:
        """Return the exports of a case, newest first, those whose file was removed among them."""
        rows = self._database.rows("SELECT * FROM exports WHERE case_id = ? ORDER BY number DESC", [case])
        return tuple(_export(row) for row in rows)

    def get(self, case: int, number: int) -> Export:
        """Return an export of a case.

        Raises:
            ProblemError: if there is none of this number.
        """
        with self._database.snapshot() as connection:
            found = self._one(connection, number)
        if found is None or found.case != case:
            raise ProblemError(Problem.NOT_FOUND, f"the case has no export {number}")
        return found

    def keys(self, number: int) -> tuple[str, ...]:
        """Return the keys of the rows an export contains, those that were erased left out."""
        rows = self._database.rows("SELECT key FROM export_keys WHERE number = ? ORDER BY key", [number])
        return tuple(row["key"] for row in rows)

    def content(self, export: Export) -> bytes:
        """Return an export's file, if it is what was written.

        Raises:
            ProblemError: if it was removed; says why. If it is gone or damaged without our doing; the log
                says where.
        """
        if export.removed_at is not None:
            told = f"the file of export {export.number} was removed: {export.removed_why}; make a new export"
            raise ProblemError(Problem.CONFLICT, told)
        path = self._path(export.number, export.kind)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unreadable(export) from error
        if hashlib.sha256(content).hexdigest() != export.sha256:
            raise _unreadable(export) from StorageError(f"{path} is not what was written")
        return content

    def erase(self, keys: Sequence[str]) -> list[int]:
        """Take rows out of the index, and remove the files that contain them.

        Within a transaction it joins it. The files go when it is on the disk, so that nothing is removed
        that is not recorded; those that a kill or the disk left go at the next start or the next removal.

        Returns:
            Numbers of the exports whose file was removed.

        Raises:
            StorageError: if the disk refuses; once it is recorded too, if a file cannot be deleted.
        """
        wanted = list(keys)
        removed: list[int] = []
        with self._database.transaction() as connection:
            self._database.after_commit(self._delete_files)
            for key in wanted:
                rows = connection.execute(
                    "SELECT exports.number, kind FROM exports JOIN export_keys USING (number) WHERE key = ?",
                    [key],
                ).fetchall()
                for row in rows:
                    self._remove(connection, row["number"], ExportKind(row["kind"]), ERASED_ROW)
                    removed.append(row["number"])
                connection.execute("DELETE FROM export_keys WHERE key = ?", [key])
        return sorted(set(removed))

    def remove_of_case(self, case: int) -> int:
        """Remove the files of a case's exports, once that is on the disk; return how many there were."""
        with self._database.transaction() as connection:
            self._database.after_commit(self._delete_files)
            rows = connection.execute(
                "SELECT number, kind FROM exports WHERE case_id = ? AND removed_at IS NULL", [case]
            ).fetchall()
            for row in rows:
                self._remove(connection, row["number"], ExportKind(row["kind"]), CASE_DELETED)
            return len(rows)

    def _remove(self, connection: sqlite3.Connection, number: int, kind: ExportKind, why: str) -> None:
        connection.execute("INSERT OR IGNORE INTO export_files_to_delete VALUES (?, ?)", [number, kind.value])
        connection.execute(
            "UPDATE exports SET removed_at = ?, removed_why = ? WHERE number = ? AND removed_at IS NULL",
            [self._now(), why, number],
        )

    def _delete_files(self) -> None:
        """Delete the files whose removal is on the disk, whoever began it."""
        refused: list[str] = []
        for row in self._database.rows("SELECT number, kind FROM export_files_to_delete"):
            path = self._path(row["number"], ExportKind(row["kind"]))
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                refused.append(f"cannot delete {path}: {error.strerror}")
                continue
            with self._database.transaction() as connection:
                connection.execute("DELETE FROM export_files_to_delete WHERE number = ? AND kind = ?", [*row])
        if refused:
            raise StorageError("; ".join(refused))

    def _path(self, number: int, kind: ExportKind) -> Path:
        return self._folder / f"{number}.{kind.value}"

    def _one(self, connection: sqlite3.Connection, number: int) -> Export | None:
        if not 0 < number < 2**63:
            return None
        row = connection.execute("SELECT * FROM exports WHERE number = ?", [number]).fetchone()
        return None if row is None else _export(row)


def _export(row: sqlite3.Row) -> Export:
    removed = row["removed_at"]
    return Export(
        number=row["number"],
        case=row["case_id"],
        case_number=row["case_number"],
        kind=ExportKind(row["kind"]),
        created_by=row["created_by"],
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        file=row["file"],
        sha256=row["sha256"],
        size=row["bytes"],
        removed_at=None if removed is None else datetime.fromtimestamp(removed, UTC),
        removed_why=row["removed_why"],
    )


def _plain_name(text: str) -> str:
    """Return letters and digits of a case number, for the name of a file.

    >>> _plain_name("../7/24 ü")
    '7-24'
    """
    plain = "".join(character if character.isascii() and character.isalnum() else "-" for character in text)
    return "-".join(part for part in plain.split("-") if part)[:40] or "x"


def _unreadable(export: Export) -> ProblemError:
    told = f"the file of export {export.number} cannot be read or is damaged; make a new export"
    return ProblemError(Problem.STORAGE_REFUSED, told)
