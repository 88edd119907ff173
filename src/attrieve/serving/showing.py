"""Rows and hits of a gallery as wire models."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from jaxtyping import Int64

from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeReason, AttributeSchema, Hit
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.wire.hits import BoxView, HitLinks, HitView, ReasonView, RowView

API = "/api/v1"


def links_of(key: str) -> HitLinks:
    """Return the addresses of what belongs to a row."""
    here = f"{API}/persons/{key}"
    return HitLinks(self=here, crop=f"{here}/crop", thumbnail=f"{here}/thumbnail")


def places_of(gallery: Gallery, keys: Sequence[str]) -> Int64[np.ndarray, " key"]:
    """Return where rows stand in the columns for searching; -1 for those that are not searched.

    Raises:
        InputError: for what is no key.
    """
    return gallery.columns.places_of_keys(key_numbers(list(keys)))


def rows_of_keys(gallery: Gallery, keys: Sequence[str]) -> list[GalleryRow]:
    """Return the rows with these keys, in their order.

    Raises:
        ProblemError: ``person-not-found``.
        InputError: for what is no key.
    """
    if not keys:
        return []
    places = places_of(gallery, keys)
    for key, place in zip(keys, places, strict=True):
        if place < 0:
            raise ProblemError(
                Problem.PERSON_NOT_FOUND, f"the gallery holds no row {key!r}; it may have been deleted"
            )
    return gallery.store.rows_at(gallery.columns.row_id[places])


def row_facts(row: GalleryRow) -> dict[str, object]:
    """Return what :class:`RowView` and its children have in common."""
    return {
        "key": row.key,
        "camera": row.camera,
        "time": moment(row.time),
        "source": str(row.source),
        "track": row.track,
        "frame": row.frame,
        "box": None if row.box is None else BoxView(**row.box._asdict()),
        "links": links_of(row.key),
    }


def moment(time: datetime | None) -> str | None:
    """Return a moment as text, or None."""
    return None if time is None else time.isoformat()


def row_view(row: GalleryRow) -> RowView:
    """Return a row as it travels."""
    return RowView.model_validate(row_facts(row))


def hit_view(hit: Hit, row: GalleryRow, schema: AttributeSchema) -> HitView:
    """Return a hit with the facts of its row."""
    return HitView.model_validate(
        row_facts(row)
        | {
            "rank": hit.rank,
            "distance": hit.distance,
            "attribute_distance": hit.attribute_distance,
            "embedding_distance": hit.embedding_distance,
            "embedding_contribution": hit.embedding_contribution,
            "match_probability": hit.match_probability,
            "reasons": [reason_view(reason, schema) for reason in hit.reasons],
        }
    )


def reason_view(reason: AttributeReason, schema: AttributeSchema) -> ReasonView:
    """Return a reason with the attribute's label."""
    return ReasonView(
        attribute=reason.attribute,
        label=schema.labels[schema.names.index(reason.attribute)],
        wanted=reason.wanted,
        certainty=reason.certainty,
        probability=reason.probability,
        calibrated=reason.calibrated,
        matches=reason.matches,
        share=reason.share,
        contribution=reason.contribution,
    )
