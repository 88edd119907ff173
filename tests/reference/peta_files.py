"""Writes small data sets in PETA's two layouts, with drawn labels and one-coloured images."""

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.io import savemat

from attrieve.schema import load_vocabulary

NAMES = load_vocabulary("peta105").names


def draw_labels(persons: int, categories: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Labels of shape (person, 105), each one of ``categories`` drawn vectors."""
    generator = np.random.default_rng(seed)
    vectors = generator.integers(0, 2, (categories, len(NAMES)))
    return vectors[np.arange(persons) % categories]


def annotation(
    labels: npt.NDArray[np.int64], person_rows: list[int], *, partitions: list[tuple[list[int], ...]]
) -> dict[str, object]:
    """The fields of PETA.mat; partitions are 1-based, as in the file."""
    count = len(labels)
    leading = np.column_stack(
        [np.arange(1, count + 1), person_rows, np.arange(count) % 10 + 1, np.arange(count) + 100]
    )
    cell = np.empty((len(partitions), 1), dtype=object)
    for number, parts in enumerate(partitions):
        columns = (np.array(part, dtype=np.uint16).reshape(-1, 1) for part in parts)
        cell[number, 0] = dict(zip(("train", "val", "test"), columns, strict=True))
    return {
        "data": np.hstack([leading, labels]).astype(np.uint16),
        "attribute": np.array(NAMES, dtype=object).reshape(-1, 1),
        "selected_attribute": np.arange(5, 40, dtype=np.uint8).reshape(1, -1),
        "partion_attribute": cell,
    }


def write_prepared(
    folder: Path, labels: npt.NDArray[np.int64], person_rows: list[int] | None = None, **changed: object
) -> Path:
    """Write ``images/NNNNN.png`` and ``PETA.mat``; ``changed`` replaces fields, None removes one."""
    count = len(labels)
    third = max(1, count // 3)
    rows = list(range(1, count + 1))
    parts = (rows[:third], rows[third : 2 * third], rows[2 * third :])
    fields = annotation(labels, person_rows or rows, partitions=[parts] * 5) | changed
    (folder / "images").mkdir(parents=True)
    savemat(
        folder / "PETA.mat", {"peta": {name: value for name, value in fields.items() if value is not None}}
    )
    for number in rows:
        colour = (number % 256, number // 256, 7)
        Image.new("RGB", (4, 8), colour).save(folder / "images" / f"{number:05d}.png")
    return folder


def zip_folder(folder: Path, archive: Path, *, prefix: str = "") -> Path:
    """Store every file below ``folder`` under its relative name."""
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                target.write(path, prefix + path.relative_to(folder).as_posix())
    return archive
