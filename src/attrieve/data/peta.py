"""PETA, the pedestrian attribute data set of ten camera collections.

Source: Y. Deng, P. Luo, C. C. Loy, X. Tang, "Pedestrian Attribute Recognition At Far Distance", ACM
Multimedia 2014. 19,000 images of 8,699 persons, 105 attributes given per person. Licence: research
only, not commercial; the images do not come with attrieve.

Two layouts are in use, each as a folder or inside a zip archive: the raw release (see
:mod:`attrieve.data.peta_raw`) and the prepared one, ``images/00001.png ...`` with ``PETA.mat``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat

from attrieve.data.archives import list_members, read_member
from attrieve.data.decoding import IMAGE_EXTENSIONS
from attrieve.data.peta_raw import (
    SUBSETS,
    find_raw_files,
    prepared_order,
    read_raw_persons,
    standard_attribute_name,
)
from attrieve.errors import DatasetError
from attrieve.schema.attributes import AttributeSchema, load_vocabulary
from attrieve.schema.person import ImageSource, Person, PersonSet

__all__ = [
    "PUBLISHED_IMAGES",
    "PUBLISHED_PERSONS",
    "SUBSETS",
    "Partition",
    "PetaDataset",
    "prepared_order",
    "read_peta",
    "require_published_counts",
]

PUBLISHED_IMAGES = 19_000
PUBLISHED_PERSONS = 8_699

Partition = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Positions of the train, validation and test persons, each of shape (person,), from 0."""

_LEADING_COLUMNS = 4  # image number, person row, sub-dataset, person number within it
_IMAGE_NAME = re.compile(r"(?:^|.*/)images/(\d+)\.([A-Za-z]+)$")
_EXPECTED = (
    "expected images/00001.* with PETA.mat, or <sub-dataset>/archive/Label.txt, as a folder or inside a zip"
)


@dataclass(frozen=True, eq=False)
class PetaDataset:
    """PETA as read from disk.

    Args:
        persons: all images in order of their number, vocabulary ``peta105``.
        partitions: the official random partitions (five in the original), empty when unknown, as
            they are for the raw release.
        unknown_tokens: words in ``Label.txt`` that are no attribute, and how often they occur.
        layout: which of the two layouts was found.
    """

    persons: PersonSet
    partitions: tuple[Partition, ...] = ()
    unknown_tokens: dict[str, int] = field(default_factory=dict)
    layout: Literal["prepared", "raw"] = "prepared"


@dataclass(frozen=True)
class _Prepared:
    """Where the parts of a prepared copy lie."""

    images: dict[int, ImageSource]
    annotation: ImageSource


def read_peta(root: Path) -> PetaDataset:
    """Read PETA from a folder or a zip archive; the layout is found out.

    ``root`` is the folder that holds ``images``, or ``PETA dataset``, or such a folder's parent, or
    a zip archive of either, or a folder with such an archive and ``PETA.mat`` beside it. Images
    inside an archive stay there. A person's key is ``peta/00001`` after the image number, the
    identity ``peta/<person row>`` (raw: ``<sub-dataset>/<id>``), the camera the sub-dataset. Raw
    images are numbered by :func:`prepared_order`, so numbers agree between complete copies.

    Raises:
        DatasetError: if no layout is found, the annotation file is damaged, an annotated image is
            missing, or a partition points outside the data.
    """
    root = Path(root)
    prepared = _find_prepared(root)
    if prepared is not None:
        return _read_prepared(prepared)
    raw = find_raw_files(root)
    if raw is not None:
        schema = load_vocabulary("peta105")
        persons, unknown_tokens = read_raw_persons(raw, schema)
        return PetaDataset(PersonSet("peta", schema, persons), (), unknown_tokens, "raw")
    raise DatasetError(f"no PETA found at {root}; {_EXPECTED}")


def require_published_counts(dataset: PetaDataset) -> None:
    """Refuse a copy with other numbers of images or persons than the publication gives.

    Raises:
        DatasetError: with the expected and the found numbers.
    """
    images = len(dataset.persons)
    persons = len({person.identity for person in dataset.persons.persons})
    if (images, persons) != (PUBLISHED_IMAGES, PUBLISHED_PERSONS):
        raise DatasetError(
            f"PETA has {PUBLISHED_IMAGES:,} images of {PUBLISHED_PERSONS:,} persons, found {images:,} images "
            f"of {persons:,} persons; use the complete release"
        )


def _find_prepared(root: Path) -> _Prepared | None:
    if root.is_file():
        return _prepared_in_zip(root, [root.parent])
    for folder in (root, root / "PETA", root / "peta"):
        images = folder / "images"
        annotation = _first_file(folder / "PETA.mat", images / "PETA.mat", root / "PETA.mat")
        if images.is_dir() and annotation is not None:
            return _Prepared(_numbered_images(images), ImageSource(annotation))
    for folder in (root, root / "PETA", root / "peta"):
        for archive in sorted(folder.glob("*.zip")):
            found = _prepared_in_zip(archive, [folder, root])
            if found is not None:
                return found
    return None


def _first_file(*candidates: Path) -> Path | None:
    return next((path for path in candidates if path.is_file()), None)


def _numbered_images(folder: Path) -> dict[int, ImageSource]:
    names = [path.name for path in folder.iterdir()]
    return _by_number([(f"images/{name}", ImageSource(folder / name)) for name in sorted(names)])


def _prepared_in_zip(archive: Path, beside: Sequence[Path]) -> _Prepared | None:
    names = [info.filename for info in list_members(archive)]
    images = _by_number([(name, ImageSource(archive, name)) for name in names])
    inside = [name for name in names if name.rpartition("/")[2] == "PETA.mat"]
    outside = _first_file(*(folder / "PETA.mat" for folder in beside))
    if not images or not (inside or outside):
        return None
    return _Prepared(images, ImageSource(archive, inside[0]) if inside else ImageSource(outside or archive))


def _by_number(named: list[tuple[str, ImageSource]]) -> dict[int, ImageSource]:
    """Map image numbers to images; names that are not ``images/<digits>.<image extension>`` are left."""
    numbered: dict[int, ImageSource] = {}
    for name, source in named:
        match = _IMAGE_NAME.match(name)
        if match is None or f".{match[2].lower()}" not in IMAGE_EXTENSIONS:
            continue
        number = int(match[1])
        if number in numbered:
            raise DatasetError(
                f"two images have the number {number}: {numbered[number]} and {source}; keep one"
            )
        numbered[number] = source
    return numbered


def _read_prepared(prepared: _Prepared) -> PetaDataset:
    schema = load_vocabulary("peta105")
    annotation = _load_annotation(prepared.annotation)
    data = annotation["data"]
    if data.ndim != 2 or data.shape[1] != _LEADING_COLUMNS + len(schema):
        raise DatasetError(
            f"{prepared.annotation}: expected {_LEADING_COLUMNS + len(schema)} columns of data "
            f"({_LEADING_COLUMNS} + {len(schema)} attributes), found shape {data.shape}"
        )
    values = data[:, _LEADING_COLUMNS:][:, _columns_in_order(annotation["attribute"], schema, prepared)]
    if values.size and values.max() > 1:
        raise DatasetError(f"{prepared.annotation}: labels are 0 or 1, found {int(values.max())}")
    persons = _prepared_persons(data, values, prepared.images)
    partitions = _read_partitions(annotation, len(data), prepared.annotation)
    return PetaDataset(PersonSet("peta", schema, persons), partitions, {}, "prepared")


def _load_annotation(source: ImageSource) -> dict[str, Any]:
    """Return the fields of the struct ``peta``."""
    try:
        content = read_member(source.path, source.member) if source.member else source.path.read_bytes()
        stream: Any = BytesIO(content)  # scipy reads streams too, its stubs say paths only
        record = loadmat(stream)["peta"].reshape(-1)[0]
        fields = {name: record[name] for name in record.dtype.names}
    except Exception as error:  # loadmat raises nearly anything on damaged files
        raise DatasetError(
            f"{source}: not PETA's annotation file ({type(error).__name__}: {error}); expected a MATLAB file "
            "with the struct 'peta'"
        ) from error
    missing = sorted({"data", "attribute"} - set(fields))
    if missing:
        raise DatasetError(f"{source}: the struct 'peta' lacks {missing}; found {sorted(fields)}")
    return fields


def _columns_in_order(cell: Any, schema: AttributeSchema, prepared: _Prepared) -> list[int]:
    """Return where each attribute of the vocabulary lies among the label columns, by name."""
    names = [
        standard_attribute_name(str(np.asarray(entry).reshape(-1)[0]).strip()) for entry in cell.reshape(-1)
    ]
    position = {name: index for index, name in enumerate(names)}
    strange = sorted(set(names) ^ set(schema.names))
    if strange or len(position) != len(names):
        raise DatasetError(
            f"{prepared.annotation}: attribute names differ from PETA's {len(schema)}: {strange[:5]}; "
            f"found {len(names)} names"
        )
    return [position[name] for name in schema.names]


def _prepared_persons(
    data: npt.NDArray[Any], values: npt.NDArray[Any], images: dict[int, ImageSource]
) -> tuple[Person, ...]:
    leading = data[:, :_LEADING_COLUMNS].astype(np.int64).tolist()
    missing = [row[0] for row in leading if row[0] not in images]
    if missing:
        shown = ", ".join(f"{number:05d}" for number in missing[:5])
        raise DatasetError(
            f"{len(missing):,} of {len(leading):,} annotated images are missing, the first: {shown}; "
            "copy the image folder anew"
        )
    return tuple(
        Person(
            key=f"peta/{number:05d}",
            image=images[number],
            values=tuple(labels),
            identity=f"peta/{person_row}",
            camera=SUBSETS[subset - 1] if 1 <= subset <= len(SUBSETS) else f"sub-dataset {subset}",
        )
        for (number, person_row, subset, _), labels in zip(leading, values.tolist(), strict=True)
    )


def _read_partitions(fields: dict[str, Any], count: int, source: ImageSource) -> tuple[Partition, ...]:
    cell = fields.get("partion_attribute")  # the misspelling is the file's
    if cell is None:
        return ()
    partitions = []
    for number, entry in enumerate(cell.reshape(-1)):
        record = entry.reshape(-1)[0]
        if not {"train", "val", "test"} <= set(record.dtype.names or ()):
            raise DatasetError(f"{source}: partition {number} must have the fields train, val and test")
        train, validation, test = (_indices(record[name]) for name in ("train", "val", "test"))
        _check_partition(np.concatenate((train, validation, test)), count, number, source)
        partitions.append((train, validation, test))
    return tuple(partitions)


def _indices(column: Any) -> npt.NDArray[np.int64]:
    return np.asarray(column, dtype=np.int64).reshape(-1) - 1


def _check_partition(indices: npt.NDArray[np.int64], count: int, number: int, source: ImageSource) -> None:
    outside = indices[(indices < 0) | (indices >= count)]
    if outside.size:
        raise DatasetError(
            f"{source}: partition {number} names {outside.size} rows outside 1 to {count}, the first: "
            f"{int(outside[0]) + 1}"
        )
    if len(np.unique(indices)) != len(indices):
        raise DatasetError(f"{source}: partition {number} names a row twice; its parts must be disjoint")
