"""The words of a gallery's vocabulary as wire models."""

from attrieve.schema import AttributeQuery, AttributeSchema
from attrieve.schema.body_regions import colour_of, region_of
from attrieve.schema.language import Role, load_language, split_words
from attrieve.serving.wire.vocabulary import (
    AttributeView,
    GroupView,
    SynonymsView,
    SynonymView,
    VocabularyView,
)


def vocabulary_view(schema: AttributeSchema) -> VocabularyView:
    """Return a vocabulary, each group with the part of the body it is seen at."""
    groups = []
    for group, members in zip(schema.groups, schema.group_indices, strict=True):
        attributes = []
        for index in members:
            attribute = schema.attributes[index]
            colour = colour_of(attribute, group)
            attributes.append(
                AttributeView(
                    name=attribute.name,
                    label=attribute.label,
                    aliases=list(attribute.aliases),
                    colour=None if colour is None else colour.screen,
                )
            )
        groups.append(
            GroupView(
                name=group.name,
                kind=group.kind.value,
                region=region_of(group).value,
                aliases=list(group.aliases),
                none_attribute=group.none_attribute,
                attributes=attributes,
            )
        )
    return VocabularyView(
        name=schema.name, source=schema.source, fingerprint=schema.fingerprint, groups=groups
    )


def synonyms_view(schema: AttributeSchema, language: str) -> SynonymsView:
    """Return the phrases of a language that a vocabulary can express, and what they say.

    Raises:
        UnknownNameError: for a language that does not come with attrieve.
    """
    spoken = load_language(language, schema)
    found = []
    for phrase in sorted(spoken.phrases()):
        for _, _, meaning in spoken.find(split_words(phrase)):
            if meaning is not None and meaning.role is Role.ATTRIBUTE:
                said = ", ".join(AttributeQuery(schema, (term,)).to_text() for term in meaning.terms)
                found.append(SynonymView(phrase=phrase, query=said))
                break
    return SynonymsView(language=language, synonyms=found)
