import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.scoring import nearest
from attrieve.scoring.order import order

# Few distinct values, so that ties are the rule.
ROWS = st.integers(1, 3).flatmap(
    lambda queries: st.integers(1, 12).flatmap(
        lambda persons: st.lists(
            st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=persons, max_size=persons),
            min_size=queries,
            max_size=queries,
        )
    )
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 15))
def test_order_is_by_distance_then_position(rows, k):
    """Both functions agree with sorting pairs (distance, position)."""
    truth = [[person for _, person in sorted((d, i) for i, d in enumerate(row))] for row in rows]
    distance = torch.tensor(rows)
    assert order(distance).tolist() == truth
    assert nearest(distance, k).tolist() == [row[:k] for row in truth]


def test_nearest_equals_order_on_many_persons():
    """Selection finds what sorting finds, with ties across the cut."""
    distance = torch.randint(0, 50, (5, 5000), generator=torch.Generator().manual_seed(0)).float()
    for k in (1, 10, 99, 4999):
        assert torch.equal(nearest(distance, k), order(distance)[:, :k])


def test_an_empty_gallery_has_an_empty_order():
    """No persons, no error."""
    assert order(torch.zeros(2, 0)).shape == (2, 0)
    assert nearest(torch.zeros(2, 0), 3).shape == (2, 0)
    assert nearest(torch.zeros(0, 5), 3).shape == (0, 3)


def test_a_nan_is_refused_with_its_place():
    """A NaN would sort anywhere."""
    distance = torch.zeros(2, 3)
    distance[1, 2] = float("nan")
    for call in (order, lambda d: nearest(d, 1)):
        with pytest.raises(InputError, match="query 1, person 2"):
            call(distance)


def test_asking_for_nobody_is_refused():
    """k counts from 1."""
    with pytest.raises(InputError, match="at least 1"):
        nearest(torch.zeros(1, 3), 0)
