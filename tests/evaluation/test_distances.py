"""Recognition distances by name: one meaning of each name for reports and for attribute significance."""

import pytest
import torch

from attrieve.errors import UnknownNameError
from attrieve.evaluation.distances import recognition_distance
from attrieve.scoring.euclidean import euclidean_distance, manhattan_distance
from attrieve.scoring.likelihood import group_likelihood, independent_likelihood
from models.tiny import tiny_schema

SCHEMA = tiny_schema()
GENERATOR = torch.Generator().manual_seed(0)
QUERY = torch.randint(0, 2, (3, len(SCHEMA)), generator=GENERATOR).float()
LOGIT = torch.randn(4, len(SCHEMA), generator=GENERATOR)
CERTAINTY = torch.rand(3, len(SCHEMA), generator=GENERATOR)
SHIFT = torch.randn(len(SCHEMA), generator=GENERATOR)


@pytest.mark.parametrize("shift", [None, SHIFT])
def test_each_name_is_the_distance_it_says(shift: torch.Tensor | None) -> None:
    """Likelihoods read shifted logits; the paper's distance reads probabilities as they are."""
    shifted = LOGIT if shift is None else LOGIT + shift
    expected = {
        "euclidean": euclidean_distance(QUERY, LOGIT.sigmoid(), CERTAINTY),
        "manhattan": manhattan_distance(QUERY, LOGIT.sigmoid(), CERTAINTY),
        "independent-likelihood": independent_likelihood(QUERY, shifted.sigmoid(), CERTAINTY),
        "likelihood": group_likelihood(QUERY, shifted, SCHEMA, CERTAINTY),
    }
    for name, distance in expected.items():
        found = recognition_distance(name, SCHEMA, shift)(QUERY, LOGIT.sigmoid(), CERTAINTY)
        torch.testing.assert_close(found, distance, rtol=1e-4, atol=1e-4)


def test_an_unknown_name_gets_the_nearest() -> None:
    """With the names that are known."""
    with pytest.raises(UnknownNameError, match="independent-likelihood"):
        recognition_distance("independent-likelyhood", SCHEMA)
