"""The fused distance of every row, in loops, in float64, and the nearest of them."""

import math
from collections.abc import Sequence

import numpy as np

from attrieve.gallery.exact import FusedQuery
from attrieve.scoring.fusion import Normalisation


def attribute_distances(
    query: FusedQuery, probability: np.ndarray | None, rows: Sequence[int]
) -> list[float]:
    if probability is None or query.target is None or query.fusion.attribute_weight == 0:
        return [0.0] * len(rows)
    found = []
    for row in rows:
        total = 0.0
        for target, certainty, term in zip(query.target, query.certainty, query.terms, strict=True):
            difference = float(target) - max(float(probability[row, attribute]) for attribute in term)
            total += float(certainty) * (difference * difference)
        found.append(math.sqrt(total))
    return found


def embedding_distances(query: FusedQuery, embedding: np.ndarray | None, rows: Sequence[int]) -> list[float]:
    if embedding is None or query.embedding is None or query.fusion.embedding_weight == 0:
        return [0.0] * len(rows)
    found = []
    for row in rows:
        product = 0.0
        for wanted, entry in zip(query.embedding, embedding[row], strict=True):
            product += float(wanted) * float(entry)
        found.append(min(max(1.0 - product, 0.0), 2.0))
    return found


def fused_search(
    queries: Sequence[FusedQuery],
    embedding: np.ndarray | None,
    probability: np.ndarray | None,
    rows: Sequence[int],
    k: int,
    tie: Sequence[int] | None = None,
) -> list[list[tuple[int, np.float32, np.float32, np.float32]]]:
    """Return (row, distance, attribute distance, embedding distance) of the nearest rows of each query.

    Equal distances are ordered by the ``tie`` of a row, then by the row.
    """
    by_attribute = [attribute_distances(query, probability, rows) for query in queries]
    by_embedding = [embedding_distances(query, embedding, rows) for query in queries]
    answers = []
    for number, query in enumerate(queries):
        most_attribute = most(by_attribute, number, query.fusion.normalisation, static_maximum(query))
        most_embedding = most(by_embedding, number, query.fusion.normalisation, 2.0)
        ranked = []
        for row, a, e in zip(rows, by_attribute[number], by_embedding[number], strict=True):
            distance = 0.0
            if most_attribute > 0:
                distance += query.fusion.attribute_weight * (a / most_attribute)
            if most_embedding > 0:
                distance += query.fusion.embedding_weight * (e / most_embedding)
            with np.errstate(over="ignore"):
                ranked.append((row, np.float32(distance), np.float32(a), np.float32(e)))
        answers.append(sorted(ranked, key=lambda hit: (hit[1], tie[hit[0]] if tie else 0, hit[0]))[:k])
    return answers


def most(distances: list[list[float]], number: int, normalisation: Normalisation, static: float) -> float:
    if normalisation is Normalisation.STATIC:
        return static
    looked_at = distances if normalisation is Normalisation.MATRIX else [distances[number]]
    return max((value for row in looked_at for value in row), default=0.0)


def static_maximum(query: FusedQuery) -> float:
    return 0.0 if query.certainty is None else math.sqrt(math.fsum(float(c) for c in query.certainty))
