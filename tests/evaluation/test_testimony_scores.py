"""Who is right for a partial description, and how a ranking of them is scored."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from attrieve.errors import InputError
from attrieve.evaluation.protocol import Protocol, build_task
from attrieve.evaluation.resampling import Resampling
from attrieve.evaluation.retrieval import evaluate_retrieval
from attrieve.evaluation.significance import bootstrap_interval
from attrieve.evaluation.testimony_scores import Relevance, judge, score


def task_of(seed, persons=14, attributes=4):
    values = np.random.default_rng(seed).integers(0, 2, (persons, attributes)).astype(np.int8)
    return build_task(Protocol.UNIQUE, train_values=values[:0], test_values=values)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_right_are_those_who_have_all_that_was_named(seed):
    """By loops over persons; average precision as scikit-learn has it; ADM is 1 where the right ones lead."""
    task = task_of(seed)
    draw = np.random.default_rng(seed)
    named = draw.random(task.query_values.shape) < 0.5
    named[:, 0] = True
    distance = draw.random((len(named), 14)).astype(np.float32)
    for relevance in Relevance:
        judgement = judge(task, named, relevance)
        found = score(distance, judgement)
        for query, asked in enumerate(task.query_values):
            considered = named[query] if relevance is Relevance.FULFILS else np.ones(4, bool)
            right = np.array([(asked == one)[considered].all() for one in task.person_values])
            assert sorted(judgement.relevant[query][judgement.relevant[query] >= 0]) == list(
                np.flatnonzero(right)
            )
            expected = average_precision_score(right, -distance[query])
            assert found.average_precision[query] == pytest.approx(expected)
            assert found.first[query] == right[distance[query].argmin()]
        leading = score((1 - judgement.degree).astype(np.float32), judgement)
        np.testing.assert_allclose(leading.degree_of_match, 1.0, rtol=1e-6)


def test_complete_descriptions_score_as_in_every_report():
    """With everything named both ideas of who is right are those of protocol unique."""
    task = task_of(5)
    distance = np.random.default_rng(0).random((len(task.query_values), 14)).astype(np.float32)
    reported = evaluate_retrieval(lambda block: torch.from_numpy(distance)[block], task)
    for relevance in Relevance:
        found = score(distance, judge(task, np.ones(task.query_values.shape, bool), relevance))
        assert 100 * found.average_precision.mean() == pytest.approx(reported.overall.map)
        assert 100 * found.first.mean() == pytest.approx(reported.overall.rank1)
        assert 100 * found.degree_of_match.mean() == pytest.approx(reported.overall.madm)


def test_judging_needs_words_and_known_people():
    """A description without words, or a gallery with people of whom something is unknown, is refused."""
    task = task_of(1)
    with pytest.raises(InputError, match="at least one attribute"):
        judge(task, np.zeros(task.query_values.shape, bool), Relevance.EXACT)
    values = np.array([[0, 1], [1, -1]], np.int8)
    unknown = build_task(Protocol.UNIQUE, train_values=values[:0], test_values=values)
    with pytest.raises(InputError, match="everybody known"):
        judge(unknown, np.ones((1, 2), bool), Relevance.EXACT)


def test_resampling_agrees_with_the_bootstrap_of_other_reports():
    """The same interval as drawing positions one by one, but for chance."""
    values = np.random.default_rng(2).random(60)
    low, high = Resampling.of(60, seed=3).intervals(values[:, None])[0]
    other = bootstrap_interval(values)
    assert low == pytest.approx(other.low, abs=0.01)
    assert high == pytest.approx(other.high, abs=0.01)
    with pytest.raises(InputError, match="2 queries"):
        Resampling.of(1, seed=0)
