"""Errors by subgroup, against loops over images and attributes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from attrieve.errors import InputError
from attrieve.evaluation.protocol import Protocol
from attrieve.evaluation.report import EvaluationReport, Predictions, evaluate_predictions
from attrieve.evaluation.subgroups import FEWEST, TRAITS, Subgroup, subgroup_errors, subgroup_table
from attrieve.schema import load_vocabulary

SCHEMA = load_vocabulary("peta35")
AGES = ["personalLess30", "personalLess45", "personalLess60", "personalLarger60"]


def labels(images: int, seed: int = 0) -> np.ndarray:
    """Random labels, one age each, with a rare attribute and an unknown value now and then."""
    generator = np.random.default_rng(seed)
    values = (generator.random((images, len(SCHEMA))) < 0.5).astype(np.int8)
    ages = [SCHEMA.names.index(name) for name in AGES]
    values[:, ages] = 0
    values[np.arange(images), generator.choice(ages, images)] = 1
    values[:, SCHEMA.names.index("footwearSandals")] = generator.random(images) < 0.02
    values[generator.integers(0, images, 5), SCHEMA.names.index("accessoryHat")] = -1
    return values


def measured(values: np.ndarray, probability: np.ndarray) -> tuple[Predictions, EvaluationReport]:
    predictions = Predictions(torch.from_numpy(probability.astype(np.float32)), None, None)
    report = evaluate_predictions(
        predictions,
        schema=SCHEMA,
        train_values=values[:0],
        test_values=values,
        test_categories=None,
        protocols=[Protocol.UNIQUE],
        fusions={},
        graded=False,
    )
    return predictions, report


def looped(
    values: np.ndarray, predicted: np.ndarray, members: list[int], others: list[str], holds: int
) -> float:
    """The share of wrong answers among images with this value, per attribute, and their mean."""
    shares = []
    for name in others:
        column = SCHEMA.names.index(name)
        cases = [image for image in members if values[image, column] == holds]
        shares.append(sum(predicted[image, column] != holds for image in cases) / len(cases))
    return 100 * sum(shares) / len(shares)


@pytest.fixture(scope="module")
def world() -> tuple[np.ndarray, np.ndarray, Predictions, EvaluationReport]:
    """A model that errs on a fifth of the answers, more often where somebody is labelled female."""
    values = labels(900)
    generator = np.random.default_rng(1)
    female = values[:, [SCHEMA.names.index("personalMale")]] == 0
    wrong = generator.random(values.shape) < np.where(female, 0.3, 0.1)
    predicted = np.where(wrong, values != 1, values == 1)
    probability = np.where(predicted, 0.9, 0.2) + 0.05 * generator.random(values.shape)
    return values, predicted, *measured(values, probability)


def test_rates_are_those_of_loops(
    world: tuple[np.ndarray, np.ndarray, Predictions, EvaluationReport],
) -> None:
    """For every group of every trait: images, missed, imagined, and the group itself."""
    values, predicted, predictions, report = world
    for trait in subgroup_errors(predictions, report, distance="attributes"):
        groups = TRAITS[trait.trait]
        own = {name for name, _ in groups.values()}
        for group in trait.groups:
            assert not own & set(group.compared)
            assert "footwearSandals" not in group.compared
            assert len(group.compared) == len(SCHEMA) - len(own) - 1
            name, holds = groups[group.name]
            column = SCHEMA.names.index(name)
            here = [image for image in range(len(values)) if values[image, column] == int(holds)]
            there = [image for image in range(len(values)) if values[image, column] == int(not holds)]
            assert group.images == len(here)
            for found, members, value in (
                (group.missed, here, 1),
                (group.missed_others, there, 1),
                (group.imagined, here, 0),
                (group.imagined_others, there, 0),
            ):
                expected = looped(values, predicted, members, list(group.compared), value)
                assert found.mean == pytest.approx(expected)
                assert found.low < found.mean < found.high
            own_wrong = [predicted[image, column] != holds for image in here]
            assert group.own_missed.mean == pytest.approx(100 * np.mean(own_wrong))


def test_a_model_that_errs_more_on_some_is_seen(
    world: tuple[np.ndarray, np.ndarray, Predictions, EvaluationReport],
) -> None:
    """The intervals of the two do not touch; among age groups, treated alike, they do."""
    _, _, predictions, report = world
    gender, ages = subgroup_errors(predictions, report, distance="attributes")
    male, female = gender.groups
    assert male.missed.high < 15 < 25 < female.missed.low
    assert (male.missed_others.mean, female.missed_others.mean) == (female.missed.mean, male.missed.mean)
    assert max(one.missed.low for one in ages.groups) < min(one.missed.high for one in ages.groups)


def test_retrieval_is_over_the_queries_that_name_the_group(
    world: tuple[np.ndarray, np.ndarray, Predictions, EvaluationReport],
) -> None:
    """The mean of the report's own values over just these; both genders make up all queries."""
    _, _, predictions, report = world
    gender, _ = subgroup_errors(predictions, report, distance="likelihood")
    task = report.tasks[Protocol.UNIQUE]
    scores = report.retrieval[Protocol.UNIQUE]["likelihood"].per_query
    column = SCHEMA.names.index("personalMale")
    for group, holds in zip(gender.groups, (1, 0), strict=True):
        chosen = [index for index, query in enumerate(task.query_values) if query[column] == holds]
        assert group.queries == len(chosen)
        assert group.map is not None
        assert group.map.mean == pytest.approx(100 * np.mean([scores.average_precision[i] for i in chosen]))
        assert group.rank1 is not None
        assert group.rank1.mean == pytest.approx(100 * np.mean([scores.first_rank[i] == 1 for i in chosen]))


def test_a_perfect_model_errs_on_nobody() -> None:
    """All errors 0, with intervals of no width."""
    values = labels(600, seed=3)
    predictions, report = measured(values, np.where(values == 1, 0.99, 0.01))
    for trait in subgroup_errors(predictions, report, distance="attributes"):
        for group in trait.groups:
            for found in (group.missed, group.imagined, group.missed_others, group.own_missed):
                assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_intervals(
    world: tuple[np.ndarray, np.ndarray, Predictions, EvaluationReport],
) -> None:
    """A record can be made again."""
    _, _, predictions, report = world
    make: Callable[[], list[Subgroup]] = lambda: [  # noqa: E731
        one for trait in subgroup_errors(predictions, report, distance="attributes") for one in trait.groups
    ]
    assert make() == make()


def test_what_cannot_be_measured_is_told() -> None:
    """Too few images, no recognition, another vocabulary."""
    values = labels(FEWEST)
    predictions, report = measured(values, np.where(values == 1, 0.9, 0.1))
    with pytest.raises(InputError, match="take more images"):
        subgroup_errors(predictions, report, distance="attributes")
    with pytest.raises(InputError, match="recognises no attributes"):
        subgroup_errors(
            Predictions(None, torch.zeros(FEWEST, 2), lambda query: query), report, distance="attributes"
        )


def test_a_table_for_people(world: tuple[np.ndarray, np.ndarray, Predictions, EvaluationReport]) -> None:
    """One row per group."""
    _, _, predictions, report = world
    assert subgroup_table(subgroup_errors(predictions, report, distance="attributes")).row_count == 6


def test_many_images_of_few_people_say_little() -> None:
    """The same people photographed ten times over: the same rates, and intervals no narrower."""
    few = labels(150, seed=5)
    many = np.repeat(few, 10, axis=0)
    generator = np.random.default_rng(2)
    wrong = generator.random(few.shape) < 0.2
    found = []
    for values, errs in ((few, wrong), (many, np.repeat(wrong, 10, axis=0))):
        predicted = np.where(errs, values != 1, values == 1)
        gender, _ = subgroup_errors(*measured(values, np.where(predicted, 0.9, 0.1)), distance="attributes")
        found.append(gender.groups[0])
    once, often = found
    common = set(once.compared) & set(often.compared)
    assert len(common) > 20
    width, wide = (one.own_missed.high - one.own_missed.low for one in (once, often))
    assert once.own_missed.mean == pytest.approx(often.own_missed.mean)
    assert wide > 0.8 * width
