"""From rows that were found to hits with their facts and reasons, wherever the search took place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt64

from attrieve.errors import InputError
from attrieve.gallery.asked import asked_columns
from attrieve.gallery.database.keys import key_text
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.exact import ExactHits, FusedQuery
from attrieve.gallery.explain import Factors, reasons
from attrieve.gallery.search_columns import SearchColumns
from attrieve.schema import AttributeQuery, AttributeReason, Hit, Ranking


@dataclass(frozen=True, eq=False)
class FoundRows:
    """The nearest rows, nearest first, equal distances by key.

    Args:
        key: as numbers.
        row_id: where the store keeps each row.
        distance: fused.
        attribute_distance: before weights, or None if attributes take no part.
        embedding_distance: before weights, or None if the embedding takes no part.
        probability: of each attribute, or None if the model does not recognise.
        factors: what either distance was multiplied by before they were added.
        embedding: unit vectors, of rows that were to bring them along.
    """

    key: UInt64[np.ndarray, " hit"]
    row_id: UInt64[np.ndarray, " hit"]
    distance: Float32[np.ndarray, " hit"]
    attribute_distance: Float32[np.ndarray, " hit"] | None
    embedding_distance: Float32[np.ndarray, " hit"] | None
    probability: Float32[np.ndarray, "hit attribute"] | None
    factors: Factors
    embedding: Float32[np.ndarray, "hit dim"] | None = None

    def __len__(self) -> int:
        return len(self.key)

    @property
    def vectors(self) -> Vectors:
        """Probabilities and, if they were brought along, embeddings.

        Raises:
            InputError: if there is neither.
        """
        return Vectors(self.embedding, self.probability)

    @classmethod
    def of(
        cls, columns: SearchColumns, hits: ExactHits, wanted: FusedQuery, *, embedding: bool = False
    ) -> "FoundRows":
        """Return what the columns know of the rows that the only query of an exact search found.

        Args:
            columns: where was searched.
            hits: what was found.
            wanted: what was asked.
            embedding: whether the rows bring their unit vectors along.
        """
        if columns.compact is None:
            raise AssertionError("rows were found where there are none")
        by_attribute = wanted.asks_attributes and columns.compact.attributes is not None
        by_embedding = wanted.asks_embedding and columns.compact.dim is not None
        places = hits.indices[0]
        vectors = columns.vectors(places)
        return cls(
            columns.key[places],
            columns.row_id[places],
            hits.distance[0],
            hits.attribute_distance[0] if by_attribute else None,
            hits.embedding_distance[0] if by_embedding else None,
            vectors.probability,
            Factors.of(wanted.fusion, *hits.maxima[0].tolist()),
            vectors.embedding if embedding else None,
        )


def ranking_of(
    found: FoundRows,
    query: AttributeQuery,
    rows_at: Callable[[UInt64[np.ndarray, " some"]], list[GalleryRow]],
    *,
    explain: bool,
    reasons_of: Callable[[Sequence[float]], tuple[AttributeReason, ...]] | None = None,
) -> Ranking:
    """Return hits that tell where an image lies and why it was found.

    Args:
        found: the rows.
        query: what was asked.
        rows_at: gives the facts of the rows with some ids, in their order.
        explain: whether hits carry reasons; they need probabilities.
        reasons_of: explains a row from its probabilities, for other distances than the paper's, or other
            weights than the query's.

    Raises:
        InputError: if the store holds other rows at these ids.
    """
    rows = rows_at(found.row_id) if len(found) else []
    if [row.key for row in rows] != [key_text(number) for number in found.key]:
        raise InputError("the columns for searching do not agree with the store; delete the folder 'search'")
    seen = [[]] * len(rows) if found.probability is None else found.probability.tolist()
    told = asked_columns(query) if explain and found.probability is not None else ()
    factors = found.factors
    return Ranking(
        tuple(
            Hit(
                rank=place + 1,
                key=row.key,
                distance=float(found.distance[place]),
                source=str(row.source),
                attribute_distance=_at(found.attribute_distance, place),
                embedding_distance=_at(found.embedding_distance, place),
                camera=row.camera,
                time=None if row.time is None else row.time.isoformat(),
                reasons=reasons(told, query.schema, seen[place], factor=factors.attribute)
                if reasons_of is None or not told
                else reasons_of(seen[place]),
                embedding_contribution=_at(found.embedding_distance, place, factors.embedding),
            )
            for place, row in enumerate(rows)
        )
    )


def _at(distances: Float32[np.ndarray, " hit"] | None, place: int, factor: float = 1.0) -> float | None:
    return None if distances is None else float(distances[place]) * factor
