"""A ranking by chance scores what probability theory says it does."""

import numpy as np
import pytest

from attrieve.demonstration.chance import random_ranking
from attrieve.evaluation.protocol import Protocol, RetrievalTask, build_task


def expected_average_precision(relevant: int, persons: int) -> float:
    """Mean AP over all orders of ``persons`` of whom ``relevant`` are right, in closed form.

    A relevant person at rank i sees (relevant - 1) / (persons - 1) of the i - 1 persons before it right:
    E[AP] = mean over i of (1 + (i - 1) (relevant - 1) / (persons - 1)) / i.
    """
    others = (relevant - 1) / (persons - 1)
    return sum((1 + (rank - 1) * others) / rank for rank in range(1, persons + 1)) / persons


def task_with(counts: list[int], attributes: int = 6) -> RetrievalTask:
    """One category of each size; category k holds the bits of k."""
    rows = [[(k >> bit) & 1 for bit in range(attributes)] for k, n in enumerate(counts) for _ in range(n)]
    values = np.array(rows, dtype=np.int8)
    return build_task(Protocol.UNIQUE, train_values=values[:0], test_values=values)


def test_the_closed_form_agrees_with_all_orders_of_a_small_gallery() -> None:
    from itertools import permutations

    scores = []
    for order in permutations([1, 1, 0, 0, 0]):
        ranks = [rank for rank, right in enumerate(order, start=1) if right]
        scores.append(sum(found / rank for found, rank in enumerate(ranks, start=1)) / 2)
    assert sum(scores) / len(scores) == pytest.approx(expected_average_precision(2, 5))


@pytest.mark.parametrize("counts", [[1] * 40, [2, 3, 5, 8, 12], [6] * 30])
def test_simulated_chance_is_the_expected_average_precision(counts: list[int]) -> None:
    expected = 100 * np.mean([expected_average_precision(count, sum(counts)) for count in counts])
    found = random_ranking(task_with(counts), repeats=150, graded=False)
    assert found["map"] == pytest.approx(expected, rel=0.08)


def test_the_first_hit_of_chance_is_right_as_often_as_people_are() -> None:
    counts = [4] * 10
    found = random_ranking(task_with(counts), repeats=300, graded=False)
    assert found["rank1"] == pytest.approx(10.0, abs=2.0)


def test_chance_is_the_same_every_time() -> None:
    task = task_with([2, 3, 4])
    assert random_ranking(task, repeats=3) == random_ranking(task, repeats=3)


def test_without_grading_there_is_no_graded_score() -> None:
    assert random_ranking(task_with([2, 3]), repeats=2, graded=False)["madm"] is None
