import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score

from attrieve.errors import InputError
from attrieve.evaluation import counting
from attrieve.evaluation.average_precision import (
    average_precision,
    inverse_negative_penalty,
    trapezoid_average_precision,
)
from attrieve.evaluation.cmc import cumulative_match
from attrieve.evaluation.graded import (
    attribute_agreement,
    average_degree_of_match,
    normalised_agreement,
)
from attrieve.evaluation.ranks import CategoryIndex, relevant_ranks
from reference import retrieval as slow

METRICS = [
    (average_precision, slow.average_precision),
    (trapezoid_average_precision, slow.trapezoid_average_precision),
    (inverse_negative_penalty, lambda ranks: len(ranks) / ranks[-1]),
]


def row(*ranks):
    return np.array([ranks], dtype=np.int64), np.array([len(ranks)])


def tied_distances():
    """A few distinct values only, so that ties are the rule."""
    values = st.sampled_from([0.0, 0.1, 0.2, 1.0, 7.0])
    return hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=values)


@settings(max_examples=40, deadline=None)
@given(tied_distances(), st.data())
def test_ranks_are_those_of_the_sorted_gallery(distance, data):
    """Counting gives the ranks of a full sort, ties by position, one person removed."""
    persons = distance.shape[1]
    relevant, removed = [], []
    for _ in distance:
        chosen = data.draw(st.permutations(range(persons)))
        size = data.draw(st.integers(0, persons))
        relevant.append(sorted(chosen[:size]))
        removed.append(chosen[size] if size < persons and data.draw(st.booleans()) else -1)
    table = np.full((len(distance), persons), -1, dtype=np.int64)
    for line, members in zip(table, relevant, strict=True):
        line[: len(members)] = members
    found = relevant_ranks(distance, table, np.array(removed))
    for query, members in enumerate(relevant):
        truth = slow.ranks_of(distance[query], members, [removed[query]])
        assert found.ranks[query, : found.count[query]].tolist() == truth
        assert not found.ranks[query, found.count[query] :].any()


@pytest.mark.parametrize("relevant_persons", [1, counting.FEW, counting.FEW + 1, 3 * counting.CHUNK])
def test_long_rows_are_counted_right(relevant_persons):
    """Across chunk borders, and on both sides of the change from passes to search."""
    generator = np.random.default_rng(relevant_persons)
    persons = 3 * counting.CHUNK + 17
    distance = generator.integers(0, 500, size=(2, persons)).astype(np.float32)
    weight = generator.random((2, persons), dtype=np.float32)
    relevant = np.stack(
        [np.sort(generator.choice(persons, relevant_persons, replace=False)) for _ in range(2)]
    )
    order = np.argsort(distance, axis=1, kind="stable")
    place = np.argsort(order, axis=1, kind="stable")
    here = np.take_along_axis(place, relevant, axis=1)
    assert relevant_ranks(distance, relevant).ranks.tolist() == np.sort(here + 1, axis=1).tolist()
    gains = np.zeros(relevant.shape)
    counting.add_up_weights(distance, weight, relevant, gains)
    running = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1, dtype=np.float64)
    np.testing.assert_allclose(gains, np.take_along_axis(running, here, axis=1), rtol=1e-9)


def test_a_nan_distance_is_refused():
    """Also beside the relevant persons, where counting would not meet it."""
    distance = np.array([[0.0, 1.0], [0.0, np.nan]], dtype=np.float32)
    with pytest.raises(InputError, match="query 1"):
        relevant_ranks(distance, np.array([[0], [0]]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.integers(1, 40), min_size=1, max_size=9), min_size=1, max_size=5))
def test_metrics_equal_their_loop_twins(drawn):
    """Padded rows of several queries give what a walk down each ranking gives."""
    lists = [sorted(ranks) for ranks in drawn]
    count = np.array([len(ranks) for ranks in lists])
    table = np.zeros((len(lists), count.max()), dtype=np.int64)
    for line, ranks in zip(table, lists, strict=True):
        line[: len(ranks)] = ranks
    for metric, twin in METRICS:
        np.testing.assert_allclose(metric(table, count), [twin(ranks) for ranks in lists], rtol=1e-12)


def test_one_match_at_rank_two():
    """The number that tells the two definitions apart: 0.5 standard, 0.25 in the code of ASMR."""
    assert average_precision(*row(2)).item() == 0.5
    assert trapezoid_average_precision(*row(2)).item() == 0.25
    assert trapezoid_average_precision(*row(1)).item() == 1.0


def test_a_perfect_ranking_scores_one():
    """By every measure."""
    for metric, _ in METRICS:
        assert metric(*row(1, 2, 3)).item() == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 50))
def test_average_precision_equals_scikit_learn(seed, persons):
    """On scores without ties the standard definition is scikit-learn's."""
    generator = np.random.default_rng(seed)
    distance = generator.permutation(persons).astype(np.float32)[None, :]
    relevance = generator.random(persons) < 0.3
    relevance[generator.integers(persons)] = True
    found = relevant_ranks(distance, np.flatnonzero(relevance)[None, :])
    expected = average_precision_score(relevance, -distance[0])
    assert average_precision(found.ranks, found.count).item() == pytest.approx(expected)


def test_an_irrelevant_last_person_changes_nothing():
    """Growing the gallery at its far end leaves ranks and metrics as they are."""
    distance = np.array([[0.3, 0.1, 0.2]], dtype=np.float32)
    longer = np.append(distance, np.float32([[0.9]]), axis=1)
    relevant = np.array([[0, 1]])
    assert (
        relevant_ranks(distance, relevant).ranks.tolist() == relevant_ranks(longer, relevant).ranks.tolist()
    )


def test_a_query_without_a_match_scores_zero_not_nan():
    """It is told by its count; the value must not poison a mean."""
    found = relevant_ranks(np.zeros((1, 2), dtype=np.float32), np.array([[-1]]))
    assert found.count.tolist() == [0]
    for metric, _ in METRICS:
        assert metric(found.ranks, found.count).tolist() == [0]
    assert cumulative_match(found.ranks, [1, 100]).tolist() == [[0, 0]]


def test_cutoffs_count_from_one():
    """Rank-0 does not exist."""
    with pytest.raises(InputError, match="count from 1"):
        cumulative_match(np.array([[1]]), [0])


def test_category_index_finds_the_members():
    """Ascending, padded, without the removed person; an absent category has none."""
    index = CategoryIndex.of(np.array([5, 2, 5, 2, 5]))
    found = index.relevant(np.array([5, 2, 9]), np.array([2, -1, -1]))
    assert found.tolist() == [[0, 4, -1], [1, 3, -1], [-1, -1, -1]]


VALUES = hnp.arrays(np.int8, (6, 4), elements=st.integers(-1, 1))


@settings(max_examples=40, deadline=None)
@given(VALUES, hnp.arrays(np.int8, (2, 4), elements=st.integers(-1, 1)), st.integers(-1, 5))
def test_agreement_and_degrees_equal_their_loop_twins(persons, queries, gone):
    """Unknown values are masked on both sides; a removed person moves neither mean nor maximum."""
    agreement = attribute_agreement(queries, persons)
    expected = [[slow.agreement(q, p) for p in persons.tolist()] for q in queries.tolist()]
    np.testing.assert_allclose(agreement, expected, atol=1e-6)
    members = [person for person in (0, 3) if person != gone]
    relevant = np.array([members + [-1] * (2 - len(members))] * 2)
    found = normalised_agreement(agreement, relevant, np.array([gone, gone]))
    for line, query in zip(found, queries.tolist(), strict=True):
        truth = slow.degrees(query, persons.tolist(), members, [gone])
        np.testing.assert_allclose(line, [truth.get(person, 0.0) for person in range(6)], atol=1e-5)


def adm(distance, degree, relevant):
    ranks = relevant_ranks(distance, relevant).ranks
    return average_degree_of_match(distance, degree, relevant, ranks)


@settings(max_examples=40, deadline=None)
@given(tied_distances(), st.integers(0, 10_000))
def test_adm_equals_its_loop_twin(distance, seed):
    """Sums over the top r_k, ties by position."""
    generator = np.random.default_rng(seed)
    degree = generator.random(distance.shape, dtype=np.float32)
    members = np.flatnonzero(generator.random(distance.shape[1]) < 0.5)
    members = members if len(members) else np.array([0])
    found = adm(distance, degree, np.repeat(members[None], len(distance), axis=0))
    truth = [
        slow.average_degree_of_match(line, dict(enumerate(own.tolist())), members.tolist())
        for line, own in zip(distance, degree, strict=True)
    ]
    np.testing.assert_allclose(found, truth, rtol=1e-6)


def test_adm_is_one_for_a_perfect_ranking():
    """Exact matches have degree 1, so a lead of them scores 1."""
    persons = np.array([[1, 0], [0, 0], [1, 0], [0, 1]], dtype=np.int8)
    relevant = np.array([[0, 2]])
    degree = normalised_agreement(attribute_agreement(persons[:1], persons), relevant)
    assert adm(np.float32([[0.1, 0.3, 0.2, 0.4]]), degree, relevant).item() == pytest.approx(1)


def test_adm_is_average_precision_if_others_have_no_degree():
    """Binary relevance is the special case."""
    generator = np.random.default_rng(0)
    distance = generator.random((3, 30), dtype=np.float32)
    relevant = np.sort(np.stack([generator.choice(30, 5, replace=False) for _ in range(3)]), axis=1)
    degree = np.zeros((3, 30), dtype=np.float32)
    np.put_along_axis(degree, relevant, 1, axis=1)
    found = relevant_ranks(distance, relevant)
    np.testing.assert_allclose(adm(distance, degree, relevant), average_precision(found.ranks, found.count))


def test_where_all_agree_alike_only_exact_matches_count():
    """Maximum equal to mean leaves nothing to grade."""
    same = np.ones((5, 3), dtype=np.int8)
    relevant = np.array([[1, 4]])
    degree = normalised_agreement(attribute_agreement(same[:1], same), relevant)
    assert degree.tolist() == [[0, 1, 0, 0, 1]]


def test_threads_change_nothing_and_name_the_broken_query() -> None:
    """Large blocks are counted by several threads, each a run of queries."""
    generator = np.random.default_rng(5)
    distance = generator.random((7, 400_000), dtype=np.float32)
    relevant = np.sort(generator.choice(400_000, size=(7, 5), replace=False), axis=1)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = relevant_ranks(distance, relevant).ranks
        torch.set_num_threads(2)
        np.testing.assert_array_equal(relevant_ranks(distance, relevant).ranks, alone)
        distance[5, 17] = np.nan
        with pytest.raises(InputError, match="query 5 "):
            relevant_ranks(distance, relevant)
    finally:
        torch.set_num_threads(before)
