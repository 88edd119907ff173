"""Search written the slow way: plain Python loops over rows, terms, alternatives and categories."""

import math
from itertools import product

import torch

from attrieve.gallery.store import Gallery
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery
from attrieve.scoring.fusion import Fusion, Normalisation
from gallery.building import everything

EXCLUSIVE = ((0, 1, 2),)
NONE_MEMBER, OTHERS = 5, (6, 7)


def brute_force_distances(gallery: Gallery, query: AttributeQuery, fusion: Fusion) -> dict[str, float]:
    """Return the fused distance of every key."""
    keys, columns = everything(gallery)
    parts: list[tuple[float, list[float], float]] = []
    if columns.probability is not None:
        distances = [slow_attribute_distance(query, row) for row in columns.probability.tolist()]
        most = math.sqrt(
            sum(term.certainty * (1 if term.wanted else len(term.attributes)) for term in query.terms)
        )
        parts.append((fusion.attribute_weight, distances, most))
    if columns.embedding is not None:
        vector = slow_expected_embedding(query, gallery.query_side)
        distances = [slow_cosine_distance(vector, row) for row in columns.embedding.tolist()]
        parts.append((fusion.embedding_weight, distances, 2.0))
    fused = [0.0] * len(gallery)
    for weight, distances, static_maximum in parts:
        maximum = static_maximum if fusion.normalisation is Normalisation.STATIC else max(distances)
        for index, distance in enumerate(distances):
            fused[index] += weight * distance / maximum if maximum > 0 else 0.0
    return dict(zip(keys, fused, strict=True))


def slow_attribute_distance(query: AttributeQuery, probability: list[float]) -> float:
    """The nearest of all choices of one alternative per term."""
    choices = [term.attributes if term.wanted else (None,) for term in query.terms]
    best = math.inf
    for chosen in product(*choices):
        squared = 0.0
        for term, choice in zip(query.terms, chosen, strict=True):
            if choice is None:
                squared += sum(term.certainty * probability[index] ** 2 for index in term.attributes)
            else:
                squared += term.certainty * (1.0 - probability[choice]) ** 2
        best = min(best, math.sqrt(squared))
    return best


def slow_expected_embedding(query: AttributeQuery, query_side: QuerySide) -> list[float]:
    """The weighted mean of one embedding per training category, completed by hand."""
    rate = query_side.positive_rate.tolist()
    categories = [
        [rate[index] if value < 0 else float(value) for index, value in enumerate(row)]
        for row in query_side.training_categories.tolist()
    ]
    total = [0.0] * query_side.settings.embedding_dim
    for category, count in zip(categories, query_side.training_category_counts.tolist(), strict=True):
        weight = float(count)
        for term in query.terms:
            holds = max(category[index] for index in term.attributes)
            mismatch = 1.0 - holds if term.wanted else holds
            weight *= 1.0 - 0.999 * term.certainty * mismatch
        completed = torch.tensor([slow_completion(query, category, categories)], dtype=torch.float32)
        with torch.no_grad():
            embedded = query_side.embed_queries(completed)
        assert embedded is not None
        total = [old + weight * new for old, new in zip(total, embedded[0].tolist(), strict=True)]
    length = math.sqrt(sum(value * value for value in total))
    return [value / length for value in total] if length else total


def slow_completion(
    query: AttributeQuery, category: list[float], categories: list[list[float]]
) -> list[float]:
    if query.is_full:
        return [float(value) for value in query.values()]
    result = list(category)
    named = {index for term in query.terms for index in term.attributes}
    for term in query.terms:
        if not term.wanted:
            for index in term.attributes:
                result[index] *= 1.0 - term.certainty
            continue
        lacking = term.certainty * (1.0 - max(category[index] for index in term.attributes))
        frequency = {i: sum(row[i] for row in categories) / len(categories) + 1e-6 for i in term.attributes}
        for index in term.attributes:
            result[index] = category[index] + lacking * frequency[index] / sum(frequency.values())
        rivals = {rival for index in term.attributes for rival in slow_rivals(index)} - named
        for rival in rivals:
            result[rival] *= 1.0 - lacking
    return result


def slow_rivals(index: int) -> set[int]:
    for members in EXCLUSIVE:
        if index in members:
            return set(members) - {index}
    if index == NONE_MEMBER:
        return set(OTHERS)
    return {NONE_MEMBER} if index in OTHERS else set()


def slow_cosine_distance(left: list[float], right: list[float]) -> float:
    lengths = math.sqrt(sum(a * a for a in left)) * math.sqrt(sum(b * b for b in right))
    return 1.0 - sum(a * b for a, b in zip(left, right, strict=True)) / lengths if lengths else 1.0
