"""Plain sentences: "a young woman with a backpack, probably jeans, no hat".

A statement goes through the same vocabulary as the query language. Every word of it is accounted for: it
names an attribute, changes how one is meant, is a filler, or is not known and told to be ignored.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from attrieve.errors import InputError, QueryError, nearest_names
from attrieve.schema.attributes import ONE_OF, AttributeSchema, Group
from attrieve.schema.language import Language, Meaning, Role, Word, load_language, split_words
from attrieve.schema.query import AttributeQuery, Term, parse_query

LONGEST = 2000
"""Characters of a description; a longer one is a mistake."""

_OPERATORS = re.compile(r"[!~|:]")
_SHORT = 2
"""Words of a part between commas up to which a text is taken for the query language."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Part(StrEnum):
    """What a piece of a statement was taken for."""

    ATTRIBUTE = "attribute"
    MODIFIER = "modifier"
    FILLER = "filler"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Piece:
    """A word or phrase of a statement and what became of it.

    Args:
        text: as it stands in the statement.
        start: position of its first character.
        end: position behind its last.
        part: what it was taken for.
        meaning: in the query language, for an attribute; empty otherwise.
    """

    text: str
    start: int
    end: int
    part: Part
    meaning: str = ""


@dataclass(frozen=True)
class Statement:
    """A description as it was understood.

    Args:
        query: what is asked.
        pieces: all of its text, in order; for a text in the query language, none.
    """

    query: AttributeQuery
    pieces: tuple[Piece, ...] = ()

    @property
    def ignored(self) -> tuple[str, ...]:
        """Words that nobody knew."""
        return tuple(piece.text for piece in self.pieces if piece.part is Part.IGNORED)


class _NothingAskedError(QueryError):
    """Not one word of a sentence is an attribute."""


def read_statement(text: str, schema: AttributeSchema, language: str = "en") -> Statement:
    """Read a description: in the query language if it is that, else as a plain sentence.

    What the query language cannot read is a sentence if it uses none of its signs, and either one of its
    parts between commas has three words or every word of it is understood ("young man, no hat"); otherwise
    it is a mistake in the query language, and told as one.

    Raises:
        QueryError: if it is empty, too long, holds control characters, contradicts itself, or nothing in it
            is an attribute; says where.
        UnknownNameError: for an unknown name in the query language, with the nearest.

    >>> from attrieve.schema import load_vocabulary
    >>> read = read_statement("A young woman, probably in jeans and no red hat.", load_vocabulary("peta35"))
    >>> read.query.to_text(), read.ignored
    ('under 30, !male, jeans~0.7, !hat', ('red',))
    """
    require_readable(text)
    try:
        query = parse_query(text, schema)
    except InputError as mistake:
        if _OPERATORS.search(text):
            raise
        if any(len(part.split()) > _SHORT for part in text.split(",")):
            return read_sentence(text, schema, language)
        try:
            statement = read_sentence(text, schema, language)
        except _NothingAskedError:
            raise mistake from None
        if statement.ignored:
            raise
        return statement
    require_consistent(query)
    return Statement(query)


def require_readable(text: str) -> None:
    """Refuse a text that cannot be a description.

    Raises:
        QueryError: for control characters or too many characters.
    """
    if len(text) > LONGEST:
        raise QueryError(f"a description has at most {LONGEST:,} characters, got {len(text):,}; name less")
    control = _CONTROL.search(text)
    if control:
        raise QueryError(
            f"character {control.start() + 1} is the control character {control[0]!r}; write plain text"
        )


def require_consistent(query: AttributeQuery) -> None:
    """Refuse what cannot be: two attributes for certain of which only one can hold.

    Raises:
        QueryError: naming both.
    """
    for group in query.schema.groups:
        sure = [
            term
            for term in query.terms
            if term.wanted
            and term.certainty == 1.0
            and {query.schema.names[index] for index in term.attributes} <= set(group.attributes)
        ]
        if len(sure) > 1 and group.kind in ONE_OF:
            _refuse_pair(query, group, sure)


def _refuse_pair(query: AttributeQuery, group: Group, sure: list[Term]) -> None:
    names = [" or ".join(query.schema.labels[index] for index in term.attributes) for term in sure]
    raise QueryError(
        f"{names[0]!r} and {names[1]!r} exclude each other ({group.name}); write "
        f"'{group.name}:A|B' for one of them, or '?' behind what is not certain"
    )


def read_sentence(text: str, schema: AttributeSchema, language: str = "en") -> Statement:
    """Read a plain sentence.

    A word that negates or doubts holds for what follows, up to a comma, a "but" or a "with"; "no" also ends
    at an "and", "without" does not. Doubt with nothing behind it in its clause holds for what is before it.
    "A or B" is one of both; "no A or B" is neither.

    Raises:
        QueryError: if it contradicts itself, or nothing in it is an attribute.
    """
    require_readable(text)
    words = split_words(text)
    spoken = load_language(language, schema)
    reader = _Reader(text, words)
    for first, behind, meaning in spoken.find(words):
        reader.take(first, behind, meaning)
    reader.end_clause()
    if not reader.asked:
        raise _NothingAskedError(_nothing(reader, spoken))
    query = AttributeQuery(schema, tuple(_merged(reader.asked, schema)))
    require_consistent(query)
    return Statement(query, tuple(_told(piece, asked, schema) for piece, asked in reader.pieces))


def _nothing(reader: "_Reader", spoken: Language) -> str:
    unknown = [piece.text for piece, _ in reader.pieces if piece.part is Part.IGNORED]
    near = [near for word in unknown for near in nearest_names(word, spoken.phrases(), most=1)]
    advice = f"did you mean {' or '.join(map(repr, near[:3]))}?" if near else "name one, e.g. 'backpack'"
    return f"nothing in the description is an attribute of vocabulary {spoken.schema.name!r}; {advice}"


@dataclass
class _Asked:
    """A term and where it was said."""

    term: Term
    piece: int
    clause: int


class _Reader:
    """Walks through a statement, remembering what negates and what doubts."""

    def __init__(self, text: str, words: list[Word]) -> None:
        self.pieces: list[tuple[Piece, list[_Asked]]] = []
        self.asked: list[_Asked] = []
        self._text = text
        self._words = words
        self._clause = 0
        self._negated: Role | None = None
        self._certainty = 1.0
        self._doubt_waits = self._waits = False
        self._alternative = False

    def take(self, first: int, behind: int, meaning: Meaning | None) -> None:
        """Take the next phrase."""
        start, end = self._words[first].start, self._words[behind - 1].end
        part = _PARTS[None if meaning is None else meaning.role]
        piece = Piece(self._text[start:end], start, end, part)
        if meaning is None and not any(character.isalnum() for character in piece.text):
            piece = replace(piece, part=Part.FILLER)
        own: list[_Asked] = []
        self.pieces.append((piece, own))
        if meaning is not None:
            self._apply(meaning, own)

    def _apply(self, meaning: Meaning, own: list[_Asked]) -> None:
        role = meaning.role
        if role is Role.ATTRIBUTE:
            self._ask(meaning, own)
        elif role is Role.CLAUSE or (role is Role.OPENING and not self._waits):
            self.end_clause()
        elif role is Role.CONJUNCTION:
            self._alternative = False
            if self._negated is Role.NEGATING:
                self._negated = None
        elif role is Role.ALTERNATIVE:
            self._alternative = True
        elif role is Role.DOUBT:
            self._certainty, self._doubt_waits, self._waits = meaning.certainty, True, True
        elif role in (Role.NEGATING, Role.NEGATING_LIST):
            self._negated, self._waits = role, True
            if not self._doubt_waits:  # "probably jeans and no hat" is sure of the hat
                self._certainty = 1.0

    def _ask(self, meaning: Meaning, own: list[_Asked]) -> None:
        asked = [self._as_said(term) for term in meaning.terms]
        before = self.asked[-1] if self.asked else None
        joins = self._alternative and before is not None and len(asked) == 1
        self._alternative = self._doubt_waits = self._waits = False
        if joins and before is not None and before.term.wanted and asked[0].wanted:
            both = dict.fromkeys((*before.term.attributes, *asked[0].attributes))
            before.term = replace(before.term, attributes=tuple(both))
            own.append(before)
            return
        for term in asked:
            one = _Asked(term, len(self.pieces) - 1, self._clause)
            self.asked.append(one)
            own.append(one)

    def _as_said(self, term: Term) -> Term:
        wanted = term.wanted if self._negated is None else not term.wanted
        return Term(term.attributes, wanted, term.certainty * self._certainty)

    def end_clause(self) -> None:
        """Doubt with nothing behind it holds for what was said before it in its clause."""
        if self._doubt_waits:
            for one in self.asked:
                if one.clause == self._clause:
                    one.term = replace(one.term, certainty=one.term.certainty * self._certainty)
        self._clause += 1
        self._negated, self._certainty = None, 1.0
        self._doubt_waits = self._waits = self._alternative = False


_PARTS = {
    None: Part.IGNORED,
    Role.ATTRIBUTE: Part.ATTRIBUTE,
    Role.NEGATING: Part.MODIFIER,
    Role.NEGATING_LIST: Part.MODIFIER,
    Role.DOUBT: Part.MODIFIER,
    Role.ALTERNATIVE: Part.MODIFIER,
    Role.CONJUNCTION: Part.FILLER,
    Role.CLAUSE: Part.FILLER,
    Role.OPENING: Part.FILLER,
    Role.FILLER: Part.FILLER,
}


def _merged(asked: list[_Asked], schema: AttributeSchema) -> list[Term]:
    """Say each thing once, as sure as it was said; refuse what is both wanted and unwanted."""
    terms: list[Term] = []
    for one in asked:
        term = one.term
        same = [other for other in terms if set(other.attributes) & set(term.attributes)]
        if not same:
            terms.append(term)
            continue
        other = same[0]
        if other.wanted != term.wanted:
            label = schema.labels[term.attributes[0]]
            raise QueryError(f"{label!r} is both wanted and unwanted in the description; say it once")
        if set(other.attributes) == set(term.attributes):
            surer = max(other.certainty, term.certainty)
            terms[terms.index(other)] = replace(other, certainty=surer)
        elif len(term.attributes) < len(other.attributes):
            terms[terms.index(other)] = term  # "an old person, about sixty": the narrower one counts
    return terms


def _told(piece: Piece, asked: list[_Asked], schema: AttributeSchema) -> Piece:
    if not asked:
        return piece
    meaning = ", ".join(AttributeQuery(schema, (one.term,)).to_text() for one in asked)
    return replace(piece, meaning=meaning)
