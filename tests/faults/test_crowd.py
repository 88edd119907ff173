"""Several processes at one gallery."""

import json
from pathlib import Path

import pytest

from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import open_database_writer
from faults.processes import start
from gallery.database.made import key_of, model


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_two_writers_and_four_readers(tmp_path: Path, seconds: int) -> None:
    """No error, no lost row; every reader sees whole groups of rows only."""
    folder = tmp_path / "gallery"
    with open_database_writer(folder, model=model()):
        pass
    tasks = [("write", 1), ("write", 2), *(("read", name) for name in range(1, 5))]
    processes = [start("crowd.py", task, folder, name, seconds) for task, name in tasks]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    reports = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, errors = process.communicate(timeout=300 + 2 * seconds)
        assert process.returncode == 0, errors
        reports.append(json.loads(out))
    expected = {
        key_of(name * 1_000_000 + number)
        for name, report in zip((1, 2), reports[:2], strict=True)
        for number in range(10 * report["groups"])
    }
    assert all(report["groups"] > 0 for report in reports[:2])
    assert all(report["looked"] > 0 for report in reports[2:])
    keys = GallerySnapshot.open(folder).columns().key
    assert {f"{number:016x}" for number in keys.tolist()} == expected
    assert len(keys) == len(expected)
    assert verify_database(folder).clean
