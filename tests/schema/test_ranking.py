"""Rankings are ordered, finite and without repetition, or they are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.schema import Hit, Ranking


def hits(*distances: float) -> tuple[Hit, ...]:
    return tuple(Hit(rank, f"k{rank}", distance, "a.png") for rank, distance in enumerate(distances, start=1))


@given(st.lists(st.floats(-1e6, 1e6)))
def test_sorted_distances_make_a_ranking_and_others_do_not(distances):
    """Equal neighbours are fine, falling ones are not."""
    assert len(Ranking(hits(*sorted(distances)))) == len(distances)
    if distances != sorted(distances):
        with pytest.raises(InputError, match="sorted by distance"):
            Ranking(hits(*distances))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_distances_are_finite(wrong):
    """At any place."""
    for distances in ((wrong,), (0.0, wrong), (wrong, 0.0)):
        with pytest.raises(InputError, match="finite"):
            Ranking(hits(*distances))


@pytest.mark.parametrize("ranks", [(0, 1), (2, 3), (1, 1), (1, 3)])
def test_ranks_count_from_one(ranks):
    """Without gaps or ties."""
    with pytest.raises(InputError, match="ranks"):
        Ranking(tuple(Hit(rank, f"k{place}", 0.0, "a") for place, rank in enumerate(ranks)))


def test_a_person_image_occurs_once():
    """Two hits of one key would be one image twice."""
    with pytest.raises(InputError, match="once"):
        Ranking((Hit(1, "k", 0.0, "a"), Hit(2, "k", 0.5, "a")))


def test_an_empty_ranking_is_a_ranking():
    """A gallery may hold nothing that fits."""
    assert len(Ranking(())) == 0
