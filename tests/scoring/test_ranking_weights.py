"""Weights of answers learnt by ranking: optimality by loops, what they reward, and what they refuse."""

import math

import numpy as np
import pytest
import torch

from attrieve.errors import InputError
from attrieve.schema import Attribute, AttributeSchema, Group, GroupKind
from attrieve.scoring import group_likelihood
from attrieve.scoring.ranking_weights import RankingWeights, fit_ranking_weights


def bits(*names: str) -> AttributeSchema:
    """Return a vocabulary of attributes that stand alone."""
    groups = tuple(Group(name, GroupKind.BINARY, (name,)) for name in names)
    return AttributeSchema("bits", tuple(Attribute(name, name) for name in names), groups)


def people(attributes: int, persons: int, strength: list[float], seed: int = 0):
    """Return logits that tell each attribute by its own strength, and the attributes."""
    generator = torch.Generator().manual_seed(seed)
    values = (torch.rand(persons, attributes, generator=generator) < 0.5).to(torch.int8)
    noise = torch.randn(persons, attributes, generator=generator)
    return torch.tensor(strength) * (2.0 * values - 1) + noise, values


def loss_by_loops(wanted, unwanted, scale, logit, values, ridge):
    """Return the loss of whole descriptions, person by person."""
    described = sorted({tuple(row) for row in values.tolist()})
    total = 0.0
    for description in described:
        distance = []
        for person in range(len(logit)):
            cost = 0.0
            for attribute, asked in enumerate(description):
                z = float(logit[person, attribute])
                weight = wanted[attribute] if asked else unwanted[attribute]
                cost += weight * math.log1p(math.exp(-z if asked else z))
            distance.append(scale * cost)
        right = [person for person in range(len(logit)) if tuple(values[person].tolist()) == description]
        others = sum(math.exp(-distance[n]) for n in range(len(logit)) if n not in right)
        each = [-math.log(math.exp(-distance[p]) / (math.exp(-distance[p]) + others)) for p in right]
        total += sum(each) / len(each)
    penalty = sum(math.log(weight) ** 2 for weight in (*wanted, *unwanted))
    return total + ridge * penalty + 0.1 * math.log(scale) ** 2


def test_no_other_weights_have_a_smaller_loss() -> None:
    """With three attributes every description is whole, so loops can repeat the loss; its best scale is
    looked for, and from there no small step in any weight lowers it.
    """
    ridge = 0.7
    logit, values = people(3, 40, [2.0, 0.5, 1.0])
    found = fit_ranking_weights(logit, values, bits("a", "b", "c"), ridge=ridge)
    start = [found.wanted.tolist(), found.unwanted.tolist()]

    def loss(weights, scale):
        return loss_by_loops(*weights, scale, logit, values, ridge)

    scales = np.geomspace(0.3, 3, 400)
    scale = min(scales, key=lambda one: loss(start, one))
    best = loss(start, scale)
    assert best < loss([[1.0] * 3, [1.0] * 3], min(scales, key=lambda one: loss([[1.0] * 3] * 2, one))) - 0.01
    for side in range(2):
        for attribute in range(3):
            for factor in (0.9, 1.1):
                moved = [list(one) for one in start]
                moved[side][attribute] *= factor
                assert loss(moved, scale) > best, (side, attribute, factor)


def test_an_answer_that_is_only_believed_counts_for_less() -> None:
    """Of two attributes stated with equal certainty, the one whose logits are noise loses its weight."""
    logit, values = people(4, 300, [3.0, 3.0, 3.0, 0.0])
    logit[:, 3] *= 3
    found = fit_ranking_weights(logit, values, bits("a", "b", "c", "noise"))
    for side in (found.wanted, found.unwanted):
        assert side[3] < 0.5 * side[:3].min()


def mean_average_precision(distance, relevant) -> float:
    scores = []
    for row, right in zip(distance.tolist(), relevant.tolist(), strict=True):
        order = sorted(range(len(row)), key=lambda person: row[person])
        places = [place for place, person in enumerate(order, start=1) if right[person]]
        scores.append(sum((n + 1) / place for n, place in enumerate(places)) / len(places))
    return sum(scores) / len(scores)


def test_people_who_were_not_learnt_from_are_ranked_better() -> None:
    """Weights of some people help to rank others, where some attributes are noise that sounds certain."""
    strength = [2.5, 2.5, 2.5, 2.5, 0.2, 0.2]
    schema = bits(*"abcdef")
    logit, values = people(6, 600, strength)
    found = fit_ranking_weights(logit, values, schema)
    logit, values = people(6, 300, strength, seed=1)
    query = torch.unique(values, dim=0).float()
    relevant = (query[:, None] == values[None]).all(dim=2)
    plain = mean_average_precision(group_likelihood(query, logit, schema), relevant)
    weighted = group_likelihood(query, logit, schema, found.certainty(query))
    assert mean_average_precision(weighted, relevant) > plain + 0.01


def test_groups_take_part_and_a_large_ridge_keeps_all_weights_at_one() -> None:
    """One softmax per group, refusals included; the result does not change from call to call."""
    names = ("red", "green", "hat", "bag")
    groups = (
        Group("colour", GroupKind.EXCLUSIVE_OR_NONE, names[:2]),
        *(Group(name, GroupKind.BINARY, (name,)) for name in names[2:]),
    )
    schema = AttributeSchema("toy", tuple(Attribute(name, name) for name in names), groups)
    logit, values = people(4, 120, [2.0, 0.3, 2.0, 2.0])
    values[:, 1] *= 1 - values[:, 0]
    found = fit_ranking_weights(logit, values, schema)
    again = fit_ranking_weights(logit, values, schema)
    assert torch.equal(found.wanted, again.wanted)
    assert torch.equal(found.unwanted, again.unwanted)
    assert (found.wanted > 0).all()
    assert not torch.allclose(found.wanted, torch.ones(4), atol=0.05)
    stiff = fit_ranking_weights(logit, values, schema, ridge=1e6)
    torch.testing.assert_close(stiff.wanted, torch.ones(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(stiff.unwanted, torch.ones(4), atol=1e-3, rtol=0)


def test_logits_are_moved_before_they_are_learnt_from() -> None:
    logit, values = people(3, 60, [2.0, 0.5, 1.0])
    shift = torch.tensor([0.5, -1.0, 2.0])
    moved = fit_ranking_weights(logit, values, bits("a", "b", "c"), shift=shift)
    truth = fit_ranking_weights(logit + shift, values, bits("a", "b", "c"))
    torch.testing.assert_close(moved.wanted, truth.wanted, atol=1e-3, rtol=1e-3)


def test_weights_are_factors_of_certainties() -> None:
    """By what is asked of the attribute; what is open stays open."""
    weights = RankingWeights(torch.tensor([2.0, 3.0]), torch.tensor([5.0, 7.0]))
    query = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert weights.certainty(query).tolist() == [[2.0, 7.0], [5.0, 3.0]]
    assert weights.certainty(query, torch.tensor([[0.5, 0.0], [0.0, 1.0]])).tolist() == [
        [1.0, 0.0],
        [0.0, 3.0],
    ]


@pytest.mark.parametrize(
    ("logit", "values", "told"),
    [
        (torch.zeros(0, 2), torch.zeros(0, 2, dtype=torch.int8), r"same people, got \(0, 2\) and \(0, 2\)"),
        (torch.zeros(2, 2), torch.tensor([[0, 1], [-1, 1]], dtype=torch.int8), "all known"),
        (torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.int8), "at least two descriptions"),
    ],
)
def test_people_nobody_can_learn_from_are_refused(logit, values, told) -> None:
    with pytest.raises(InputError, match=told):
        fit_ranking_weights(logit, values, bits("a", "b"))
