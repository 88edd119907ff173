"""Reasons of hits under weights that marks changed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from attrieve.gallery.explain import reasons
from attrieve.gallery.feedback.refinement import Feedback
from attrieve.schema import AttributeReason


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
