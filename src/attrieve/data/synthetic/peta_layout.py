"""Drawn people in the folder layout of PETA, so that everything that reads PETA reads them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.io import savemat

from attrieve.data.synthetic.config import DrawnPeopleConfig
from attrieve.data.synthetic.labels import draw_values
from attrieve.data.synthetic.people import DrawTask, Progress, draw_task, run_tasks
from attrieve.errors import ConfigurationError, DatasetError, StorageError
from attrieve.schema import load_vocabulary

IMAGE_FORMATS = ("png", "jpg")

CAMERAS = 10
"""As many as PETA has sub-datasets."""

PARTITIONS = 5
SELECTED = np.arange(5, 40, dtype=np.uint8)[None]
"""Columns of the 35 attributes used in evaluation, counting from 1."""

_NOTICE = "Drawn people, no real persons."

_README = f"""{_NOTICE}

Every picture in this folder was drawn by a program (attrieve.data.synthetic) from random labels.
Nobody is depicted. The layout and the fields of PETA.mat are those of the PETA data set, so that the
same readers work; no picture and no label row of PETA is in here.

images: {{images}}, persons: {{persons}}, seed: {{seed}}, difficulty: {{difficulty:g}},
size: {{height}} x {{width}} (height x width, pixels)
"""


def write_peta_layout(
    folder: Path,
    config: DrawnPeopleConfig,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    image_format: str = "png",
) -> Path:
    """Write drawn people as ``folder/PETA/images/00001.png ...`` and ``folder/PETA/PETA.mat``.

    The variable ``peta`` has the fields of the real file: ``data`` (image number, person, sub-dataset,
    person in the sub-dataset, 105 labels), ``attribute``, ``selected_attribute`` and
    ``partion_attribute`` (five random splits of 50 % train, 10 % val, 40 % test, counting from 1).
    The labels file is written last: a folder with it is complete.

    Args:
        folder: made if missing.
        config: what to draw.
        workers: see :func:`attrieve.data.synthetic.draw_people`.
        progress: see there.
        image_format: ``png`` (lossless) or ``jpg`` (quality 92, a fifth of the size).

    Returns:
        The folder ``PETA``.

    Raises:
        DatasetError: if ``folder/PETA`` holds something that was not drawn.
        ConfigurationError: for another image format.
        StorageError: if the disk refuses.
    """
    if image_format not in IMAGE_FORMATS:
        raise ConfigurationError(f"image_format is png or jpg, got {image_format!r}")
    root = folder / "PETA"
    _check_replaceable(root)
    try:
        _prepare(root, config)
        write: Callable[[DrawTask], int] = partial(
            _write_images, folder=root / "images", image_format=image_format
        )
        for _ in run_tasks(write, config, workers=workers, progress=progress):
            pass
        values, identity = draw_values(config)
        savemat(
            root / "PETA.mat", {"peta": peta_struct(values, identity, seed=config.seed)}, do_compression=True
        )
    except OSError as error:
        raise StorageError(f"cannot write drawn people to {root}: {error.strerror or error}") from error
    return root


def peta_struct(
    values: npt.NDArray[np.int8], identity: npt.NDArray[np.int64], *, seed: int
) -> dict[str, npt.NDArray[np.generic] | npt.NDArray[np.object_]]:
    """Return the fields of the struct ``peta`` for :func:`scipy.io.savemat`.

    Args:
        values: shape (person_image, 105), 1 yes or 0 no.
        identity: shape (person_image,), from 1.
        seed: for cameras and splits.
    """
    names = load_vocabulary("peta105").names
    attribute = np.empty((len(names), 1), dtype=object)
    attribute[:, 0] = names
    partition = np.empty((PARTITIONS, 1), dtype=object)
    for index in range(PARTITIONS):
        partition[index, 0] = _split(len(values), np.random.default_rng((seed, 3, index)))
    return {
        "data": np.hstack([_person_columns(identity, seed), values]).astype(np.uint16),
        "attribute": attribute,
        "selected_attribute": SELECTED,
        "partion_attribute": partition,
    }


def _person_columns(identity: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """Return image number, person, sub-dataset and person in the sub-dataset, shape (person_image, 4)."""
    persons = int(identity.max())
    camera = np.random.default_rng((seed, 4)).integers(1, CAMERAS + 1, size=persons)
    within = np.zeros(persons, dtype=np.int64)
    for number in range(1, CAMERAS + 1):
        seen = camera == number
        within[seen] = np.arange(1, int(seen.sum()) + 1)
    row = identity - 1
    return np.stack([np.arange(1, len(identity) + 1), identity, camera[row], within[row]], axis=1)


def _split(images: int, random: np.random.Generator) -> dict[str, npt.NDArray[np.uint16]]:
    order = (random.permutation(images) + 1).astype(np.uint16)[:, None]
    train, val = images // 2, images // 2 + images // 10
    return {"train": order[:train], "val": order[train:val], "test": order[val:]}


def _check_replaceable(root: Path) -> None:
    """Refuse a folder of real pictures: they are not ours to replace."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return
    notice = root / "README.txt"
    if not notice.is_file() or not notice.read_text("utf-8", errors="replace").startswith(_NOTICE):
        raise DatasetError(f"{root} is not empty and was not drawn; choose another folder")


def _prepare(root: Path, config: DrawnPeopleConfig) -> None:
    """Make the folders, write the notice and take away an earlier drawing."""
    images = root / "images"
    images.mkdir(parents=True, exist_ok=True)
    (root / "PETA.mat").unlink(missing_ok=True)
    for old in sorted(images.iterdir()):
        if old.stem.isdigit() and old.suffix in (".png", ".jpg"):
            old.unlink()
    _, identity = draw_values(config)
    text = _README.format(
        images=config.images,
        persons=int(identity.max()),
        seed=config.seed,
        difficulty=config.difficulty,
        height=config.height_px,
        width=config.width_px,
    )
    (root / "README.txt").write_text(text, "utf-8")


def _write_images(task: DrawTask, *, folder: Path, image_format: str) -> int:
    """Draw and write the pictures of one task; return how many."""
    pictures = draw_task(task)
    for offset, pixels in enumerate(pictures):
        path = folder / f"{task.first + offset + 1:05d}.{image_format}"
        if image_format == "png":
            Image.fromarray(pixels).save(path, compress_level=1)
        else:
            Image.fromarray(pixels).save(path, quality=92)
    return len(pictures)
