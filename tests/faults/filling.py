"""A process whose files may not grow beyond a limit: it fills a gallery until the system refuses.

``python filling.py FOLDER BYTES`` prints what it was told and how many rows it had committed.
"""

import json
import resource
import sys
from pathlib import Path

from attrieve.errors import StorageError
from attrieve.gallery.database.writing import open_database_writer
from gallery.database.made import rows, vectors


def main() -> None:
    folder, limit = Path(sys.argv[1]), int(sys.argv[2])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    committed, step = 0, 64
    with open_database_writer(folder) as writer:
        try:
            while committed < 100_000:
                numbers = list(range(10_000 + committed, 10_000 + committed + step))
                writer.add(rows(numbers), vectors(numbers))
                committed += step
                step *= 2
        except StorageError as error:
            print(json.dumps({"told": str(error), "committed": committed}))


if __name__ == "__main__":
    main()
