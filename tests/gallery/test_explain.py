"""Reasons add up, and name what was seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.gallery.asked import asked_columns
from attrieve.gallery.explain import fulfils, reasons
from attrieve.gallery.search import search
from attrieve.schema import parse_query
from gallery.building import NAMES, gallery_of, random_gallery, small_query_side, small_schema

SCHEMA = small_schema()
TEXTS = ["hat", "!hat, bag?", "age:young|old, !any:hat|bag, scarf~0.3"]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(TEXTS), st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8))
def test_shares_sum_to_one_unless_the_distance_is_zero(text: str, probability: list[float]) -> None:
    """Shares divide the squared attribute distance among the things asked."""
    found = reasons(asked_columns(parse_query(text, SCHEMA)), SCHEMA, probability)
    total = sum(reason.share for reason in found)
    assert total == pytest.approx(1.0) or (total == 0.0 and all(reason.matches for reason in found))


def test_shares_are_parts_of_the_squared_distance() -> None:
    """Each share is certainty times squared error over the squared distance of the hit."""
    hit = search(random_gallery(5), parse_query("hat~0.5, !bag", SCHEMA)).hits[0]
    assert hit.attribute_distance is not None
    for reason in hit.reasons:
        error = (1.0 - reason.probability) if reason.wanted else reason.probability
        expected = reason.certainty * error**2 / hit.attribute_distance**2
        assert reason.share == pytest.approx(expected, rel=1e-4)


def test_each_thing_asked_has_one_reason_in_schema_order() -> None:
    """ "None of these" is two things asked, "one of these" is one, told by its likeliest attribute."""
    probability = [0.1, 0.2, 0.7, 0.6, 0.0, 0.0, 0.0, 0.3]
    query = parse_query("!any:hat|bag, age:young|old, scarf", SCHEMA)
    found = reasons(asked_columns(query), SCHEMA, probability)
    assert [(r.attribute, r.wanted, r.matches) for r in found] == [
        ("old", True, True),
        ("hat", False, False),
        ("scarf", True, False),
        ("bag", False, True),
    ]


def test_a_perfect_row_costs_nothing() -> None:
    """At distance 0 no attribute has a share."""
    table = np.zeros((1, len(NAMES)))
    table[0, 3] = 1.0
    (hit,) = search(gallery_of(table, None, small_query_side()), parse_query("hat, !bag", SCHEMA)).hits
    assert [reason.share for reason in hit.reasons] == [0.0, 0.0]
    assert all(reason.matches for reason in hit.reasons)


@pytest.mark.parametrize(
    ("text", "values", "verdict"),
    [
        ("hat, !bag", (0, 0, 0, 1, 0, 0, 0, 0), True),
        ("hat, !bag", (0, 0, 0, 1, 0, 0, 0, 1), False),
        ("hat, !bag", (0, 0, 0, 1, 0, 0, 0, -1), None),
        ("hat, !bag", (0, 0, 0, 0, 0, 0, 0, -1), False),
        ("age:young|old", (0, 0, 1, 0, 0, 0, 0, 0), True),
        ("age:young|old", (-1, 0, 1, 0, 0, 0, 0, 0), True),
        ("age:young|old", (-1, 0, 0, 0, 0, 0, 0, 0), None),
        ("!any:hat|bag", (0, 0, 0, 0, 0, 0, 0, 1), False),
    ],
)
def test_true_values_answer_or_not(text: str, values: tuple[int, ...], verdict: bool | None) -> None:
    """Known values decide; an unknown one leaves it open only if it could decide."""
    assert fulfils(parse_query(text, SCHEMA), values) is verdict
