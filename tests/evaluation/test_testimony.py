"""Simulated witnesses: what they name, where they err, and what several of them say together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.evaluation.testimony import (
    Choice,
    Statements,
    doubtful_errors,
    errors,
    pool_statements,
    speak,
    speaking_order,
)
from attrieve.schema import Attribute, AttributeQuery, AttributeSchema, Group, GroupKind
from attrieve.schema.query import Term
from attrieve.schema.witnesses import Witness, pool


def random(seed=0):
    return np.random.default_rng(seed)


def people(rows=4, attributes=6, seed=1):
    return random(seed).integers(0, 2, (rows, attributes)).astype(np.int8)


@pytest.mark.parametrize("choice", list(Choice))
def test_everybody_names_every_attribute_once(choice):
    """A speaking order is a permutation, the same for the same seed."""
    values = people()
    order = speaking_order(values, choice, np.full(6, 0.3), random())
    assert (np.sort(order, axis=1) == np.arange(6)).all()
    assert (order == speaking_order(values, choice, np.full(6, 0.3), random())).all()


def test_the_remarkable_comes_first_in_proportion_to_its_surprise():
    """Of many witnesses of one person, each attribute comes first as often as its share of the surprise."""
    rate, draws = np.array([0.5, 0.1, 0.9]), 20_000
    values = np.tile(np.array([1, 1, 1], np.int8), (draws, 1))
    first = (speaking_order(values, Choice.REMARKABLE, rate, random()) == 0).mean(axis=0)
    surprise = -np.log(rate)
    np.testing.assert_allclose(first, surprise / surprise.sum(), atol=0.015)


def test_witnesses_err_as_often_as_told_and_are_honest_about_it():
    """The share of wrong answers is the error rate; the certainty is 1 - 2 of it; the rest stays unnamed."""
    values = people(4000, 5)
    named = np.zeros(values.shape, bool)
    named[:, :3] = True
    told = speak(values, named, errors(values.shape, 0.2), random())
    assert (told.said[:, 3:] == -1).all()
    assert (told.said[:, :3] != values[:, :3]).mean() == pytest.approx(0.2, abs=0.015)
    np.testing.assert_allclose(told.certainty[:, :3], 0.6, rtol=1e-6)
    assert (told.equally_sure().certainty == named).all()


def test_doubtful_answers_are_wrong_as_often_as_their_certainty_says():
    """On the mean the share asked for; among answers of like certainty what that certainty stands for."""
    shape = (4000, 5)
    error = doubtful_errors(shape, 0.2, random())
    assert error.mean() == pytest.approx(0.2, abs=0.01)
    assert error.min() >= 0
    assert error.max() <= 0.5
    values = people(*shape)
    told = speak(values, np.ones(shape, bool), error, random(3))
    wrong = told.said != values
    for low, high in ((0.0, 0.1), (0.2, 0.3), (0.4, 0.5)):
        among = (error > low) & (error < high)
        assert wrong[among].mean() == pytest.approx(error[among].mean(), abs=0.03)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_pooling_arrays_is_pooling_witnesses_one_by_one(seed, count):
    """The same as the pooling of search, for attributes that do not exclude each other."""
    names = ("hat", "bag", "coat", "scarf")
    groups = tuple(Group(name, GroupKind.BINARY, (name,)) for name in names)
    schema = AttributeSchema("toy", tuple(Attribute(name, name) for name in names), groups)
    draw = random(seed)
    said = [
        Statements(
            np.where(sure > 0, draw.integers(0, 2, (1, 4)), -1).astype(np.int8), sure.astype(np.float32)
        )
        for sure in (draw.random((count, 1, 4)) * (draw.random((count, 1, 4)) > 0.3)).round(3)
    ]
    for one in said:
        one.said[0, 0], one.certainty[0, 0] = 1, 0.7  # nobody is silent, and something is left to ask
    witnesses = [
        Witness(
            str(number),
            AttributeQuery(
                schema,
                tuple(
                    Term((a,), bool(one.said[0, a]), float(one.certainty[0, a]))
                    for a in np.flatnonzero(one.said[0] >= 0).tolist()
                ),
            ),
        )
        for number, one in enumerate(said)
    ]
    together, pooled = pool(witnesses).query, pool_statements(said)
    assert (pooled.said[0] == together.values()).all()
    np.testing.assert_allclose(pooled.certainty[0], together.certainties(), atol=1e-5)


def test_what_makes_no_sense_is_refused():
    """Errors beyond a coin toss, certainty of nothing, unknown people, no witness."""
    with pytest.raises(InputError, match=r"\[0, 0\.5\]"):
        errors((1, 1), 0.6)
    with pytest.raises(InputError, match=r"between 0 and 0\.5"):
        doubtful_errors((1, 1), 0.0, random())
    with pytest.raises(InputError, match="nothing is named"):
        Statements(np.array([[-1]], np.int8), np.array([[0.5]], np.float32))
    with pytest.raises(InputError, match="certainties"):
        Statements(np.array([[1]], np.int8), np.array([[1.5]], np.float32))
    with pytest.raises(InputError, match="every attribute is known"):
        speaking_order(np.array([[-1]], np.int8), Choice.UNIFORM, np.array([0.5]), random())
    with pytest.raises(InputError, match="at least one witness"):
        pool_statements([])
