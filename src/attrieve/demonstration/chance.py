"""What a ranking by pure chance scores: the least anything has to beat."""

from typing import Any

import torch
from jaxtyping import Float32
from torch import Tensor

from attrieve.evaluation.protocol import RetrievalTask
from attrieve.evaluation.retrieval import evaluate_retrieval

CHANCE_SEED = 20_240
"""Of the random distances; fixed, so that the same task always gives the same numbers."""

REPEATS = 50

SCORES = ("map", "rank1", "rank5", "rank10", "minp", "madm")
"""Which of the scores are averaged."""


def random_ranking(
    task: RetrievalTask, *, repeats: int = REPEATS, graded: bool = True
) -> dict[str, float | None]:
    """Return the mean scores, in percent, of rankings by random distances.

    Args:
        task: queries and truth.
        repeats: independent rankings of the whole gallery for every query.
        graded: whether to compute mADM too.

    Raises:
        InputError: as for :func:`~attrieve.evaluation.retrieval.evaluate_retrieval`.
    """
    generator = torch.Generator().manual_seed(CHANCE_SEED)
    drawn = []
    for _ in range(repeats):
        distance = torch.rand(len(task.query_values), len(task.person_values), generator=generator)
        drawn.append(evaluate_retrieval(_rows_of(distance), task, graded=graded).overall)
    return {name: _mean([getattr(scores, name) for scores in drawn]) for name in SCORES}


def _rows_of(distance: Float32[Tensor, "query person"]) -> Any:
    return lambda block: distance[block]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
