"""From a description to ranked hits."""

import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.errors import InputError
from attrieve.gallery.asked import Asked, asked_columns, attribute_distance, attribute_maximum
from attrieve.gallery.completion import expected_embedding
from attrieve.gallery.explain import reasons
from attrieve.gallery.store import Columns, Gallery
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery, Hit, Ranking
from attrieve.scoring.cosine import cosine_distance
from attrieve.scoring.fusion import Fusion, Normalisation, fuse
from attrieve.scoring.order import nearest


def search(
    gallery: Gallery,
    query: AttributeQuery,
    *,
    top: int = 20,
    fusion: Fusion | None = None,
    explain: bool = True,
) -> Ranking:
    """Rank the rows of a gallery by a description, nearest first; ties resolve by key.

    The distance is the evaluator's (paper, "Retrieval"): the attribute distance over what is named
    and the cosine distance to :func:`~attrieve.gallery.completion.expected_embedding`, joined by
    ``fusion``. Every row has a distance: nothing matching is no error, the ranking says how far.

    Args:
        gallery: where to look.
        query: in the gallery's vocabulary.
        top: how many hits, at least 1; more than there are rows gives all rows.
        fusion: how to join the distances, or None for the gallery's own way.
        explain: whether hits carry reasons; they need a model that recognises attributes.

    Raises:
        InputError: if the gallery has no rows, or ``top`` is below 1.
        SchemaMismatchError: if the query is of another vocabulary.
    """
    gallery.schema.require_same(query.schema, here="the gallery", there="the description")
    if top < 1:
        raise InputError(f"top must be at least 1, got {top}")
    if gallery.columns is None:
        raise InputError(f"the gallery {gallery.folder} has no rows; add some with `attrieve index`")
    asked = asked_columns(query)
    by_attribute, by_embedding = branch_distances(gallery.columns, query, gallery.query_side)
    fused = _fuse(by_attribute, by_embedding, asked, fusion or gallery.fusion)
    best = nearest(fused, min(top, len(gallery)))[0].tolist()
    probability = gallery.columns.probability if explain else None
    return Ranking(
        tuple(
            Hit(
                rank=rank,
                key=gallery.rows[index].key,
                distance=float(fused[0, index]),
                source=str(gallery.rows[index].source),
                attribute_distance=_entry(by_attribute, index),
                embedding_distance=_entry(by_embedding, index),
                reasons=() if probability is None else reasons(asked, query.schema, probability[index]),
            )
            for rank, index in enumerate(best, start=1)
        )
    )


def branch_distances(
    columns: Columns, query: AttributeQuery, query_side: QuerySide
) -> tuple[Float[Tensor, "1 person"] | None, Float[Tensor, "1 person"] | None]:
    """Return the attribute and the embedding distance of every row, None for a branch that is not there."""
    by_attribute = by_embedding = None
    with torch.inference_mode():
        if columns.probability is not None:
            by_attribute = attribute_distance(asked_columns(query), columns.probability)
        if columns.embedding is not None:
            vector = expected_embedding(query, query_side)
            if vector is not None:
                by_embedding = cosine_distance(vector, columns.embedding)
    return by_attribute, by_embedding


def _fuse(
    by_attribute: Float[Tensor, "1 person"] | None,
    by_embedding: Float[Tensor, "1 person"] | None,
    asked: tuple[Asked, ...],
    fusion: Fusion,
) -> Float[Tensor, "1 person"]:
    static = fusion.normalisation is Normalisation.STATIC
    most = attribute_maximum(asked) if static and by_attribute is not None else None
    return fuse(by_attribute, by_embedding, fusion, attribute_maximum=most)


def _entry(distance: Float[Tensor, "1 person"] | None, index: int) -> float | None:
    return None if distance is None else float(distance[0, index])
