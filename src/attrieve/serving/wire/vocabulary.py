"""The words a gallery is asked in, as they travel."""

from pydantic import Field

from attrieve.serving.wire.base import AnswerModel


class AttributeView(AnswerModel):
    """One yes/no property of a person."""

    name: str
    label: str = Field(description="Short words for people.")
    aliases: list[str] = Field(description="Further names a query may use.")
    colour: str | None = Field(
        default=None, description="Its colour on a screen, '#rrggbb', if it speaks of one."
    )


class GroupView(AnswerModel):
    """Attributes that answer one question about a person."""

    name: str
    kind: str = Field(description="How they may hold together.")
    region: str = Field(description="Part of the body: head, upper, lower, feet, carried or person.")
    aliases: list[str]
    none_attribute: str | None = Field(description="The one that means none of the others, if there is one.")
    attributes: list[AttributeView]


class VocabularyView(AnswerModel):
    """A vocabulary."""

    name: str
    source: str
    fingerprint: str
    groups: list[GroupView]


class SynonymView(AnswerModel):
    """A word or phrase and what it says in the query language."""

    phrase: str
    query: str


class SynonymsView(AnswerModel):
    """What people say, of the words that this vocabulary can express."""

    language: str
    synonyms: list[SynonymView]
