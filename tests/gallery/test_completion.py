"""Completing partial descriptions from what training people looked like."""

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from attrieve.gallery import completion
from attrieve.gallery.completion import (
    completed_values,
    completion_weights,
    conflicting_attributes,
    expected_embedding,
    known_categories,
)
from attrieve.models.configuration import RetrieverKind
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery, load_vocabulary, parse_query
from gallery.brute_force import slow_completion, slow_expected_embedding
from gallery.building import NAMES, remember, settings, small_query_side, small_schema

SCHEMA = small_schema()
TEXTS = [
    "hat",
    "!hat",
    "hat?, !scarf",
    "age:young|old, bag~0.7",
    "young, !backpack, nothing?",
    "!any:hat|bag",
]


def categories_of(*rows: str) -> torch.Tensor:
    """Rows of 0 and 1 written as text, in the order of the schema."""
    return torch.tensor([[float(digit) for digit in row] for row in rows], dtype=torch.float64)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_loop_over_categories(text: str, seed: int) -> None:
    """The averaged vector is that of the slow twin."""
    query, query_side = parse_query(text, SCHEMA), small_query_side(seed)
    found = expected_embedding(query, query_side)
    assert found is not None
    assert found[0].tolist() == pytest.approx(slow_expected_embedding(query, query_side), abs=1e-5)
    assert float(found.norm()) == pytest.approx(1.0, abs=1e-5)


def test_a_full_description_is_embedded_as_it_is() -> None:
    """Nothing is open, so nothing is completed."""
    query_side = small_query_side()
    query = AttributeQuery.from_values(SCHEMA, [0, 1, 0, 1, 0, 0, 1, 0])
    expected = query_side.embed_queries(torch.tensor([[0.0, 1, 0, 1, 0, 0, 1, 0]]))
    found = expected_embedding(query, query_side)
    assert found is not None
    assert expected is not None
    assert torch.equal(found, expected)


def test_without_embedding_branch_there_is_none() -> None:
    """A recognition-only model has no vector for a description."""
    query_side = small_query_side(0, RetrieverKind.ATTRIBUTES)
    assert expected_embedding(parse_query("hat", SCHEMA), query_side) is None


def test_without_training_categories_the_positive_rate_stands_in() -> None:
    """A model that remembers no training still answers partial descriptions."""
    query_side = QuerySide(settings(), SCHEMA).eval()
    assert torch.equal(known_categories(query_side), torch.full((1, len(NAMES)), 0.5, dtype=torch.float64))
    found = expected_embedding(parse_query("hat", SCHEMA), query_side)
    assert found is not None
    assert found.isfinite().all()


def test_weights_are_never_all_zero_even_for_a_hundred_contradictions() -> None:
    """Contradicting everything leaves weights that are finite, sum to 1 and prefer the nearest."""
    schema = load_vocabulary("peta105")
    query = AttributeQuery.from_values(schema, [1] * 104 + [-1])
    categories = torch.zeros(3, 105, dtype=torch.float64)
    categories[2, 0] = 1.0
    weights = completion_weights(query, categories, torch.tensor([5, 5, 1]))
    assert float(weights.sum()) == pytest.approx(1.0)
    assert weights.isfinite().all()
    assert int(weights.argmax()) == 2


def test_weights_follow_counts_and_agreement() -> None:
    """300 people without a hat against 100 with one, the asker half sure: 300 * (1 - 0.999/2) to 100."""
    categories = categories_of("00000000", "00010000")
    weights = completion_weights(parse_query("hat?", SCHEMA), categories, torch.tensor([300, 100]))
    assert weights.tolist() == pytest.approx([150.15 / 250.15, 100 / 250.15])


@hypothesis_settings(max_examples=50, deadline=None)
@given(st.sampled_from(TEXTS), st.integers(0, 50))
def test_completed_values_equal_the_loop_and_stay_in_range(text: str, seed: int) -> None:
    """Every completed value lies in [0, 1] and is that of the slow twin."""
    query = parse_query(text, SCHEMA)
    categories = torch.rand(4, len(NAMES), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    completed = completed_values(query, categories)
    rows = categories.tolist()
    for row, found in zip(rows, completed.tolist(), strict=True):
        assert found == pytest.approx(slow_completion(query, row, rows))
    assert ((completed >= 0) & (completed <= 1)).all()


def test_certain_words_override_the_category() -> None:
    """What is named with certainty holds in every completion, whatever the category says."""
    completed = completed_values(parse_query("hat, !scarf", SCHEMA), categories_of("10001000", "01000010"))
    assert completed[:, 3].tolist() == [1.0, 1.0]
    assert completed[:, 4].tolist() == [0.0, 0.0]
    assert completed[1].tolist() == [0, 1, 0, 1, 0, 0, 1, 0]


def test_a_wanted_attribute_displaces_its_rivals_only() -> None:
    """ "Young" ends "old"; "nothing" ends every bag, a bag ends "nothing", two bags stand together."""
    schema, one = SCHEMA, categories_of("00100010")
    assert completed_values(parse_query("young", schema), one)[0].tolist() == [1, 0, 0, 0, 0, 0, 1, 0]
    assert completed_values(parse_query("nothing", schema), one)[0].tolist() == [0, 0, 1, 0, 0, 1, 0, 0]
    assert completed_values(parse_query("bag", schema), one)[0].tolist() == [0, 0, 1, 0, 0, 0, 1, 1]
    empty_handed = categories_of("00100100")
    assert completed_values(parse_query("bag", schema), empty_handed)[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 1]


def test_rivals_that_are_both_named_both_stay() -> None:
    """What the asker names is never taken away."""
    completed = completed_values(parse_query("young, old", SCHEMA), categories_of("01000000"))
    assert completed[0].tolist() == [1, 0, 1, 0, 0, 0, 0, 0]


def test_one_of_keeps_what_a_category_has() -> None:
    """A category with one of the alternatives is not changed by them; one without gets its share of each."""
    categories = categories_of("10000000", "10000000", "01000000", "00100000")
    completed = completed_values(parse_query("age:young|adult", SCHEMA), categories)
    assert torch.equal(completed[:3], categories[:3])
    assert completed[3, :3].tolist() == pytest.approx([2 / 3, 1 / 3, 0.0], abs=1e-5)


def test_conflicts_are_mutual_and_never_with_oneself() -> None:
    """The table of rivals is symmetric with an empty diagonal, also in the shipped vocabularies."""
    for schema in (SCHEMA, load_vocabulary("peta35"), load_vocabulary("peta105")):
        conflicts = conflicting_attributes(schema)
        assert torch.equal(conflicts, conflicts.T)
        assert not conflicts.diagonal().any()


def test_unknown_labels_count_as_the_rate() -> None:
    """Unknown is never "no": it completes to how often the attribute occurs."""
    query_side = remember(QuerySide(settings(), SCHEMA))
    known = known_categories(query_side)
    unknown = query_side.training_categories < 0
    assert unknown.any()
    expected = query_side.positive_rate.double().expand_as(known)[unknown]
    assert torch.equal(known[unknown], expected)


def test_of_the_categories_that_are_changed_only_the_heaviest_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are as if training had not shown them; those that agree always count."""
    monkeypatch.setattr(completion, "MOST_CHANGED", 1)
    query = parse_query("hat", SCHEMA)
    rows, counts = categories_of("10001000", "10010000", "10000001", "10001001").to(torch.int8), [9, 5, 3, 2]
    hat = SCHEMA.index_of("hat")
    rows[:, hat] = torch.tensor([0, 1, 0, 0], dtype=torch.int8)
    query_side = small_query_side()
    rate = query_side.positive_rate
    query_side.remember_training(rows, torch.tensor(counts), rate)
    found = expected_embedding(query, query_side)
    query_side.remember_training(rows[:2], torch.tensor(counts[:2]), rate)
    kept = expected_embedding(query, query_side)
    assert found is not None
    assert kept is not None
    torch.testing.assert_close(found, kept)


def test_embedded_categories_follow_the_weights() -> None:
    """Other weights, other vectors: nothing old is handed out."""
    query, query_side = parse_query("hat", SCHEMA), small_query_side()
    before = expected_embedding(query, query_side)
    with torch.no_grad():
        for weight in query_side.parameters():
            weight.mul_(-0.5)
    after = expected_embedding(query, query_side)
    assert before is not None
    assert after is not None
    assert after[0].tolist() == pytest.approx(slow_expected_embedding(query, query_side), abs=1e-5)
    assert not torch.allclose(before, after)


def test_what_is_made_of_the_training_categories_follows_them() -> None:
    """A description asked before and after the model has seen other people is completed with the new ones."""
    query, query_side = parse_query("hat", SCHEMA), small_query_side()
    before = expected_embedding(query, query_side)
    rows = categories_of("10001000", "01000010").to(torch.int8)
    query_side.remember_training(rows, torch.tensor([1, 7]), query_side.positive_rate)
    after = expected_embedding(query, query_side)
    query_side.training_category_counts[0] = 700  # in place, as loading a state does
    counted = expected_embedding(query, query_side)
    assert before is not None
    assert after is not None
    assert counted is not None
    assert counted[0].tolist() == pytest.approx(slow_expected_embedding(query, query_side), abs=1e-5)
    assert not torch.allclose(before, after)
    assert not torch.allclose(after, counted)
