"""The words of every language for every vocabulary: real words, each with one meaning."""

import re
from collections import defaultdict

import pytest

from attrieve.schema import load_vocabulary, vocabulary_names
from attrieve.schema.language import Meaning, Role, entries, language_names, read_language
from attrieve.schema.sentence import read_statement

CASES = [(language, vocabulary) for language in language_names() for vocabulary in vocabulary_names()]

WORD = re.compile(r"(?=.*[aeiouy])[a-z]+(?:'[a-z]+)?|[tv]")
"""Letters with a vowel among them, or the letter of a shape: T-shirt, V-neck."""
NUMBER = re.compile(r"[<>]?[1-9]\d?|\d0s")
ENDING_IN_SS = {"dress", "less", "cross", "hatless", "sleeveless"}


def meanings(language: str, vocabulary: str) -> dict[str, list[Meaning]]:
    """All meanings of each phrase, once each."""
    found: dict[str, list[Meaning]] = defaultdict(list)
    for phrase, meaning in entries(read_language(language), load_vocabulary(vocabulary)):
        if meaning not in found[phrase]:
            found[phrase].append(meaning)
    return found


@pytest.mark.parametrize(("language", "vocabulary"), CASES)
def test_no_phrase_means_two_things(language: str, vocabulary: str) -> None:
    """Neither two attributes, nor an attribute and a small word."""
    ambiguous = {phrase: found for phrase, found in meanings(language, vocabulary).items() if len(found) > 1}
    assert ambiguous == {}


@pytest.mark.parametrize("vocabulary", vocabulary_names())
def test_what_means_an_attribute_is_made_of_words(vocabulary: str) -> None:
    """No plural of a plural, nothing without a vowel, no letter three times."""
    phrases = [
        phrase for phrase, found in meanings("en", vocabulary).items() if found[0].role is Role.ATTRIBUTE
    ]
    assert len(phrases) > 150
    words = {word for phrase in phrases for word in phrase.split(" ")}
    assert [w for w in sorted(words) if not WORD.fullmatch(w) and not NUMBER.fullmatch(w)] == []
    assert [w for w in sorted(words) if w.endswith("ss") and w not in ENDING_IN_SS] == []
    assert [w for w in sorted(words) if re.search(r"(.)\1\1", w)] == []


@pytest.mark.parametrize("language", language_names())
def test_plurals_are_of_words_that_are_said(language: str) -> None:
    """Each singular ends a phrase of some vocabulary, and differs from its plural."""
    last = {
        phrase.split(" ")[-1]
        for vocabulary in vocabulary_names()
        for phrase in meanings(language, vocabulary)
    }
    plurals = read_language(language)["plurals"]
    assert isinstance(plurals, dict)
    assert [singular for singular in plurals if singular not in last] == []
    assert [singular for singular, plural in plurals.items() if singular == plural] == []


@pytest.mark.parametrize(
    ("vocabulary", "said", "meant"),
    [
        ("peta35", "two women with messenger bags", "!male, messenger bag"),
        ("peta35", "men in jackets and scarves", "male, jacket, scarf"),
        ("peta35", "a 25 year old man", "male"),
        ("peta35", "an old man", "over 60, male"),
        ("peta105", "a bald man in a suit", "bald, male, suit"),
        ("peta105", "someone with long sleeves", "long sleeves"),
    ],
)
def test_several_of_a_thing_and_what_the_vocabulary_says_itself(
    vocabulary: str, said: str, meant: str
) -> None:
    """Plurals are understood; "year old" is no age; the vocabulary's own word is the one that is meant."""
    schema = load_vocabulary(vocabulary)
    assert read_statement(said, schema).query == read_statement(meant, schema).query
