"""Galleries as files of other programs, and vectors of other programs as galleries."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from attrieve.errors import InputError, StorageError, UnknownNameError
from attrieve.gallery.database.exporting import ExportKind, export_gallery
from attrieve.gallery.database.importing import import_foreign, read_foreign
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import open_database_writer
from gallery.database.made import DIM, key_of, model, rows, vectors

NUMBERS = list(range(7))


@pytest.fixture
def snapshot(tmp_path: Path) -> GallerySnapshot:
    fields = [pa.field("note", pa.string()), pa.field("seen", pa.bool_())]
    with open_database_writer(tmp_path / "gallery", model=model(), user_columns=fields) as writer:
        writer.add(rows(NUMBERS, user={"note": 'a "b",\nc', "seen": True}), vectors(NUMBERS))
    return GallerySnapshot.open(tmp_path / "gallery")


def test_parquet_holds_everything(snapshot: GallerySnapshot, tmp_path: Path) -> None:
    """Another gallery can be made of it, equal to the first but for model and time of indexing."""
    path = tmp_path / "out" / "gallery.parquet"
    assert export_gallery(snapshot, path, ExportKind.PARQUET) == 7
    table = parquet.read_table(path)
    assert table.schema.names == snapshot.arrow_schema.names
    again = read_foreign(path).drop_columns(["model", "checksum"])
    fields = [pa.field("note", pa.string()), pa.field("seen", pa.bool_())]
    with open_database_writer(tmp_path / "again", model=model(), user_columns=fields) as writer:
        done = import_foreign(writer, again)
    assert (done.added, done.already_there, done.normalised) == (7, 0, 0)
    copy = GallerySnapshot.open(tmp_path / "again")
    np.testing.assert_array_equal(copy.columns().embedding, snapshot.columns().embedding)
    keys = [key_of(number) for number in NUMBERS]
    assert copy.rows(keys) == snapshot.rows(keys)


def test_csv_holds_facts_and_probabilities(snapshot: GallerySnapshot, tmp_path: Path) -> None:
    """As any reader of CSV sees them; only the rows a filter keeps."""
    path = tmp_path / "gallery.csv"
    wanted = snapshot.parse(["camera=C1"])
    assert export_gallery(snapshot, path, ExportKind.CSV, wanted) == 2
    with path.open(newline="") as file:
        read = {line["key"]: line for line in csv.DictReader(file)}
    assert set(read) == {key_of(1), key_of(4)}
    assert read[key_of(4)]["note"] == 'a "b",\nc'
    assert read[key_of(4)]["source"] == "/crops/4.png"
    probability = vectors([4]).probability
    assert probability is not None
    told = [float(read[key_of(4)][f"probability:{name}"]) for name in ("hat", "bag", "coat")]
    np.testing.assert_allclose(told, probability[0], rtol=1e-5)
    assert "embedding" not in read[key_of(4)]


def test_fiftyone_samples(snapshot: GallerySnapshot, tmp_path: Path) -> None:
    """Every field of a sample is declared, with labels and confidences."""
    path = tmp_path / "gallery.json"
    assert export_gallery(snapshot, path, ExportKind.FIFTYONE) == 7
    document = json.loads(path.read_bytes())
    assert document["media_type"] == "image"
    assert document["sample_fields"]["seen"].endswith("BooleanField")
    sample = next(sample for sample in document["samples"] if sample["key"] == key_of(3))
    assert set(sample) - {"metadata"} == set(document["sample_fields"])
    assert sample["filepath"] == "/crops/3.png"
    assert sample["time"] == {"$date": 1704326400000}  # 4 January 2024, UTC
    labels = [entry["label"] for entry in sample["attributes"]["classifications"]]
    assert labels == ["hat", "bag", "coat"]
    embedding = vectors([3]).embedding
    assert embedding is not None
    np.testing.assert_allclose(sample["embedding"], embedding[0], rtol=1e-6)


@pytest.mark.parametrize("kind", list(ExportKind))
def test_nothing_is_a_file_too_and_failures_leave_the_old_one(tmp_path: Path, kind: ExportKind) -> None:
    """An export replaces a file when it is complete."""
    with open_database_writer(tmp_path / "gallery", model=model()):
        pass
    path = tmp_path / "out"
    path.write_text("old", "ascii")
    assert export_gallery(GallerySnapshot.open(tmp_path / "gallery"), path, kind) == 0
    assert path.read_bytes() != b"old"
    (tmp_path / "file").write_text("x", "ascii")
    with pytest.raises(StorageError):
        export_gallery(GallerySnapshot.open(tmp_path / "gallery"), tmp_path / "file" / "out", kind)
    assert not [entry for entry in tmp_path.iterdir() if entry.name.endswith(".part")]


def foreign(matrix: np.ndarray) -> pa.Table:
    lists = pa.array([row.tolist() for row in matrix], pa.list_(pa.float64()))
    return pa.table({"source": [f"/f/{number}.jpg" for number in range(len(matrix))], "embedding": lists})


def import_into(folder: Path, table: pa.Table) -> object:
    with open_database_writer(folder, model=model(recognises=False)) as writer:
        return import_foreign(writer, table)


def test_foreign_vectors_are_brought_to_unit_length_and_counted(tmp_path: Path) -> None:
    """Only the direction matters; importing again changes nothing."""
    matrix = np.random.default_rng(0).normal(size=(5, DIM))
    matrix[2] /= np.linalg.norm(matrix[2])
    done = import_into(tmp_path / "gallery", foreign(matrix))
    assert vars(done) == {"added": 5, "already_there": 0, "normalised": 4}
    assert vars(import_into(tmp_path / "gallery", foreign(matrix)))["already_there"] == 5
    snapshot = GallerySnapshot.open(tmp_path / "gallery")
    by_source = {row["source"]: row["key"] for row in snapshot.describe().to_pylist()}
    columns = snapshot.columns()
    assert columns.embedding is not None
    for number in range(5):
        place = columns.key.tolist().index(int(by_source[f"/f/{number}.jpg"], 16))
        expected = matrix[number] / np.linalg.norm(matrix[number])
        np.testing.assert_allclose(columns.embedding[place], expected, rtol=1e-5)
    assert verify_database(tmp_path / "gallery").clean


def test_a_matrix_and_its_details_in_two_files(tmp_path: Path) -> None:
    """Matched by order; another number of rows is refused."""
    matrix = np.eye(3, DIM, dtype=np.float32)
    np.save(tmp_path / "vectors.npy", matrix)
    (tmp_path / "rows.csv").write_text("source,camera\n/a.jpg,C1\n/b.jpg,C2\n/c.jpg,\n", "ascii")
    done = import_into(tmp_path / "gallery", read_foreign(tmp_path / "vectors.npy", tmp_path / "rows.csv"))
    assert vars(done)["added"] == 3
    snapshot = GallerySnapshot.open(tmp_path / "gallery")
    assert len(snapshot.select(snapshot.parse(["camera=C2"]))) == 1
    (tmp_path / "rows.jsonl").write_text('{"source": "/a.jpg"}\n', "ascii")
    with pytest.raises(InputError, match=r"1 rows.*3 vectors"):
        read_foreign(tmp_path / "vectors.npy", tmp_path / "rows.jsonl")


def test_what_cannot_be_imported(tmp_path: Path) -> None:
    """NaN, zero, another width, ragged or missing lists, missing or unknown columns; nothing is written."""
    sound = np.eye(4, DIM)
    nan, zero, wide = sound.copy(), sound.copy(), np.eye(4, DIM + 1)
    nan[2, 1], zero[3] = np.nan, 0
    ragged = pa.table({"source": ["a", "b"], "embedding": pa.array([[1.0, 0.0], [1.0]])})
    absent = pa.table({"source": ["a", "b"], "embedding": pa.array([[1.0] + [0.0] * (DIM - 1), None])})
    scalar = pa.table({"source": ["a"], "embedding": [1.0]})
    nameless = foreign(sound).drop_columns(["source"])
    cases = [
        (foreign(nan), "row 2: its embedding holds numbers that are not finite"),
        (foreign(zero), "row 3: its embedding is zero"),
        (foreign(wide), f"embedding of width {DIM}, got width {DIM + 1}"),
        (ragged, "row 1: its embedding is 1 wide"),
        (absent, "row 1: it has no embedding"),
        (scalar, "expected lists"),
        (nameless, "no column 'source'"),
        (foreign(sound).append_column("key", pa.array(["k"] * 4)), "16"),
        (foreign(sound).append_column("width", pa.array(["wide"] * 4)), "'width' holds string"),
    ]
    for table, message in cases:
        with pytest.raises(InputError, match=message):
            import_into(tmp_path / "gallery", table)
    with pytest.raises(UnknownNameError, match="'camera'"):
        import_into(tmp_path / "gallery", foreign(sound).append_column("camra", pa.array(["x"] * 4)))
    assert len(GallerySnapshot.open(tmp_path / "gallery")) == 0
    for name, content in (("a.npy", b"no"), ("a.parquet", b"no"), ("a.txt", b""), ("a.jsonl", b"{")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            read_foreign(tmp_path / name)
    with pytest.raises(InputError, match="gone"):
        read_foreign(tmp_path / "gone.parquet")
