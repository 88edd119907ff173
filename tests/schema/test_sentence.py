"""Plain sentences: every word accounted for, and the query it amounts to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import AttrieveError, QueryError, UnknownNameError
from attrieve.schema import load_vocabulary, parse_query, vocabulary_names
from attrieve.schema.language import Role, language_names, load_language, split_words
from attrieve.schema.sentence import Part, read_sentence, read_statement, require_consistent
from strategies import queries

PETA35 = load_vocabulary("peta35")


def understood(text: str) -> str:
    return read_sentence(text, PETA35).query.to_text()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (
            "a young woman with a backpack, probably jeans, no hat",
            "under 30, !male, backpack, jeans~0.7, !hat",
        ),
        ("A man under thirty wearing trousers and a jacket", "male, under 30, trousers, jacket"),
        ("no hat or scarf", "!hat, !scarf"),
        ("no hat and a scarf", "!hat, scarf"),
        ("without hat and scarf", "!hat, !scarf"),
        ("without hat but with a scarf", "!hat, scarf"),
        ("he wore jeans or shorts", "lower_type:jeans|shorts"),
        ("maybe a hat, jeans", "hat?, jeans"),
        ("a jacket maybe, and jeans", "jacket?, jeans"),
        ("perhaps jeans and no hat", "jeans?, !hat"),
        ("probably no hat", "!hat~0.7"),
        ("definitely male, possibly with sunglasses", "male, sunglasses?"),
        ("He had a rucksack and trainers", "backpack, sneakers"),
        ("a lady in her forties", "!male, age:30 to 45|45 to 60"),
        ("an old man, man for sure", "over 60, male"),
        ("long-haired girl with stripes", "long hair, !male, thin stripes"),
        ("two shopping bags", "plastic bag"),
        ("the man's jacket", "male, jacket"),
        ("not wearing a hat", "!hat"),
    ],
)
def test_statements_mean_what_people_mean(said: str, meant: str) -> None:
    """Negation, doubt, alternatives, synonyms, plural, genitive."""
    assert understood(said) == meant


def test_every_word_is_accounted_for() -> None:
    """Pieces follow each other through the whole text; what is unknown is told."""
    text = "A tall young woman with a *red* backpack, probably jeans?!"
    read = read_sentence(text, PETA35)
    assert [text[piece.start : piece.end] for piece in read.pieces] == [piece.text for piece in read.pieces]
    assert "".join(piece.text for piece in read.pieces) == text.replace(" ", "")
    assert read.ignored == ("tall", "red")
    meanings = {piece.text: piece.meaning for piece in read.pieces if piece.part is Part.ATTRIBUTE}
    assert meanings == {"young": "under 30", "woman": "!male", "backpack": "backpack", "jeans": "jeans~0.35"}


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else is raised, and pieces never lose or repeat a character that counts."""
    try:
        read = read_statement(text, PETA35)
    except AttrieveError:
        return
    if read.pieces:
        told = "".join(piece.text for piece in read.pieces)
        assert [c for c in told if c.isalnum()] == [c for c in text if c.isalnum()]


@given(st.data())
def test_the_query_language_is_read_as_before(data: st.DataObject) -> None:
    """Whatever a query writes, a statement reads back, unless it contradicts itself."""
    query = data.draw(queries(PETA35))
    try:
        require_consistent(query)
    except QueryError:
        with pytest.raises(QueryError, match="exclude each other"):
            read_statement(query.to_text(), PETA35)
    else:
        assert read_statement(query.to_text(), PETA35).query == query


@settings(deadline=None)
@given(st.lists(st.sampled_from(PETA35.labels), min_size=1, max_size=4, unique=True))
def test_labels_between_fillers_are_found(labels: list[str]) -> None:
    """Every label of the vocabulary can be said in a sentence."""
    text = "there was a person with " + " and a ".join(labels)
    try:
        require_consistent(parse_query(", ".join(labels), PETA35))
    except QueryError:
        with pytest.raises(QueryError):
            read_sentence(text, PETA35)
        return
    found = read_sentence(text, PETA35).query
    assert {PETA35.labels[index] for term in found.terms for index in term.attributes} == set(labels)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("x" * 10_000, "at most 2,000 characters, got 10,000"),
        ("hat\x00", "character 4 is the control character"),
        ("hat, !hat", "'hat' is both wanted and unwanted, at characters 1 and 6"),
        ("a man with a hat and without a hat", "'hat' is both wanted and unwanted"),
        ("age:<30, age:>60", "'under 30' and 'over 60' exclude each other"),
        ("a young man over sixty years", "exclude each other"),
        ("hat~1.5", "at character 1: certainty"),
        ("jeans, hat~0", "at character 8: certainty"),
        ("the bagpack was very big", "did you mean 'backpack'"),
        ("somebody very tall in purple", "nothing in the description is an attribute"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_place(text: str, told: str) -> None:
    """Each says what is wrong, where, and what to do."""
    with pytest.raises(QueryError, match=told.replace("(", r"\(")):
        read_statement(text, PETA35)


def test_a_typo_in_the_query_language_is_no_sentence() -> None:
    """It is not silently dropped; the message names the place and the nearest name."""
    with pytest.raises(UnknownNameError, match=r"'bakpack' at character 6; did you mean 'backpack'"):
        read_statement("hat, bakpack", PETA35)


@pytest.mark.parametrize("language", language_names())
@pytest.mark.parametrize("vocabulary", vocabulary_names())
def test_a_language_speaks_every_vocabulary(language: str, vocabulary: str) -> None:
    """Every attribute can be said, and each synonym means something that vocabulary has."""
    schema = load_vocabulary(vocabulary)
    spoken = load_language(language, schema)
    said = {
        index
        for phrase in spoken.phrases()
        for _, _, meaning in spoken.find(split_words(phrase))
        if meaning is not None and meaning.role is Role.ATTRIBUTE
        for term in meaning.terms
        for index in term.attributes
    }
    assert said == set(range(len(schema)))


def test_an_unknown_language_names_those_there_are() -> None:
    """With the nearest."""
    with pytest.raises(UnknownNameError, match="language 'eng'; did you mean 'en'"):
        load_language("eng", PETA35)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("male, no hat", "male, !hat"),
        ("no hat", "!hat"),
        ("young man, without hat", "under 30, male, !hat"),
        ("woman, backpack", "!male, backpack"),
        ("probably jeans", "jeans~0.7"),
    ],
)
def test_short_parts_are_a_sentence_if_every_word_is_understood(text: str, expected: str) -> None:
    assert read_statement(text, PETA35).query.to_text() == expected


@pytest.mark.parametrize("text", ["bakpack", "male, bakpack", "red hat", "the"])
def test_short_parts_with_a_word_nobody_knows_are_a_mistake(text: str) -> None:
    with pytest.raises(UnknownNameError):
        read_statement(text, PETA35)


def test_short_parts_that_contradict_each_other_are_told_so() -> None:
    with pytest.raises(QueryError, match="'hat' is both wanted and unwanted"):
        read_statement("hat, no hat", PETA35)
