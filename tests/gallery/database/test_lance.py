"""What is read of a table, and in which order."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from attrieve.gallery.database.lance import batches_of
from attrieve.gallery.database.layout import ROW_ID
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import open_database_writer
from gallery.database.made import key_of, model, rows, vectors


@pytest.mark.parametrize("at_once", [5, 1000])
def test_rows_come_in_the_order_they_are_asked_in(
    tmp_path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever order the store would give them in, over several fragments and parts."""
    for numbers in ([0, 1, 2, 3], [4, 5, 6], [7, 8, 9, 10, 11]):
        with open_database_writer(tmp_path, model=model()) as writer:
            writer.add(rows(numbers), vectors(numbers))
    monkeypatch.setattr("attrieve.gallery.database.lance.READ_ROWS", at_once)
    table = GallerySnapshot.open(tmp_path).table
    scan = table.search().select([ROW_ID, "key"]).to_arrow()
    key_of_id = dict(zip(scan.column(ROW_ID).to_pylist(), scan.column("key").to_pylist(), strict=True))
    asked = np.random.default_rng(0).permutation(np.array(list(key_of_id), np.uint64))
    read = [key for batch in batches_of(table, asked, ["key"]) for key in batch.column("key").to_pylist()]
    assert read == [key_of_id[number] for number in asked.tolist()]
    assert list(batches_of(table, asked[:0], ["key"])) == []


@pytest.mark.parametrize("gone", [[6], [11], [0, 6, 11]])
def test_after_compaction_deleted_rows_are_gone_from_the_disk(tmp_path: Path, gone: list[int]) -> None:
    """A single one out of many, too, the last of a fragment among them; what stays is as it was."""
    for numbers in (list(range(7)), list(range(7, 12))):
        with open_database_writer(tmp_path, model=model()) as writer:
            writer.add(rows(numbers), vectors(numbers))
    everything = {row["key"]: row for row in GallerySnapshot.open(tmp_path).table.to_arrow().to_pylist()}
    with open_database_writer(tmp_path) as writer:
        writer.compact(keep_versions=timedelta(0))
        assert writer.delete([key_of(number) for number in gone]) == len(gone)
        assert all(on_disk(tmp_path, number) for number in range(12))
        writer.compact(keep_versions=timedelta(0))
    assert [number for number in range(12) if not on_disk(tmp_path, number)] == gone
    left = {row["key"]: row for row in GallerySnapshot.open(tmp_path).table.to_arrow().to_pylist()}
    assert left == {key: row for key, row in everything.items() if key not in map(key_of, gone)}
    assert verify_database(tmp_path).clean


def on_disk(folder: Path, number: int) -> bool:
    """Whether the bytes of a row's embedding are in any file."""
    embedding = vectors([number]).embedding
    assert embedding is not None
    return any(embedding.tobytes() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
