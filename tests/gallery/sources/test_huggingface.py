"""Hugging Face data sets: bytes undecoded, fields by name, no guessing which column is meant."""

import gc
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from attrieve.errors import ConfigurationError, DatasetError
from attrieve.gallery.sources import HuggingFaceSource, Metadata
from attrieve.schema import ImageSource
from gallery.sources.pictures import picture, read_all, write

datasets = pytest.importorskip("datasets", reason="the library datasets is not installed")


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def people(tmp_path: Path, **more: Any) -> Any:
    """Forty rows: bytes, then one file by its path, one that is no image and one without any."""
    images: list[dict[str, Any] | None] = [{"bytes": picture(n), "path": None} for n in range(37)]
    images.append({"bytes": None, "path": str(write(tmp_path / "lone.png", picture(99)))})
    images += [{"bytes": b"no image", "path": "x.png"}, None]
    count = len(images)
    columns = {
        "image": images,
        "camera": [f"c{n % 3}" for n in range(count)],
        "time": [datetime(2024, 5, 6, 7, n) for n in range(count)],
        "box": [[1.0, 2.0, 3.0, 4.0]] * count,
        "label": [n % 2 for n in range(count)],
        "score": [n / 8 for n in range(count)],
        "vector": [[0.0] * 4] * count,
    }
    features = datasets.Features(
        image=datasets.Image(),
        camera=datasets.Value("string"),
        time=datasets.Value("timestamp[us]"),
        box=datasets.List(datasets.Value("float32")),
        label=datasets.ClassLabel(names=["sitting", "walking"]),
        score=datasets.Value("float64"),
        vector=datasets.List(datasets.Value("float32")),
    )
    for name in more:
        columns[name], features[name] = more[name]
    return datasets.Dataset.from_dict(columns, features=features)


def test_rows_bring_bytes_and_fields(tmp_path: Path) -> None:
    """In row order over several blocks; what is no image is found out by our decoder, not before."""
    people(tmp_path).save_to_disk(str(tmp_path / "set"))
    source = HuggingFaceSource(str(tmp_path / "set"))
    read = read_all(source)
    assert read[:39] == [*(picture(n) for n in range(37)), picture(99), b"no image"]
    assert isinstance(read[39], str)
    assert "no image" in read[39]
    assert source.count() == 40
    items = list(source)
    rows = [ImageSource(tmp_path / "set", f"{source.split}/{n}") for n in range(40)]
    assert [item.source for item in items] == rows
    columns = {"label": "walking", "score": 0.375}
    expected = Metadata("c0", datetime(2024, 5, 6, 7, 3), None, (1.0, 2.0, 3.0, 4.0), columns)
    assert items[3].metadata == expected


def test_splits_are_named_or_asked_for(tmp_path: Path) -> None:
    """One split needs no name; of several one must be chosen."""
    both = datasets.DatasetDict(train=people(tmp_path), test=people(tmp_path).select(range(3)))
    both.save_to_disk(str(tmp_path / "set"))
    name = str(tmp_path / "set")
    assert HuggingFaceSource(name, "test").count() == 3
    assert next(iter(HuggingFaceSource(name, "test"))).source.member == "test/0"
    with pytest.raises(DatasetError, match="splits train, test; name one"):
        HuggingFaceSource(name)
    with pytest.raises(DatasetError, match="did you mean 'train'"):
        HuggingFaceSource(name, "trian")


def test_columns_are_named_or_asked_for(tmp_path: Path) -> None:
    """Two image columns: one must be chosen; plain bytes can be named; numbers cannot be images."""
    mask = ([{"bytes": b"mask", "path": None}] * 40, datasets.Image())
    raw = ([b"raw"] * 40, datasets.Value("binary"))
    people(tmp_path, mask=mask, raw=raw).save_to_disk(str(tmp_path / "set"))
    name = str(tmp_path / "set")
    with pytest.raises(DatasetError, match="image columns image, mask; name one"):
        HuggingFaceSource(name)
    assert read_all(HuggingFaceSource(name, None, "mask")) == [b"mask"] * 40
    assert read_all(HuggingFaceSource(name, None, "raw")) == [b"raw"] * 40
    with pytest.raises(DatasetError, match="holds no images"):
        HuggingFaceSource(name, None, "score")
    with pytest.raises(DatasetError, match="did you mean 'image'"):
        HuggingFaceSource(name, None, "imgae")


def test_a_folder_of_parquet_files_is_a_data_set(tmp_path: Path) -> None:
    """As the hub keeps them."""
    (tmp_path / "set").mkdir()
    people(tmp_path).select(range(5)).to_parquet(str(tmp_path / "set" / "train.parquet"))
    source = HuggingFaceSource(str(tmp_path / "set"))
    assert read_all(source) == [picture(n) for n in range(5)]
    assert source.split == "train"


# the library leaves the table open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_images_outside_the_data_set_are_known_by_their_paths(tmp_path: Path) -> None:
    """A folder of images with a table beside them."""
    paths = [write(tmp_path / "set" / f"{n}.png", picture(n)) for n in range(2)]
    write(tmp_path / "set" / "metadata.csv", b"file_name,note\n0.png,first\n1.png,second\n")
    source = HuggingFaceSource(str(tmp_path / "set"))
    assert [item.source for item in source] == [ImageSource(path) for path in paths]
    assert [item.metadata.columns["note"] for item in source] == ["first", "second"]
    assert read_all(source) == [picture(0), picture(1)]
    del source
    gc.collect()  # here, not in somebody else's test


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    """With the library's own reason."""
    with pytest.raises(DatasetError, match="expected a Hugging Face data set at"):
        HuggingFaceSource(str(tmp_path / "nowhere"))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain installation says what to install."""
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigurationError, match=r"datasets.*attrieve\[data\]"):
        HuggingFaceSource("anything")
