"""Descriptions are chosen by labels alone, and somebody truly answers them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.demonstration.examples import (
    FEWEST_MATCHES,
    PARTIAL,
    answers,
    choose_examples,
    matching,
)
from attrieve.errors import InputError
from attrieve.schema import ImageSource, Person, PersonSet, load_vocabulary, parse_query

SCHEMA = load_vocabulary("peta35")


def people(values: np.ndarray) -> PersonSet:
    persons = tuple(
        Person(f"p/{index:04d}", ImageSource(Path(f"{index}.png")), tuple(row), identity=f"p/{index}")
        for index, row in enumerate(values.tolist())
    )
    return PersonSet("drawn", SCHEMA, persons)


def crowd(count: int = 200, seed: int = 0, rate: float = 0.4) -> PersonSet:
    generator = np.random.default_rng(seed)
    return people((generator.random((count, len(SCHEMA))) < rate).astype(np.int8))


def has(person: Person, label: str) -> bool:
    return person.values[SCHEMA.labels.index(label)] == 1


def test_three_descriptions_one_of_them_full() -> None:
    examples = choose_examples(crowd())
    assert [example.query.is_full for example in examples] == [True, False, False]


def test_the_full_description_is_the_most_shared_one() -> None:
    values = np.zeros((9, len(SCHEMA)), dtype=np.int8)
    values[:, 0] = [0, 1, 0, 1, 1, 0, 1, 0, 1]
    example = choose_examples(people(values))[0]
    assert example.query.values()[0] == 1
    assert "(5)" in example.origin
    assert len(matching(example.query, people(values))) == 5


def test_a_partial_description_is_truly_answered_by_enough_but_not_all() -> None:
    persons = crowd()
    for example in choose_examples(persons)[1:]:
        assert example.heading in PARTIAL
        assert FEWEST_MATCHES <= len(matching(example.query, persons)) <= len(persons) / 4


def test_answers_are_those_a_reader_would_find() -> None:
    query = parse_query("male, backpack, jeans, !hat, jacket?", SCHEMA)
    persons = crowd(400)
    by_hand = [
        index
        for index, person in enumerate(persons.persons)
        if has(person, "male") and has(person, "backpack") and has(person, "jeans") and not has(person, "hat")
    ]
    assert matching(query, persons) == by_hand
    assert by_hand


def test_a_doubtful_term_does_not_decide() -> None:
    query = parse_query("jacket?", SCHEMA)
    assert answers(query, (0,) * len(SCHEMA))
    assert answers(query, (1,) * len(SCHEMA))


def test_every_written_description_can_be_read() -> None:
    for text in PARTIAL:
        assert not parse_query(text, SCHEMA).is_full


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(0, 1000), st.sampled_from([0.0, 0.2, 1.0]))
def test_small_crowds_get_descriptions_somebody_answers(count: int, seed: int, rate: float) -> None:
    persons = crowd(count, seed, rate)
    examples = choose_examples(persons)
    assert len(examples) == 3
    assert all(matching(example.query, persons) for example in examples)


def test_nobody_cannot_be_described() -> None:
    with pytest.raises(InputError, match="draw more people"):
        choose_examples(people(np.zeros((0, len(SCHEMA)), dtype=np.int8)))
