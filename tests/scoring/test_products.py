"""Inner products against a float64 product, and ties."""

import pytest
import torch

from attrieve.scoring.cosine import cosine_distance
from attrieve.scoring.euclidean import euclidean_distance
from attrieve.scoring.products import inner_products


@pytest.mark.parametrize(
    ("queries", "persons", "dim"), [(1, 7, 5), (3, 4, 8), (1, 1, 1), (1, 0, 4), (2, 0, 4)]
)
def test_products_are_those_of_double_precision(queries: int, persons: int, dim: int) -> None:
    generator = torch.Generator().manual_seed(3)
    query = torch.randn(queries, dim, generator=generator)
    person = torch.randn(persons, dim, generator=generator)
    expected = (query.double() @ person.double().T).float()
    torch.testing.assert_close(inner_products(query, person), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("attributes", [3, 17, 35, 105])
@pytest.mark.parametrize("persons", [2, 9, 33, 250, 1001])
def test_identical_persons_tie_exactly_for_one_query(attributes: int, persons: int) -> None:
    generator = torch.Generator().manual_seed(attributes * persons)
    query = (torch.rand(1, attributes, generator=generator) < 0.3).float()
    person = torch.rand(1, attributes, generator=generator).repeat(persons, 1)
    certainty = torch.rand(1, attributes, generator=generator)
    assert len(euclidean_distance(query, person, certainty).unique()) == 1
    assert len(cosine_distance(query + 0.1, person).unique()) == 1
