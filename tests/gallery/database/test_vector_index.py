"""The index of a column against comparing all rows."""

from datetime import timedelta
from pathlib import Path

import numpy as np

from attrieve.gallery.database.lance import open_table
from attrieve.gallery.database.vector_index import build_vector_index, nearest_ids, vector_indices
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import open_database_writer
from gallery.database.made import model, rows, vectors

NUMBERS = list(range(300))


def test_the_nearest_rows_are_found(tmp_path: Path) -> None:
    with open_database_writer(tmp_path, model=model()) as writer:
        writer.add(rows(NUMBERS), vectors(NUMBERS))
    table = open_table(tmp_path, model().table)
    assert vector_indices(table) == {}
    for column, width in (("embedding", 6), ("probability", 3)):
        build_vector_index(table, column)
        stored = np.array(table.to_arrow().column(column).to_pylist())
        wanted = np.random.default_rng(3).random(width)
        nearest = np.argsort(((stored - wanted) ** 2).sum(axis=1))
        found = nearest_ids(table, column, wanted, 20)
        assert len(found) == 20
        assert set(nearest[:10].tolist()) <= set(found.tolist())
    assert {index.indexed_rows for index in vector_indices(table).values()} == {300}


def test_a_predicate_is_met_by_every_row_found(tmp_path: Path) -> None:
    with open_database_writer(tmp_path, model=model()) as writer:
        writer.add(rows(NUMBERS), vectors(NUMBERS))
    table = open_table(tmp_path, model().table)
    build_vector_index(table, "embedding")
    found = nearest_ids(table, "embedding", np.ones(6), 50, predicate="camera = 'C1'")
    assert len(found) == 50
    assert {int(place) % 3 for place in found} == {1}


def test_an_index_follows_additions_deletions_and_compaction(tmp_path: Path) -> None:
    with open_database_writer(tmp_path, model=model()) as writer:
        writer.add(rows(NUMBERS[:200]), vectors(NUMBERS[:200]))
        build_vector_index(open_table(tmp_path, model().table), "embedding")
    with open_database_writer(tmp_path) as writer:
        writer.add(rows(NUMBERS[200:]), vectors(NUMBERS[200:]))
        writer.delete([row.key for row in rows(NUMBERS[:50])])
        index = vector_indices(open_table(tmp_path, model().table))["embedding"]
        assert (index.indexed_rows, index.new_rows) == (150, 100)
        assert len(nearest_ids(open_table(tmp_path, model().table), "embedding", np.ones(6), 300)) == 250
        writer.compact(keep_versions=timedelta(0))
    table = open_table(tmp_path, model().table)
    index = vector_indices(table)["embedding"]
    assert (index.indexed_rows, index.new_rows) == (250, 0)
    assert len(nearest_ids(table, "embedding", np.ones(6), 300)) == 250
    assert verify_database(tmp_path).clean
