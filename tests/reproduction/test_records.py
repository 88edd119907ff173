"""Records: which distance a row is judged by."""

import pytest

from attrieve.reproduction.records import natural_distance
from attrieve.training.config import parse_recipe


@pytest.mark.parametrize(
    ("kind", "wanted", "expected"),
    [
        ("attributes", "euclidean", "attributes"),
        ("embedding", "euclidean", "embedding"),
        ("multi_task", "euclidean", "fused"),
        ("attributes", "likelihood", "likelihood"),
        ("embedding", "likelihood", "embedding"),
        ("multi_task", "likelihood", "likelihood-fused"),
    ],
)
def test_a_row_is_judged_by_the_distance_its_recipe_names(kind: str, wanted: str, expected: str) -> None:
    """The paper's by default; an embedding alone has no likelihood."""
    recipe = parse_recipe({"model": {"kind": kind}, "retrieval": {"distance": wanted}})
    assert natural_distance(recipe) == expected
