"""From what the model sees in a row to a description a person could have given: similar as a description.

Similarity to a hit is asked for in words: the attributes recognised in it, nothing of its appearance. Two
people in the same clothes give the same description, and a search by it finds both.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from attrieve.errors import InputError, QueryError
from attrieve.gallery.store import SeesRows
from attrieve.schema import AttributeQuery, AttributeSchema, GroupKind, Term

LEAST_CERTAIN = 0.2
"""What the model is less certain of than this is left open: it saw next to nothing."""

TELLING_RATE = 0.3
"""The absence of an attribute is named only where at least this share of people has it: "no umbrella" holds
of nearly everybody and says nothing."""

STEP = 0.1
"""Certainties are told in these steps, as a witness would."""

_ONE_AT_A_TIME = (GroupKind.EXCLUSIVE, GroupKind.EXCLUSIVE_OR_NONE, GroupKind.EXCLUSIVE_SOFT)


def description_of(
    probability: Sequence[float] | Float[np.ndarray, " attribute"],
    schema: AttributeSchema,
    *,
    thresholds: Sequence[float] | Float[np.ndarray, " attribute"] | None = None,
    positive_rate: Sequence[float] | Float[np.ndarray, " attribute"] | None = None,
) -> AttributeQuery:
    """Describe a row by the attributes recognised in it.

    An attribute at or above its threshold t is wanted, with the certainty ``(p - t) / (1 - t)``; one below
    is unwanted, with the certainty ``(t - p) / t``, and is named only where its absence tells something. For
    t = 1/2 that is ``|2 p - 1|``. Certainties are rounded to tenths, and what is less certain than 0.2
    stays open. Of a group that holds one at a time only the likeliest is wanted, and its absent members go
    without saying.

    Args:
        probability: that each attribute holds, in [0, 1]; calibrated, if the model is.
        schema: names and groups.
        thresholds: from which on each attribute counts as recognised, in (0, 1); None for 1/2.
        positive_rate: share of people showing each attribute; absences are named from 0.3 on. None names
            absences in groups of one attribute only.

    Raises:
        InputError: for a wrong number of values, or one out of range.
        QueryError: if nothing is recognised with any certainty.

    >>> from attrieve.schema import load_vocabulary
    >>> schema = load_vocabulary("peta35")
    >>> seen = [0.5] * 35
    >>> seen[schema.index_of("male")] = 0.05
    >>> seen[schema.index_of("backpack")] = 0.97
    >>> seen[schema.index_of("jeans")] = 0.8
    >>> description_of(seen, schema).to_text()
    'backpack~0.9, jeans~0.6, !male~0.9'
    """
    seen = _checked(probability, schema, "probabilities", 0.0, 1.0).tolist()
    limit = [0.5] * len(schema)
    if thresholds is not None:
        limit = _checked(thresholds, schema, "thresholds", 1e-6, 1 - 1e-6).tolist()
    rate = None if positive_rate is None else _checked(positive_rate, schema, "positive rates", 0.0, 1.0)
    terms: list[Term] = []
    for group, members in zip(schema.groups, schema.group_indices, strict=True):
        found = [index for index in members if seen[index] >= limit[index]]
        if group.kind in _ONE_AT_A_TIME and found:
            found = [max(found, key=lambda index: (_certainty(seen[index], limit[index]), -index))]
        terms += _terms(found, True, seen, limit)
        if found and group.kind in _ONE_AT_A_TIME:
            continue
        absent = [
            index
            for index in members
            if index not in found
            and seen[index] < limit[index]
            and (rate[index] >= TELLING_RATE if rate is not None else group.kind is GroupKind.BINARY)
        ]
        terms += _terms(absent, False, seen, limit)
    if not terms:
        raise QueryError(
            "nothing is recognised in this row with any certainty; describe the person in words instead"
        )
    return AttributeQuery(schema, tuple(sorted(terms, key=lambda term: term.attributes)))


def description_of_row(
    gallery: SeesRows,
    key: str,
    *,
    thresholds: Sequence[float] | Float[np.ndarray, " attribute"] | None = None,
) -> AttributeQuery:
    """Describe a row of a gallery, by what its model recognised when the image was indexed.

    Probabilities are calibrated if the gallery is.

    Raises:
        UnknownNameError: if there is no such row, with the nearest keys.
        InputError: if the key is none, or the gallery's model recognises no attributes.
        QueryError: if nothing is recognised with any certainty.
        ClusterError: if rows held elsewhere do not answer.
    """
    probability = gallery.seen([key])
    if probability is None:
        raise InputError(
            f"model {gallery.model.name!r} recognises no attributes; there is nothing to describe a row by"
        )
    calibration = gallery.query_side.calibration
    if calibration is not None:
        raw = torch.from_numpy(np.array(probability, dtype=np.float64))
        probability = calibration.attributes.probabilities(raw).numpy()
    rate = gallery.query_side.positive_rate.cpu().double().numpy()
    return description_of(probability[0], gallery.schema, thresholds=thresholds, positive_rate=rate)


def _terms(
    indices: Sequence[int],
    wanted: bool,
    seen: Sequence[float],
    limit: Sequence[float],
) -> list[Term]:
    certainties = [(index, round(_certainty(seen[index], limit[index]) / STEP) / 10) for index in indices]
    return [Term((index,), wanted, min(1.0, sure)) for index, sure in certainties if sure >= LEAST_CERTAIN]


def _certainty(probability: float, threshold: float) -> float:
    if probability >= threshold:
        return (probability - threshold) / (1 - threshold)
    return (threshold - probability) / threshold


def _checked(
    values: Sequence[float] | Float[np.ndarray, " attribute"],
    schema: AttributeSchema,
    what: str,
    low: float,
    high: float,
) -> Float[np.ndarray, " attribute"]:
    checked = np.asarray(values, dtype=np.float64)
    if checked.shape != (len(schema),):
        raise InputError(f"expected {len(schema)} {what} for {schema.name!r}, got shape {checked.shape}")
    if not ((checked >= low) & (checked <= high)).all():
        raise InputError(f"{what} lie in [{low:g}, {high:g}], got {checked.tolist()}")
    return checked
