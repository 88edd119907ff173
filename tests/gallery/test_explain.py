"""Reasons add up, and name what was seen."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attrieve.gallery.asked import asked_columns
from attrieve.gallery.explain import fulfils, reasons
from attrieve.gallery.likelihood.asked import Distance, LikelihoodFusion
from attrieve.gallery.search import search
from attrieve.models.configuration import RetrieverKind
from attrieve.schema import parse_query
from attrieve.scoring.fusion import Fusion, Normalisation
from gallery.building import (
    NAMES,
    everything,
    gallery_of,
    random_gallery,
    small_query_side,
    small_schema,
)

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


@settings(max_examples=60, deadline=None)
@given(
    text=st.sampled_from([*TEXTS, "young", "!hat~0.01, scarf", ", ".join(NAMES[3:])]),
    normalisation=st.sampled_from(Normalisation),
    weights=st.tuples(st.floats(0, 50), st.floats(0, 50)).filter(any),
    kind=st.sampled_from(RetrieverKind),
    seed=st.integers(0, 5),
)
def test_contributions_sum_to_the_distance(
    text: str, normalisation: Normalisation, weights: tuple[float, float], kind: RetrieverKind, seed: int
) -> None:
    """Whatever weights, normalisation and branches there are: the parts make the distance."""
    fusion = Fusion(*weights, normalisation)
    whole = random_gallery(9, seed)
    keys, vectors = everything(whole)
    gallery = gallery_of(
        vectors.probability if kind is not RetrieverKind.EMBEDDING else None,
        vectors.embedding if kind is not RetrieverKind.ATTRIBUTES else None,
        small_query_side(seed, kind),
        keys,
    )
    weight_left = {RetrieverKind.ATTRIBUTES: weights[0], RetrieverKind.EMBEDDING: weights[1]}
    assume(weight_left.get(kind, 1.0) > 0)
    for hit in search(gallery, parse_query(text, SCHEMA), fusion=fusion).hits:
        parts = [reason.contribution for reason in hit.reasons]
        if kind is RetrieverKind.ATTRIBUTES:
            assert hit.embedding_contribution is None
        else:
            parts.append(hit.embedding_contribution)
        assert all(part >= 0 for part in parts)
        assert math.fsum(parts) == pytest.approx(hit.distance, rel=1e-5, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    text=st.sampled_from(
        ["hat", "!young, !adult~0.4, hat", "age:young|old, !adult, scarf~0.3", "!any:hat|bag"]
    ),
    distance=st.sampled_from([Distance.GROUP, Distance.INDEPENDENT]),
    nats=st.floats(0, 60),
    seed=st.integers(0, 5),
)
def test_contributions_to_a_likelihood_sum_to_it(
    text: str, distance: Distance, nats: float, seed: int
) -> None:
    """One per thing asked, also where several make up one event of a group, and the embedding's nats."""
    fusion = LikelihoodFusion(embedding_weight=nats, distance=distance)
    for hit in search(random_gallery(9, seed), parse_query(text, SCHEMA), fusion=fusion).hits:
        parts = [reason.contribution or 0.0 for reason in hit.reasons] + [hit.embedding_contribution or 0.0]
        assert min(parts) >= 0
        assert math.fsum(parts) == pytest.approx(hit.distance, rel=1e-5, abs=1e-6)
        assert math.fsum(reason.share for reason in hit.reasons) == pytest.approx(1.0)


def test_contributions_are_what_the_distance_loses_at_a_small_improvement() -> None:
    """Euler's theorem: each is the error times the slope of the distance, found here by a small step."""
    asked = asked_columns(parse_query("hat~0.5, !bag, scarf", SCHEMA))
    probability = [0.0, 0.0, 0.0, 0.3, 0.8, 0.0, 0.0, 0.6]

    def distance(values: list[float]) -> float:
        hat, scarf, bag = values[3], values[4], values[7]
        return 3.0 * math.sqrt(0.5 * (1 - hat) ** 2 + (1 - scarf) ** 2 + bag**2)

    step = 1e-6
    for reason in reasons(asked, SCHEMA, probability, factor=3.0):
        place = NAMES.index(reason.attribute)
        moved = list(probability)
        moved[place] += step
        slope = (distance(moved) - distance(probability)) / step
        error = probability[place] - float(reason.wanted)
        assert reason.contribution == pytest.approx(error * slope, rel=1e-4)


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
