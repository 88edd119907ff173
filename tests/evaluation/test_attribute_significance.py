"""What attributes do to retrieval, against loops and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.evaluation.attribute_significance import (
    AttributeEffect,
    by_named_count,
    ceiling_curve,
    expected_average_precision,
    leave_one_out,
    recognition_search,
    truth_gains,
    with_truth,
)
from attrieve.evaluation.protocol import Protocol, build_task
from attrieve.evaluation.significance import Interval
from attrieve.schema import Attribute, AttributeSchema, Group, GroupKind
from attrieve.scoring.euclidean import manhattan_distance
from reference import attribute_significance as slow

NAMES = ("hat", "bag", "jeans", "noise")
SCHEMA = AttributeSchema(
    "toy",
    tuple(Attribute(name, name) for name in NAMES),
    tuple(Group(name, GroupKind.BINARY, (name,)) for name in NAMES),
)
GENERATOR = np.random.default_rng(3)
VALUES = GENERATOR.integers(0, 2, size=(40, 4)).astype(np.int8)
PROBABILITY = torch.from_numpy(np.clip(VALUES + GENERATOR.normal(0, 0.7, VALUES.shape), 0, 1)).float()
FULL_LABELS = 2 * (VALUES @ np.array([1, 2, 4, 8])) + GENERATOR.integers(0, 2, size=40)


def task_of(values=VALUES, protocol=Protocol.UNIQUE, categories=None):
    return build_task(protocol, train_values=values[:0], test_values=values, test_categories=categories)


def mean_precision(task, named):
    """By loops: mAP in percent of descriptions that name some attributes, right are exact matches."""
    scores = []
    for query in task.query_values:
        relevant = slow.agreeing(query, task.person_values, range(4))
        scores.append(slow.precision_of(query, PROBABILITY.tolist(), relevant, named))
    return 100 * sum(scores) / len(scores)


def test_leaving_one_out_is_what_loops_find():
    """Change in mAP, attribute by attribute."""
    task = task_of()
    whole = mean_precision(task, range(4))
    effects = leave_one_out(recognition_search(PROBABILITY), task, SCHEMA)
    assert [one.attribute for one in effects] == list(NAMES)
    for column, one in enumerate(effects):
        named = [other for other in range(4) if other != column]
        assert one.change.mean == pytest.approx(mean_precision(task, named) - whole, abs=1e-3)
        assert one.change.low <= one.change.mean <= one.change.high
        assert one.share == pytest.approx(VALUES[:, column].mean())


def test_an_attribute_predicted_upside_down_hurts_and_a_true_one_helps():
    """The direction of the verdicts, for removal and for truth alike."""
    values = np.tile(VALUES, (4, 1))
    seen = torch.from_numpy(values).float()
    seen[:, 3] = 1 - seen[:, 3]
    effects = {one.attribute: one for one in leave_one_out(recognition_search(seen), task_of(values), SCHEMA)}
    assert effects["noise"].verdict == "hurts"
    assert effects["hat"].verdict == "helps"
    gains = {one.attribute: one for one in truth_gains(seen, task_of(values), SCHEMA)}
    assert gains["noise"].verdict == "helps"
    assert gains["hat"].change.mean == 0
    assert gains["hat"].verdict == "undecided"


@pytest.mark.parametrize(
    ("low", "high", "removal", "verdict"),
    [
        (-2, -1, True, "helps"),
        (1, 2, True, "hurts"),
        (-1, 1, True, "undecided"),
        (1, 2, False, "helps"),
        (-2, -1, False, "hurts"),
        (0, 0, False, "undecided"),
    ],
)
def test_a_verdict_needs_an_interval_beside_zero(low, high, removal, verdict):
    """A fall speaks for an attribute that was taken away, a rise for one made perfect."""
    change = Interval((low + high) / 2, float(low), float(high), 0.95, 10)
    assert AttributeEffect("hat", 0.5, change, removal).verdict == verdict


def test_descriptions_of_everything_score_like_the_whole_search():
    """With all attributes named both ideas of who is right are one, whatever was drawn."""
    task = task_of()
    curves = by_named_count(recognition_search(PROBABILITY), task, counts=(2, 4, 35), draws=3)
    assert [point.named for point in curves.exact] == [2, 4]
    agreeing, exact = curves.agreeing[-1], curves.exact[-1]
    assert agreeing == exact
    assert exact.map.mean == pytest.approx(mean_precision(task, range(4)), abs=1e-3)


def test_partial_descriptions_are_judged_as_by_loops():
    """One query, one draw: some pair of attributes gives exactly these two scores."""
    values = VALUES.copy()
    values[1:] = np.where((values[1:] == values[0]).all(axis=1, keepdims=True), 1 - values[1:], values[1:])
    task = task_of(values)
    curves = by_named_count(recognition_search(PROBABILITY), task, counts=(2,), draws=1, seed=5)
    order = np.random.default_rng(5).random(task.query_values.shape).argsort(axis=1).argsort(axis=1)
    agreeing, exact, found = [], [], []
    for query, ranked in zip(task.query_values, order, strict=True):
        named = np.flatnonzero(ranked < 2).tolist()
        right = slow.agreeing(query, values, named)
        found.append(len(right))
        agreeing.append(slow.precision_of(query, PROBABILITY.tolist(), right, named))
        right = slow.agreeing(query, values, range(4))
        exact.append(slow.precision_of(query, PROBABILITY.tolist(), right, named))
    assert curves.agreeing[0].map.mean == pytest.approx(100 * np.mean(agreeing), abs=1e-3)
    assert curves.exact[0].map.mean == pytest.approx(100 * np.mean(exact), abs=1e-3)
    assert curves.agreeing[0].relevant == pytest.approx(np.mean(found))


def test_truth_makes_partial_descriptions_perfect_on_what_they_name():
    """A perfect classifier finds everybody who agrees, however little is named; chance does not."""
    truth = torch.from_numpy(VALUES).float()
    curves = by_named_count(recognition_search(truth), task_of(), counts=(1, 2, 3), draws=4)
    for agreeing, exact in zip(curves.agreeing, curves.exact, strict=True):
        assert (agreeing.map.mean, agreeing.rank1.mean) == (100.0, 100.0)
        assert agreeing.chance_map < 100.0
        assert exact.map.mean < 100.0
    relevant = [point.relevant for point in curves.agreeing]
    assert relevant == sorted(relevant, reverse=True)


@given(persons=st.integers(1, 7), data=st.data())
def test_chance_is_the_mean_over_every_order(persons, data):
    """The closed form against all orders of a small gallery."""
    relevant = data.draw(st.integers(1, persons))
    closed = expected_average_precision(np.array([relevant]), persons)
    assert closed[0] == pytest.approx(slow.expected_average_precision(relevant, persons))


def test_the_ceiling_starts_at_the_model_and_ends_at_the_truth():
    """100 where relevance is the attributes themselves, less where it asks for more."""
    tasks = {
        Protocol.UNIQUE: task_of(),
        Protocol.CATEGORIES: task_of(protocol=Protocol.CATEGORIES, categories=FULL_LABELS),
    }
    gains = truth_gains(PROBABILITY, tasks[Protocol.UNIQUE], SCHEMA)
    points = ceiling_curve(PROBABILITY, tasks, gains)
    assert [point.perfect for point in points] == [0, 1, 2, 3, 4]
    assert points[0].attribute is None
    assert points[0].scores[Protocol.UNIQUE].map == pytest.approx(
        mean_precision(tasks[Protocol.UNIQUE], range(4)), abs=1e-3
    )
    assert points[-1].scores[Protocol.UNIQUE].map == 100.0
    assert points[-1].scores[Protocol.CATEGORIES].map < 100.0
    best = max(gains, key=lambda one: one.change.mean)
    assert points[1].attribute == best.attribute
    gained = points[1].scores[Protocol.UNIQUE].map - points[0].scores[Protocol.UNIQUE].map
    assert gained == pytest.approx(best.change.mean, abs=1e-6)


def test_the_truth_replaces_only_what_is_known():
    """Other columns and unknown values keep their prediction; what was given is left alone."""
    values = VALUES.copy()
    values[5, 1] = -1
    given_before = PROBABILITY.clone()
    told = with_truth(PROBABILITY, task_of(values), [1])
    assert torch.equal(PROBABILITY, given_before)
    assert torch.equal(told[:, [0, 2, 3]], PROBABILITY[:, [0, 2, 3]])
    known = values[:, 1] >= 0
    assert torch.equal(told[known, 1], torch.from_numpy(values[known, 1]).float())
    assert told[5, 1] == PROBABILITY[5, 1]


def test_persons_with_an_unknown_value_are_outside_of_every_score():
    """As if they were not in the gallery at all."""
    masked = VALUES.copy()
    masked[30:, 0] = -1
    few = by_named_count(recognition_search(PROBABILITY[:30]), task_of(VALUES[:30]), counts=(2, 4), draws=2)
    all_ = by_named_count(recognition_search(PROBABILITY), task_of(masked), counts=(2, 4), draws=2)
    assert few == all_


def test_another_distance_gives_other_changes():
    """The distance is the caller's."""
    task = task_of()
    euclidean = leave_one_out(recognition_search(PROBABILITY), task, SCHEMA)
    manhattan = leave_one_out(recognition_search(PROBABILITY, manhattan_distance), task, SCHEMA)
    assert [one.change.mean for one in euclidean] != [one.change.mean for one in manhattan]


def test_what_cannot_be_asked_is_refused():
    """Told with what was expected."""
    search, task = recognition_search(PROBABILITY), task_of()
    with pytest.raises(InputError, match="at least 1 named"):
        by_named_count(search, task, counts=(0, 2))
    with pytest.raises(InputError, match="1 draw"):
        by_named_count(search, task, draws=0)
    removed = task_of(protocol=Protocol.REPRESENTATIVE_REMOVED, categories=FULL_LABELS)
    with pytest.raises(InputError, match="another protocol"):
        by_named_count(search, removed)
    three = AttributeSchema("three", SCHEMA.attributes[:3], SCHEMA.groups[:3])
    with pytest.raises(InputError, match="has 3 attributes, the queries 4"):
        leave_one_out(search, task, three)
    with pytest.raises(InputError, match="has 3 attributes, the queries 4"):
        truth_gains(PROBABILITY, task, three)
