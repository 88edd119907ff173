"""The description builder: what it shows for a query, and what a query becomes when it is used.

Text box and builder are two views of one query. A form carries the text as it was when the page was made
(``shown``), the text as it is now and the builder's answers. What the builder was changed in, against
``shown``, is applied to the text as it is now; so either can be edited, or both, and neither is lost.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from attrieve.schema.attributes import AttributeSchema, Group, GroupKind
from attrieve.schema.body_regions import BodyRegion, Colour, body_regions, colour_of
from attrieve.schema.query import AttributeQuery, Term

_ONE_OF = {GroupKind.EXCLUSIVE, GroupKind.EXCLUSIVE_OR_NONE, GroupKind.EXCLUSIVE_SOFT}


class Choice(StrEnum):
    """What is said of an attribute."""

    YES = "yes"
    NO = "no"
    OPEN = "open"


@dataclass(frozen=True)
class Said:
    """A choice and how sure it is.

    Args:
        choice: yes, no or open.
        percent: certainty, 1 to 100; means nothing where open.
    """

    choice: Choice = Choice.OPEN
    percent: int = 100


@dataclass(frozen=True)
class Control:
    """One attribute in the builder.

    Args:
        index: in the schema.
        label: for people; in a colour group only the colour's name.
        full_label: for people, wherever it stands.
        said: what the query says of it.
        colour: for a swatch, or None.
        among: labels of the attributes it is an alternative to, e.g. "jeans or shorts".
    """

    index: int
    label: str
    full_label: str
    said: Said
    colour: Colour | None = None
    among: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupControls:
    """A group in the builder.

    Args:
        name: in the schema.
        one_of: whether only one can hold; several "yes" are alternatives then.
        controls: one per attribute, in the group's order.
    """

    name: str
    one_of: bool
    controls: tuple[Control, ...]

    @property
    def coloured(self) -> bool:
        """Whether all its attributes are colours."""
        return len(self.controls) > 1 and all(control.colour is not None for control in self.controls)

    @property
    def asked(self) -> int:
        """How many of its attributes are not open."""
        return sum(control.said.choice is not Choice.OPEN for control in self.controls)


@dataclass(frozen=True)
class RegionControls:
    """A region of the body in the builder.

    Args:
        region: where.
        groups: at least one.
    """

    region: BodyRegion
    groups: tuple[GroupControls, ...]

    @property
    def asked(self) -> int:
        """How many of its attributes are not open."""
        return sum(group.asked for group in self.groups)


def build(query: AttributeQuery | None, schema: AttributeSchema) -> tuple[RegionControls, ...]:
    """Return the builder as it stands for a query, or with everything open."""
    said = sayings(query)
    alternatives = _alternatives(query, schema)
    return tuple(
        RegionControls(part.region, tuple(_group(group, schema, said, alternatives) for group in part.groups))
        for part in body_regions(schema)
    )


def sayings(query: AttributeQuery | None) -> dict[int, Said]:
    """Return what a query says of each attribute it names; members of "one of these" are each "yes".

    >>> from attrieve.schema import load_vocabulary, parse_query
    >>> sayings(parse_query("hat?", load_vocabulary("peta35")))
    {10: Said(choice=<Choice.YES: 'yes'>, percent=50)}
    """
    found = {}
    for term in () if query is None else query.terms:
        percent = min(100, max(1, round(100 * term.certainty)))
        for index in term.attributes:
            found[index] = Said(Choice.YES if term.wanted else Choice.NO, percent)
    return found


def apply(
    query: AttributeQuery | None,
    shown: AttributeQuery | None,
    answers: Mapping[int, Said],
    schema: AttributeSchema,
) -> AttributeQuery | None:
    """Return a query with the changes made in the builder, or None if nothing is asked any more.

    Args:
        query: the text as it is now.
        shown: what the builder was drawn from.
        answers: the builder as it is now, by position of the attribute; missing ones were not touched.
        schema: the vocabulary of all of them.

    >>> from attrieve.schema import load_vocabulary, parse_query
    >>> peta = load_vocabulary("peta35")
    >>> shown = parse_query("hat, jeans", peta)
    >>> now = apply(shown, shown, {10: Said(Choice.NO), 31: Said(Choice.YES, 50)}, peta)
    >>> now.to_text()
    '!hat, lower_type:jeans|trousers?'
    """
    before = sayings(shown)
    terms = [] if query is None else list(query.terms)
    for index, said in sorted(answers.items()):
        if not _same(said, before.get(index, Said())):
            terms = _changed(terms, index, said, schema)
    return AttributeQuery(schema, tuple(terms)) if terms else None


def _same(one: Said, other: Said) -> bool:
    return one == other or one.choice is other.choice is Choice.OPEN


def _changed(terms: list[Term], index: int, said: Said, schema: AttributeSchema) -> list[Term]:
    """Return terms in which one attribute is said differently."""
    wanted, certainty = said.choice is Choice.YES, said.percent / 100
    for place, term in enumerate(terms):
        if index in term.attributes and said.choice is not Choice.OPEN and term.wanted == wanted:
            return [*terms[:place], replace(term, certainty=certainty), *terms[place + 1 :]]
    place = next((at for at, term in enumerate(terms) if index in term.attributes), len(terms))
    kept = [_without(term, index) for term in terms]
    if said.choice is not Choice.OPEN:
        new = Term((index,), wanted, certainty)
        kept[place : place + 1] = [new, *kept[place : place + 1]] if place < len(terms) else [new]
    left = [term for term in kept if term is not None]
    return _joined(left, index, certainty, schema) if wanted else left


def _without(term: Term, index: int) -> Term | None:
    others = tuple(other for other in term.attributes if other != index)
    return replace(term, attributes=others) if others else None


def _joined(terms: list[Term], index: int, certainty: float, schema: AttributeSchema) -> list[Term]:
    """Where only one of a group can hold, make all that is wanted of it alternatives."""
    members = {index}
    for group, indices in zip(schema.groups, schema.group_indices, strict=True):
        if index in indices and group.kind in _ONE_OF:
            members = set(indices)
    same = [term for term in terms if term.wanted and set(term.attributes) <= members]
    if len(same) < 2:
        return terms
    attributes = tuple(sorted({one for term in same for one in term.attributes}))
    joined = Term(attributes, True, certainty)
    return [joined if term is same[0] else term for term in terms if term is same[0] or term not in same]


def _alternatives(query: AttributeQuery | None, schema: AttributeSchema) -> dict[int, tuple[str, ...]]:
    found = {}
    for term in () if query is None else query.terms:
        for index in term.attributes:
            others = tuple(schema.labels[other] for other in term.attributes if other != index)
            if term.wanted and others:
                found[index] = others
    return found


def _group(
    group: Group, schema: AttributeSchema, said: Mapping[int, Said], among: Mapping[int, tuple[str, ...]]
) -> GroupControls:
    controls = []
    for index in schema.positions_of(group.attributes):
        attribute = schema.attributes[index]
        colour = colour_of(attribute, group)
        label = attribute.label if colour is None else colour.name
        controls.append(
            Control(index, label, attribute.label, said.get(index, Said()), colour, among.get(index, ()))
        )
    return GroupControls(group.name, group.kind in _ONE_OF, tuple(controls))


def read_answers(parameters: Iterable[tuple[str, str]], schema: AttributeSchema) -> dict[int, Said]:
    """Read the builder's form fields: ``a.POSITION`` is the choice, ``c.POSITION`` the certainty in percent.

    What cannot be read counts as not touched: nobody but a program sends it.

    >>> from attrieve.schema import load_vocabulary
    >>> read_answers([("a.10", "no"), ("c.10", "80"), ("a.99", "no")], load_vocabulary("peta35"))
    {10: Said(choice=<Choice.NO: 'no'>, percent=80)}
    """
    choices: dict[int, Choice] = {}
    percents: dict[int, int] = {}
    for name, value in parameters:
        kind, _, number = name.partition(".")
        if kind not in ("a", "c") or not number.isdecimal() or int(number) >= len(schema):
            continue
        if kind == "a" and value in set(Choice):
            choices[int(number)] = Choice(value)
        elif kind == "c" and value.isdecimal():
            percents[int(number)] = min(100, max(1, int(value)))
    return {index: Said(choice, percents.get(index, 100)) for index, choice in choices.items()}
