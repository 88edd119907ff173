"""Drawn people lie on disk as PETA does."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat

from attrieve.data.peta import read_peta
from attrieve.data.synthetic import DrawnPeopleConfig, draw_people, draw_values, write_peta_layout
from attrieve.errors import ConfigurationError, DatasetError, StorageError
from attrieve.schema import load_vocabulary

CONFIG = DrawnPeopleConfig(images=60, height_px=32, width_px=16, seed=2)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 60 drawn pictures."""
    return write_peta_layout(tmp_path_factory.mktemp("drawn"), CONFIG, workers=1)


def test_images_are_numbered_from_one_and_lossless(drawn: Path) -> None:
    names = sorted(path.name for path in (drawn / "images").iterdir())
    assert names == [f"{number:05d}.png" for number in range(1, 61)]
    for path, pixels in zip(
        sorted((drawn / "images").iterdir()), draw_people(CONFIG, workers=1), strict=True
    ):
        with Image.open(path) as picture:
            np.testing.assert_array_equal(np.asarray(picture), pixels)


def test_labels_file_has_the_published_fields(drawn: Path) -> None:
    peta = loadmat(drawn / "PETA.mat")["peta"]
    assert peta.shape == (1, 1)
    assert peta.dtype.names == ("data", "attribute", "selected_attribute", "partion_attribute")
    record = peta[0, 0]
    assert record["data"].shape == (60, 109)
    assert record["data"].dtype == np.uint16
    names = tuple(str(cell[0][0]) for cell in record["attribute"])
    assert names == load_vocabulary("peta105").names
    np.testing.assert_array_equal(record["selected_attribute"], np.arange(5, 40)[None])
    assert record["partion_attribute"].shape == (5, 1)


def test_rows_say_number_person_camera_and_labels(drawn: Path) -> None:
    data = loadmat(drawn / "PETA.mat")["peta"][0, 0]["data"].astype(int)
    values, identity = draw_values(CONFIG)
    np.testing.assert_array_equal(data[:, 0], np.arange(1, 61))
    np.testing.assert_array_equal(data[:, 1], identity)
    assert set(data[:, 2]) <= set(range(1, 11))
    np.testing.assert_array_equal(data[:, 4:], values)
    # person row and (sub-dataset, person in it) name the same persons, and the latter count from 1
    assert (
        len({tuple(row) for row in data[:, 1:4]})
        == len(set(data[:, 1]))
        == len({tuple(row) for row in data[:, 2:4]})
    )
    for camera in set(data[:, 2]):
        inside = sorted(set(data[data[:, 2] == camera, 3]))
        assert inside == list(range(1, len(inside) + 1))


def test_splits_cover_every_image_once(drawn: Path) -> None:
    partition = loadmat(drawn / "PETA.mat")["peta"][0, 0]["partion_attribute"]
    seen = set()
    for cell in partition[:, 0]:
        split = cell[0, 0]
        assert split.dtype.names == ("train", "val", "test")
        sizes = [split[name].shape for name in ("train", "val", "test")]
        assert sizes == [(30, 1), (6, 1), (24, 1)]
        numbers = np.concatenate([split[name][:, 0] for name in ("train", "val", "test")])
        np.testing.assert_array_equal(np.sort(numbers), np.arange(1, 61))
        seen.add(numbers.tobytes())
    assert len(seen) == 5


def test_real_labels_file_has_the_same_shapes(drawn: Path, shared_data: Path) -> None:
    file = shared_data / "peta" / "PETA.mat"
    if not file.is_file():
        pytest.skip(f"no {file}")
    real, ours = (loadmat(path)["peta"][0, 0] for path in (file, drawn / "PETA.mat"))
    assert real.dtype.names == ours.dtype.names
    assert real["data"].dtype == ours["data"].dtype
    assert real["attribute"].tolist() == ours["attribute"].tolist()
    for name in ("selected_attribute", "partion_attribute"):
        assert real[name].shape == ours[name].shape
        assert real[name].dtype == ours[name].dtype
    one, other = real["partion_attribute"][0, 0], ours["partion_attribute"][0, 0]
    assert one.dtype == other.dtype
    assert one["train"][0, 0].dtype == other["train"][0, 0].dtype


def test_the_peta_reader_reads_it(drawn: Path) -> None:
    values, identity = draw_values(CONFIG)
    for root in (drawn, drawn.parent):
        dataset = read_peta(root)
        np.testing.assert_array_equal(dataset.persons.values, values)
        identities = [person.identity for person in dataset.persons.persons]
        assert len(set(identities)) == len(set(identity))
        assert len(dataset.partitions) == 5


def test_a_notice_says_that_nobody_is_shown(drawn: Path) -> None:
    assert "no real persons" in (drawn / "README.txt").read_text("utf-8")


def test_drawing_again_replaces_an_earlier_drawing(tmp_path: Path) -> None:
    write_peta_layout(tmp_path, DrawnPeopleConfig(images=4, height_px=32, width_px=16), workers=1)
    few = DrawnPeopleConfig(images=2, height_px=32, width_px=16)
    root = write_peta_layout(tmp_path, few, workers=1, image_format="jpg")
    assert sorted(path.name for path in (root / "images").iterdir()) == ["00001.jpg", "00002.jpg"]
    with Image.open(root / "images" / "00001.jpg") as picture:
        assert picture.size == (16, 32)


def test_real_pictures_are_never_replaced(tmp_path: Path) -> None:
    precious = tmp_path / "PETA" / "images" / "00001.png"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(b"real")
    with pytest.raises(DatasetError, match="not drawn"):
        write_peta_layout(tmp_path, CONFIG, workers=1)
    assert precious.read_bytes() == b"real"


def test_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="bmp"):
        write_peta_layout(tmp_path, CONFIG, image_format="bmp")


def test_a_refusing_disk_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", refuse)
    with pytest.raises(StorageError, match="No space left"):
        write_peta_layout(tmp_path, CONFIG, workers=1)
    assert not (tmp_path / "PETA" / "PETA.mat").exists()
