import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from attrieve.errors import InputError
from attrieve.evaluation.attribute_accuracy import attribute_accuracy


def drawn(seed, persons=30, attributes=4):
    generator = np.random.default_rng(seed)
    values = (generator.random((persons, attributes)) < 0.5).astype(np.int8)
    values[0], values[1] = 1, 0
    # Coarse scores, so that ties and scores at the threshold occur.
    probability = np.round(0.4 * values + 0.6 * generator.random(values.shape), 1).astype(np.float32)
    return probability, values


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_every_measure_equals_scikit_learn(seed):
    """Balanced accuracy, sample-averaged Jaccard, precision and recall, and average precision."""
    probability, values = drawn(seed)
    found = attribute_accuracy(torch.from_numpy(probability), values)
    predicted = (probability.astype(np.float64) > 0.5).astype(int)
    columns = range(values.shape[1])
    balanced = [100 * oracle.balanced_accuracy_score(values[:, a], predicted[:, a]) for a in columns]
    assert [row.mean_accuracy for row in found.attributes] == pytest.approx(balanced)
    assert found.mean_accuracy == pytest.approx(np.mean(balanced))
    options = {"average": "samples", "zero_division": 0}
    assert found.accuracy == pytest.approx(100 * oracle.jaccard_score(values, predicted, **options))
    assert found.precision == pytest.approx(100 * oracle.precision_score(values, predicted, **options))
    assert found.recall == pytest.approx(100 * oracle.recall_score(values, predicted, **options))
    areas = [100 * oracle.average_precision_score(values[:, a], probability[:, a]) for a in columns]
    assert [row.average_precision for row in found.attributes] == pytest.approx(areas)


def test_f1_is_of_the_means():
    """Harmonic mean of mean precision and mean recall, not the mean of F1."""
    probability, values = drawn(7)
    found = attribute_accuracy(torch.from_numpy(probability), values)
    expected = 2 * found.precision * found.recall / (found.precision + found.recall)
    predicted = probability.astype(np.float64) > 0.5
    assert found.f1 == pytest.approx(expected)
    mean_of_f1 = 100 * oracle.f1_score(values, predicted, average="samples", zero_division=0)
    assert found.f1 != pytest.approx(mean_of_f1, abs=0.1)


def test_unknown_values_are_masked_everywhere():
    """An unknown cell gives what the table gives if the cell is predicted and held as nothing."""
    probability, values = drawn(1)
    hidden = values.copy()
    hidden[5:, 0] = -1
    found = attribute_accuracy(torch.from_numpy(probability), hidden)
    alone = attribute_accuracy(torch.from_numpy(probability[:5]), values[:5])
    assert found.attributes[0] == alone.attributes[0]
    absent, unheld = probability.copy(), values.copy()
    absent[5:, 0] = 0
    unheld[5:, 0] = 0
    same = attribute_accuracy(torch.from_numpy(absent), unheld)
    assert (found.accuracy, found.precision, found.recall) == (same.accuracy, same.precision, same.recall)


def test_an_image_without_known_values_is_left_out():
    """Adding one changes nothing."""
    probability, values = drawn(2)
    more = np.concatenate([values, np.full((1, 4), -1, dtype=np.int8)])
    longer = torch.from_numpy(np.concatenate([probability, np.ones((1, 4), dtype=np.float32)]))
    assert attribute_accuracy(longer, more) == attribute_accuracy(torch.from_numpy(probability), values)


def test_one_sided_attributes_count_with_the_rate_they_have():
    """No positives, no negatives, or nothing known: guarded and reported."""
    values = np.array([[1, 0, 1, -1], [0, 0, 1, -1]], dtype=np.int8)
    probability = torch.tensor([[0.9, 0.2, 0.8, 0.5], [0.1, 0.9, 0.9, 0.5]])
    found = attribute_accuracy(probability, values)
    assert [row.mean_accuracy for row in found.attributes] == [100, 50, 100, None]
    assert [row.true_positive_rate for row in found.attributes] == [100, None, 100, None]
    assert [row.recall for row in found.attributes] == [100, None, 100, None]
    assert [row.average_precision for row in found.attributes] == [100, None, 100, None]
    assert found.mean_accuracy == pytest.approx(250 / 3)
    assert found.mean_accuracy_complete == 100
    assert (found.without_positives, found.without_negatives) == (2, 2)


def test_nothing_predicted_is_zero_not_nan():
    """Published code divides by a small number here; the ratio is 0."""
    found = attribute_accuracy(torch.zeros(2, 2), np.ones((2, 2), dtype=np.int8))
    assert (found.accuracy, found.precision, found.recall, found.f1) == (0, 0, 0, 0)
    assert found.attributes[0].precision is None


def test_nothing_known_and_nan_are_refused():
    """Neither has an accuracy."""
    with pytest.raises(InputError, match="at least one known value"):
        attribute_accuracy(torch.zeros(2, 2), np.full((2, 2), -1, dtype=np.int8))
    with pytest.raises(InputError, match="at least one known value"):
        attribute_accuracy(torch.zeros(0, 2), np.zeros((0, 2), dtype=np.int8))
    with pytest.raises(InputError, match="NaN"):
        attribute_accuracy(torch.full((1, 1), float("nan")), np.ones((1, 1), dtype=np.int8))
