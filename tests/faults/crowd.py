"""One of several processes at work on one gallery until they are told to end by a line on stdin.

``python crowd.py write FOLDER NAME SECONDS`` adds groups of ten rows, waiting for its turn;
``python crowd.py read FOLDER NAME SECONDS`` opens snapshots and checks that groups are whole.
Each prints one JSON line at its end.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import open_database_writer
from gallery.database.made import rows, vectors

GROUP = 10


def write(folder: Path, name: str, seconds: float) -> dict[str, object]:
    """Add groups, each with a camera of its own name, and compact now and then."""
    groups = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with open_database_writer(folder, wait_s=120) as writer:
            for _ in range(3):
                first = int(name) * 1_000_000 + groups * GROUP
                numbers = list(range(first, first + GROUP))
                done = writer.add(rows(numbers, camera=f"{name}-{groups}"), vectors(numbers))
                assert done.added == GROUP
                groups += 1
            if groups % 9 == 0:
                writer.compact()
        time.sleep(0.01)
    return {"groups": groups}


def read(folder: Path, name: str, seconds: float) -> dict[str, object]:
    """Check that each snapshot holds whole groups, reads twice alike, and no less than the one before."""
    looked, most = 0, 0
    until = time.monotonic() + seconds
    while time.monotonic() < until or not looked:
        snapshot = GallerySnapshot.open(folder)
        cameras = Counter(snapshot.describe().column("camera").to_pylist())
        assert set(cameras.values()) <= {GROUP}, cameras
        columns = snapshot.columns()
        assert len(columns) == sum(cameras.values()) == len(snapshot)
        assert not columns.damaged
        chosen = snapshot.select(snapshot.parse([f"camera^={int(name) % 2 + 1}-"]))
        assert len(chosen) == sum(
            count for camera, count in cameras.items() if camera[0] == str(int(name) % 2 + 1)
        )
        assert len(columns) >= most
        looked, most = looked + 1, len(columns)
    return {"looked": looked, "most": most}


def main() -> None:
    task = {"write": write, "read": read}[sys.argv[1]]
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(task(Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]))))


if __name__ == "__main__":
    main()
