"""An answer: hits in order, each with its distance and the reasons for it."""

import math
from dataclasses import dataclass, field

from attrieve.errors import InputError


@dataclass(frozen=True)
class AttributeReason:
    """Why one attribute speaks for or against a hit.

    Args:
        attribute: its name.
        wanted: whether it was asked to hold.
        certainty: of the asker, in (0, 1].
        probability: that it holds, as the model sees it, in [0, 1].
        matches: whether the probability lies on the asked side of 0.5.
        share: part of the attribute distance that this attribute causes, in [0, 1].
        contribution: what it adds to the hit's fused distance, after weights and normalisation; at least 0.
            The contributions of all reasons and of the embedding sum to the distance. None if not told.
        calibrated: the probability that it holds, calibrated on people the model did not learn from, in
            [0, 1]; None if the model is not calibrated.
    """

    attribute: str
    wanted: bool
    certainty: float
    probability: float
    matches: bool
    share: float
    contribution: float | None = None
    calibrated: float | None = None


@dataclass(frozen=True)
class Hit:
    """One person image in a ranking.

    Args:
        rank: from 1.
        key: of the person image.
        distance: fused, smaller is nearer.
        source: where the image lies, as text.
        attribute_distance: the recognition branch alone, or None if it took no part.
        embedding_distance: the embedding branch alone, or None if it took no part.
        camera: name of the camera, or None.
        time: when the picture was taken, ISO 8601 in UTC, or None.
        reasons: one per asked attribute.
        embedding_contribution: what the embedding adds to the fused distance, after weights and
            normalisation; None if it took no part.
        match_probability: that the person fulfils the description, in [0, 1], comparable across descriptions;
            None if the model is not calibrated.
    """

    rank: int
    key: str
    distance: float
    source: str
    attribute_distance: float | None = None
    embedding_distance: float | None = None
    camera: str | None = None
    time: str | None = None
    reasons: tuple[AttributeReason, ...] = field(default=())
    embedding_contribution: float | None = None
    match_probability: float | None = None


@dataclass(frozen=True)
class Ranking:
    """Hits in order.

    Raises:
        InputError: if distances fall, are not finite, ranks do not count from 1, or a key repeats.
    """

    hits: tuple[Hit, ...]

    def __post_init__(self) -> None:
        if [hit.rank for hit in self.hits] != list(range(1, len(self.hits) + 1)):
            raise InputError("ranks must count 1, 2, 3, ...")
        if not all(math.isfinite(hit.distance) for hit in self.hits):
            raise InputError("every distance in a ranking must be finite")
        if any(
            after.distance < before.distance for before, after in zip(self.hits, self.hits[1:], strict=False)
        ):
            raise InputError("a ranking is sorted by distance, nearest first")
        if len({hit.key for hit in self.hits}) != len(self.hits):
            raise InputError("a person image occurs once in a ranking")

    def __len__(self) -> int:
        return len(self.hits)
