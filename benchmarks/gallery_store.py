"""The gallery database on Lance against SQLite with memory-mapped columns.

    python benchmarks/gallery_store.py [--rows N] [--batch N] [--rounds N] [--json] [--write]

The same rows (128-d embedding, 35 probabilities, source, camera, time, blur) are appended in batches, each
batch a commit that survives a kill; then both stores are opened in turn and asked the same: how many rows,
all vectors sorted by key as contiguous arrays, the rows of one camera within a month, and to delete those
of one camera. Times are medians over rounds; every round makes both stores anew, one after the other.
The rival keeps rows in SQLite (WAL, synchronous=NORMAL, index on the key) with the place of each vector, and
vectors in two flat files of float32 that are appended to and mapped. Deleting only marks there what Lance
marks too; bytes on disk are taken before it. Answers of both are compared in every round.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Protocol

import numpy as np
import pyarrow as pa

from attrieve.data.files import write_atomically
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import open_database_writer
from attrieve.provenance import code_commit, machine_facts
from attrieve.schema import load_vocabulary

DIM, ATTRIBUTES, CAMERAS = 128, 35, 20
START = datetime(2024, 1, 1, tzinfo=UTC)
RESULT = Path(__file__).parent.parent / "results" / "benchmark-gallery-store.json"
WHAT = ("append", "open", "read_columns", "filter", "delete")


class People:
    """Rows of drawn numbers."""

    def __init__(self, count: int) -> None:
        chance = np.random.default_rng(0)
        embedding = chance.normal(size=(count, DIM)).astype(np.float32)
        embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
        self.vectors = Vectors(embedding, chance.random((count, ATTRIBUTES), dtype=np.float32))
        self.keys = [f"{number:016x}" for number in chance.permutation(count) * 7919 + 1]
        self.cameras = [f"C{number}" for number in chance.integers(0, CAMERAS, count)]
        self.times = [START + timedelta(minutes=int(minute)) for minute in chance.integers(0, 525_600, count)]
        self.blur = chance.gamma(2.0, 50.0, count).astype(np.float32)

    def __len__(self) -> int:
        return len(self.keys)

    def source(self, place: int) -> str:
        """Return where a row's image would lie."""
        return f"/archive/{self.cameras[place]}/{place:09d}.jpg"


class Store(Protocol):
    """What is measured."""

    def append(self, people: People, places: range) -> None:
        """Commit some rows."""

    def open(self) -> int:
        """Open the store anew and return the number of its rows."""

    def read_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return keys, embeddings and probabilities, sorted by key."""

    def filter(self) -> int:
        """Return how many rows of one camera are of January."""

    def delete(self) -> int:
        """Delete the rows of a camera and return how many there were."""


class Lance:
    """The gallery database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        schema = load_vocabulary("peta35")
        self.model = GalleryModel("drawn", "0" * 16, schema, DIM)
        with open_database_writer(folder, model=self.model):
            pass

    def append(self, people: People, places: range) -> None:
        """Commit some rows."""
        chosen = slice(places.start, places.stop)
        rows = pa.table(
            {
                "key": people.keys[chosen],
                "source": [people.source(place) for place in places],
                "camera": people.cameras[chosen],
                "time": pa.array(people.times[chosen], pa.timestamp("us", "UTC")),
                "blur": people.blur[chosen],
                "indexed_at": pa.array([START] * len(places), pa.timestamp("us", "UTC")),
            }
        )
        with open_database_writer(self.folder, model=self.model) as writer:
            writer.add(rows, people.vectors.select(np.arange(places.start, places.stop)))

    def open(self) -> int:
        """Open the store anew and return the number of its rows."""
        self.snapshot = GallerySnapshot.open(self.folder)
        return len(self.snapshot)

    def read_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return keys, embeddings and probabilities, sorted by key."""
        columns = self.snapshot.columns()
        assert columns.embedding is not None
        assert columns.probability is not None
        return columns.key, columns.embedding, columns.probability

    def filter(self) -> int:
        """Return how many rows of one camera are of January."""
        wanted = self.snapshot.parse(["camera=C3", "time>=2024-01-01", "time<2024-02-01"])
        return len(self.snapshot.select(wanted))

    def delete(self) -> int:
        """Delete the rows of a camera and return how many there were."""
        with open_database_writer(self.folder) as writer:
            return writer.delete_where(self.snapshot.parse(["camera=C5"]))


class SqliteColumns:
    """Rows in SQLite, vectors in flat files that are mapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        with self._connect() as database:
            database.execute(
                "CREATE TABLE row (place INTEGER PRIMARY KEY, key TEXT UNIQUE, source TEXT, camera TEXT, "
                "time INTEGER, blur REAL)"
            )

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.folder / "rows.sqlite")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        return database

    def append(self, people: People, places: range) -> None:
        """Commit some rows: vectors first, then the rows that name them."""
        for name, column in people.vectors.named().items():
            with (self.folder / f"{name}.f32").open("ab") as file:
                file.write(column[places.start : places.stop].tobytes())
        values = [
            (
                p,
                people.keys[p],
                people.source(p),
                people.cameras[p],
                _minutes(people.times[p]),
                float(people.blur[p]),
            )
            for p in places
        ]
        database = self._connect()
        with database:
            database.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?)", values)
        database.close()

    def open(self) -> int:
        """Open the store anew and return the number of its rows."""
        self.database = self._connect()
        return int(self.database.execute("SELECT count(*) FROM row").fetchone()[0])

    def read_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return keys, embeddings and probabilities, sorted by key."""
        listed = self.database.execute("SELECT key, place FROM row ORDER BY key").fetchall()
        places = np.array([place for _, place in listed], dtype=np.int64)
        embedding = np.memmap(self.folder / "embedding.f32", np.float32, "r").reshape(-1, DIM)[places]
        probability = np.memmap(self.folder / "probability.f32", np.float32, "r").reshape(-1, ATTRIBUTES)[
            places
        ]
        return key_numbers([key for key, _ in listed]), np.asarray(embedding), np.asarray(probability)

    def filter(self) -> int:
        """Return how many rows of one camera are of January."""
        until = _minutes(datetime(2024, 2, 1, tzinfo=UTC))
        asked = "SELECT place FROM row WHERE camera = ? AND time >= ? AND time < ?"
        return len(self.database.execute(asked, ("C3", _minutes(START), until)).fetchall())

    def delete(self) -> int:
        """Delete the rows of a camera and return how many there were."""
        with self.database:
            return self.database.execute("DELETE FROM row WHERE camera = ?", ("C5",)).rowcount


def _minutes(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def timed(seconds: list[float], step: Callable[[], object]) -> object:
    """Run a step and note how long it took."""
    start = time.perf_counter()
    result = step()
    seconds.append(time.perf_counter() - start)
    return result


def one_round(store: Store, people: People, batch: int, seconds: dict[str, list[float]]) -> list[object]:
    """Do everything once; return the answers, for comparison."""

    def append() -> None:
        for first in range(0, len(people), batch):
            store.append(people, range(first, min(first + batch, len(people))))

    timed(seconds["append"], append)
    count = timed(seconds["open"], store.open)
    columns = timed(seconds["read_columns"], store.read_columns)
    assert isinstance(columns, tuple)
    found = timed(seconds["filter"], store.filter)
    size = sum(path.stat().st_size for path in store.folder.rglob("*") if path.is_file())  # type: ignore[attr-defined]
    deleted = timed(seconds["delete"], store.delete)
    return [count, *(float(column.astype(np.float64).sum()) for column in columns), found, deleted, size]


def compare(rows: int, batch: int, rounds: int) -> dict[str, object]:
    """Let both stores take turns; return medians and ratios."""
    people = People(rows)
    kinds: dict[str, Callable[[Path], Store]] = {"lance": Lance, "sqlite": SqliteColumns}
    seconds = {name: {what: [] for what in WHAT} for name in kinds}
    sizes: dict[str, object] = {}
    for _ in range(rounds):
        answers = {}
        for name, make in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                *answers[name], sizes[name] = one_round(
                    make(Path(folder) / "store"), people, batch, seconds[name]
                )
        if answers["lance"] != answers["sqlite"]:
            raise SystemExit(f"the stores disagree: {answers}")
    medians = {name: {what: median(times) for what, times in seconds[name].items()} for name in kinds}
    return {
        "seconds": medians,
        "bytes": sizes,
        "lance_to_sqlite": {what: medians["lance"][what] / medians["sqlite"][what] for what in WHAT},
    }


def main() -> None:
    """Measure, and print or write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name} into results/")
    arguments = parser.parse_args()
    document = {
        "command": "python benchmarks/gallery_store.py " + " ".join(sys.argv[1:]),
        "what": "gallery database on Lance against SQLite with memory-mapped columns",
        "commit": code_commit(),
        "machine": machine_facts(),
        "rows": arguments.rows,
        "batch": arguments.batch,
        "rounds": arguments.rounds,
        "embedding_dim": DIM,
        "attributes": ATTRIBUTES,
        **compare(arguments.rows, arguments.batch, arguments.rounds),
    }
    if arguments.write:
        write_atomically(RESULT, (json.dumps(document, indent=2) + "\n").encode())
    print(json.dumps(document, indent=2 if arguments.json else None))


if __name__ == "__main__":
    main()
