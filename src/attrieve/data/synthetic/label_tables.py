"""Which labels go together: conditional counts from PETA, as facts, and how they were counted.

``label_tables.json`` holds, group by group, how often each pattern of labels occurs given the patterns
of its parent groups, counted over the 19,000 labels of PETA (Deng et al., "Pedestrian attribute
recognition at far distance", 2014) by :func:`count_tables`. They are totals; no person's row is in them.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from attrieve.errors import InputError

SEVERAL = {"upper_type": 2, "upper_colour": 2, "lower_colour": 2, "carrying": 2, "accessory": 2}
"""Groups of which several labels may hold at once, and how many we draw at most."""


@dataclass(frozen=True)
class LabelGroup:
    """Labels drawn together, given the pattern of other groups.

    Args:
        name: what the group is about.
        attributes: its labels, by name.
        parents: groups drawn before it, on whose patterns it depends.
        may_be_empty: whether "none of them" is a pattern; otherwise such rows are left out.
    """

    name: str
    attributes: tuple[str, ...]
    parents: tuple[str, ...] = ()
    may_be_empty: bool = False


def _colours(part: str) -> tuple[str, ...]:
    colours = "Black Blue Brown Green Grey Orange Pink Purple Red White Yellow"
    return tuple(f"{part}{colour}" for colour in colours.split())


LABEL_GROUPS: tuple[LabelGroup, ...] = (
    LabelGroup("sex", ("personalMale", "personalFemale")),
    LabelGroup(
        "age",
        ("personalLess15", "personalLess30", "personalLess45", "personalLess60", "personalLarger60"),
        ("sex",),
    ),
    LabelGroup("upper_style", ("upperBodyCasual", "upperBodyFormal"), ("sex",)),
    LabelGroup("lower_style", ("lowerBodyCasual", "lowerBodyFormal"), ("sex", "upper_style")),
    LabelGroup("hair_length", ("hairLong", "hairShort", "hairBald"), ("sex",)),
    LabelGroup("hair_colour", _colours("hair"), ("age",)),
    LabelGroup(
        "upper_type",
        (
            "upperBodyJacket",
            "upperBodyTshirt",
            "upperBodyOther",
            "upperBodyVNeck",
            "upperBodySuit",
            "upperBodySweater",
        ),
        ("sex", "upper_style"),
        may_be_empty=True,
    ),
    LabelGroup(
        "sleeve", ("upperBodyShortSleeve", "upperBodyLongSleeve", "upperBodyNoSleeve"), ("sex", "upper_type")
    ),
    LabelGroup(
        "upper_texture",
        ("upperBodyLogo", "upperBodyPlaid", "upperBodyThinStripes", "upperBodyThickStripes"),
        ("upper_style",),
        may_be_empty=True,
    ),
    LabelGroup("upper_colour", _colours("upperBody"), ("upper_style",)),
    LabelGroup(
        "lower_type",
        (
            "lowerBodyTrousers",
            "lowerBodyJeans",
            "lowerBodyShorts",
            "lowerBodyShortSkirt",
            "lowerBodyLongSkirt",
            "lowerBodySuits",
            "lowerBodyCapri",
            "lowerBodyHotPants",
        ),
        ("sex", "lower_style"),
    ),
    LabelGroup(
        "lower_texture", ("lowerBodyPlaid", "lowerBodyThinStripes"), ("lower_type",), may_be_empty=True
    ),
    LabelGroup("lower_colour", _colours("lowerBody"), ("lower_type",)),
    LabelGroup(
        "footwear_type",
        (
            "footwearLeatherShoes",
            "footwearSandals",
            "footwearShoes",
            "footwearSneaker",
            "footwearBoots",
            "footwearStocking",
        ),
        ("sex", "lower_type"),
    ),
    LabelGroup("footwear_colour", _colours("footwear"), ("footwear_type",)),
    LabelGroup(
        "accessory",
        (
            "accessoryNothing",
            "accessoryHat",
            "accessoryMuffler",
            "accessorySunglasses",
            "accessoryHeadphone",
            "accessoryHairBand",
            "accessoryKerchief",
        ),
        ("sex",),
    ),
    LabelGroup(
        "carrying",
        (
            "carryingNothing",
            "carryingBackpack",
            "carryingOther",
            "carryingMessengerBag",
            "carryingPlasticBags",
            "carryingBabyBuggy",
            "carryingShoppingTro",
            "carryingUmbrella",
            "carryingFolder",
            "carryingLuggageCase",
            "carryingSuitcase",
        ),
        ("sex",),
    ),
)
"""Every label of peta105, in the order groups are drawn: parents first."""

Pattern = str
"""Label names joined by ``+``; empty for none of them."""

LabelTables = dict[str, dict[Pattern, dict[Pattern, int]]]
"""Group name to parent patterns (joined by ``|``) to pattern to count."""


@cache
def load_label_tables() -> Mapping[str, Mapping[Pattern, Mapping[Pattern, int]]]:
    """Return the counts stored with the package; treat them as read-only."""
    text = resources.files("attrieve.data.synthetic").joinpath("label_tables.json").read_text("utf-8")
    tables: LabelTables = json.loads(text)["counts"]
    return tables


def count_tables(
    values: npt.NDArray[np.integer], names: Sequence[str], *, least_count: int = 8
) -> LabelTables:
    """Count the patterns of every label group, given the patterns of its parents.

    Patterns seen fewer than ``least_count`` times in all are left out as slips of annotation, so are
    patterns of more labels than :data:`SEVERAL` allows, and empty ones where something must hold.

    Args:
        values: shape (person_image, attribute), 1 yes, 0 no.
        names: attribute names of the columns; all of peta105 must be among them.
        least_count: at least 1.

    Raises:
        InputError: if a column is missing.

    >>> from attrieve.schema import load_vocabulary
    >>> names = load_vocabulary("peta105").names
    >>> man = np.array([[int(name == "personalMale") for name in names]])
    >>> count_tables(man, names, least_count=1)["sex"]
    {'': {'personalMale': 1}}
    """
    column = {name: index for index, name in enumerate(names)}
    missing = [name for group in LABEL_GROUPS for name in group.attributes if name not in column]
    if missing:
        raise InputError(f"expected all labels of peta105 as columns, {missing[0]!r} is missing")
    patterns = {
        group.name: _patterns_of(values[:, [column[name] for name in group.attributes]], group)
        for group in LABEL_GROUPS
    }
    return {group.name: _count_group(group, patterns, least_count) for group in LABEL_GROUPS}


def _patterns_of(values: npt.NDArray[np.integer], group: LabelGroup) -> list[Pattern]:
    return [
        "+".join(name for name, value in zip(group.attributes, row, strict=True) if value == 1)
        for row in values.tolist()
    ]


def _count_group(
    group: LabelGroup, patterns: Mapping[str, list[Pattern]], least_count: int
) -> dict[Pattern, dict[Pattern, int]]:
    own = patterns[group.name]
    total = Counter(own)
    contexts = ["|".join(parts) for parts in zip(*(patterns[name] for name in group.parents), strict=True)]
    counts: dict[Pattern, Counter[Pattern]] = {}
    for context, pattern in zip(contexts or [""] * len(own), own, strict=True):
        if total[pattern] >= least_count and _is_drawable(pattern, group):
            counts.setdefault(context, Counter())[pattern] += 1
    return {context: dict(sorted(counts[context].items())) for context in sorted(counts)}


_TOGETHER = {"hairShort+hairBald", "footwearBoots+footwearStocking", "footwearShoes+footwearStocking"}
_APART = {"upperBodyOther+upperBodyVNeck", "upperBodyTshirt+upperBodyOther"}


def _is_drawable(pattern: Pattern, group: LabelGroup) -> bool:
    if not pattern:
        return group.may_be_empty
    labels = pattern.split("+")
    if pattern in _APART or (len(labels) > 1 and labels[0].endswith("Nothing")):
        return False
    return len(labels) <= SEVERAL.get(group.name, 1) or pattern in _TOGETHER
