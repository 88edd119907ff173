"""Where marks turn the embedding of a description: towards what right rows are recognised as, not look like.

Rocchio's rule (Rocchio, "Relevance feedback in information retrieval", 1971) in attribute space. A marked row
does not enter with its appearance vector. It is turned into a description first: what was asked, completed
by the attributes the model recognises in the row. Only the attribute encoder's vector of that counts, so a
row can say no more than "somebody as described, who also wears glasses".
"""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32

from attrieve.gallery.completion import completed_values
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery

TOWARDS = 1.0
"""How much the descriptions of right rows count beside the description itself."""

AWAY = 0.6
"""How much the descriptions of wrong rows count against it."""

FEW = 1.0
"""n marks of a kind count n / (n + FEW): one mark alone counts half."""


def moved_embedding(
    described: Float[np.ndarray, " dim"],
    query: AttributeQuery,
    query_side: QuerySide,
    probability: Float32[np.ndarray, "mark attribute"],
    right: Bool[np.ndarray, " mark"],
    *,
    most_degrees: float,
) -> tuple[Float[np.ndarray, " dim"], float]:
    """Return the embedding asked for after marks, of length 1, and how far it turned in degrees.

    With e the attribute encoder and complete_i the description completed by what row i shows::

        v = e(query) + TOWARDS * R / (R + FEW) * mean over right i of e(complete_i)
                     - AWAY * W / (W + FEW) * mean over wrong i of e(complete_i)

    and, where v lies farther than ``most_degrees`` from the described one, the vector at that angle on the
    great circle between them. A full description completes to itself, so that nothing turns.

    Args:
        described: embedding of the description, of length 1.
        query: the description.
        query_side: with an attribute encoder.
        probability: of each attribute in each marked row.
        right: whether the row is marked right.
        most_degrees: in [0, 90].
    """
    if query.is_full or most_degrees == 0.0:
        return described, 0.0
    with torch.inference_mode():
        completed = completed_values(query, torch.from_numpy(probability.astype(np.float64)))
        embedded = query_side.embed_queries(completed.float())
    if embedded is None:
        raise AssertionError("an embedding was described without an encoder")
    rows = embedded.double().numpy()
    moved = described.copy()
    for kind, weight in ((right, TOWARDS), (~right, -AWAY)):
        count = int(kind.sum())
        if count:
            moved += weight * count / (count + FEW) * rows[kind].mean(axis=0)
    return turned_at_most(described, moved, most_degrees)


def turned_at_most(
    start: Float[np.ndarray, " dim"], end: Float[np.ndarray, " dim"], most_degrees: float
) -> tuple[Float[np.ndarray, " dim"], float]:
    """Return the unit vector towards ``end``, at most an angle from the unit vector ``start``, and the angle.

    >>> vector, angle = turned_at_most(np.array([1.0, 0.0]), np.array([0.0, 5.0]), 30.0)
    >>> vector.round(3).tolist(), angle
    ([0.866, 0.5], 30.0)
    """
    start = start / np.linalg.norm(start)
    along = float(start @ end)
    across = end - along * start
    distance = float(np.linalg.norm(across))
    if distance <= 1e-9:  # nothing to turn to, or straight away from it, where no side is nearer
        return start, 0.0
    angle = math.degrees(math.atan2(distance, along))
    if angle > most_degrees:
        angle = most_degrees
    turn = math.radians(angle)
    unit = math.cos(turn) * start + math.sin(turn) * across / distance
    return np.asarray(unit / np.linalg.norm(unit), dtype=np.float64), angle
