"""From marks to a search that heeds them: attribute weights and the embedding asked for, both bounded."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32

from attrieve.errors import ConfigurationError, InputError
from attrieve.gallery.asked import Asked, asked_columns
from attrieve.gallery.completion import expected_embedding
from attrieve.gallery.exact import FusedQuery
from attrieve.gallery.feedback.direction import moved_embedding
from attrieve.gallery.feedback.marks import Marks
from attrieve.gallery.feedback.weights import weight_factors
from attrieve.gallery.store import SeesRows
from attrieve.schema import AttributeQuery, AttributeSchema


@dataclass(frozen=True)
class FeedbackLimits:
    """How far marks may change a search, however many there are.

    Args:
        weight_ratio: the weight of a thing asked stays within its own divided and multiplied by this.
        angle_degrees: the embedding asked for turns at most this far from the described one.

    Raises:
        ConfigurationError: for a ratio below 1, or an angle outside [0, 90].
    """

    weight_ratio: float = 2.0
    angle_degrees: float = 20.0

    def __post_init__(self) -> None:
        if not 1.0 <= self.weight_ratio < float("inf"):
            raise ConfigurationError(f"weight_ratio must be at least 1, got {self.weight_ratio}")
        if not 0.0 <= self.angle_degrees <= 90.0:
            raise ConfigurationError(f"angle_degrees lies between 0 and 90, got {self.angle_degrees}")


@dataclass(frozen=True)
class WeightChange:
    """What marks did to the weight of one thing asked.

    Args:
        label: what was asked, for people.
        attributes: names in the vocabulary; several mean "one of these".
        wanted: whether it shall hold.
        before: the certainty of the asker, in (0, 1].
        after: what it counts now; at most twice the certainty, so up to 2.
    """

    label: str
    attributes: tuple[str, ...]
    wanted: bool
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class Feedback:
    """What marks change in the search for one description.

    Args:
        query: the description.
        marks: what was judged.
        limits: how far the changes may go.
        asked: the things asked, with the certainty of the asker.
        factors: what the weight of each is multiplied by.
        described: the embedding of the description, of length 1, or None without an embedding branch.
        embedding: the embedding asked for now, of length 1, or None.
        angle_degrees: between the two, or None.
    """

    query: AttributeQuery
    marks: Marks
    limits: FeedbackLimits
    asked: tuple[Asked, ...] = field(repr=False)
    factors: Float[np.ndarray, " term"] = field(repr=False)
    described: Float[np.ndarray, " dim"] | None = field(repr=False)
    embedding: Float[np.ndarray, " dim"] | None = field(repr=False)
    angle_degrees: float | None

    @property
    def weighted(self) -> tuple[Asked, ...]:
        """The things asked, with what they count now in the place of the certainty."""
        return tuple(
            replace(column, certainty=column.certainty * float(factor))
            for column, factor in zip(self.asked, self.factors, strict=True)
        )

    @property
    def weights(self) -> tuple[WeightChange, ...]:
        """What became of the weight of each thing asked, in the order of the vocabulary."""
        schema = self.query.schema
        return tuple(
            WeightChange(
                _label(before, schema),
                tuple(schema.names[index] for index in before.attributes),
                before.wanted,
                before.certainty,
                after.certainty,
            )
            for before, after in zip(self.asked, self.weighted, strict=True)
        )

    def factor_of(self, attributes: Sequence[int], wanted: bool) -> float:
        """Return what the weight of one answer is multiplied by.

        Args:
            attributes: positions in the schema; several of "one of these".
            wanted: whether it shall hold.

        Raises:
            KeyError: for what was not asked.
        """
        return self._factors[frozenset(attributes), wanted]

    @cached_property
    def _factors(self) -> dict[tuple[frozenset[int], bool], float]:
        return {
            (frozenset(column.attributes), column.wanted): float(factor)
            for column, factor in zip(self.asked, self.factors, strict=True)
        }

    def applied(self, wanted: FusedQuery) -> FusedQuery:
        """Return a query as numbers with the changed weights and embedding in it."""
        if not len(self.marks):
            return wanted
        if wanted.certainty is not None:
            wanted = replace(wanted, certainty=wanted.certainty * self.factors)
        if wanted.embedding is not None:
            wanted = replace(wanted, embedding=self.embedding)
        return wanted

    def to_json(self) -> dict[str, object]:
        """Return what was changed, as plain JSON values."""
        return {
            "right": list(self.marks.right),
            "wrong": list(self.marks.wrong),
            "weights": [
                {
                    "label": change.label,
                    "attributes": list(change.attributes),
                    "wanted": change.wanted,
                    "before": change.before,
                    "after": change.after,
                }
                for change in self.weights
            ],
            "embedding_angle_degrees": self.angle_degrees,
            "limits": {
                "weight_ratio": self.limits.weight_ratio,
                "angle_degrees": self.limits.angle_degrees,
            },
        }


def _label(column: Asked, schema: AttributeSchema) -> str:
    names = "|".join(schema.labels[index] for index in column.attributes)
    return names if column.wanted else f"not {names}"


def with_feedback(
    gallery: SeesRows, query: AttributeQuery, marks: Marks, *, limits: FeedbackLimits | None = None
) -> Feedback:
    """Return what marked rows change in the search for a description.

    Only attributes that the model recognises in the marked rows are looked at, never their appearance
    vectors; what the description leaves open has no weight before nor after. The result depends on the
    description, the limits and the set of marks alone: without marks, or with all taken back, the search
    is the plain one bit for bit.

    Args:
        gallery: holds the marked rows.
        query: in the gallery's vocabulary.
        marks: any number, also none.
        limits: how far the changes may go; None for twice and 20 degrees.

    Raises:
        UnknownNameError: for a marked row the gallery does not hold, with the nearest keys.
        InputError: for marks in a gallery whose model recognises no attributes.
        SchemaMismatchError: if the query is of another vocabulary.
        ClusterError: if rows held elsewhere do not answer.
    """
    gallery.schema.require_same(query.schema, here="the gallery", there="the description")
    limits = limits or FeedbackLimits()
    asked = asked_columns(query)
    vector = expected_embedding(query, gallery.query_side)
    described = None if vector is None else vector[0].double().numpy()
    factors = np.ones(len(asked))
    angle = None if described is None else 0.0
    embedding = described
    if len(marks):
        probability, right = _marked(gallery, marks)
        cost = _costs(asked, probability)
        certainty = np.array([column.certainty for column in asked])
        factors = weight_factors(cost, certainty, right, ratio=limits.weight_ratio)
        if described is not None:
            embedding, angle = moved_embedding(
                described, query, gallery.query_side, probability, right, most_degrees=limits.angle_degrees
            )
    return Feedback(query, marks, limits, asked, factors, described, embedding, angle)


def _costs(
    asked: tuple[Asked, ...], probability: Float32[np.ndarray, "mark attribute"]
) -> Float[np.ndarray, "mark term"]:
    """Return the squared error of every marked row in everything asked; of "one of these" the smallest."""
    columns = [
        (float(column.wanted) - probability[:, list(column.attributes)].max(axis=1).astype(np.float64)) ** 2
        for column in asked
    ]
    return np.stack(columns, axis=1)


def _marked(
    gallery: SeesRows, marks: Marks
) -> tuple[Float32[np.ndarray, "mark attribute"], Bool[np.ndarray, " mark"]]:
    """Return what the model sees in the marked rows, in the order of their keys."""
    if not gallery.model.recognises:
        raise InputError(
            f"model {gallery.model.name!r} recognises no attributes; marks have nothing to be learnt from"
        )
    keys = sorted(mark.key for mark in marks.marks)
    probability = gallery.seen(keys)
    if probability is None:
        raise InputError("the gallery holds no attribute probabilities; marks have nothing to be learnt from")
    right = set(marks.right)
    return probability, np.array([key in right for key in keys])
