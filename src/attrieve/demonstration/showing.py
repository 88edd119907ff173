"""Searches of the demonstration's gallery, with every hit held against what was drawn."""

from typing import Any

from attrieve.demonstration.examples import Example, answers, matching
from attrieve.gallery.matches import expected_matches
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeQuery, AttributeReason, AttributeSchema, Hit, Person, PersonSet

SHOWN = 8
"""Hits shown of each search."""


def show_example(gallery: Gallery, example: Example, persons: PersonSet) -> dict[str, Any]:
    """Search for a description and hold every hit shown against the truth.

    Returns:
        The description, how many test pictures truly answer it, the ranks of those, and the first
        hits with a mark for each thing asked: whether it is so (``right``), whether the model
        thinks so (``seen``), and the probability it gives to what was asked; how probable it is that a hit
        matches, and how many matches are expected, by the gallery's calibration.
    """
    ranking = search(gallery, example.query, top=len(gallery))
    by_source = {str(person.image.path.absolute()): person for person in persons.persons}
    ranked = [by_source[hit.source] for hit in ranking.hits]
    right_ranks = [
        rank for rank, person in enumerate(ranked, start=1) if answers(example.query, person.values)
    ]
    shown = list(zip(ranking.hits, ranked, strict=True))[:SHOWN]
    return {
        "heading": example.heading,
        "origin": example.origin,
        "query": example.query.to_json(),
        "full": example.query.is_full,
        "doubts": " and ".join(_doubted(example.query)),
        "matches": len(matching(example.query, persons)),
        "pictures": len(ranked),
        "right_ranks": right_ranks,
        "expected_matches": expected_matches(gallery, example.query),
        "average_precision": _average_precision(right_ranks),
        "hits": [_hit(hit, person, example, gallery.schema) for hit, person in shown],
    }


def _doubted(query: AttributeQuery) -> list[str]:
    labels = query.schema.labels
    return ["|".join(labels[i] for i in term.attributes) for term in query.terms if term.certainty < 1]


def _average_precision(right_ranks: list[int]) -> float | None:
    """Mean over the right hits of (right hits so far / rank), in percent."""
    if not right_ranks:
        return None
    return 100 * sum(found / rank for found, rank in enumerate(right_ranks, start=1)) / len(right_ranks)


def _hit(hit: Hit, person: Person, example: Example, schema: AttributeSchema) -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "person": person.key,
        "distance": hit.distance,
        "attribute_distance": hit.attribute_distance,
        "embedding_distance": hit.embedding_distance,
        "match_probability": hit.match_probability,
        "right": answers(example.query, person.values),
        "marks": [_mark(reason, person, schema) for reason in hit.reasons],
    }


def _mark(reason: AttributeReason, person: Person, schema: AttributeSchema) -> dict[str, Any]:
    index = schema.names.index(reason.attribute)
    return {
        "attribute": reason.attribute,
        "label": schema.labels[index],
        "wanted": reason.wanted,
        "certainty": reason.certainty,
        "probability": reason.probability if reason.wanted else 1 - reason.probability,
        "seen": reason.matches,
        "right": person.values[index] == int(reason.wanted),
    }
