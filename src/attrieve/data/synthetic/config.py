"""What to draw: how many pictures, how large, how hard."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from attrieve.errors import ConfigurationError

SMALLEST_SIDE_PX = 16
"""Below this nothing can be told apart."""

LARGEST_SIDE_PX = 2048
"""Above this a drawing would show its polygons."""

MOST_IMAGES = 60_000
"""The image and person numbers of the PETA layout are 16-bit."""


class ImageSeeds(NamedTuple):
    """Where the chance of one picture comes from.

    Args:
        scene: for pose, viewpoint, background and camera; another one for every picture.
        person: for shades, cuts and face; the same for all pictures of one person.
    """

    scene: int
    person: int


@dataclass(frozen=True)
class DrawnPeopleConfig:
    """How many people to draw and how.

    Args:
        images: number of pictures, 1 to 60,000.
        seed: 0 or more; same seed, same bytes.
        height_px: picture height, 16 to 2048.
        width_px: picture width, 16 to 2048.
        images_per_person: least and most pictures of one person, both ends included.
        difficulty: 0 clean pictures, 1 occluded, blurred, noisy and badly lit.

    Raises:
        ConfigurationError: for any value outside these ranges.

    >>> DrawnPeopleConfig(images=10, seed=3).difficulty
    0.5
    """

    images: int
    seed: int = 0
    height_px: int = 256
    width_px: int = 128
    images_per_person: tuple[int, int] = (1, 6)
    difficulty: float | int = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.images <= MOST_IMAGES:
            raise ConfigurationError(f"images is from 1 to {MOST_IMAGES:,}, got {self.images}")
        if self.seed < 0:
            raise ConfigurationError(f"seed is 0 or more, got {self.seed}")
        least, most = self.images_per_person
        if not 1 <= least <= most:
            raise ConfigurationError(
                f"images_per_person is (least, most) with 1 <= least <= most, got {(least, most)}"
            )
        check_picture(self.height_px, self.width_px, self.difficulty)


def check_picture(height_px: int, width_px: int, difficulty: float | int) -> None:
    """Refuse a size or difficulty that cannot be drawn.

    Raises:
        ConfigurationError: says which value and its range.
    """
    for name, side in (("height_px", height_px), ("width_px", width_px)):
        if not SMALLEST_SIDE_PX <= side <= LARGEST_SIDE_PX:
            raise ConfigurationError(f"{name} is from {SMALLEST_SIDE_PX} to {LARGEST_SIDE_PX}, got {side}")
    if not 0.0 <= difficulty <= 1.0:
        raise ConfigurationError(f"difficulty is from 0 (clean) to 1 (hard), got {difficulty}")


def image_seeds(seed: int, image_index: int, identity: int) -> ImageSeeds:
    """Return the seeds of one picture; they depend on nothing else.

    >>> image_seeds(0, 5, 2).person == image_seeds(0, 6, 2).person
    True
    """
    scene = np.random.SeedSequence((seed, 1, image_index)).generate_state(1, np.uint64)
    person = np.random.SeedSequence((seed, 2, identity)).generate_state(1, np.uint64)
    return ImageSeeds(int(scene[0]), int(person[0]))
