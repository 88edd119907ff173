"""What things are: attributes, persons, queries and rankings. No tensors."""

from attrieve.schema.attributes import (
    Attribute,
    AttributeSchema,
    Group,
    GroupKind,
    load_vocabulary,
    vocabulary_names,
)
from attrieve.schema.person import ImageSource, Person, PersonSet, Value
from attrieve.schema.query import AttributeQuery, Term, parse_query
from attrieve.schema.ranking import AttributeReason, Hit, Ranking

__all__ = [
    "Attribute",
    "AttributeQuery",
    "AttributeReason",
    "AttributeSchema",
    "Group",
    "GroupKind",
    "Hit",
    "ImageSource",
    "Person",
    "PersonSet",
    "Ranking",
    "Term",
    "Value",
    "load_vocabulary",
    "parse_query",
    "vocabulary_names",
]
