"""Rows of floats: the same from memory, from a mapping and from its file."""

from pathlib import Path

import numpy as np
import pytest

from attrieve.errors import StorageError
from attrieve.gallery.exact import row_reading
from attrieve.gallery.exact.row_reading import MANY, read_rows


@pytest.mark.parametrize("rows", [[], [0], [3, 999], list(range(999)), [1, *range(500, 500 + MANY)]])
def test_rows_are_the_same_from_wherever(tmp_path: Path, rows: list[int]) -> None:
    """Few and far between, many and near; of a view, of a slice, and of a file that is gone."""
    table = np.random.default_rng(0).random((1000, 5), dtype=np.float32)
    np.save(tmp_path / "table.npy", table)
    mapped = np.asarray(np.load(tmp_path / "table.npy", mmap_mode="c"))
    wanted = np.array(rows, dtype=np.int64)
    for column in (table, mapped):
        assert (read_rows(column, wanted) == table[wanted]).all()
    inside = wanted[wanted < 990]
    assert (read_rows(mapped[10:], inside) == table[10:][inside]).all()
    (tmp_path / "table.npy").unlink()
    assert (read_rows(mapped, wanted) == table[wanted]).all()
    assert read_rows(None, wanted).shape == (len(rows), 0)


def test_a_file_cut_short_is_told(tmp_path: Path) -> None:
    """Instead of the signal that a touch of its mapping would raise."""
    np.save(tmp_path / "table.npy", np.ones((1000, 5), np.float32))
    mapped = np.asarray(np.load(tmp_path / "table.npy", mmap_mode="c"))
    with (tmp_path / "table.npy").open("r+b") as file:
        file.truncate(5000)
    with pytest.raises(StorageError, match="row 900 is missing"):
        read_rows(mapped, np.array([3, 900]))


def test_reading_goes_on_after_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may end a read early; the rows that are still missing follow."""
    table = np.random.default_rng(1).random((1000, 5), dtype=np.float32)
    np.save(tmp_path / "table.npy", table)
    mapped = np.asarray(np.load(tmp_path / "table.npy", mmap_mode="c"))
    whole = row_reading._read_all

    def interrupted(file: int, start: int, rows: np.ndarray, found: np.ndarray) -> int:
        done = min(2, len(rows))
        return int(whole(file, start, rows[:done], found[:done]))

    monkeypatch.setattr(row_reading, "_read_all", interrupted)
    wanted = np.array([1, 5, 400, 402, 999])
    assert (read_rows(mapped, wanted) == table[wanted]).all()
