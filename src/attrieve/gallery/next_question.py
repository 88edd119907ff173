"""Which question to ask the witness next: the one whose answer would tell the nearest rows apart best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from attrieve.errors import InputError
from attrieve.gallery.store import SeesRows
from attrieve.schema import AttributeQuery, Ranking, Term
from attrieve.schema.answered import answered_by


@dataclass(frozen=True)
class Question:
    """An attribute that was left open.

    Args:
        attribute: its position in the schema.
        label: for people.
        bits: how much the answer is expected to tell, between 0 and 1.
        share: of the rows looked at that are thought to have it.
    """

    attribute: int
    label: str
    bits: float
    share: float


def next_questions(
    gallery: SeesRows,
    query: AttributeQuery,
    ranking: Ranking,
    *,
    most: int = 5,
    said: Sequence[AttributeQuery] = (),
) -> tuple[Question, ...]:
    """Return the open attributes whose answers would split a ranking best, best first.

    If each of the n rows is equally likely to show the person, and a row's person has an attribute with the
    probability p the model gives, the answer tells ``H(mean p) - mean H(p)`` bits about which row it is
    (mutual information). An attribute of which the model is unsure everywhere tells little.

    Args:
        gallery: where was searched.
        query: what was asked.
        ranking: the rows to tell apart, at least two for a question to tell anything.
        most: how many questions.
        said: what witnesses said, if ``query`` is what they say together. What any of them named has been
            answered, and is not asked again, though they cancel out; what one was sure of settles as much as
            ever where the others let it stand, however little that witness weighs.

    Raises:
        InputError: for a model that does not recognise attributes, or fewer than one question.
        UnknownNameError: if a hit of the ranking is no row of the gallery.
        ClusterError: if rows held elsewhere do not answer.
    """
    if most < 1:
        raise InputError(f"ask for at least 1 question, got {most}")
    if not gallery.model.recognises:
        raise InputError(
            f"model {gallery.model.name!r} recognises no attributes; there is nothing to ask for"
        )
    answered = answered_by(_surely(query, said)).union(*(one.named for one in said))
    still_open = [index for index in range(len(gallery.schema)) if index not in answered]
    if not ranking.hits or not still_open:
        return ()
    seen = gallery.seen([hit.key for hit in ranking.hits])
    if seen is None:
        raise InputError("the gallery holds no attribute probabilities")
    probability = seen[:, still_open]
    bits = information(probability)
    order = sorted(range(len(still_open)), key=lambda place: (-bits[place], place))[:most]
    return tuple(
        Question(
            still_open[place],
            gallery.schema.labels[still_open[place]],
            float(bits[place]),
            float(probability[:, place].mean()),
        )
        for place in order
    )


def _surely(query: AttributeQuery, said: Sequence[AttributeQuery]) -> AttributeQuery:
    """Return a description, certain of all that a witness was certain of."""
    sure = [term for one in said for term in one.terms if term.certainty == 1.0]

    def was_sure(term: Term) -> bool:
        own = set(term.attributes)
        return any(
            other.wanted is term.wanted
            and (own.issuperset(other.attributes) if term.wanted else own.issubset(other.attributes))
            for other in sure
        )

    terms = (replace(term, certainty=1.0) if was_sure(term) else term for term in query.terms)
    return AttributeQuery(query.schema, tuple(terms))


def information(
    probability: Float[np.ndarray, "row attribute"],
) -> Float[np.ndarray, " attribute"]:
    """Return how many bits the truth about each attribute tells about which row it is.

    >>> information(np.array([[1.0, 0.5], [0.0, 0.5]])).tolist()
    [1.0, 0.0]
    """
    held = probability.astype(np.float64)
    told = entropy(held.mean(axis=0)) - entropy(held).mean(axis=0)
    return np.asarray(np.maximum(told, 0.0))


def entropy(probability: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    """Return the entropy of yes-or-no questions in bits; 0 where the answer is known."""
    safe = np.clip(probability, 1e-300, 1.0)
    other = np.clip(1.0 - probability, 1e-300, 1.0)
    return np.asarray(-(probability * np.log2(safe) + (1.0 - probability) * np.log2(other)))
