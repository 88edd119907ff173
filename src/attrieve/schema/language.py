"""Words of a natural language for one vocabulary: what means an attribute, what negates, what doubts."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from attrieve.errors import InputError, UnknownNameError
from attrieve.schema.attributes import AttributeSchema
from attrieve.schema.query import Term, parse_query

if TYPE_CHECKING:
    pass

_WORD = re.compile(r"[<>]?\d+s?|[^\W_]+(?:['\u2019][^\W_]+)?|(?!(?<=\w)-(?=\w))[^\w\s]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z0-9])")


class Role(StrEnum):
    """What a word or phrase does in a statement."""

    ATTRIBUTE = "attribute"
    NEGATING = "negating"
    NEGATING_LIST = "negating_list"
    DOUBT = "doubt"
    ALTERNATIVE = "alternative"
    CONJUNCTION = "conjunction"
    CLAUSE = "clause"
    OPENING = "opening"
    FILLER = "filler"


@dataclass(frozen=True)
class Meaning:
    """What a phrase says.

    Args:
        role: what it does.
        terms: for an attribute, what it asks; several mean all of them.
        certainty: for doubt, how sure the speaker is.
    """

    role: Role
    terms: tuple[Term, ...] = ()
    certainty: float = 1.0


@dataclass(frozen=True)
class Word:
    """A word or sign of a text.

    Args:
        text: as it stands there.
        start: position of its first character.
    """

    text: str
    start: int

    @property
    def end(self) -> int:
        """Position behind its last character."""
        return self.start + len(self.text)


def split_words(text: str) -> list[Word]:
    """Return words, numbers (with a sign of comparison) and single signs; a hyphen parts words like a space.

    >>> [word.text for word in split_words("no hat, <30!")]
    ['no', 'hat', ',', '<30', '!']
    """
    return [Word(match[0], match.start()) for match in _WORD.finditer(text)]


class Language:
    """Phrases of a language, found in a text longest first.

    Args:
        name: of a file in ``synonyms``, e.g. ``en``.
        schema: whose attributes are meant.

    Raises:
        UnknownNameError: for a language there is no file of.
    """

    def __init__(self, name: str, schema: AttributeSchema) -> None:
        import ahocorasick

        self.schema = schema
        self._meanings = _meanings(read_language(name), schema)
        self._finder: ahocorasick.Automaton = ahocorasick.Automaton()
        for phrase in self._meanings:
            self._finder.add_word(_joined(phrase.split(" ")), phrase)
        self._finder.make_automaton()

    def find(self, words: list[Word]) -> list[tuple[int, int, Meaning | None]]:
        """Cut words into phrases: first word, word behind the last, and the meaning, None if unknown."""
        folded = [_folded(word.text) for word in words]
        starts = {}
        at = 0
        for number, word in enumerate(folded):
            starts[at] = number
            at += len(word) + 2
        found = {}
        for last, phrase in self._finder.iter_long(_joined(folded)):
            first = starts[last + 1 - len(_joined(phrase.split(" ")))]
            found[first] = phrase
        phrases: list[tuple[int, int, Meaning | None]] = []
        place = 0
        while place < len(words):
            phrase = found.get(place)
            behind = place + (1 if phrase is None else phrase.count(" ") + 1)
            phrases.append((place, behind, None if phrase is None else self._meanings[phrase]))
            place = behind
        return phrases

    def phrases(self) -> list[str]:
        """Return everything that means an attribute, for suggestions."""
        return [phrase for phrase, meaning in self._meanings.items() if meaning.role is Role.ATTRIBUTE]


@lru_cache(maxsize=16)
def load_language(name: str, schema: AttributeSchema) -> Language:
    """Return a language for a vocabulary; made once for each.

    Raises:
        UnknownNameError: for a language there is no file of.
    """
    return Language(name, schema)


def language_names() -> tuple[str, ...]:
    """Return the languages that come with attrieve."""
    folder = resources.files("attrieve.schema") / "synonyms"
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


def read_language(name: str) -> dict[str, object]:
    """Return the contents of a language's file.

    Raises:
        UnknownNameError: for a language there is no file of.
    """
    known = language_names()
    if name not in known:
        raise UnknownNameError("language", name, known)
    return tomllib.loads(
        (resources.files("attrieve.schema") / "synonyms" / f"{name}.toml").read_text("utf-8")
    )


def _meanings(table: dict[str, object], schema: AttributeSchema) -> dict[str, Meaning]:
    return dict(entries(table, schema))


def entries(table: dict[str, object], schema: AttributeSchema) -> Iterator[tuple[str, Meaning]]:
    """Yield every phrase of a language's file and a vocabulary with its meaning, in words as texts are cut.

    A phrase that means an attribute is followed by its plural, if the file names one of its last word. What
    stands in several places must mean the same; the tests hold the files to it.

    Args:
        table: contents of the file.
        schema: whose attributes are meant.
    """
    for role, key in (
        (Role.FILLER, "filler"),
        (Role.CLAUSE, "clause"),
        (Role.OPENING, "opening"),
        (Role.CONJUNCTION, "conjunction"),
        (Role.ALTERNATIVE, "alternative"),
        (Role.NEGATING, "negating"),
        (Role.NEGATING_LIST, "negating_lists"),
    ):
        for phrase in _texts(table[key]):
            yield _key(phrase), Meaning(role)
    for phrase, certainty in _table(table["doubt"]).items():
        yield _key(phrase), Meaning(Role.DOUBT, certainty=float(str(certainty)))
    plurals = {singular: str(plural) for singular, plural in _table(table["plurals"]).items()}
    for spoken, meaning in _attribute_phrases(table, schema):
        phrase = _key(spoken)
        yield phrase, meaning
        *before, last = phrase.split(" ")
        if last in plurals:
            yield " ".join((*before, plurals[last])), meaning


def _attribute_phrases(table: dict[str, object], schema: AttributeSchema) -> Iterator[tuple[str, Meaning]]:
    """Yield what means an attribute; what the vocabulary itself calls so comes before the file's meaning."""
    own = set()
    for index, attribute in enumerate(schema.attributes):
        spoken = _CAMEL.sub(" ", attribute.name)
        for phrase in (spoken, *attribute.aliases, attribute.label):
            own.add(_key(phrase))
            yield phrase, Meaning(Role.ATTRIBUTE, (Term((index,)),))
    for phrase, ways in _table(table["meanings"]).items():
        terms = _first_that_fits(_texts(ways), schema)
        if terms and _key(phrase) not in own:
            yield phrase, Meaning(Role.ATTRIBUTE, terms)


def _first_that_fits(ways: list[str], schema: AttributeSchema) -> tuple[Term, ...]:
    for way in ways:
        try:
            return parse_query(way, schema).terms
        except InputError:
            continue
    return ()


def _key(phrase: str) -> str:
    return " ".join(_folded(word.text) for word in split_words(phrase))


def _joined(words: list[str]) -> str:
    """Return words with a space on either side of each, so that neighbours share none."""
    return "".join(f" {word} " for word in words)


def _folded(word: str) -> str:
    """Return a word in lower case, without the ending of a genitive."""
    return word.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").removesuffix("'s")


def _texts(value: object) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)]


def _table(value: object) -> dict[str, object]:
    return {str(key): entry for key, entry in value.items()} if isinstance(value, dict) else {}
