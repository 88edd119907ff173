"""Where on a drawing each attribute is seen: the truth that explanations are held against."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from attrieve.data.synthetic.config import check_picture
from attrieve.data.synthetic.image import SUPERSAMPLING, draw_scene
from attrieve.data.synthetic.parts import parts_of
from attrieve.data.synthetic.traits import read_traits
from attrieve.schema import load_vocabulary


def attribute_regions(
    values: npt.ArrayLike,
    *,
    seed: int,
    height_px: int = 256,
    width_px: int = 128,
    difficulty: float | int = 0.5,
    person_seed: int | None = None,
) -> npt.NDArray[np.bool_]:
    """Return the pixels in which each attribute is seen in the picture that :func:`draw_image` draws.

    A region holds what is seen: what lies behind an arm, a bag or an occluder is not in it, and a hat hidden
    by the viewpoint has none. Attributes that do not hold, and those without a place of their own
    (:func:`~attrieve.data.synthetic.parts.parts_of`), have empty regions. What the camera does afterwards
    moves nothing.

    Args:
        values: shape (105,), as for :func:`draw_image`; so are all others.
        seed: see there.
        height_px: see there.
        width_px: see there.
        difficulty: see there.
        person_seed: see there.

    Returns:
        Masks of shape (105, height_px, width_px), in the order of vocabulary peta105. A pixel counts if at
        least half of it belongs to the region.

    Raises:
        InputError: as :func:`draw_image`.
        ConfigurationError: as :func:`draw_image`.

    >>> attribute_regions([0] * 105, seed=1, height_px=64, width_px=32).any()
    np.False_
    """
    check_picture(height_px, width_px, difficulty)
    row = np.asarray(values)
    read_traits(row)
    canvas = draw_scene(
        row,
        seed=seed,
        size_px=(height_px, width_px),
        difficulty=difficulty,
        person_seed=person_seed,
        record_parts=True,
    )
    drawn = canvas.parts()
    names = load_vocabulary("peta105").names
    regions = np.zeros((len(names), height_px, width_px), dtype=np.bool_)
    for index in np.flatnonzero(row):
        parts = parts_of(names[index])
        if parts:
            fine = Image.fromarray(np.isin(drawn, parts).astype(np.uint8) * 255)
            regions[index] = np.asarray(fine.reduce(SUPERSAMPLING)) >= 127
    return regions
