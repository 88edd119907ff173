"""A process whose files may not grow beyond a limit: it works on a gallery until the system refuses.

``python filling.py FOLDER BYTES WORK`` adds, compacts or re-embeds (``add``, ``compact``, ``reembed``) and
prints what it was told and how many rows it had committed.
"""

import json
import resource
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from attrieve.errors import StorageError
from attrieve.gallery.database.reembedding import Reembedding
from attrieve.gallery.database.writing import DatabaseWriter, open_database_writer
from gallery.database.made import model, rows, vectors


def add(writer: DatabaseWriter, committed: list[int]) -> None:
    """Add ever more rows at a time."""
    step = 64
    while len(committed) < 100_000:
        numbers = list(range(10_000 + len(committed), 10_000 + len(committed) + step))
        writer.add(rows(numbers), vectors(numbers))
        committed += numbers
        step *= 2


def compact(writer: DatabaseWriter, committed: list[int]) -> None:
    """Put everything into one fragment."""
    writer.compact(keep_versions=timedelta(0))


def reembed(writer: DatabaseWriter, committed: list[int]) -> None:
    """Give all rows new vectors in one commit."""
    work = Reembedding(writer, model("bbbb"))
    keys = work.missing()
    work.put(keys, vectors(list(range(len(keys))), 1))


WORK: dict[str, Callable[[DatabaseWriter, list[int]], None]] = {
    "add": add,
    "compact": compact,
    "reembed": reembed,
}


def main() -> None:
    folder, limit = Path(sys.argv[1]), int(sys.argv[2])
    work = WORK[sys.argv[3]]
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    committed: list[int] = []
    with open_database_writer(folder) as writer:
        try:
            work(writer, committed)
        except StorageError as error:
            print(json.dumps({"told": str(error), "committed": len(committed)}))


if __name__ == "__main__":
    main()
