import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.schema import Attribute, AttributeSchema, Group, GroupKind, load_vocabulary
from attrieve.scoring import group_likelihood, independent_likelihood, training_weight_shift
from reference import retrieval_scoring as slow


def schema(kind=GroupKind.EXCLUSIVE_OR_NONE):
    """Return three attributes of one group and a single bit."""
    names = ("red", "green", "blue", "hat")
    groups = (Group("colour", kind, names[:3]), Group("hat", GroupKind.BINARY, names[3:]))
    return AttributeSchema("toy", tuple(Attribute(name, name) for name in names), groups)


def logits(seed=0, persons=5, attributes=4):
    return 3 * torch.randn(persons, attributes, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_independent_equals_the_sum_of_logarithms(seed):
    """One term per asked attribute, weighted by certainty."""
    generator = torch.Generator().manual_seed(seed)
    query = (torch.rand(3, 4, generator=generator) > 0.5).float()
    certainty = (torch.rand(3, 4, generator=generator) - 0.3).clamp_min(0)
    probability = torch.rand(6, 4, generator=generator) * 0.98 + 0.01
    truth = slow.negative_log_likelihood(query.tolist(), probability.tolist(), certainty.tolist())
    np.testing.assert_allclose(
        independent_likelihood(query, probability, certainty), truth, rtol=1e-4, atol=1e-5
    )


def test_certain_mistakes_stay_finite():
    """Probability 0 of something wanted costs -log(smallest), not infinity."""
    cost = independent_likelihood(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), smallest=1e-3)
    assert cost.item() == pytest.approx(2 * -math.log(1e-3), rel=1e-3)
    extreme = torch.tensor([[float("inf"), -float("inf"), 1e6, -1e6]])
    assert group_likelihood(torch.tensor([[0.0, 1.0, 0.0, 1.0]]), extreme, schema()).isfinite().all()


CASES = [
    ({0}, {1, 2}),
    ({1}, set()),
    ({2}, {0}),
    (set(), {0, 1, 2}),
    (set(), {1}),
    (set(), {0, 2}),
    (set(), set()),
]


@pytest.mark.parametrize(("wanted", "unwanted"), CASES)
@pytest.mark.parametrize("kind", [GroupKind.EXCLUSIVE, GroupKind.EXCLUSIVE_OR_NONE])
def test_a_group_costs_what_its_outcomes_say(kind, wanted, unwanted):
    """Full, partial and refusing descriptions agree with listing every outcome of the group."""
    query, certainty = torch.zeros(1, 4), torch.zeros(1, 4)
    query[0, sorted(wanted)] = 1
    certainty[0, sorted(wanted | unwanted)] = 1
    logit = logits()
    truth = [slow.group_negative_log_likelihood(wanted, unwanted, row[:3]) for row in logit.tolist()]
    found = group_likelihood(query, logit, schema(kind), certainty)[0]
    np.testing.assert_allclose(found, truth, atol=1e-5)


@pytest.mark.parametrize("kind", [GroupKind.MULTI, GroupKind.MULTI_WITH_NONE, GroupKind.EXCLUSIVE_SOFT])
def test_other_groups_are_independent_bits(kind):
    """Where several may hold, the group changes nothing."""
    query = torch.tensor([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
    expected = independent_likelihood(query, logits().sigmoid())
    torch.testing.assert_close(
        group_likelihood(query, logits(), schema(kind)), expected, atol=1e-4, rtol=1e-4
    )


def test_several_wanted_members_fall_back_for_that_query_alone():
    """A contradiction is scored by bits; the query beside it keeps its softmax."""
    query = torch.tensor([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    found = group_likelihood(query, logits(), schema())
    bits = independent_likelihood(query, logits().sigmoid())
    torch.testing.assert_close(found[0], bits[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[1:], group_likelihood(query[1:], logits(), schema()))
    assert (found[1] - bits[1]).abs().max() > 0.01


def test_certainty_scales_the_cost():
    """Half as sure, half the cost, in groups and single bits, wanted and refused."""
    query = torch.tensor([[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]])
    half = group_likelihood(query, logits(), schema(), torch.full_like(query, 0.5))
    torch.testing.assert_close(2 * half, group_likelihood(query, logits(), schema()))


def test_the_kinds_read_as_one_choice_can_be_widened():
    """Nearly exclusive groups can be scored as one choice on request."""
    query = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    wide = group_likelihood(
        query, logits(), schema(GroupKind.EXCLUSIVE_SOFT), one_of_many=frozenset({GroupKind.EXCLUSIVE_SOFT})
    )
    torch.testing.assert_close(wide, group_likelihood(query, logits(), schema()))


def test_the_shift_undoes_training_weights():
    """With weights exp(1-r) and exp(r), the best weighted logit minus 1 - 2r is the true one."""
    rate = torch.tensor([0.1, 0.5, 0.9])
    true_probability = torch.tensor([0.3, 0.6, 0.2])
    odds = true_probability * (1 - rate).exp() / ((1 - true_probability) * rate.exp())
    corrected = (odds.log() + training_weight_shift(rate)).sigmoid()
    torch.testing.assert_close(corrected, true_probability)
    query, shift = torch.tensor([[1.0, 0.0, 0.0, 1.0]]), torch.tensor([0.5, -1.0, 0.0, 2.0])
    shifted = group_likelihood(query, logits(), schema(), shift=shift)
    torch.testing.assert_close(shifted, group_likelihood(query, logits() + shift, schema()))


def test_a_real_vocabulary_gives_finite_costs_of_at_least_zero():
    """All 35 attributes of PETA, many queries at once."""
    vocabulary = load_vocabulary("peta35")
    generator = torch.Generator().manual_seed(0)
    query = (torch.rand(50, 35, generator=generator) > 0.8).float()
    cost = group_likelihood(query, logits(1, 40, 35), vocabulary)
    assert cost.isfinite().all()
    assert cost.min() >= 0


def test_another_vocabulary_is_refused():
    """The groups would point at the wrong columns."""
    with pytest.raises(InputError, match="35 attributes, logits have 4"):
        group_likelihood(torch.zeros(1, 4), logits(), load_vocabulary("peta35"))


def test_an_unknown_value_is_never_read_as_no():
    """-1 without certainty 0 is refused; with it, it costs nothing."""
    query = torch.tensor([[-1.0, -1.0, -1.0, 1.0]])
    with pytest.raises(InputError, match="certainty 0"):
        group_likelihood(query, logits(), schema())
    certainty = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    alone = independent_likelihood(query[:, 3:], logits().sigmoid()[:, 3:])
    torch.testing.assert_close(group_likelihood(query, logits(), schema(), certainty), alone)
