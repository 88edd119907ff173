"""A process that writes to a ledger and tells each entry once it is acknowledged.

``python recording.py FOLDER NAME ENTRIES LIMIT`` records as NAME, for ever if ENTRIES is 0; no file may grow
beyond LIMIT bytes, if that is not 0. It prints the sequence of each entry, and at last what it was told.
"""

import resource
import sys

from attrieve.errors import StorageError
from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.state.ledger import Action, Ledger


def main() -> None:
    folder, name, entries, limit = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    ledger = Ledger.open(folder)
    actor = Actor(name, Role.SEARCHER, "session")
    print("ready", flush=True)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    number = 0
    try:
        while number < entries or not entries:
            entry = ledger.record(
                actor, Action.SEARCH, query=f"{name} {number}", keys=["00000000000000aa"] * 50
            )
            print(f"{entry.sequence} {number}", flush=True)
            number += 1
    except StorageError as error:
        print(f"refused {error}", flush=True)


if __name__ == "__main__":
    main()
