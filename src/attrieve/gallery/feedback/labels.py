"""Marks as labels: what judged rows teach of the attributes that were asked for.

A row marked right shows what was described, so each attribute asked with full certainty is a label of it. A
row marked wrong lacks something of what was described, but who marked it did not say what: it is a label
only where one single attribute was asked. "One of these" tells of none of them. All else is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attrieve.data.label_table import write_table
from attrieve.errors import InputError
from attrieve.gallery.asked import Asked, asked_columns
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.rows import GalleryRow, in_utc
from attrieve.gallery.feedback.marks import Mark
from attrieve.gallery.store import Gallery
from attrieve.schema import Person, PersonSet, Value, parse_query

COLUMNS = ("path", "key", "attribute", "asked", "certainty", "verdict", "query", "time", "by")
"""Columns of the table of judgements."""


@dataclass(frozen=True)
class Judgement:
    """One thing that was asked when one row was judged.

    Args:
        row: of the gallery.
        asked: the attribute, or several ("one of these"), and whether it was wanted.
        mark: the judgement, its description, when and by whom.
        alone: whether nothing else was asked.
    """

    row: GalleryRow
    asked: Asked
    mark: Mark
    alone: bool


@dataclass(frozen=True)
class MarkedLabels:
    """What marks say of images.

    Args:
        persons: images with at least one label; all else unknown.
        conflicts: values left unknown because marks disagree.
        gone: marks of rows the gallery does not hold any more.
        undescribed: marks that do not say by which description they were made.
        in_videos: rows that are frames of videos, which have no image file to learn from.
    """

    persons: PersonSet
    conflicts: int
    gone: int
    undescribed: int
    in_videos: int


def judgements(gallery: Gallery, marks: Sequence[Mark]) -> list[Judgement]:
    """Return one judgement per mark and thing asked, for rows that are still in the gallery.

    Raises:
        InputError: for a description that the gallery's vocabulary cannot say.
    """
    rows = _rows(gallery, marks)
    found = []
    for mark in marks:
        if mark.key not in rows or not mark.query:
            continue
        try:
            asked = asked_columns(parse_query(mark.query, gallery.schema))
        except InputError as error:
            raise InputError(f"the mark of row {mark.key} was made by {mark.query!r}: {error}") from error
        alone = len(asked) == 1
        found += [Judgement(rows[mark.key], column, mark, alone) for column in asked]
    return found


def marked_labels(gallery: Gallery, marks: Sequence[Mark], *, least_certainty: float = 1.0) -> MarkedLabels:
    """Return what marks say of images, three-state.

    Args:
        gallery: holds the marked rows.
        marks: of any number of people; where they disagree on a value it stays unknown.
        least_certainty: what was asked less certainly is no label, in (0, 1].

    Raises:
        InputError: as :func:`judgements`, or for a certainty out of range.
    """
    if not 0.0 < least_certainty <= 1.0:
        raise InputError(f"least_certainty must be above 0 and at most 1, got {least_certainty}")
    said: dict[str, dict[int, set[int]]] = {}
    rows: dict[str, GalleryRow] = {}
    for judgement in judgements(gallery, marks):
        value = _label(judgement, least_certainty)
        rows[judgement.row.key] = judgement.row
        if value is not None:
            index = judgement.asked.attributes[0]
            said.setdefault(judgement.row.key, {}).setdefault(index, set()).add(value)
    persons, conflicts = [], 0
    for key in sorted(said):
        conflicts += sum(len(values) > 1 for values in said[key].values())
        agreed = {index: values.pop() for index, values in said[key].items() if len(values) == 1}
        if agreed and rows[key].frame is None:
            persons.append(_person(rows[key], agreed, len(gallery.schema)))
    present = _rows(gallery, marks)
    return MarkedLabels(
        PersonSet("marks", gallery.schema, tuple(persons)),
        conflicts,
        gone=sum(mark.key not in present for mark in marks),
        undescribed=sum(not mark.query for mark in marks),
        in_videos=sum(rows[key].frame is not None for key in said),
    )


def write_judgements(path: Path, found: Sequence[Judgement], gallery: Gallery) -> None:
    """Write judgements as a table, CSV or Parquet by the ending, with the columns :data:`COLUMNS`.

    Raises:
        DatasetError: for another ending.
        StorageError: if the disk refuses.
    """
    names = gallery.schema.names
    write_table(
        path,
        COLUMNS,
        [
            [
                str(one.row.source),
                one.row.key,
                "|".join(names[index] for index in one.asked.attributes),
                "yes" if one.asked.wanted else "no",
                one.asked.certainty,
                one.mark.verdict,
                one.mark.query,
                None if one.mark.time is None else in_utc(one.mark.time).isoformat(),
                one.mark.by,
            ]
            for one in found
        ],
    )


def _rows(gallery: Gallery, marks: Sequence[Mark]) -> dict[str, GalleryRow]:
    keys = sorted({mark.key for mark in marks})
    if not keys or not len(gallery):
        return {}
    places = gallery.columns.places_of_keys(key_numbers(keys))
    ids = gallery.columns.row_id[places[places >= 0]]
    return {row.key: row for row in gallery.store.rows_at(np.asarray(ids, dtype=np.uint64))}


def _label(judgement: Judgement, least_certainty: float) -> int | None:
    """Return the value a judgement gives its attribute, or None if it gives none."""
    asked = judgement.asked
    if len(asked.attributes) > 1 or asked.certainty < least_certainty:
        return None
    if judgement.mark.right:
        return int(asked.wanted)
    return int(not asked.wanted) if judgement.alone else None


def _person(row: GalleryRow, values: dict[int, int], width: int) -> Person:
    table = [values.get(index, int(Value.UNKNOWN)) for index in range(width)]
    return Person(row.key, row.source, tuple(table), camera=row.camera, time=row.time)
