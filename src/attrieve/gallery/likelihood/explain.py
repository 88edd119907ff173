"""Why a row stands where it stands by likelihood: what each thing asked costs, in nats."""

import math
from collections.abc import Callable, Sequence

import torch

from attrieve.gallery.asked import Asked, asked_columns
from attrieve.gallery.likelihood.asked import LikelihoodQuery
from attrieve.models.calibration import logits_of
from attrieve.schema import AttributeQuery, AttributeReason
from attrieve.scoring.factors import Event, event_log_probabilities


def likelihood_reasons(
    query: AttributeQuery, wanted: LikelihoodQuery
) -> Callable[[Sequence[float]], tuple[AttributeReason, ...]]:
    """Return what explains a row from its stored probabilities, one reason per thing asked.

    The contribution of an event is its cost, ``-certainty * log P``; they sum to the likelihood distance.
    Several refused members of one group are one event, whose cost is shared in proportion to their
    probabilities; what says nothing new beside a wanted member of its group contributes 0. Of "one of these"
    the likeliest attribute is named.

    Args:
        query: what was asked.
        wanted: the same as a search takes it.
    """
    columns = asked_columns(query)
    curves = wanted.arrays.calibration(len(query.schema))
    names = query.schema.names

    def explain(probability: Sequence[float]) -> tuple[AttributeReason, ...]:
        logit = curves.logits(logits_of(torch.tensor([list(probability)], dtype=torch.float64)))
        logs = event_log_probabilities(wanted.events, logit)[0].tolist()
        costs = [0.0] * len(columns)
        for event, log in zip(wanted.events, logs, strict=True):
            for place, share in _shares(event, columns, probability):
                costs[place] += -event.certainty * log * share
        total = math.fsum(costs)
        best = [max(column.attributes, key=lambda index: probability[index]) for column in columns]
        return tuple(
            AttributeReason(
                attribute=names[index],
                wanted=column.wanted,
                certainty=column.certainty,
                probability=probability[index],
                matches=(probability[index] >= 0.5) == column.wanted,
                share=cost / total if total > 0 else 0.0,
                contribution=cost,
            )
            for column, index, cost in zip(columns, best, costs, strict=True)
        )

    return explain


def _shares(
    event: Event, columns: tuple[Asked, ...], probability: Sequence[float]
) -> list[tuple[int, float]]:
    """Return the places of the things asked that make up an event, and their shares of it."""
    own = [
        place
        for place, column in enumerate(columns)
        if column.wanted == event.wanted and set(column.attributes) <= set(event.attributes)
    ]
    weight = [max(probability[columns[place].attributes[0]], 1e-12) for place in own]
    return [(place, each / sum(weight)) for place, each in zip(own, weight, strict=True)]
