"""Questions to ask a witness."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.gallery.next_question import information, next_questions
from attrieve.gallery.search import search
from attrieve.models.configuration import RetrieverKind
from attrieve.schema import parse_query
from attrieve.schema.witnesses import pool, read_witness
from gallery.building import NAMES, gallery_of, random_gallery, small_query_side, small_schema

SCHEMA = small_schema()
tables = st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=6)


def slow_information(column: list[float]) -> float:
    """The sum over rows and answers of the joint probability times the logarithm of the lift."""
    total = 0.0
    for answer in (True, False):
        each = [p if answer else 1 - p for p in column]
        overall = sum(each) / len(each)
        total += sum(p / len(each) * math.log2(p / overall) for p in each if p > 0)
    return total


@given(tables)
def test_information_is_that_of_the_joint_distribution(table: list[list[float]]) -> None:
    """Against the definition of mutual information, written out."""
    found = information(np.array(table))
    for place, column in enumerate(zip(*table, strict=True)):
        assert found[place] == pytest.approx(slow_information(list(column)), abs=1e-9)


def test_the_best_question_splits_the_rows_evenly_and_surely() -> None:
    """What is named is not asked again; what the model does not know, or all share, comes last."""
    table = np.zeros((4, len(NAMES)), dtype=np.float32)
    table[:, SCHEMA.index_of("hat")] = 1
    table[:2, SCHEMA.index_of("scarf")] = 1
    table[:1, SCHEMA.index_of("bag")] = 1
    table[:, SCHEMA.index_of("backpack")] = 0.5
    gallery = gallery_of(table, None, small_query_side(0, RetrieverKind.ATTRIBUTES))
    query = parse_query("hat", SCHEMA)
    asked = next_questions(gallery, query, search(gallery, query), most=99)
    assert [(one.label, round(one.bits, 3), one.share) for one in asked[:2]] == [
        ("scarf", 1.0, 0.5),
        ("bag", 0.811, 0.25),
    ]
    assert all(one.bits == 0 for one in asked[2:])
    assert len(asked) == len(NAMES) - 1
    assert "hat" not in {one.label for one in asked}


@pytest.mark.parametrize(
    ("lines", "asked", "spared"),
    [
        (("A: hat", "B: !hat, bag?"), {"young", "scarf", "backpack"}, {"hat", "bag"}),
        (("A: young", "B: !young, hat"), {"adult", "old"}, {"young", "hat"}),
        (("A: young", "B: young?, hat"), {"scarf"}, {"young", "adult", "old", "hat"}),
        (("A~0.6: young", "B: hat"), {"scarf"}, {"young", "adult", "old", "hat"}),
        (("A~0.6: young", "B~0.3: adult, hat"), {"scarf"}, {"young", "adult", "old", "hat"}),
        (("A~0.6: nothing", "B: hat"), {"scarf", "old"}, {"nothing", "backpack", "bag"}),
        (("A~0.6: !young, !adult", "B: hat"), {"scarf"}, {"young", "adult", "old"}),
        (("A: young?", "B: hat"), {"adult", "old"}, {"young", "hat"}),
    ],
)
def test_what_any_witness_named_is_not_asked_again(
    lines: tuple[str, str], asked: set[str], spared: set[str]
) -> None:
    """Nor what they settle together; what only one of them settles, and another denies, is open."""
    gallery = random_gallery(9)
    witnesses = [read_witness(line, SCHEMA) for line in lines]
    query = pool(witnesses).query
    said = [witness.query for witness in witnesses]
    questions = next_questions(gallery, query, search(gallery, query), most=99, said=said)
    labels = {one.label for one in questions}
    assert asked <= labels
    assert not spared & labels


def test_nothing_to_ask() -> None:
    """A full description leaves nothing open; models that do not recognise cannot be asked."""
    gallery = random_gallery(5)
    full = parse_query(", ".join(NAMES[3:]) + ", young, !adult, !old", SCHEMA)
    assert next_questions(gallery, full, search(gallery, full)) == ()
    query = parse_query("hat", SCHEMA)
    with pytest.raises(InputError, match="at least 1"):
        next_questions(gallery, query, search(gallery, query), most=0)
    unit = np.eye(6, dtype=np.float32)
    blind = gallery_of(None, unit, small_query_side(0, RetrieverKind.EMBEDDING))
    with pytest.raises(InputError, match="recognises no attributes"):
        next_questions(blind, query, search(blind, query))
