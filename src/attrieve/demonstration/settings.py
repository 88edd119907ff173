"""What a demonstration draws and how long it trains."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from attrieve.data.synthetic import DrawnPeopleConfig
from attrieve.models.configuration import Strict

_SEED_OF_CALIBRATION = 1_000_000  # so far from other seeds that no demonstration draws these people


class DemonstrationSettings(Strict):
    """Everything that decides a demonstration's result; threads and folders do not belong here.

    >>> DemonstrationSettings(images=500).drawing().images
    500
    """

    images: Annotated[int, Field(ge=20, le=60_000)] = 3_200
    """Pictures to draw."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the drawing and of the training."""
    first_epochs: Annotated[int, Field(ge=1)] = 8
    """Times the first stage, an attribute model whose backbone all three start from, sees every picture."""
    epochs: Annotated[int, Field(ge=1)] = 6
    """Times each of the three models sees every training picture in the second stage."""
    test_categories: Annotated[int, Field(ge=1)] | None = None
    """Distinct descriptions whose pictures are kept for the test; None keeps about a fifth."""
    images_per_person: tuple[int, int] = (2, 6)
    """Least and most pictures of one drawn person."""
    difficulty: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Of the drawings: 0 clean, 1 occluded, blurred, noisy and badly lit."""
    height_px: Annotated[int, Field(ge=16)] = 160
    """Height of a drawing; the models look at a smaller copy."""
    width_px: Annotated[int, Field(ge=16)] = 80
    """Width of a drawing."""
    changes: tuple[str, ...] = ()
    """Further ``KEY=VALUE`` changes to all three recipes."""

    @property
    def held_out(self) -> int:
        """How many distinct descriptions are kept for the test.

        >>> DemonstrationSettings(images=3200).held_out, DemonstrationSettings(images=60).held_out
        (150, 4)
        """
        return self.test_categories or max(4, self.images * 150 // 3200)

    def calibration_drawing(self) -> DrawnPeopleConfig:
        """Return what else to draw, for calibration alone: an eighth more, of people of another seed.

        Raises:
            ConfigurationError: if it cannot be drawn.

        >>> DemonstrationSettings(images=3200).calibration_drawing().images
        400
        """
        return replace(
            self.drawing(), images=max(48, self.images // 8), seed=self.seed + _SEED_OF_CALIBRATION
        )

    def drawing(self) -> DrawnPeopleConfig:
        """Return what to draw.

        Raises:
            ConfigurationError: if it cannot be drawn.
        """
        return DrawnPeopleConfig(
            images=self.images,
            seed=self.seed,
            height_px=self.height_px,
            width_px=self.width_px,
            images_per_person=self.images_per_person,
            difficulty=self.difficulty,
        )
