"""P(match) of hits, of a whole gallery, and where a list should end so that enough of it is right."""

from dataclasses import replace

import numpy as np
import torch

from attrieve.errors import ConfigurationError, InputError
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.likelihood.asked import match_query
from attrieve.gallery.likelihood.search import match_probabilities, match_sum
from attrieve.gallery.store import Gallery
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery, Hit, Ranking


def with_probabilities(
    ranking: Ranking, query: AttributeQuery, query_side: QuerySide, vectors: Vectors
) -> Ranking:
    """Return the ranking with P(match) of each hit and calibrated probabilities of its reasons.

    A model that is not calibrated, or recognises nothing, gives the ranking as it was.

    Args:
        ranking: what was found.
        query: what was asked.
        query_side: of the gallery's model.
        vectors: of the hits, in their order.
    """
    known, asked = query_side.calibration, match_query(query, query_side)
    if known is None or asked is None or vectors.probability is None or not ranking.hits:
        return ranking
    embedding = None if asked.embedding is None else vectors.embedding
    found = match_probabilities(vectors.probability, embedding, asked).tolist()
    calibrated = known.attributes.probabilities(
        torch.from_numpy(np.array(vectors.probability, dtype=np.float64))
    )
    position = {name: place for place, name in enumerate(query.schema.names)}
    return Ranking(
        tuple(
            replace(
                hit,
                match_probability=probability,
                reasons=tuple(
                    replace(reason, calibrated=float(row[position[reason.attribute]]))
                    for reason in hit.reasons
                ),
            )
            for hit, probability, row in zip(ranking.hits, found, calibrated, strict=True)
        )
    )


def expected_matches(
    gallery: Gallery, query: AttributeQuery, *, where: Filter | None = None, threads: int | None = None
) -> float | None:
    """Return how many rows are expected to match: the sum of P(match) over all that are searched.

    None for a gallery that is not calibrated.

    Args:
        gallery: where to look.
        query: in the gallery's vocabulary.
        where: only rows that meet this.
        threads: None for all cores.
    """
    columns, asked = gallery.columns, match_query(query, gallery.query_side)
    if asked is None or columns.compact is None or columns.compact.attributes is None:
        return None
    keep = gallery.places(where)
    return match_sum(columns.compact, asked, keep=keep, threads=threads)


def as_precise_as(ranking: Ranking, precision: float) -> Ranking:
    """Return the longest beginning of a ranking whose mean P(match) is at least a precision.

    Args:
        ranking: of a calibrated gallery.
        precision: share of the list that shall be right, in (0, 1].

    Raises:
        InputError: for a precision out of range.
        ConfigurationError: for hits without P(match).
    """
    if not 0 < precision <= 1:
        raise InputError(f"a precision is above 0 and at most 1, got {precision:g}")
    found = [_probability(hit) for hit in ranking.hits]
    mean = np.cumsum(found) / np.arange(1, len(found) + 1)
    enough = np.flatnonzero(mean >= precision)
    return Ranking(ranking.hits[: int(enough[-1]) + 1 if len(enough) else 0])


def _probability(hit: Hit) -> float:
    if hit.match_probability is None:
        raise ConfigurationError(
            "a precision needs probabilities of a match, and this gallery is not calibrated: run `attrieve "
            "calibrate RUN --data DIR`, then `attrieve gallery calibrate GALLERY --run RUN`"
        )
    return hit.match_probability
