"""From a row of labels to what shall be seen."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from attrieve.errors import InputError
from attrieve.schema import load_vocabulary

AGES = ("personalLess15", "personalLess30", "personalLess45", "personalLess60", "personalLarger60")

LOWER_TYPES = (
    "ShortSkirt",
    "LongSkirt",
    "HotPants",
    "Shorts",
    "Capri",
    "Suits",
    "Jeans",
    "Trousers",
)
"""If several hold, the first of these is drawn."""

COLOURS = ("Black", "Blue", "Brown", "Green", "Grey", "Orange", "Pink", "Purple", "Red", "White", "Yellow")


@dataclass(frozen=True)
class Traits:
    """The labels that hold, by name in vocabulary peta105.

    Contradicting or missing labels are settled in a fixed order: nobody is left half drawn.
    """

    labels: frozenset[str]

    def has(self, name: str) -> bool:
        """Whether a label holds."""
        return name in self.labels

    @property
    def is_male(self) -> bool:
        """Male unless only "female" holds."""
        return "personalMale" in self.labels

    @property
    def age(self) -> int:
        """From 0 (under 15) to 4 (over 60); under 30 if none holds."""
        return next((index for index, name in enumerate(AGES) if name in self.labels), 1)

    @property
    def hair(self) -> str:
        """``bald``, ``long`` or ``short``."""
        if "hairBald" in self.labels:
            return "bald"
        return "long" if "hairLong" in self.labels else "short"

    @property
    def sleeve(self) -> str:
        """``short``, ``none`` or ``long``."""
        if "upperBodyShortSleeve" in self.labels:
            return "short"
        return "none" if "upperBodyNoSleeve" in self.labels else "long"

    @property
    def lower(self) -> str:
        """One of :data:`LOWER_TYPES`, or ``Leggings`` if none holds."""
        return next((name for name in LOWER_TYPES if f"lowerBody{name}" in self.labels), "Leggings")

    @property
    def footwear(self) -> str:
        """``Boots``, ``Sandals``, ``LeatherShoes``, ``Sneaker`` or ``Shoes``."""
        kinds = ("Boots", "Sandals", "LeatherShoes", "Sneaker")
        return next((kind for kind in kinds if f"footwear{kind}" in self.labels), "Shoes")

    def colours(self, part: str) -> tuple[str, ...]:
        """Return the colours of ``upperBody``, ``lowerBody``, ``hair`` or ``footwear``; grey if none."""
        return tuple(c for c in COLOURS if part + c in self.labels) or ("Grey",)


@cache
def _names() -> tuple[str, ...]:
    return load_vocabulary("peta105").names


def read_traits(values: npt.ArrayLike) -> Traits:
    """Return what a row of 105 values says.

    Raises:
        InputError: for another number of values, or a value that is not 0 or 1: what is unknown cannot
            be drawn.
    """
    row = np.asarray(values)
    names = _names()
    if row.shape != (len(names),):
        raise InputError(f"expected {len(names)} values, as in vocabulary peta105, got shape {row.shape}")
    wrong = (row != 0) & (row != 1)
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"a drawn person needs yes (1) or no (0) for every attribute; {names[index]!r} is {row[index]}; "
            "decide unknown values first"
        )
    return Traits(frozenset(names[index] for index in np.flatnonzero(row)))
