"""Several descriptions of one person, pooled into one.

What a witness says of an attribute is taken as a probability that it holds, 1/2 + certainty / 2, held away
from 0 and 1 because nobody is beyond error. Log-odds of independent witnesses add up, each times the
witness's weight::

    logit(p) = sum over witnesses i of weight_i * logit(p_i)

The pooled description wants an attribute where p > 1/2 and is as certain of it as 2 p - 1 says. Where
witnesses cancel each other out, the attribute is open.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from attrieve.errors import InputError, QueryError
from attrieve.schema.attributes import ONE_OF, AttributeSchema
from attrieve.schema.query import AttributeQuery, Term
from attrieve.schema.sentence import read_statement

MOST_CERTAIN = 0.98
"""How far a single witness can be trusted: a certainty of 1 counts as 0.99 to 0.01 for."""

LEAST_CERTAIN = 0.02
"""A pooled certainty below this says nothing; the attribute is left open."""

_HEAD = re.compile(r"\s*(?P<name>[^:~,!?|]{1,60}?)\s*(?:~\s*(?P<weight>[^:]*?)\s*)?:(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True)
class Witness:
    """One who describes.

    Args:
        name: how the witness is called.
        query: what was said.
        weight: how much it counts, in (0, 1]: 1 fully, 0.5 half as much evidence.

    Raises:
        QueryError: for a weight out of range.
    """

    name: str
    query: AttributeQuery
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.weight <= 1.0:
            raise QueryError(
                f"the weight of witness {self.name!r} must be above 0 and at most 1, got {self.weight:g}"
            )


class Verdict(StrEnum):
    """How witnesses stand to each other in one attribute or group."""

    AGREE = "agree"
    CONFLICT = "conflict"
    ONE = "one"
    """Only one of them spoke of it."""


@dataclass(frozen=True)
class Comparison:
    """What the witnesses said of one thing.

    Args:
        label: the attribute, or several of one group that exclude each other.
        said: for each witness, signed certainty in [-1, 1]: above 0 wanted, below unwanted; None if silent.
        pooled: signed certainty of all together.
        verdict: whether they agree.
    """

    label: str
    said: tuple[float | None, ...]
    pooled: float
    verdict: Verdict


@dataclass(frozen=True)
class Pooled:
    """Several descriptions as one.

    Args:
        query: what all together ask.
        comparisons: one per thing anybody spoke of, in schema order.
    """

    query: AttributeQuery
    comparisons: tuple[Comparison, ...]


def read_witness(text: str, schema: AttributeSchema, language: str = "en") -> Witness:
    """Read "NAME: description" or "NAME~WEIGHT: description".

    Raises:
        QueryError: if there is no name, or the weight is none.
        InputError: as :func:`~attrieve.schema.sentence.read_statement`.

    >>> from attrieve.schema import load_vocabulary
    >>> witness = read_witness("B~0.6: male, !hat, jacket?", load_vocabulary("peta35"))
    >>> witness.name, witness.weight, witness.query.to_text()
    ('B', 0.6, 'male, !hat, jacket?')
    """
    match = _HEAD.fullmatch(text)
    if match is None:
        raise QueryError(f"write 'NAME: description' or 'NAME~0.6: description' for a witness, got {text!r}")
    weight = 1.0
    if match["weight"] is not None:
        try:
            weight = float(match["weight"])
        except ValueError:
            raise QueryError(
                f"the weight of witness {match['name']!r} must be a number such as ~0.6, got "
                f"{match['weight']!r}"
            ) from None
    try:
        query = read_statement(match["rest"].strip(), schema, language).query
    except InputError as error:
        raise QueryError(f"witness {match['name']!r}: {error}") from error
    return Witness(match["name"], query, weight)


def pool(witnesses: Sequence[Witness]) -> Pooled:
    """Join what witnesses say.

    "One of these" counts as such where nobody is more precise: alternatives that others rule out are dropped,
    and if another wants one of them, that one counts. Members of a group of which only one can hold,
    wanted by different witnesses, become "one of these".

    Args:
        witnesses: at least one, of one vocabulary, each with a name of its own.

    Raises:
        QueryError: for no witness, a name twice, or if nothing is left that they do not cancel out.
        SchemaMismatchError: for several vocabularies.
    """
    if not witnesses:
        raise QueryError("name at least one witness")
    names = [witness.name for witness in witnesses]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise QueryError(f"two witnesses are called {twice!r}; give each a name of its own")
    schema = witnesses[0].query.schema
    for witness in witnesses[1:]:
        schema.require_same(witness.query.schema, here=names[0], there=witness.name)
    said = [_signed(witness.query) for witness in witnesses]
    pooled = _log_odds_sum(witnesses, said)
    terms = _single_terms(pooled, schema) + _alternatives(witnesses, pooled)
    if not terms:
        raise QueryError("the witnesses cancel each other out in all they say; nothing is left to search for")
    query = AttributeQuery(schema, tuple(sorted(terms, key=lambda term: term.attributes)))
    return Pooled(query, _comparisons(witnesses, said, pooled, schema))


def _signed(query: AttributeQuery) -> dict[int, float]:
    """Return the signed certainty of what is said of single attributes."""
    return {
        index: term.certainty if term.wanted else -term.certainty
        for term in query.terms
        if len(term.attributes) == 1 or not term.wanted
        for index in term.attributes
    }


def _log_odds_sum(witnesses: Sequence[Witness], said: Sequence[dict[int, float]]) -> dict[int, float]:
    """Return the pooled signed certainty of every attribute anybody named by itself."""
    evidence: dict[int, float] = {}
    for witness, own in zip(witnesses, said, strict=True):
        for index, signed in own.items():
            evidence[index] = evidence.get(index, 0.0) + witness.weight * log_odds(signed)
    return {index: signed_certainty(value) for index, value in evidence.items()}


def log_odds(signed: float) -> float:
    """Return the log-odds of a signed certainty: those of p = (1 + MOST_CERTAIN * signed) / 2.

    >>> log_odds(0.0), round(log_odds(1.0), 3), round(log_odds(-1.0), 3)
    (0.0, 4.595, -4.595)
    """
    scaled = MOST_CERTAIN * signed
    return math.log1p(scaled) - math.log1p(-scaled)


def signed_certainty(evidence: float) -> float:
    """Return the signed certainty of log-odds, at most 1: the inverse of :func:`log_odds` within its range.

    >>> round(signed_certainty(log_odds(0.3)), 6)
    0.3
    """
    return max(-1.0, min(1.0, math.tanh(evidence / 2) / MOST_CERTAIN))


def _single_terms(pooled: dict[int, float], schema: AttributeSchema) -> list[Term]:
    """Return what is wanted and unwanted; of exclusive attributes wanted together, one of them."""
    terms = []
    left = {index: signed for index, signed in pooled.items() if abs(signed) >= LEAST_CERTAIN}
    for group, members in zip(schema.groups, schema.group_indices, strict=True):
        wanted = [index for index in members if left.get(index, 0.0) > 0]
        if group.kind in ONE_OF and len(wanted) > 1:
            terms.append(Term(tuple(sorted(wanted)), True, max(left.pop(index) for index in wanted)))
    return terms + [Term((index,), signed > 0, abs(signed)) for index, signed in left.items()]


def _alternatives(witnesses: Sequence[Witness], pooled: dict[int, float]) -> list[Term]:
    """Return the "one of these" nobody is more precise about; of overlapping ones, what they share."""
    found: dict[tuple[int, ...], float] = {}
    for witness in witnesses:
        for term in witness.query.terms:
            if not term.wanted or len(term.attributes) == 1:
                continue
            if any(pooled.get(index, 0.0) >= LEAST_CERTAIN for index in term.attributes):
                continue
            left = tuple(sorted(i for i in term.attributes if pooled.get(i, 0.0) > -LEAST_CERTAIN))
            if not left:
                continue
            evidence = witness.weight * log_odds(term.certainty)
            for other in [other for other in found if set(other) & set(left)]:
                evidence += found.pop(other)
                left = tuple(sorted(set(other) & set(left)))
            found[left] = evidence
    return [Term(members, True, signed_certainty(evidence)) for members, evidence in found.items()]


def _comparisons(
    witnesses: Sequence[Witness],
    said: Sequence[dict[int, float]],
    pooled: dict[int, float],
    schema: AttributeSchema,
) -> tuple[Comparison, ...]:
    rows = []
    for index in sorted(pooled):
        own = tuple(one.get(index) for one in said)
        rows.append(Comparison(schema.labels[index], own, pooled[index], _verdict(own)))
    for group, members in zip(schema.groups, schema.group_indices, strict=True):
        wanted = [i for i in members if any(one.get(i, 0.0) > 0 for one in said)]
        if group.kind in ONE_OF and len(wanted) > 1:
            own = tuple(max((one[i] for i in wanted if one.get(i, 0.0) > 0), default=None) for one in said)
            label = " / ".join(schema.labels[index] for index in wanted)
            rows.append(Comparison(label, own, max(pooled[index] for index in wanted), Verdict.CONFLICT))
    for number, witness in enumerate(witnesses):
        for term in witness.query.terms:
            if term.wanted and len(term.attributes) > 1:
                label = "|".join(schema.labels[index] for index in term.attributes)
                own = tuple(term.certainty if n == number else None for n in range(len(witnesses)))
                rows.append(Comparison(label, own, term.certainty, Verdict.ONE))
    return tuple(rows)


def _verdict(said: Sequence[float | None]) -> Verdict:
    spoken = [value for value in said if value is not None]
    if len(spoken) == 1:
        return Verdict.ONE
    return Verdict.AGREE if all(v > 0 for v in spoken) or all(v < 0 for v in spoken) else Verdict.CONFLICT
