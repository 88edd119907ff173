"""Where on a person each group of a vocabulary is seen: data for pages that ask from head to feet."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

from attrieve.errors import fold_name
from attrieve.schema.attributes import Attribute, AttributeSchema, Group


class BodyRegion(StrEnum):
    """Parts of a person, from the top, then what belongs to all of it."""

    HEAD = "head"
    UPPER = "upper"
    LOWER = "lower"
    FEET = "feet"
    CARRIED = "carried"
    PERSON = "person"


@dataclass(frozen=True)
class RegionGroups:
    """The groups of a vocabulary that are seen at one region.

    Args:
        region: where.
        groups: in the vocabulary's order; at least one.
    """

    region: BodyRegion
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Colour:
    """What an attribute's colour is called and how it is shown.

    Args:
        name: the colour word, e.g. ``black``.
        screen: six hexadecimal digits behind ``#``.
    """

    name: str
    screen: str


def body_regions(schema: AttributeSchema) -> tuple[RegionGroups, ...]:
    """Divide the groups of a vocabulary over the regions of the body; regions without groups are left out.

    >>> from attrieve.schema import load_vocabulary
    >>> [(part.region.value, len(part.groups)) for part in body_regions(load_vocabulary("peta35"))]
    [('head', 2), ('upper', 4), ('lower', 2), ('feet', 1), ('carried', 1), ('person', 2)]
    """
    found = [(region_of(group), group) for group in schema.groups]
    divided = ((region, tuple(group for at, group in found if at is region)) for region in BodyRegion)
    return tuple(RegionGroups(region, groups) for region, groups in divided if groups)


def region_of(group: Group) -> BodyRegion:
    """Return where a group is seen: by its name, else by how its attributes' names begin."""
    known = _known()
    name = fold_name(group.name)
    for region, names in known.groups.items():
        if name in names:
            return region
    for region, beginnings in known.beginnings.items():
        if all(member.lower().startswith(beginnings) for member in group.attributes):
            return region
    return BodyRegion.PERSON


def colour_of(attribute: Attribute, group: Group) -> Colour | None:
    """Return the colour an attribute of a colour group stands for; None for any other.

    >>> from attrieve.schema import load_vocabulary
    >>> schema = load_vocabulary("peta105")
    >>> colour_of(schema.attributes[schema.index_of("black top")], schema.group_of("upper colour")).name
    'black'
    """
    if not fold_name(group.name).endswith(("color", "colour")):
        return None
    words = (fold_name(attribute.name), *(fold_name(word) for word in attribute.label.split()))
    for name, screen in _known().colours.items():
        if any(word.endswith(name) for word in words):
            return Colour(name, screen)
    return None


@dataclass(frozen=True)
class _Known:
    """The data file: group names and beginnings of attribute names per region, screen colours by word."""

    groups: dict[BodyRegion, frozenset[str]]
    beginnings: dict[BodyRegion, tuple[str, ...]]
    colours: dict[str, str]


@cache
def _known() -> _Known:
    table = tomllib.loads((resources.files("attrieve.schema") / "body_regions.toml").read_text("utf-8"))
    return _Known(
        {BodyRegion(at): frozenset(map(fold_name, names)) for at, names in table["groups"].items()},
        {BodyRegion(at): tuple(names) for at, names in table["beginnings"].items()},
        dict(table["colours"]),
    )
