"""The raw release of PETA: ``PETA dataset/<sub-dataset>/archive/`` with images and ``Label.txt``.

A line of ``Label.txt`` is a person: the id, then the names of the attributes that hold. The id is
the image name up to the first underscore (CUHK: the whole file name).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from attrieve.data.archives import list_members, read_member
from attrieve.data.decoding import IMAGE_EXTENSIONS
from attrieve.errors import DatasetError
from attrieve.schema.attributes import AttributeSchema
from attrieve.schema.person import ImageSource, Person

SUBSETS = (
    "3DPeS",
    "CAVIAR4REID",
    "CUHK",
    "GRID",
    "i-LID",
    "MIT",
    "PRID",
    "SARC3D",
    "TownCentre",
    "VIPeR",
)
"""The ten sub-datasets in the order in which the prepared layout numbers them."""

_LABEL_FILE = "Label.txt"
_MEMBER = re.compile(r"(?:^|.*/)([^/]+)/archive/([^/]+)$")
_OTHER_SPELLINGS = {"footwearSneakers": "footwearSneaker"}  # raw release against PETA.mat


@dataclass(frozen=True)
class RawFiles:
    """What a raw release holds.

    Args:
        labels: the label file of each sub-dataset found.
        images: image by ``<sub-dataset>/archive/<name>``.
    """

    labels: dict[str, ImageSource]
    images: dict[str, ImageSource]


def prepared_order(paths: Iterable[str]) -> list[str]:
    """Sort raw image paths into the order of the prepared layout, which numbers them from 1.

    Sub-datasets come in the order of :data:`SUBSETS`, files within one in ASCII order (capitals
    first). Names that are no images, and hidden ones, are left out.

    Args:
        paths: ``<sub-dataset>/archive/<name>``, with anything before it.

    Raises:
        DatasetError: for a path without a known sub-dataset.

    >>> prepared_order(["GRID/archive/0001.jpeg", "3DPeS/archive/9.bmp", "3DPeS/archive/10.bmp"])
    ['3DPeS/archive/10.bmp', '3DPeS/archive/9.bmp', 'GRID/archive/0001.jpeg']
    """
    order = {name: index for index, name in enumerate(SUBSETS)}
    placed: list[tuple[int, str, str]] = []
    for path in paths:
        match = _MEMBER.match(path)
        if match is None or match[1] not in order:
            raise DatasetError(
                f"expected <sub-dataset>/archive/<image> with one of {', '.join(SUBSETS)}, got {path!r}"
            )
        if _is_image(match[2]):
            placed.append((order[match[1]], match[2], path))
    return [path for _, _, path in sorted(placed)]


def standard_attribute_name(name: str) -> str:
    """Return the spelling of PETA.mat for a name in either layout.

    >>> standard_attribute_name("footwearSneakers")
    'footwearSneaker'
    """
    return _OTHER_SPELLINGS.get(name, name)


def find_raw_files(root: Path) -> RawFiles | None:
    """Find a raw release in a folder, its parent or a zip archive; None if there is none."""
    if root.is_file():
        return _raw_in_zip(root)
    for folder in (root, root / "PETA dataset"):
        found = _raw_in_folder(folder)
        if found is not None:
            return found
    archives = (_raw_in_zip(archive) for archive in sorted(root.glob("*.zip")))
    return next((found for found in archives if found is not None), None)


def read_raw_persons(files: RawFiles, schema: AttributeSchema) -> tuple[tuple[Person, ...], dict[str, int]]:
    """Join images with their label lines.

    Returns:
        The persons in the prepared order, and the unknown words in the label files with their counts.

    Raises:
        DatasetError: if an image has no label line or a label file names an id twice.
    """
    unknown: Counter[str] = Counter()
    labels = {
        subset: _parse_labels(_read_text(source), schema, unknown, source)
        for subset, source in files.labels.items()
    }
    ordered = prepared_order(files.images)
    persons, unlabelled = [], []
    for number, path in enumerate(ordered, start=1):
        subset, _, name = path.split("/")
        identity = _person_id(name, labels[subset])
        if identity is None:
            unlabelled.append(path)
            continue
        image = files.images[path]
        values = labels[subset][identity]
        persons.append(Person(f"peta/{number:05d}", image, values, f"{subset}/{identity}", subset))
    if unlabelled:
        raise DatasetError(
            f"{len(unlabelled):,} of {len(ordered):,} images have no line in Label.txt, the first: "
            f"{', '.join(unlabelled[:5])}; copy Label.txt and the images from one release"
        )
    return tuple(persons), dict(unknown)


def _raw_in_folder(folder: Path) -> RawFiles | None:
    labels: dict[str, ImageSource] = {}
    images: dict[str, ImageSource] = {}
    for subset in SUBSETS:
        archive = folder / subset / "archive"
        if not (archive / _LABEL_FILE).is_file():
            continue
        labels[subset] = ImageSource(archive / _LABEL_FILE)
        for path in archive.iterdir():
            if _is_image(path.name):
                images[f"{subset}/archive/{path.name}"] = ImageSource(path)
    return RawFiles(labels, images) if images else None


def _raw_in_zip(archive: Path) -> RawFiles | None:
    labels: dict[str, ImageSource] = {}
    images: dict[str, ImageSource] = {}
    for info in list_members(archive):
        match = _MEMBER.match(info.filename)
        if match is None or match[1] not in SUBSETS or "__MACOSX" in info.filename:
            continue
        if match[2] == _LABEL_FILE:
            labels[match[1]] = ImageSource(archive, info.filename)
        elif _is_image(match[2]):
            images[f"{match[1]}/archive/{match[2]}"] = ImageSource(archive, info.filename)
    labelled = {path: image for path, image in images.items() if path.split("/")[0] in labels}
    return RawFiles(labels, labelled) if labelled else None


def _is_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_EXTENSIONS


def _read_text(source: ImageSource) -> str:
    content = read_member(source.path, source.member) if source.member else source.path.read_bytes()
    return content.decode("utf-8-sig", errors="replace")


def _parse_labels(
    text: str, schema: AttributeSchema, unknown: Counter[str], source: ImageSource
) -> dict[str, tuple[int, ...]]:
    """Return the values by id; words that are no attribute are counted in ``unknown``."""
    position = {name: index for index, name in enumerate(schema.names)}
    labels: dict[str, tuple[int, ...]] = {}
    for line in text.splitlines():
        identity, *words = line.split() or [""]
        if not identity:
            continue
        if identity in labels:
            raise DatasetError(f"{source}: id {identity!r} has two lines; keep one")
        values = [0] * len(schema)
        for word in words:
            index = position.get(standard_attribute_name(word))
            if index is None:
                unknown[word] += 1
            else:
                values[index] = 1
        labels[identity] = tuple(values)
    return labels


def _person_id(name: str, labels: Mapping[str, object]) -> str | None:
    stem = Path(name).stem
    return next((candidate for candidate in (name, stem.split("_")[0], stem) if candidate in labels), None)
