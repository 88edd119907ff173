import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.evaluation import Protocol, RetrievalTask, build_task, evaluate_retrieval
from reference import retrieval as slow


def drawn_task(seed, protocol=Protocol.UNIQUE, persons=40, unknown=0.05):
    """Three attributes in the model, a fourth that splits categories."""
    generator = np.random.default_rng(seed)
    full = generator.integers(0, 2, size=(persons, 4)).astype(np.int8)
    values = full[:, :3].copy()
    values[generator.random(values.shape) < unknown] = -1
    categories = full @ np.array([1, 2, 4, 8])
    return build_task(
        protocol, train_values=values[:5], test_values=values, test_categories=categories.astype(np.int64)
    )


def drawn_distance(seed, task, distinct=10_000):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(task.query_values), len(task.person_values))
    return torch.randint(0, distinct, shape, generator=generator).float() / distinct


def measure(distance, task, **options):
    return evaluate_retrieval(lambda block: distance[block], task, **options)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(list(Protocol)), st.sampled_from([5, 10_000]))
def test_every_metric_equals_its_loop_twin(seed, protocol, distinct):
    """All protocols, with ties, unknown values and removed representatives."""
    task = drawn_task(seed, protocol)
    distance = drawn_distance(seed, task, distinct)
    found = dataclasses.asdict(measure(distance, task).overall)
    for name, value in slow.evaluate(distance.numpy(), task).items():
        assert found[name] == pytest.approx(value, rel=1e-5), name


@pytest.mark.parametrize("block_queries", [1, 3, 7, 1000])
def test_blocks_equal_the_whole(block_queries):
    """How many queries are worked on at once changes nothing at all."""
    task = drawn_task(1, Protocol.REPRESENTATIVE_REMOVED)
    distance = drawn_distance(1, task)
    whole, parts = measure(distance, task), measure(distance, task, block_queries=block_queries)
    assert parts.overall == whole.overall
    assert parts.seen == whole.seen
    assert parts.unseen == whole.unseen


def test_the_given_distances_are_not_touched():
    """Blocks may be views of the caller's matrix."""
    task = drawn_task(2, Protocol.REPRESENTATIVE_REMOVED)
    distance = drawn_distance(2, task)
    before = distance.clone()
    measure(distance, task)
    assert torch.equal(distance, before)


def reordered(task, order):
    return dataclasses.replace(
        task, person_values=task.person_values[order], person_category=task.person_category[order]
    )


def test_shuffling_the_gallery_changes_no_metric():
    """Without ties, the order of persons is of no account."""
    task = drawn_task(3)
    generator = torch.Generator().manual_seed(3)
    shape = (len(task.query_values), len(task.person_values))
    distance = torch.rand(shape, generator=generator, dtype=torch.float64).float()
    order = np.random.default_rng(3).permutation(shape[1])
    shuffled = measure(distance[:, torch.from_numpy(order)], reordered(task, order)).overall
    before, after = dataclasses.asdict(measure(distance, task).overall), dataclasses.asdict(shuffled)
    assert after == pytest.approx(before)


def test_seen_and_unseen_make_up_the_whole():
    """Query-weighted, the parts average to the overall value."""
    metrics = measure(drawn_distance(4, drawn_task(4)), drawn_task(4))
    assert metrics.seen is not None
    assert metrics.unseen is not None
    parts = (metrics.seen, metrics.unseen)
    assert sum(part.queries for part in parts) == metrics.overall.queries
    total = sum(part.queries * part.map for part in parts)
    assert total / metrics.overall.queries == pytest.approx(metrics.overall.map)


def small_task(query_category, person_category, removed=None):
    queries, persons = len(query_category), len(person_category)
    return RetrievalTask(
        query_values=np.zeros((queries, 1), dtype=np.int8),
        query_category=np.array(query_category, dtype=np.int64),
        person_values=np.zeros((persons, 1), dtype=np.int8),
        person_category=np.array(person_category, dtype=np.int64),
        removed_person=np.full(queries, -1) if removed is None else np.array(removed),
        seen=np.zeros(queries, dtype=bool),
    )


def test_queries_without_a_match_are_counted_and_left_out():
    """They are no failure of the ranking, and never NaN."""
    scores = measure(torch.tensor([[0.2, 0.1], [0.1, 0.2]]), small_task([0, 9], [0, 1])).overall
    assert (scores.queries, scores.without_match, scores.map, scores.rank1) == (2, 1, 50.0, 0.0)


def test_no_match_for_anybody_is_refused():
    """There is nothing to average."""
    with pytest.raises(InputError, match="none of the 2 queries"):
        measure(torch.zeros(2, 2), small_task([8, 9], [0, 1]))


def test_a_gallery_of_one():
    """The only person is first."""
    scores = measure(torch.tensor([[0.5]]), small_task([0], [0])).overall
    assert (scores.map, scores.map_trapezoid, scores.rank1, scores.minp, scores.madm) == (100,) * 5


def test_an_empty_gallery_or_no_query_is_refused():
    """On construction, before any distance is computed."""
    for queries, persons in (([0], []), ([], [0]), ([0], [-1, -1])):
        with pytest.raises(InputError, match="a query and a person"):
            small_task(queries, persons)


def test_distances_that_cannot_be_right_are_refused():
    """A NaN, or a block of another shape."""
    task = small_task([0, 1], [0, 1, 1])
    broken = torch.zeros(2, 3)
    broken[1, 0] = float("nan")
    with pytest.raises(InputError, match="NaN"):
        measure(broken, task)
    with pytest.raises(InputError, match="2 queries to 3 persons"):
        measure(torch.zeros(2, 4), task)


def test_grading_is_optional():
    """Without it the other metrics stay the same and mADM is absent."""
    task = drawn_task(5)
    distance = drawn_distance(5, task)
    plain, graded = measure(distance, task, graded=False).overall, measure(distance, task).overall
    assert plain == dataclasses.replace(graded, madm=None)


def test_per_query_values_average_to_the_mean():
    """What intervals over queries start from."""
    task = drawn_task(6)
    metrics = measure(drawn_distance(6, task), task)
    assert 100 * metrics.per_query.average_precision.mean() == pytest.approx(metrics.overall.map)
    assert len(metrics.per_query.first_rank) == len(task.query_values)
