"""``attrieve gallery delete`` and ``compact``."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from attrieve.cli import gallery_options
from attrieve.cli.gallery import app
from attrieve.cli.gallery_options import read_duration, size
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import open_database_writer
from cli.gallery_commands import asked, failure, filled, runner, shown
from gallery.database.made import key_of, row, vectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "gallery", list(range(12)))


def left(folder: Path) -> set[str]:
    return set(GallerySnapshot.open(folder).describe().column("key").to_pylist())


def test_by_key(folder: Path) -> None:
    """Keys that are not there count nothing."""
    keys = ["--key", key_of(3), "--key", key_of(4), "--key", key_of(99)]
    assert asked("delete", folder, *keys, "--dry-run") == {
        "gallery": str(folder),
        "deleted": 2,
        "dry_run": True,
        "rows": 12,
    }
    assert asked("delete", folder, *keys, "--yes")["deleted"] == 2
    assert left(folder) == {key_of(number) for number in range(12) if number not in {3, 4}}


def test_by_conditions(folder: Path) -> None:
    """They must all hold."""
    told = asked("delete", folder, "--where", "camera=C1", "--where", "blur>5", "--yes")
    assert (told["deleted"], told["rows"]) == (2, 10)
    assert left(folder) == {key_of(number) for number in range(12) if number not in {7, 10}}


def test_by_age(folder: Path) -> None:
    """By when the picture was taken, or by when the row came where nobody knows."""
    now = datetime.now(UTC)
    with open_database_writer(folder) as writer:
        writer.add([row(20, time=now - timedelta(days=29))], vectors([20]))
        writer.add([row(21, time=now - timedelta(days=31))], vectors([21]))
        writer.add([row(22, time=None)], vectors([22]))
        writer.add([row(23, time=None, indexed_at=now - timedelta(days=40))], vectors([23]))
    assert asked("delete", folder, "--older-than", "30d", "--dry-run")["deleted"] == 14
    assert asked("delete", folder, "--older-than", "30d", "--yes")["deleted"] == 14
    assert left(folder) == {key_of(20), key_of(22)}


def test_nothing_is_deleted_without_a_yes(folder: Path) -> None:
    """Where no terminal can be asked, told to add --yes."""
    assert "add --yes" in failure("delete", folder, "--where", "camera=C1", code=2)
    assert len(left(folder)) == 12


def test_a_terminal_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question says how many rows; it is on stderr."""

    class Terminal:
        def isatty(self) -> bool:
            return True

    class System:
        stdin = Terminal()

    monkeypatch.setattr(gallery_options, "sys", System)
    refused = runner.invoke(app, ["delete", str(folder), "--where", "camera=C1"], input="n\n")
    assert refused.exit_code == 1
    assert "Delete 4 rows" in refused.stderr
    assert len(left(folder)) == 12
    agreed = runner.invoke(app, ["delete", str(folder), "--where", "camera=C1"], input="y\n")
    assert agreed.exit_code == 0
    assert len(left(folder)) == 8


def test_what_is_meant_must_be_said_once(folder: Path) -> None:
    """Nothing, or two ways at once, is wrong usage; a typo or a bad key fails; all rows stay."""
    failure("delete", folder, "--yes", code=2)
    failure("delete", folder, "--yes", "--where", "camera=C1", "--older-than", "1d", code=2)
    failure("delete", folder, "--yes", "--older-than", "soon", code=2)
    failure("delete", folder, "--yes", "--older-than", "999999999w", code=2)
    assert "hexadecimal" in failure("delete", folder, "--yes", "--key", "' OR ''='")
    assert "'camera'" in failure("delete", folder, "--yes", "--where", "camrea=C1")
    assert len(left(folder)) == 12


def test_a_gallery_that_is_being_written_is_left_alone(folder: Path) -> None:
    """Told that another process writes."""
    with open_database_writer(folder):
        assert "another process is writing" in failure("delete", folder, "--where", "camera=C1", "--yes")


def test_compacting_frees_the_disk(folder: Path) -> None:
    """What was deleted is gone at once if no versions are kept, and stays an hour otherwise."""
    shown("delete", folder, "--where", "blur<6", "--yes")
    kept = asked("compact", folder)
    freed = asked("compact", folder, "--keep-versions", "0")
    assert freed["bytes"] < kept["bytes"]
    assert asked("info", folder)["models"][0]["fragments"] == 1
    assert "now" in shown("compact", folder, "--keep-versions", "2h")
    failure("compact", folder, "--keep-versions", "later", code=2)


@given(st.integers(0, 10_000), st.sampled_from("smhdw"))
def test_durations_are_read_as_written(number: int, unit: str) -> None:
    name = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[unit]
    assert read_duration(f" {number}{unit} ") == timedelta(**{name: number})


@pytest.mark.parametrize("text", ["", "1", "-1d", "d", "1y", "1d2h", "nan d", "1e3d"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_duration(text)


def test_sizes_have_three_or_four_digits() -> None:
    assert [size(10**power) for power in (0, 3, 6, 9, 12, 15)] == [
        "1 B",
        "1.0 kB",
        "1.0 MB",
        "1.0 GB",
        "1.0 TB",
        "1000.0 TB",
    ]
