"""``attrieve gallery export`` and ``import``."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import open_database_writer
from cli.gallery_commands import asked, failure, filled, shown
from gallery.building import small_query_side
from gallery.database.made import key_of, model, rows, vectors

ROWS = list(range(12))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "gallery", ROWS)


def content(folder: Path) -> list[dict[str, object]]:
    table = GallerySnapshot.open(folder).table.to_arrow().sort_by("key")
    return list(table.to_pylist())


def test_each_kind_is_written_and_read_by_others(folder: Path, tmp_path: Path) -> None:
    """Rows that meet the conditions, by readers that are not ours."""
    expected = {key_of(number) for number in ROWS if number % 3 == 1}
    options = ["--where", "camera=C1"]
    told = asked("export", folder, tmp_path / "r.parquet", *options)
    assert (told["rows"], told["to"]) == (4, "parquet")
    assert set(parquet.read_table(tmp_path / "r.parquet").column("key").to_pylist()) == expected
    asked("export", folder, tmp_path / "r.csv", "--to", "csv", *options)
    with (tmp_path / "r.csv").open(newline="") as file:
        assert {line["key"] for line in csv.DictReader(file)} == expected
    asked("export", folder, tmp_path / "r.json", "--to", "fiftyone", *options)
    document = json.loads((tmp_path / "r.json").read_text())
    assert {sample["key"] for sample in document["samples"]} == expected
    assert "12 rows" in shown("export", folder, tmp_path / "all.parquet")


def test_an_export_makes_the_same_gallery_elsewhere(tmp_path: Path) -> None:
    """Row for row and bit for bit, its query side with it; importing again changes nothing."""
    query_side = small_query_side()
    here = model("eeee", schema=query_side.schema)
    folder, other = tmp_path / "gallery", tmp_path / "other"
    drawn = vectors(ROWS)
    probability = np.random.default_rng(0).random((12, len(query_side.schema)), np.float32)
    with open_database_writer(folder, model=here, query_side=query_side, user_columns=[NOTE]) as writer:
        writer.add(rows(ROWS, user={"note": "x"}), type(drawn)(drawn.embedding, probability))
    shown("export", folder, tmp_path / "r.parquet")
    assert asked("import", other, tmp_path / "r.parquet", "--like", folder)["added"] == 12
    assert content(other) == content(folder)
    assert asked("import", other, tmp_path / "r.parquet")["already_there"] == 12
    assert verify_database(other).clean
    assert GallerySnapshot.open(other).query_side().schema == query_side.schema


NOTE = pa.field("note", pa.string())


def test_an_export_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    """With both models; so is one whose vectors were changed on the way."""
    shown("export", folder, tmp_path / "r.parquet")
    with open_database_writer(tmp_path / "other", model=model("bbbb")):
        pass
    told = failure("import", tmp_path / "other", tmp_path / "r.parquet")
    assert "aaaa" in told
    assert "run-bbbb" in told
    table = parquet.read_table(tmp_path / "r.parquet")
    other_way = table.sort_by([("key", "descending")]).column("probability")
    turned = table.set_column(table.column_names.index("probability"), "probability", other_way)
    parquet.write_table(turned, tmp_path / "turned.parquet")
    told = failure("import", tmp_path / "copy", tmp_path / "turned.parquet", "--like", folder)
    assert "not those that were exported" in told


def foreign(tmp_path: Path, dim: int = 4, count: int = 3) -> list[str]:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(count, dim)))
    with (tmp_path / "d.csv").open("w") as file:
        file.write("source,camera,floor\n" + "".join(f"/{n}.png,C{n},{n}\n" for n in range(count)))
    return [str(tmp_path / "v.npy"), "--details", str(tmp_path / "d.csv")]


def test_vectors_of_another_program_make_a_gallery(tmp_path: Path) -> None:
    """Named after it, with the columns that came along; again is nothing new."""
    options = foreign(tmp_path)
    new = [*options, "--name", "dino", "--vocabulary", "peta35"]
    folder = tmp_path / "gallery"
    told = asked("import", folder, *new)
    assert (told["added"], told["normalised"], told["rows"]) == (3, 3, 3)
    assert asked("import", folder, *new)["already_there"] == 3
    assert asked("import", folder, *options)["already_there"] == 3
    facts = asked("info", folder)
    assert (facts["models"][0]["name"], facts["models"][0]["attributes"]) == ("dino", None)
    assert {"name": "floor", "type": "int64", "own": True} in facts["columns"]
    assert asked("rows", folder, "--where", "floor>1")["matching"] == 1
    assert "'dino'" in failure("import", folder, *options, "--name", "clip", "--vocabulary", "peta35")
    assert "3 already there" in shown("import", folder, *options)


def test_a_gallery_grows_columns_only_when_told_to(folder: Path, tmp_path: Path) -> None:
    """A column it lacks may be a typo."""
    table = pa.table(
        {
            "source": ["/a.png"],
            "embedding": [[1.0, 0, 0, 0, 0, 0]],
            "probability": [[0.5, 0.5, 0.5]],
            "camrea": ["C1"],
        }
    )
    parquet.write_table(table, tmp_path / "r.parquet")
    assert "'camera'" in failure("import", folder, tmp_path / "r.parquet")
    assert asked("import", folder, tmp_path / "r.parquet", "--add-columns")["rows"] == 13


def test_what_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    """Whose vectors they are must be known; numbers must have a direction; nothing is left behind."""
    options = foreign(tmp_path)
    folder = tmp_path / "gallery"
    assert "--name and --vocabulary" in failure("import", folder, *options)
    failure("import", folder, *options, "--name", "dino", code=2)
    failure("import", folder, *options, "--name", "dino", "--like", "x", code=2)
    new = ["--name", "dino", "--vocabulary", "peta35"]
    assert "peta35" in failure("import", folder, *options, "--name", "dino", "--vocabulary", "peta36")
    assert not folder.exists()
    np.save(tmp_path / "v.npy", np.array([[0.0, 0], [1, 0], [0, 1]]))
    assert "zero" in failure("import", folder, *options, *new)
    assert "cannot be read" in failure("import", folder, tmp_path / "none.npy", *new)
    parquet.write_table(pa.table({"source": ["/a.png"]}), tmp_path / "r.parquet")
    assert "neither 'embedding'" in failure("import", folder, tmp_path / "r.parquet", *new)
    parquet.write_table(pa.table({"source": ["/a"], "probability": [[0.5]]}), tmp_path / "r.parquet")
    assert "'peta35' has 35" in failure("import", folder, tmp_path / "r.parquet", *new)
