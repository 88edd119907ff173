"""Marks in a search by likelihood, and the reasons of hits under changed weights."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from attrieve.gallery.explain import reasons
from attrieve.gallery.feedback.refinement import Feedback
from attrieve.gallery.likelihood.asked import LikelihoodQuery
from attrieve.schema import AttributeReason
from attrieve.scoring.factors import Event


def applied_to_likelihood(feedback: Feedback, wanted: LikelihoodQuery) -> LikelihoodQuery:
    """Return a search by likelihood with changed weights and embedding.

    The weight of an event is multiplied by the mean factor of the things asked that make it up.
    """
    if not len(feedback.marks):
        return wanted
    events = tuple(
        replace(event, certainty=event.certainty * _factor(event, feedback)) for event in wanted.events
    )
    certainty = np.array([event.certainty for event in events], dtype=np.float64)
    embedding = wanted.embedding if wanted.embedding is None else feedback.embedding
    return replace(
        wanted, events=events, arrays=replace(wanted.arrays, certainty=certainty), embedding=embedding
    )


def _factor(event: Event, feedback: Feedback) -> float:
    own = [
        float(factor)
        for column, factor in zip(feedback.asked, feedback.factors, strict=True)
        if column.wanted == event.wanted and set(column.attributes) <= set(event.attributes)
    ]
    return float(np.mean(own)) if own else 1.0


def weighted_reasons(
    feedback: Feedback, factor: float
) -> Callable[[Sequence[float]], tuple[AttributeReason, ...]]:
    """Return what explains a row by the paper's distance: shares by changed weights, certainties as asked.

    Args:
        feedback: what marks changed.
        factor: what the attribute distance is multiplied by in the fused one.
    """

    def explain(probability: Sequence[float]) -> tuple[AttributeReason, ...]:
        told = reasons(feedback.weighted, feedback.query.schema, probability, factor=factor)
        return tuple(
            replace(reason, certainty=column.certainty)
            for reason, column in zip(told, feedback.asked, strict=True)
        )

    return explain
