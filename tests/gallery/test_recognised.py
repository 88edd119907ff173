"""Similar to a hit, as a description: the attributes recognised in it and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError, QueryError, UnknownNameError
from attrieve.gallery.recognised import LEAST_CERTAIN, description_of, description_of_row
from attrieve.models.configuration import RetrieverKind
from attrieve.schema import load_vocabulary, parse_query
from gallery.building import NAMES, everything, gallery_of, random_gallery, small_query_side, small_schema

SCHEMA = small_schema()
AGES = (0, 1, 2)
probabilities = st.lists(st.floats(0, 1), min_size=len(NAMES), max_size=len(NAMES))
limits = st.lists(st.floats(0.05, 0.95), min_size=len(NAMES), max_size=len(NAMES))


@settings(max_examples=80, deadline=None)
@given(probabilities, limits, st.none() | probabilities)
def test_what_is_told_was_recognised(
    seen: list[float], thresholds: list[float], rate: list[float] | None
) -> None:
    """Wanted from the threshold on, unwanted below; one age at most; tenths; it can be typed."""
    try:
        query = description_of(seen, SCHEMA, thresholds=thresholds, positive_rate=rate)
    except QueryError:  # nothing stands out
        return
    for term in query.terms:
        (index,) = term.attributes
        assert term.wanted == (seen[index] >= thresholds[index])
        span = 1 - thresholds[index] if term.wanted else thresholds[index]
        assert term.certainty == pytest.approx(abs(seen[index] - thresholds[index]) / span, abs=0.0500001)
        assert term.certainty >= LEAST_CERTAIN
        assert term.certainty * 10 == pytest.approx(round(term.certainty * 10), abs=1e-9)
        if not term.wanted and rate is not None:
            assert rate[index] >= 0.3
    wanted = [term.attributes[0] for term in query.terms if term.wanted]
    assert sum(index in AGES for index in wanted) <= 1
    assert parse_query(query.to_text(), SCHEMA) == query


def test_a_description_by_hand() -> None:
    """The likeliest age alone; an absent hat is told since many have one, an absent bag is not."""
    seen = dict.fromkeys(NAMES, 0.0) | {"young": 0.6, "old": 0.9, "scarf": 0.75, "backpack": 0.55}
    rate = [0.5 if name == "hat" else 0.1 for name in NAMES]
    query = description_of(list(seen.values()), SCHEMA, positive_rate=rate)
    assert query.to_text() == "old~0.8, !hat, scarf?"


def test_a_row_is_described_by_its_probabilities() -> None:
    """Those of its key, with the training's rates."""
    gallery = random_gallery(20)
    keys, columns = everything(gallery)
    assert columns.probability is not None
    rate = gallery.query_side.positive_rate.double().numpy()
    for key, seen in zip(keys, columns.probability, strict=True):
        assert description_of_row(gallery, key) == description_of(
            seen.astype(float).tolist(), gallery.schema, positive_rate=rate
        )


def test_what_cannot_be_described_is_told() -> None:
    """Unknown rows with the nearest key, models without attributes, rows that show nothing, wrong numbers."""
    gallery = random_gallery(20)
    key = everything(gallery)[0][3]
    with pytest.raises(UnknownNameError, match=key):
        description_of_row(gallery, key[:-1] + ("0" if key[-1] != "0" else "1"))
    with pytest.raises(InputError, match="hexadecimal"):
        description_of_row(gallery, "first")
    blind = gallery_of(None, np.eye(6), small_query_side(kind=RetrieverKind.EMBEDDING))
    with pytest.raises(InputError, match="recognises no attributes"):
        description_of_row(blind, f"{1:016x}")
    with pytest.raises(QueryError, match="nothing is recognised"):
        description_of([0.5] * len(NAMES), SCHEMA)
    with pytest.raises(InputError, match="expected 8 probabilities"):
        description_of([0.5] * 3, SCHEMA)
    with pytest.raises(InputError, match="thresholds lie"):
        description_of([0.5] * len(NAMES), SCHEMA, thresholds=[0.0] * len(NAMES))


def test_a_woman_is_described_as_one_would() -> None:
    """Where the vocabulary has "male" alone, a certain "not male" is told."""
    schema = load_vocabulary("peta35")
    seen = [0.1] * len(schema)
    seen[schema.index_of("male")] = 0.02
    assert "!male" in description_of(seen, schema).to_text().split(", ")
