"""PETA in both layouts: small drawn copies, and the real files where they are."""

import gzip
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from attrieve.data.images import decode_image
from attrieve.data.peta import (
    SUBSETS,
    PetaDataset,
    prepared_order,
    read_peta,
    require_published_counts,
)
from attrieve.data.peta_raw import RawFiles, read_raw_persons
from attrieve.errors import DatasetError
from attrieve.schema import ImageSource
from reference.peta_files import NAMES, draw_labels, write_prepared, zip_folder

LABELS = draw_labels(12, 4)
IMAGES_OF_SUBSETS = [1012, 1220, 4563, 1275, 477, 888, 1134, 200, 6967, 1264]


def write_raw(folder: Path, people: dict[str, list[str]], files: dict[str, list[str]]) -> Path:
    """Label lines and image names by sub-dataset, without the fixed parts of the paths."""
    for subset, lines in people.items():
        archive = folder / subset / "archive"
        archive.mkdir(parents=True)
        (archive / "Label.txt").write_bytes("\r\n".join(lines).encode())
        for name in files[subset]:
            (archive / name).write_bytes(b"")
    return folder


RAW_PEOPLE = {
    "GRID": ["0002 personalMale", "0001 hairLong footwearSneakers accessoryFaceMask"],
    "CUHK": ["0003.png accessoryHat ", "0004.png", ""],
    "SARC3D": ["001 personalMale accessoryFaceMask accessoryFaceMask"],
}
RAW_FILES = {
    "GRID": ["0001_b.jpeg", "0001_a.jpeg", "0002_1_x.jpeg"],
    "CUHK": ["0004.png", "0003.png"],
    "SARC3D": ["001_back.bmp", "001_Right.bmp", "._001_back.bmp", "Thumbs.db"],
}


class TestPreparedLayout:
    def test_persons_carry_the_labels_and_columns_of_the_file(self, tmp_path):
        """Key, picture, values, identity and camera, in order of the image number."""
        rows = [3, 3, 1, 2, 2, 2, 4, 5, 6, 7, 8, 9]
        dataset = read_peta(write_prepared(tmp_path / "p", LABELS, rows))
        persons = dataset.persons.persons
        assert dataset.layout == "prepared"
        assert np.array_equal(dataset.persons.values, LABELS)
        assert dataset.persons.schema.names == NAMES
        assert [p.key for p in persons[:2]] == ["peta/00001", "peta/00002"]
        assert [p.identity for p in persons] == [f"peta/{row}" for row in rows]
        assert [p.camera for p in persons[:11]] == [*SUBSETS, SUBSETS[0]]
        assert [decode_image(p.image)[0, 0, 0] for p in persons] == list(range(1, 13))

    @pytest.mark.parametrize(
        "place", ["itself", "parent", "mat in images", "zip", "zip and mat beside", "folder of zip"]
    )
    def test_the_copy_is_found_wherever_it_is(self, place, tmp_path):
        """Same persons and pictures from every arrangement."""
        folder = write_prepared(tmp_path / "PETA", LABELS)
        root = folder
        if place == "parent":
            root = tmp_path
        elif place == "mat in images":
            (folder / "PETA.mat").rename(folder / "images" / "PETA.mat")
        elif place == "zip":
            root = zip_folder(folder, tmp_path / "all.zip", prefix="x/PETA/")
        elif place in ("zip and mat beside", "folder of zip"):
            (folder / "PETA.mat").rename(tmp_path / "PETA.mat")
            root = zip_folder(folder, tmp_path / "images.zip", prefix="PETA/")
            for path in (folder / "images").iterdir():
                path.unlink()
            (folder / "images").rmdir()
            folder.rmdir()
            root = tmp_path if place == "folder of zip" else root
        dataset = read_peta(root)
        assert np.array_equal(dataset.persons.values, LABELS)
        assert [decode_image(p.image)[0, 0, 0] for p in dataset.persons.persons] == list(range(1, 13))
        assert len(dataset.partitions) == 5

    def test_any_image_extension_will_do_and_others_are_left(self, tmp_path):
        """JPEG copies exist, and folders collect debris."""
        folder = write_prepared(tmp_path / "p", LABELS)
        (folder / "images" / "00002.png").rename(folder / "images" / "00002.JPG")
        for debris in ("00099.png", "00001.txt", "Thumbs.db", "a00001.png"):
            (folder / "images" / debris).write_bytes(b"")
        assert len(read_peta(folder).persons) == 12

    def test_attribute_columns_are_matched_by_name(self, tmp_path):
        """A file with another order or the other spelling gives the same values."""
        order = np.random.default_rng(0).permutation(105)
        names = ["footwearSneakers" if NAMES[i] == "footwearSneaker" else NAMES[i] for i in order]
        folder = write_prepared(
            tmp_path / "p", LABELS[:, order], attribute=np.array(names, dtype=object).reshape(-1, 1)
        )
        assert np.array_equal(read_peta(folder).persons.values, LABELS)

    def test_partitions_count_from_zero(self, tmp_path):
        """The file counts from one."""
        dataset = read_peta(write_prepared(tmp_path / "p", LABELS))
        assert len(dataset.partitions) == 5
        train, validation, test = dataset.partitions[0]
        assert (train.tolist(), validation.tolist()) == ([0, 1, 2, 3], [4, 5, 6, 7])
        assert (test.tolist(), test.dtype) == ([8, 9, 10, 11], np.int64)

    def test_partitions_may_be_missing(self, tmp_path):
        """Other tools write the labels alone."""
        assert read_peta(write_prepared(tmp_path / "p", LABELS, partion_attribute=None)).partitions == ()

    def test_missing_images_are_counted_and_the_first_named(self, tmp_path):
        """So that one knows whether to copy one or all."""
        folder = write_prepared(tmp_path / "p", LABELS)
        for number in (3, 7):
            (folder / "images" / f"{number:05d}.png").unlink()
        with pytest.raises(DatasetError, match=r"2 of 12 .* 00003, 00007"):
            read_peta(folder)

    def test_two_images_of_one_number_are_refused(self, tmp_path):
        """Which is the right one cannot be known."""
        folder = write_prepared(tmp_path / "p", LABELS)
        (folder / "images" / "00003.jpg").write_bytes(b"")
        with pytest.raises(DatasetError, match="number 3"):
            read_peta(folder)

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"data": np.zeros((12, 39), np.uint16)}, r"expected 109 columns .* \(12, 39\)"),
            ({"data": None}, "lacks \\['data'\\]"),
            ({"attribute": None}, "lacks \\['attribute'\\]"),
            ({"attribute": np.array([*NAMES[:-1], "beard"], dtype=object).reshape(-1, 1)}, "beard"),
            ({"attribute": np.array([*NAMES[:-1], NAMES[0]], dtype=object).reshape(-1, 1)}, "differ"),
            ({"data": np.full((12, 109), 2, np.uint16)}, "0 or 1, found 2"),
        ],
    )
    def test_wrong_annotation_files_are_refused(self, changed, told, tmp_path):
        """Saying what was expected and what came."""
        with pytest.raises(DatasetError, match=told):
            read_peta(write_prepared(tmp_path / "p", LABELS, **changed))

    @pytest.mark.parametrize(
        ("parts", "told"),
        [
            (([1], [2], [13]), "outside 1 to 12, the first: 13"),
            (([0], [2], [3]), "outside"),
            (([1, 2], [2], [3]), "twice"),
        ],
    )
    def test_wrong_partitions_are_refused(self, parts, told, tmp_path):
        """Rows outside the data, and rows on both sides."""
        cell = np.empty((1, 1), dtype=object)
        cell[0, 0] = {
            name: np.array(rows).reshape(-1, 1)
            for name, rows in zip(("train", "val", "test"), parts, strict=True)
        }
        with pytest.raises(DatasetError, match=told):
            read_peta(write_prepared(tmp_path / "p", LABELS, partion_attribute=cell))

    def test_damaged_annotation_files_are_refused(self, tmp_path):
        """Text, another struct, half a file."""
        folder = write_prepared(tmp_path / "p", LABELS)
        whole = (folder / "PETA.mat").read_bytes()
        for content in (b"", b"text", whole[: len(whole) // 2]):
            (folder / "PETA.mat").write_bytes(content)
            with pytest.raises(DatasetError, match=r"PETA\.mat"):
                read_peta(folder)
        savemat(folder / "PETA.mat", {"rap": {"data": 1}})
        with pytest.raises(DatasetError, match="struct 'peta'"):
            read_peta(folder)

    def test_published_counts_are_checked_on_request(self, tmp_path):
        """A small copy is not the publication."""
        with pytest.raises(
            DatasetError, match=r"19,000 images of 8,699 persons, found 12 images of 12 persons"
        ):
            require_published_counts(read_peta(write_prepared(tmp_path / "p", LABELS)))

    @pytest.mark.parametrize("content", ["nothing", "empty folder", "text", "other zip"])
    def test_what_is_no_peta_is_refused(self, content, tmp_path):
        """Saying what would have been one."""
        root = tmp_path / "root"
        if content == "empty folder":
            root.mkdir()
        elif content == "text":
            root.write_text("hello")
        elif content == "other zip":
            (tmp_path / "some").mkdir()
            (tmp_path / "some" / "a.txt").write_text("a")
            zip_folder(tmp_path / "some", root)
        with pytest.raises(DatasetError, match=r"images/00001\.\*|zip archive"):
            read_peta(root)


class TestRawLayout:
    @pytest.mark.parametrize("place", ["itself", "parent", "zip", "parent of zip"])
    def test_images_join_their_label_lines(self, place, tmp_path):
        """In the order of the prepared layout, wherever the release lies."""
        root = folder = write_raw(tmp_path / "PETA dataset", RAW_PEOPLE, RAW_FILES)
        if place == "parent":
            root = tmp_path
        elif "zip" in place:
            (tmp_path / "z").mkdir()
            root = zip_folder(folder, tmp_path / "z" / "raw.zip", prefix="PETA dataset/")
            root = root.parent if place == "parent of zip" else root
        dataset = read_peta(root)
        found = [
            (p.key, p.camera, p.identity, [NAMES[i] for i, value in enumerate(p.values) if value])
            for p in dataset.persons.persons
        ]
        assert found == [
            ("peta/00001", "CUHK", "CUHK/0003.png", ["accessoryHat"]),
            ("peta/00002", "CUHK", "CUHK/0004.png", []),
            ("peta/00003", "GRID", "GRID/0001", ["hairLong", "footwearSneaker"]),
            ("peta/00004", "GRID", "GRID/0001", ["hairLong", "footwearSneaker"]),
            ("peta/00005", "GRID", "GRID/0002", ["personalMale"]),
            ("peta/00006", "SARC3D", "SARC3D/001", ["personalMale"]),
            ("peta/00007", "SARC3D", "SARC3D/001", ["personalMale"]),
        ]
        assert [
            (p.image.member or p.image.path.name).split("/")[-1] for p in dataset.persons.persons[5:]
        ] == [
            "001_Right.bmp",
            "001_back.bmp",
        ]
        assert (dataset.layout, dataset.partitions) == ("raw", ())
        assert dataset.unknown_tokens == {"accessoryFaceMask": 3}

    def test_an_image_without_a_label_line_is_refused(self, tmp_path):
        """With its path."""
        files = RAW_FILES | {"GRID": ["0009_a.jpeg", "0001_a.jpeg"]}
        with pytest.raises(DatasetError, match=r"1 of 6 .* GRID/archive/0009_a\.jpeg"):
            read_peta(write_raw(tmp_path / "r", RAW_PEOPLE, files))

    def test_two_lines_of_one_person_are_refused(self, tmp_path):
        """Which is right cannot be known."""
        people = RAW_PEOPLE | {"GRID": ["0001 personalMale", "0001", "0002"]}
        with pytest.raises(DatasetError, match="'0001' has two lines"):
            read_peta(write_raw(tmp_path / "r", people, RAW_FILES))

    def test_unknown_folders_have_no_place_in_the_order(self):
        """A misspelt sub-dataset would shift all numbers."""
        with pytest.raises(DatasetError, match="iLIDS"):
            prepared_order(["iLIDS/archive/0001.jpg"])


@pytest.fixture(scope="module")
def folder(shared_data) -> Path:
    folder = shared_data / "peta"
    if not (folder / "PETA.mat").is_file():
        pytest.skip(f"PETA.mat not found in {folder}")
    return folder


@pytest.fixture(scope="module")
def mapping(folder) -> list[tuple[str, int]]:
    lines = gzip.decompress((folder / "file-mapping.csv.gz").read_bytes()).decode().split("\n")
    pairs = [line.strip().rsplit(",", 1) for line in lines if line.strip()]
    return [(raw, int(Path(prepared).stem)) for raw, prepared in pairs]


@pytest.fixture(scope="module")
def prepared(folder) -> PetaDataset:
    return read_peta(folder)


class TestRealFiles:
    """The published files; skipped where they are not."""

    def test_the_whole_is_read_quickly_and_has_the_published_counts(self, folder):
        """Two seconds of processor time without live type checks; three times that with them."""
        start = time.process_time()
        require_published_counts(read_peta(folder))
        assert time.process_time() - start < 6.0

    def test_labels_and_partitions_are_those_of_the_matrix(self, folder, prepared):
        """Read here a second time, by position instead of by name."""
        record = loadmat(folder / "PETA.mat")["peta"][0, 0]
        assert np.array_equal(prepared.persons.values, record["data"][:, 4:])
        for number, (train, validation, test) in enumerate(prepared.partitions):
            assert (len(train), len(validation), len(test)) == (9500, 1900, 7600)
            assert np.array_equal(np.sort(np.concatenate((train, validation, test))), np.arange(19000))
            parts = record["partion_attribute"][number, 0][0, 0]
            assert np.array_equal(parts["test"].ravel() - 1, test)

    def test_sub_datasets_have_their_sizes(self, prepared):
        """In the order of the numbers."""
        cameras = [p.camera for p in prepared.persons.persons]
        assert [cameras.count(subset) for subset in SUBSETS] == IMAGES_OF_SUBSETS
        assert cameras == [
            s for s, count in zip(SUBSETS, IMAGES_OF_SUBSETS, strict=True) for _ in range(count)
        ]

    def test_positives_are_those_published(self, prepared):
        """A few of the 105, rare and frequent."""
        counts = dict(zip(NAMES, (prepared.persons.values == 1).sum(axis=0).tolist(), strict=True))
        expected = {"personalLess30": 9443, "personalMale": 10421, "upperBodyVNeck": 224, "hairBlue": 0}
        expected |= {"personalFemale": 8578, "lowerBodyPlaid": 18, "upperBodyThickStripes": 151}
        assert {name: counts[name] for name in expected} == expected

    def test_labels_are_given_per_person(self, prepared):
        """No person has two vectors."""
        vectors = defaultdict(set)
        for person in prepared.persons.persons:
            vectors[person.identity].add(person.values)
        assert len(vectors) == 8699
        assert max(len(each) for each in vectors.values()) == 1

    def test_raw_names_sort_into_the_prepared_numbers(self, mapping):
        """All 19,000, from names alone, whatever the order they come in."""
        by_number = {number: raw for raw, number in mapping}
        names = [by_number[number] for number in range(1, 19001)]
        shuffled = random.Random(0).sample(names, len(names))
        assert prepared_order(shuffled) == names
        assert prepared_order(f"PETA dataset/{name}" for name in shuffled) == [
            f"PETA dataset/{n}" for n in names
        ]

    def test_the_raw_sample_has_the_labels_of_the_matrix(self, folder, mapping, prepared):
        """All 105 attributes of its 120 images."""
        number = dict(mapping)
        sample = read_peta(folder / "raw-sample.zip")
        assert len(sample.persons) == 120
        for person in sample.persons.persons:
            raw = person.image.member.removeprefix("PETA dataset/")
            assert person.values == prepared.persons.persons[number[raw] - 1].values
            assert decode_image(person.image).shape[0] >= 1

    def test_the_complete_raw_release_equals_the_prepared_copy(self, folder, mapping, prepared):
        """Label files joined with all 19,000 image names: labels, cameras, persons."""
        sample = folder / "raw-sample.zip"
        members = {name: ImageSource(sample, f"PETA dataset/{name}/archive/Label.txt") for name in SUBSETS}
        images = {raw: ImageSource(Path(raw)) for raw, _ in mapping}
        persons, unknown = read_raw_persons(RawFiles(members, images), prepared.persons.schema)
        assert [p.values for p in persons] == [p.values for p in prepared.persons.persons]
        pairs = list(zip(persons, prepared.persons.persons, strict=True))
        assert all((ours.key, ours.camera) == (theirs.key, theirs.camera) for ours, theirs in pairs)
        identities = {(ours.identity, theirs.identity) for ours, theirs in pairs}
        assert (
            len(identities)
            == len({ours for ours, _ in identities})
            == len({p for _, p in identities})
            == 8699
        )
        assert unknown == {"accessoryFaceMask": 8, "lowerBodyLogo": 8, "accessoryShawl": 6}
