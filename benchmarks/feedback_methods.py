"""Ways to learn from marks, beside the one that was chosen: what :mod:`feedback` compares."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from attrieve.gallery.asked import asked_columns
from attrieve.gallery.completion import (
    completed_values,
    completion_weights,
    expected_embedding,
    known_categories,
)
from attrieve.gallery.feedback import Feedback, Marks, with_feedback
from attrieve.gallery.feedback.direction import turned_at_most
from attrieve.gallery.store import Gallery
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery

DEGREES = 20.0
RATIO = 2.0
COMPLETION_SLOPE, COMPLETION_AWAY = 1.0, 0.3
"""Of reweighted completions: the best on the choosing half."""
LIKELIHOOD_SLOPE, LIKELIHOOD_PRIOR = 0.6, 2.0
"""Of likelihood ratios: the best on the choosing half."""


@dataclass(frozen=True)
class Asking:
    """What is asked after marks.

    Args:
        weight: of each thing asked.
        embedding: of length 1.
        degrees: how far it turned.
    """

    weight: Float[np.ndarray, " term"]
    embedding: Float[np.ndarray, " dim"]
    degrees: float = 0.0


def plain(query: AttributeQuery, query_side: QuerySide) -> Asking:
    """Return what is asked without marks."""
    vector = expected_embedding(query, query_side)
    if vector is None:
        raise SystemExit("the comparison needs a model with an embedding")
    certainty = np.array([column.certainty for column in asked_columns(query)])
    return Asking(certainty, vector[0].double().numpy())


@dataclass(frozen=True)
class Judged:
    """A description and the rows somebody marked.

    Args:
        gallery: holds the rows.
        query: the description.
        before: what is asked without marks.
        seen: probabilities of the marked rows.
        right: their marks.
        keys: their keys.
    """

    gallery: Gallery
    query: AttributeQuery
    before: Asking
    seen: Float[np.ndarray, "mark attribute"]
    right: Bool[np.ndarray, " mark"]
    keys: tuple[str, ...]

    @cached_property
    def feedback(self) -> Feedback:
        """What ``attrieve search`` makes of the marks."""
        pairs = list(zip(self.keys, self.right.tolist(), strict=True))
        marks = Marks.of([key for key, right in pairs if right], [key for key, right in pairs if not right])
        return with_feedback(self.gallery, self.query, marks)

    @property
    def costs(self) -> Float[np.ndarray, "mark term"]:
        """Squared error of every marked row in every thing asked."""
        columns = asked_columns(self.query)
        return np.stack(
            [(c.wanted - self.seen[:, list(c.attributes)].max(axis=1)) ** 2 for c in columns], axis=1
        )


def likelihood_ratio(judged: Judged) -> Asking:
    """Weights by how much oftener right rows agree than wrong ones, in log-odds, drawn to no difference."""
    before = judged.before
    agree, right = 1 - np.sqrt(judged.costs), judged.right
    if right.all() or not right.any():
        return before
    prior = LIKELIHOOD_PRIOR * agree.mean(axis=0)
    odds = []
    for kind in (right, ~right):
        share = np.clip((agree[kind].sum(axis=0) + prior) / (kind.sum() + LIKELIHOOD_PRIOR), 0.02, 0.98)
        odds.append(np.log(share / (1 - share)))
    factor = np.exp(np.clip(LIKELIHOOD_SLOPE * (odds[0] - odds[1]), -np.log(RATIO), np.log(RATIO)))
    return Asking(before.weight * factor, before.embedding)


def completions(judged: Judged) -> Asking:
    """The embedding as an expectation over completions that agree with right rows and not with wrong ones."""
    before, side = judged.before, judged.gallery.query_side
    if judged.query.is_full:
        return before
    categories = known_categories(side)
    weight = completion_weights(judged.query, categories, side.training_category_counts).double().numpy()
    completed = completed_values(judged.query, categories)
    embedded = side.embed_queries(completed.float()).detach().double().numpy()
    named = {index for term in judged.query.terms for index in term.attributes}
    left = [index for index in range(len(judged.query.schema)) if index not in named]
    values = completed.numpy()[:, left]
    evidence = np.log(weight + 1e-300)
    for kind, slope in (
        (judged.right, COMPLETION_SLOPE),
        (~judged.right, -COMPLETION_SLOPE * COMPLETION_AWAY),
    ):
        count = int(kind.sum())
        if count:
            seen = np.clip(judged.seen[kind][:, left], 0.02, 0.98)[:, None]
            agreement = np.log(values * seen + (1 - values) * (1 - seen) + 1e-3).sum(axis=2).mean(axis=0)
            evidence += slope * count / (count + 1.0) * agreement
    changed = np.exp(evidence - evidence.max())
    embedding, degrees = turned_at_most(before.embedding, changed @ embedded, DEGREES)
    return Asking(before.weight, embedding, degrees)


def chosen(*, weights: bool = True, embedding: bool = True) -> Callable[[Judged], Asking]:
    """Return the method of ``attrieve search``, whole or in part."""

    def learn(judged: Judged) -> Asking:
        found, before = judged.feedback, judged.before
        if found.embedding is None or found.angle_degrees is None:
            raise SystemExit("the comparison needs a model with an embedding")
        return Asking(
            before.weight * found.factors if weights else before.weight,
            found.embedding if embedding else before.embedding,
            found.angle_degrees if embedding else 0.0,
        )

    return learn


METHODS: dict[str, Callable[[Judged], Asking]] = {
    "weights by likelihood ratios": likelihood_ratio,
    "weights by logistic regression": chosen(embedding=False),
    "embedding by reweighted completions": completions,
    "embedding by Rocchio over descriptions": chosen(weights=False),
    "both, as attrieve search": chosen(),
}
