"""Attributes, the groups they form, and the schema both belong to.

A schema is the ordered list of attributes a data set or model speaks of, and the natural groups
among them ("age" holds one of four, "carrying" several). Its fingerprint travels with checkpoints
and gallery rows, so that vectors of two vocabularies are never compared by accident.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from importlib import resources

from attrieve.errors import ConfigurationError, InputError, SchemaMismatchError, UnknownNameError, fold_name

RESERVED = frozenset(",|:?~!")
"""Characters that mean something in the query language; attribute names do without them."""

ANY_GROUP = "any"
"""Stands for a group in "one of these" across groups, as in ``any:jeans|backpack``."""


class GroupKind(StrEnum):
    """How the attributes of one group may hold together."""

    BINARY = "binary"
    """One attribute, yes or no."""
    EXCLUSIVE = "exclusive"
    """Exactly one holds."""
    EXCLUSIVE_OR_NONE = "exclusive_or_none"
    """At most one holds, apart from a few annotation exceptions."""
    EXCLUSIVE_SOFT = "exclusive_soft"
    """Normally one, several in a few percent."""
    MULTI = "multi"
    """Several may hold."""
    MULTI_WITH_NONE = "multi_with_none_flag"
    """Several may hold; one member means none of the others."""


ONE_OF = frozenset({GroupKind.EXCLUSIVE, GroupKind.EXCLUSIVE_OR_NONE})
"""Kinds of groups of which no two attributes can hold."""


@dataclass(frozen=True)
class Attribute:
    """One yes/no property of a person.

    Args:
        name: the name in the annotation files, e.g. ``carryingBackpack``.
        label: short words for people, e.g. ``backpack``.
        aliases: further names a query may use; compared without case, underscore or space.
    """

    name: str
    label: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Attributes that answer one question about a person ("which bag?").

    Args:
        name: what the group is about, e.g. ``carrying``.
        kind: how its attributes may hold together.
        attributes: attribute names, in schema order or not.
        none_attribute: for ``multi_with_none_flag``, the member that means none of the others.
        aliases: other names a query may call the group by.
    """

    name: str
    kind: GroupKind
    attributes: tuple[str, ...]
    none_attribute: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class AttributeSchema:
    """An ordered vocabulary of attributes and their groups.

    Every attribute belongs to exactly one group; this is checked on construction.

    Raises:
        ConfigurationError: for repeated names, names the query language could not say, or an attribute
            in no or several groups.
        UnknownNameError: for a group that names an attribute the schema lacks.

    >>> schema = load_vocabulary("peta35")
    >>> len(schema), schema.index_of("backpack"), schema.fingerprint == load_vocabulary("peta35").fingerprint
    (35, 4, True)
    """

    name: str
    attributes: tuple[Attribute, ...]
    groups: tuple[Group, ...]
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        names = [attribute.name for attribute in self.attributes]
        if not names:
            raise ConfigurationError(f"vocabulary {self.name!r} has no attributes; name at least one")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ConfigurationError(f"vocabulary {self.name!r} names attributes twice: {repeated}")
        unspeakable = [name for name in names if RESERVED & set(name)]
        unspeakable += [group.name for group in self.groups if fold_name(group.name) == ANY_GROUP]
        if unspeakable:
            raise ConfigurationError(
                f"vocabulary {self.name!r} has names that no query could say: {unspeakable}; attributes do "
                f"without {' '.join(sorted(RESERVED))} and no group is called {ANY_GROUP!r}"
            )
        grouped = [name for group in self.groups for name in group.attributes]
        unknown = sorted(set(grouped) - set(names))
        if unknown:
            raise UnknownNameError(f"attribute in the groups of vocabulary {self.name!r}", unknown[0], names)
        wrong = sorted(name for name in names if grouped.count(name) != 1)
        if wrong:
            raise ConfigurationError(
                f"every attribute of vocabulary {self.name!r} belongs to exactly one group; not so: {wrong}"
            )

    def __len__(self) -> int:
        return len(self.attributes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Attribute names in order."""
        return tuple(attribute.name for attribute in self.attributes)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Short words for people, in attribute order."""
        return tuple(attribute.label for attribute in self.attributes)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over the names, their order and the groups."""
        content = {
            "attributes": self.names,
            "groups": [[group.name, group.kind.value, group.attributes] for group in self.groups],
        }
        encoded = json.dumps(content, separators=(",", ":"), ensure_ascii=True).encode()
        return hashlib.sha256(encoded).hexdigest()[:16]

    @cached_property
    def _positions(self) -> dict[str, int]:
        positions: dict[str, int] = {}
        for index, attribute in enumerate(self.attributes):
            for name in (attribute.name, attribute.label, *attribute.aliases):
                positions.setdefault(fold_name(name), index)
        return positions

    @cached_property
    def group_indices(self) -> tuple[tuple[int, ...], ...]:
        """Attribute positions of each group, in group order."""
        position = {name: index for index, name in enumerate(self.names)}
        return tuple(tuple(position[name] for name in group.attributes) for group in self.groups)

    def index_of(self, name: str) -> int:
        """Return the position of an attribute given by name, label or alias.

        Raises:
            UnknownNameError: with the nearest known names.
        """
        index = self._positions.get(fold_name(name))
        if index is None:
            spoken = [known for a in self.attributes for known in (a.label, a.name, *a.aliases)]
            raise UnknownNameError("attribute", name, spoken)
        return index

    def group_of(self, name: str) -> Group:
        """Return a group given by its name or an alias.

        Raises:
            UnknownNameError: with the nearest known group names.
        """
        wanted = fold_name(name)
        for group in self.groups:
            if wanted in (fold_name(known) for known in (group.name, *group.aliases)):
                return group
        raise UnknownNameError("attribute group", name, [group.name for group in self.groups])

    def positions_of(self, names: Iterable[str]) -> list[int]:
        """Return the positions of several exact attribute names, for selecting columns."""
        exact = {name: index for index, name in enumerate(self.names)}
        positions = []
        for name in names:
            if name not in exact:
                raise UnknownNameError("attribute", name, self.names)
            positions.append(exact[name])
        return positions

    def require_same(self, other: "AttributeSchema", *, here: str, there: str) -> None:
        """Refuse another vocabulary.

        Raises:
            SchemaMismatchError: showing both names and fingerprints.
        """
        if self.fingerprint != other.fingerprint:
            raise SchemaMismatchError(
                f"{here} speaks vocabulary {self.name!r} ({len(self)} attributes, {self.fingerprint}), "
                f"{there} speaks {other.name!r} ({len(other)} attributes, {other.fingerprint}); "
                "use data, model and gallery of one vocabulary"
            )

    def to_json(self) -> dict[str, object]:
        """Return the schema as plain JSON values; :meth:`from_json` reads it back."""
        return {
            "name": self.name,
            "source": self.source,
            "fingerprint": self.fingerprint,
            "attributes": [
                {"name": a.name, "label": a.label, "aliases": list(a.aliases)} for a in self.attributes
            ],
            "groups": [
                {
                    "name": g.name,
                    "kind": g.kind.value,
                    "attributes": list(g.attributes),
                    "none_attribute": g.none_attribute,
                    "aliases": list(g.aliases),
                }
                for g in self.groups
            ],
        }

    @classmethod
    def from_json(cls, document: object) -> "AttributeSchema":
        """Read a schema written by :meth:`to_json` or a vocabulary file.

        Raises:
            InputError: if the document lacks a field, or its fingerprint does not fit its content.
        """
        if not isinstance(document, dict):
            raise InputError(f"a vocabulary must be a table, got {type(document).__name__}")
        try:
            schema = cls(
                name=document["name"],
                source=document.get("source", ""),
                attributes=tuple(
                    Attribute(a["name"], a.get("label", a["name"]), tuple(a.get("aliases", ())))
                    for a in document["attributes"]
                ),
                groups=tuple(
                    Group(
                        g["name"],
                        GroupKind(g["kind"]),
                        tuple(g["attributes"]),
                        g.get("none_attribute"),
                        tuple(g.get("aliases", ())),
                    )
                    for g in document["groups"]
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not a vocabulary: missing or wrong field {error}") from error
        stated = document.get("fingerprint")
        if stated is not None and stated != schema.fingerprint:
            raise SchemaMismatchError(
                f"vocabulary {schema.name!r} states fingerprint {stated} but its content gives "
                f"{schema.fingerprint}; the file was edited by hand"
            )
        return schema


def vocabulary_names() -> tuple[str, ...]:
    """Return the names of the vocabularies that come with attrieve."""
    folder = resources.files("attrieve.schema") / "vocabularies"
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


def load_vocabulary(name: str) -> AttributeSchema:
    """Load one of the vocabularies that come with attrieve, e.g. ``peta35``.

    Raises:
        UnknownNameError: with the nearest known vocabulary.
    """
    known = vocabulary_names()
    if name not in known:
        raise UnknownNameError("vocabulary", name, known)
    text = (resources.files("attrieve.schema") / "vocabularies" / f"{name}.toml").read_text("utf-8")
    return AttributeSchema.from_json(tomllib.loads(text))
