"""Rows in detail: what is known, what the model saw, why a row is a hit, its track, a description like it."""

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import quote

import numpy as np
import torch

from attrieve.errors import QueryError
from attrieve.gallery.database.filters import Condition, Filter, Operator
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.recognised import description_of_row
from attrieve.gallery.store import Gallery
from attrieve.serving.pictures import missing_image
from attrieve.serving.ranking import Ranked, rank
from attrieve.serving.searching import read_request, without_terms
from attrieve.serving.service import Service
from attrieve.serving.showing import API, hit_view, moment, places_of, row_facts, row_view, rows_of_keys
from attrieve.serving.wire.hits import (
    HitView,
    LikeView,
    PersonView,
    QualityView,
    SeenAttribute,
    TrackView,
    WithoutTermView,
)
from attrieve.serving.wire.search import SearchRequest

TRACK_ROWS_MOST = 500
"""Rows of one track that are shown; of longer ones those nearest in time."""


def person(service: Service, key: str, request: SearchRequest | None = None) -> PersonView:
    """Return a row in detail; with a search, why it is a hit of it and what would change that.

    Raises:
        ProblemError: ``person-not-found``.
        AttrieveError: as :func:`attrieve.serving.searching.find`.
    """
    gallery = service.galleries.current()
    [row] = rows_of_keys(gallery, [key])
    attributes = seen_attributes(gallery, key)
    missing = missing_image(row, service.settings.upload_pixels_most)
    found, without = (None, []) if request is None else _as_hit(service, gallery, key, request)
    asked: Iterable[str] = [reason.attribute for reason in found.reasons] if found else gallery.schema.names
    return PersonView.model_validate(
        row_facts(row)
        | {
            "indexed_at": moment(row.indexed_at),
            "quality": None if row.measures is None else QualityView(**vars(row.measures)),
            "columns": {
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in row.user.items()
            },
            "attributes": attributes,
            "image": "available" if missing is None else missing,
            "like": like(gallery, key).query,
            "hit": found,
            "without": without,
            "heat_maps": [f"{API}/persons/{key}/heat-maps/{quote(name, safe='')}.png" for name in asked]
            if service.has_run and attributes and missing is None
            else [],
        }
    )


def seen_attributes(gallery: Gallery, key: str) -> list[SeenAttribute]:
    """Return what the model sees of every attribute in a row; nothing if it recognises none."""
    probability = gallery.columns.vectors(places_of(gallery, [key])).probability
    if probability is None:
        return []
    schema, known = gallery.schema, gallery.query_side.calibration
    groups = {name: group.name for group in schema.groups for name in group.attributes}
    calibrated: list[float | None] = [None] * len(schema)
    if known is not None:
        values = torch.from_numpy(probability.astype(np.float64))
        calibrated = known.attributes.probabilities(values)[0].tolist()
    return [
        SeenAttribute(
            attribute=name,
            label=schema.labels[index],
            group=groups[name],
            probability=value,
            calibrated=truth,
        )
        for index, (name, value, truth) in enumerate(
            zip(schema.names, probability[0].tolist(), calibrated, strict=True)
        )
    ]


def _as_hit(
    service: Service, gallery: Gallery, key: str, request: SearchRequest
) -> tuple[HitView | None, list[WithoutTermView]]:
    asked = read_request(service, request, gallery)
    ranked = rank(
        asked.scope, asked.statement.query, min(service.settings.hits_most, max(asked.scope.rows, 1))
    )
    place = ranked.rank_of(key)
    if place is None:
        return None, []
    [(hit, row)] = ranked.page(place - 1, place, explain=True)
    return hit_view(hit, row, gallery.schema), _without(ranked, key)


def _without(ranked: Ranked, key: str) -> list[WithoutTermView]:
    ranks = without_terms(ranked, [key])
    return [WithoutTermView(term=term, rank=at[0] if at else None) for term, at in ranks.items()]


def like(gallery: Gallery, key: str) -> LikeView:
    """Return a description made of what is recognised in a row; '' if nothing is with any certainty.

    Raises:
        ProblemError: ``person-not-found``.
    """
    rows_of_keys(gallery, [key])
    text = ""
    if gallery.model.recognises:
        try:
            text = description_of_row(gallery, key).to_text()
        except QueryError:
            text = ""
    return LikeView(key=key, query=text, search=f"{API}/search?q={quote(text)}" if text else "")


def track(gallery: Gallery, key: str) -> TrackView:
    """Return the rows of the same track and camera, in the order of time, then of frames.

    Raises:
        ProblemError: ``person-not-found``.
    """
    [row] = rows_of_keys(gallery, [key])
    if row.track is None:
        return TrackView(track=None, rows=[row_view(row)], total=1)
    conditions = [Condition("track", Operator.EQUAL, (row.track,))]
    if row.camera is not None:
        conditions.append(Condition("camera", Operator.EQUAL, (row.camera,)))
    ids = gallery.store.select(Filter(tuple(conditions)))
    held = gallery.columns.row_id[gallery.columns.places(ids)]
    rows = sorted(gallery.store.rows_at(np.sort(held)), key=_in_time)
    return TrackView(track=row.track, rows=[row_view(one) for one in _nearest(rows, key)], total=len(rows))


def _in_time(row: GalleryRow) -> tuple[float, int, str]:
    return (row.time.timestamp() if row.time else 0.0, row.frame or 0, row.key)


def _nearest(rows: list[GalleryRow], key: str) -> list[GalleryRow]:
    place = next((number for number, row in enumerate(rows) if row.key == key), 0)
    first = max(0, min(place - TRACK_ROWS_MOST // 2, len(rows) - TRACK_ROWS_MOST))
    return rows[first : first + TRACK_ROWS_MOST]
