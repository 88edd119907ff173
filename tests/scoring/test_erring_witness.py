"""The cost of what an erring witness says, against loops and its limits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.scoring.erring_witness import erring_witness_likelihood
from attrieve.scoring.likelihood import independent_likelihood
from reference import retrieval_scoring as slow


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_equals_the_sum_over_both_ways_an_answer_can_come_about(seed):
    """Seen right and said, or seen wrong and said: loops over queries, persons and attributes."""
    generator = torch.Generator().manual_seed(seed)
    query = (torch.rand(3, 4, generator=generator) > 0.5).float()
    certainty = (torch.rand(3, 4, generator=generator) - 0.3).clamp_min(0)
    probability = torch.rand(6, 4, generator=generator)
    truth = slow.erring_witness(query.tolist(), probability.tolist(), certainty.tolist(), 0.01)
    found = erring_witness_likelihood(query, probability, certainty)
    np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-5)


def test_somebody_who_hardly_errs_is_believed():
    """With certainty 1 and next to no error it is the likelihood of independent attributes."""
    generator = torch.Generator().manual_seed(1)
    query = (torch.rand(2, 5, generator=generator) > 0.5).float()
    probability = torch.rand(7, 5, generator=generator) * 0.9 + 0.05
    np.testing.assert_allclose(
        erring_witness_likelihood(query, probability, least_wrong=1e-7),
        independent_likelihood(query, probability),
        rtol=1e-4,
    )


def test_one_doubtful_answer_costs_at_most_its_doubt():
    """However sure the model is of the opposite, the cost is -log of the witness's error rate."""
    cost = erring_witness_likelihood(torch.ones(1, 1), torch.zeros(1, 1), torch.full((1, 1), 0.5))
    assert cost.item() == pytest.approx(-math.log(0.25), rel=1e-5)


def test_an_open_attribute_costs_nobody_anything():
    """Certainty 0, whatever stands in the query."""
    cost = erring_witness_likelihood(torch.full((1, 2), -1.0), torch.rand(3, 2), torch.zeros(1, 2))
    assert (cost == 0).all()


def test_what_cannot_be_read_is_refused():
    """Certainties beyond 1, values between yes and no, an error rate of a half."""
    ones = torch.ones(1, 1)
    with pytest.raises(InputError, match="certainties"):
        erring_witness_likelihood(ones, ones, 2 * ones)
    with pytest.raises(InputError, match="1 wanted or 0 unwanted"):
        erring_witness_likelihood(0.5 * ones, ones)
    with pytest.raises(InputError, match="least_wrong"):
        erring_witness_likelihood(ones, ones, least_wrong=0.5)
