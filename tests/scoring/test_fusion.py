import numpy as np
import pytest
import torch

from attrieve.errors import ConfigurationError, InputError
from attrieve.scoring import Fusion, Normalisation, fuse

ATTRIBUTE = torch.tensor([[1.0, 2.0, 0.0], [4.0, 0.0, 1.0]])
EMBEDDING = torch.tensor([[0.5, 0.0, 1.0], [2.0, 0.0, 1.0]])


def test_matrix_divides_by_the_maximum_over_everything():
    """The paper's form: 0.2 d_par / max + d_emb / max over all queries and persons."""
    expected = 0.2 * ATTRIBUTE.numpy() / 4 + EMBEDDING.numpy() / 2
    np.testing.assert_allclose(fuse(ATTRIBUTE, EMBEDDING, Fusion()), expected, rtol=1e-6)


def test_query_divides_each_row_by_its_own_maximum():
    """A query's distances do not depend on the other queries."""
    fusion = Fusion(normalisation=Normalisation.QUERY)
    both = fuse(ATTRIBUTE, EMBEDDING, fusion)
    expected = [[0.2 * 0.5 + 0.5, 0.2, 1.0], [0.2 + 1.0, 0.0, 0.05 + 0.5]]
    np.testing.assert_allclose(both, expected, rtol=1e-6)
    torch.testing.assert_close(both[1:], fuse(ATTRIBUTE[1:], EMBEDDING[1:], fusion))


def test_static_divides_by_fixed_maxima():
    """Neither other queries nor other persons change a distance."""
    fusion = Fusion(0.5, 2.0, Normalisation.STATIC)
    largest = torch.tensor([2.0, 5.0])
    both = fuse(ATTRIBUTE, EMBEDDING, fusion, attribute_maximum=largest)
    expected = 0.5 * ATTRIBUTE.numpy() / np.array([[2.0], [5.0]]) + 2.0 * EMBEDDING.numpy() / 2.0
    np.testing.assert_allclose(both, expected, rtol=1e-6)
    streamed = fuse(ATTRIBUTE[:, 1:], EMBEDDING[:, 1:], fusion, attribute_maximum=largest)
    torch.testing.assert_close(both[:, 1:], streamed)


def test_static_needs_the_attribute_maximum():
    """It cannot be guessed from the distances."""
    with pytest.raises(InputError, match="attribute_maximum"):
        fuse(ATTRIBUTE, EMBEDDING, Fusion(normalisation=Normalisation.STATIC))


def test_blocks_with_given_maxima_equal_the_whole():
    """Matrix maxima handed in make block-wise fusion the same as fusion at once."""
    whole = fuse(ATTRIBUTE, EMBEDDING, Fusion())
    parts = [
        fuse(
            ATTRIBUTE[row : row + 1],
            EMBEDDING[row : row + 1],
            Fusion(),
            attribute_maximum=4.0,
            embedding_maximum=2.0,
        )
        for row in range(2)
    ]
    torch.testing.assert_close(torch.cat(parts), whole)


@pytest.mark.parametrize("normalisation", [Normalisation.MATRIX, Normalisation.QUERY])
def test_all_zero_distances_stay_zero(normalisation):
    """0 / 0 is 0, not NaN."""
    zero = torch.zeros(2, 3)
    assert fuse(zero, zero, Fusion(normalisation=normalisation)).tolist() == zero.tolist()


@pytest.mark.parametrize("normalisation", [Normalisation.MATRIX, Normalisation.QUERY])
def test_one_branch_alone_keeps_its_order(normalisation):
    """A model without the other branch ranks by the one it has."""
    fusion = Fusion(normalisation=normalisation)
    for alone in (fuse(ATTRIBUTE, None, fusion), fuse(None, ATTRIBUTE, fusion)):
        assert alone.argsort(dim=1).tolist() == ATTRIBUTE.argsort(dim=1).tolist()


def test_nothing_to_fuse_is_refused():
    """No branch, or only one that has no weight."""
    with pytest.raises(InputError, match="weight is above 0"):
        fuse(None, None, Fusion())
    with pytest.raises(InputError, match="weight is above 0"):
        fuse(ATTRIBUTE, None, Fusion(attribute_weight=0.0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_distances_that_are_not_finite_are_refused(bad):
    """They would make every fused distance NaN."""
    broken = ATTRIBUTE.clone()
    broken[0, 0] = bad
    with pytest.raises(InputError, match="finite"):
        fuse(broken, EMBEDDING, Fusion())


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-0.1, 1.0), (float("nan"), 1.0), (1.0, float("inf"))])
def test_impossible_weights_are_refused(weights):
    """On construction, where the recipe can still be mended."""
    with pytest.raises(ConfigurationError, match="weights"):
        Fusion(*weights)
