"""What is asked of a gallery, and the small language people write it in.

``"backpack, !hat, jacket?, jeans~0.8, age:<30|<45"`` reads: a backpack, no hat, perhaps a jacket
(certainty 0.5), jeans with certainty 0.8, one of two age groups. Anything not named is open, which
is not the same as "no".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attrieve.errors import QueryError, UnknownNameError, fold_name
from attrieve.schema.attributes import ANY_GROUP, RESERVED, AttributeSchema, Group

UNSURE = 0.5
"""Certainty of a term written with a question mark."""


@dataclass(frozen=True)
class Term:
    """One thing asked: at least one of some attributes holds, or none of them does.

    Args:
        attributes: positions in the schema; several mean "one of these".
        wanted: True if it shall hold, False if it shall not.
        certainty: in (0, 1], how sure the asker is.
    """

    attributes: tuple[int, ...]
    wanted: bool = True
    certainty: float = 1.0

    def __post_init__(self) -> None:
        if not self.attributes:
            raise QueryError("a term names at least one attribute")
        if not 0.0 < self.certainty <= 1.0:
            raise QueryError(
                f"certainty must be above 0 and at most 1, got {self.certainty:g}; "
                "leave an attribute out to leave it open"
            )


@dataclass(frozen=True)
class AttributeQuery:
    """A description: terms over one vocabulary.

    Raises:
        QueryError: if it is empty, or one attribute is asked for twice.

    >>> from attrieve.schema.attributes import load_vocabulary
    >>> query = parse_query("backpack, !hat, jeans~0.8", load_vocabulary("peta35"))
    >>> query.to_text()
    'backpack, !hat, jeans~0.8'
    """

    schema: AttributeSchema
    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise QueryError("the description is empty; name at least one attribute, e.g. 'backpack, !hat'")
        named = [index for term in self.terms for index in term.attributes]
        if len(set(named)) != len(named):
            twice = sorted({self.schema.names[i] for i in named if named.count(i) > 1})
            raise QueryError(f"asked twice: {', '.join(twice)}; name each attribute once")
        if max(named) >= len(self.schema) or min(named) < 0:
            raise QueryError(f"attribute positions run from 0 to {len(self.schema) - 1}")

    @classmethod
    def from_values(cls, schema: AttributeSchema, values: Sequence[int]) -> "AttributeQuery":
        """Build a query from one value per attribute: 1 wanted, 0 unwanted, -1 open.

        Raises:
            QueryError: for a wrong number of values or another value.
        """
        if len(values) != len(schema):
            raise QueryError(f"expected {len(schema)} values for {schema.name!r}, got {len(values)}")
        wrong = sorted({value for value in values if value not in (-1, 0, 1)})
        if wrong:
            raise QueryError(f"values are 1 wanted, 0 unwanted, -1 open; got {wrong}")
        return cls(schema, tuple(Term((i,), bool(value)) for i, value in enumerate(values) if value >= 0))

    @classmethod
    def from_json(cls, schema: AttributeSchema, document: object) -> "AttributeQuery":
        """Read a query from JSON: a text, or a table of name to yes / no / certainty.

        A table maps a name to ``true``, ``false``, a certainty in (0, 1], or a negative certainty for
        something unwanted; ``null`` leaves it open.

        >>> from attrieve.schema.attributes import load_vocabulary
        >>> AttributeQuery.from_json(load_vocabulary("peta35"), {"hat": False, "jeans": 0.5}).to_text()
        '!hat, jeans?'
        """
        if isinstance(document, str):
            return parse_query(document, schema)
        if not isinstance(document, Mapping):
            raise QueryError(f"a description is a text or a table, got {type(document).__name__}")
        terms = []
        for name, value in document.items():
            if value is None:
                continue
            if isinstance(value, bool):
                terms.append(Term((schema.index_of(str(name)),), value))
            elif isinstance(value, int | float):
                certainty = float(value)
                terms.append(Term((schema.index_of(str(name)),), certainty > 0, abs(certainty)))
            else:
                raise QueryError(f"{name!r} is true, false, null or a number, got {value!r}")
        return cls(schema, tuple(terms))

    @property
    def named(self) -> frozenset[int]:
        """Positions of the attributes that are named, alone or among others."""
        return frozenset(index for term in self.terms for index in term.attributes)

    @property
    def is_full(self) -> bool:
        """Whether every attribute is named on its own with full certainty."""
        return len(self.terms) == len(self.schema) and all(
            len(term.attributes) == 1 and term.certainty == 1.0 for term in self.terms
        )

    def values(self) -> npt.NDArray[np.int8]:
        """Return one value per attribute, shape (attribute,): 1 wanted, 0 unwanted, -1 open.

        Alternatives ("one of these") are left open here, since none of them alone is asked.
        """
        result = np.full(len(self.schema), -1, dtype=np.int8)
        for term in self.terms:
            if len(term.attributes) == 1 or not term.wanted:
                result[list(term.attributes)] = int(term.wanted)
        return result

    def certainties(self) -> npt.NDArray[np.float32]:
        """Return the certainty per attribute, shape (attribute,), 0 where open."""
        result = np.zeros(len(self.schema), dtype=np.float32)
        for term in self.terms:
            result[list(term.attributes)] = term.certainty
        return result

    def to_text(self) -> str:
        """Write the query in the small language; :func:`parse_query` reads it back."""
        return ", ".join(self._term_text(term) for term in self.terms)

    def _term_text(self, term: Term) -> str:
        labels = [_writable_name(self.schema, index) for index in term.attributes]
        group = next(
            (
                group
                for group, members in zip(self.schema.groups, self.schema.group_indices, strict=True)
                if set(term.attributes) <= set(members)
            ),
            None,
        )
        body = labels[0] if len(labels) == 1 else f"{group.name if group else ANY_GROUP}:{'|'.join(labels)}"
        if term.certainty == 1.0:
            doubt = ""
        elif term.certainty == UNSURE:
            doubt = "?"
        else:
            doubt = f"~{term.certainty!r}"
        return f"{'' if term.wanted else '!'}{body}{doubt}"

    def to_json(self) -> list[dict[str, object]]:
        """Return the terms as plain JSON values, for reports and logs."""
        return [
            {
                "attributes": [self.schema.names[index] for index in term.attributes],
                "wanted": term.wanted,
                "certainty": term.certainty,
            }
            for term in self.terms
        ]


def _writable_name(schema: AttributeSchema, index: int) -> str:
    """Return a name of the attribute that the parser reads back as this very attribute."""
    attribute = schema.attributes[index]
    for name in (attribute.label, attribute.name):
        if not RESERVED & set(name) and schema.index_of(name) == index:
            return name
    return attribute.name


def parse_query(text: str, schema: AttributeSchema) -> AttributeQuery:
    """Read a description in the small language.

    Grammar: comma-separated terms; ``hat`` wanted, ``!hat`` unwanted, ``jacket?`` unsure (0.5),
    ``jacket~0.8`` certainty 0.8, ``upper_type:jacket|tshirt`` one of a group. Names are matched
    without case, underscore, dash or space; a group name may narrow a short name (``age:<30``).

    Raises:
        QueryError: for an empty text, a wrong certainty or an attribute asked twice; says at which character.
        UnknownNameError: for an unknown attribute or group, with the nearest names.
    """
    terms: list[Term] = []
    asked: dict[int, tuple[Term, int]] = {}
    start = 0
    for part in text.split(","):
        position = start + len(part) - len(part.lstrip()) + 1
        start += len(part) + 1
        if not part.strip():
            continue
        term = _parse_term_at(part.strip(), schema, position)
        for index in term.attributes:
            if index in asked:
                _refuse_twice(schema.labels[index], asked[index], (term, position))
            asked[index] = term, position
        terms.append(term)
    return AttributeQuery(schema, tuple(terms))


def _parse_term_at(text: str, schema: AttributeSchema, position: int) -> Term:
    """Read a term; errors say at which character of the description it begins."""
    where = f"at character {position}"
    try:
        return _parse_term(text, schema)
    except UnknownNameError as error:
        raise UnknownNameError(error.kind, error.name, error.known, where=where) from None
    except QueryError as error:
        raise QueryError(f"{where}: {error}") from None


def _refuse_twice(label: str, first: tuple[Term, int], second: tuple[Term, int]) -> None:
    (one, before), (other, now) = first, second
    if one.wanted != other.wanted:
        raise QueryError(
            f"{label!r} is both wanted and unwanted, at characters {before} and {now}; say one of them"
        )
    raise QueryError(f"asked twice: {label!r}, at characters {before} and {now}; name each attribute once")


def _parse_term(text: str, schema: AttributeSchema) -> Term:
    wanted = not text.startswith("!")
    body, certainty = _split_certainty(text.removeprefix("!").strip())
    if not body:
        raise QueryError(f"{text!r} names no attribute; write e.g. 'backpack' or '!hat'")
    if ":" in body:
        group_name, _, choice_text = body.partition(":")
        choices = [choice.strip() for choice in choice_text.split("|") if choice.strip()]
        if not choices:
            raise QueryError(f"{text!r} names a group but none of its attributes")
        if fold_name(group_name) == ANY_GROUP:
            indices = [schema.index_of(choice) for choice in choices]
        else:
            group = schema.group_of(group_name.strip())
            indices = [_index_in_group(choice, group, schema) for choice in choices]
    else:
        indices = [schema.index_of(choice) for choice in body.split("|") if choice.strip()]
    return Term(tuple(dict.fromkeys(indices)), wanted, certainty)


def _split_certainty(text: str) -> tuple[str, float]:
    if text.endswith("?"):
        return text[:-1].strip(), UNSURE
    if "~" not in text:
        return text, 1.0
    body, _, number = text.rpartition("~")
    try:
        certainty = float(number)
    except ValueError:
        raise QueryError(f"certainty in {text!r} must be a number such as ~0.8, got {number!r}") from None
    return body.strip(), certainty


def _index_in_group(choice: str, group: Group, schema: AttributeSchema) -> int:
    members = schema.positions_of(group.attributes)
    wanted = fold_name(choice)
    names = {index: schema.attributes[index] for index in members}
    for index, attribute in names.items():
        if wanted in (fold_name(n) for n in (attribute.name, attribute.label, *attribute.aliases)):
            return index
    spoken = [known for a in names.values() for known in (a.label, a.name)]
    raise UnknownNameError(f"attribute of group {group.name!r}", choice, spoken)
