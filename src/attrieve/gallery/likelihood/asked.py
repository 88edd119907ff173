"""A description as a search by likelihood takes it: events, curves and a vector, as arrays."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray

from attrieve.errors import ConfigurationError
from attrieve.gallery.completion import expected_embedding
from attrieve.models.calibration import AnswerWeights, Calibration, Curve, MatchCorrection
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery
from attrieve.scoring.factors import Event, Weight, counted_alike, events_of
from attrieve.scoring.fusion import Fusion, Normalisation
from attrieve.scoring.match import AskedMatch


class Distance(StrEnum):
    """How rows are compared with a description."""

    PAPER = "paper"
    """The Euclidean distance, fused with the embedding by weights and maxima."""
    INDEPENDENT = "independent"
    """Negative log-likelihood of the description, every attribute by itself."""
    GROUP = "group"
    """Negative log-likelihood with one choice for each group that holds one member at a time."""
    RANKED = "ranked"
    """The same, each answer counted as much as it helped to rank when the model was calibrated."""

    @property
    def is_likelihood(self) -> bool:
        """Whether it is in nats, and adds to the embedding's evidence."""
        return self is not Distance.PAPER


@dataclass(frozen=True)
class LikelihoodFusion(Fusion):
    """How likelihood and embedding become one: ``d = likelihood + embedding_weight * (1 - cos)``, in nats.

    Neither is divided by a maximum, so distances mean the same in every gallery.

    Args:
        attribute_weight: 1.
        embedding_weight: nats for one unit of cosine distance.
        normalisation: static, since nothing is divided by what is found.
        distance: any but ``paper``.

    Raises:
        ConfigurationError: for another weight or normalisation, or the distance ``paper``.
    """

    embedding_weight: float = 20.0
    attribute_weight: float = 1.0
    normalisation: Normalisation = Normalisation.STATIC
    distance: Distance = Distance.GROUP

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.distance.is_likelihood:
            raise ConfigurationError("the distance 'paper' is fused by weights and maxima; use Fusion")
        if self.attribute_weight != 1 or self.normalisation is not Normalisation.STATIC:
            raise ConfigurationError(
                "a likelihood counts as it is and is divided by nothing; got weight "
                f"{self.attribute_weight:g} and normalisation {self.normalisation.value!r}. Change how much "
                "the embedding counts instead"
            )


@dataclass(frozen=True, eq=False)
class EventArrays:
    """Events one behind the other; attributes are numbered by their place in ``needed``.

    Args:
        needed: positions in the schema of the columns that are read.
        start, members: attributes of each event.
        rival_start, rivals: all members of its group, none for independent attributes.
        wanted: of each event.
        certainty: of each event.
        curve_start, curve_logit, curve_mended, curve_slope: of each needed column.
        curves: the same.
    """

    needed: Int64[ndarray, " needed"]
    start: Int64[ndarray, " bound"]
    members: Int64[ndarray, " member"]
    rival_start: Int64[ndarray, " bound"]
    rivals: Int64[ndarray, " rival"]
    wanted: Bool[ndarray, " event"]
    certainty: Float64[ndarray, " event"]
    curve_start: Int64[ndarray, " curve_bound"]
    curve_logit: Float64[ndarray, " knot"]
    curve_mended: Float64[ndarray, " knot"]
    curve_slope: Float64[ndarray, " needed"]
    curves: tuple[Curve, ...]

    @classmethod
    def of(cls, events: Sequence[Event], calibration: Calibration) -> "EventArrays":
        """Lay out events over calibrated logits."""
        needed = sorted({index for event in events for index in event.needed})
        place = {index: number for number, index in enumerate(needed)}
        curves: list[Curve] = [calibration.curves[index] for index in needed]
        return cls(
            np.array(needed, dtype=np.int64),
            _starts(len(event.attributes) for event in events),
            np.array([place[i] for event in events for i in event.attributes], dtype=np.int64),
            _starts(len(event.rivals) for event in events),
            np.array([place[i] for event in events for i in event.rivals], dtype=np.int64),
            np.array([event.wanted for event in events], dtype=np.bool_),
            np.array([event.certainty for event in events], dtype=np.float64),
            _starts(len(curve.logit) for curve in curves),
            np.array([x for curve in curves for x in curve.logit], dtype=np.float64),
            np.array([y for curve in curves for y in curve.mended], dtype=np.float64),
            np.array([curve.slope for curve in curves], dtype=np.float64),
            tuple(curves),
        )

    def arrays(self) -> tuple[ndarray, ...]:
        """Return what the kernels take, in their order."""
        return tuple(value for value in vars(self).values() if isinstance(value, ndarray))

    def calibration(self, attributes: int) -> Calibration:
        """Return the curves of all attributes of a vocabulary; those not needed change nothing."""
        curves = list(Calibration.identity(attributes).curves)
        for place, index in enumerate(self.needed.tolist()):
            curves[index] = self.curves[place]
        return Calibration(tuple(curves))

    def members_of(self, event: int) -> Int64[ndarray, " member"]:
        """Return the attributes of an event, by place."""
        return self.members[self.start[event] : self.start[event + 1]]

    def rivals_of(self, event: int) -> Int64[ndarray, " rival"]:
        """Return all members of an event's group, by place; none for independent attributes."""
        return self.rivals[self.rival_start[event] : self.rival_start[event + 1]]


def _starts(sizes: Iterable[int]) -> Int64[ndarray, " bound"]:
    return np.array(list(itertools.accumulate(sizes, initial=0)), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class LikelihoodQuery:
    """One description: ``d = sum over events of -certainty * log P(event) + nats * (1 - cos)``.

    Args:
        events: what is asked.
        arrays: the same, for the kernels.
        embedding: unit vector where the person is expected, or None.
        nats: evidence of one unit of cosine distance.
    """

    events: tuple[Event, ...]
    arrays: EventArrays
    embedding: Float64[ndarray, " dim"] | None
    nats: float

    @property
    def asks_embedding(self) -> bool:
        """Whether the embedding takes part."""
        return self.embedding is not None and self.nats > 0


@dataclass(frozen=True, eq=False)
class MatchQuery:
    """One description for P(match).

    Args:
        arrays: what is asked, with its groups.
        embedding: unit vector, or None if it takes no part.
        intercept, slope, of_cosine: see :class:`~attrieve.models.calibration.MatchCorrection`.
    """

    arrays: EventArrays
    embedding: Float64[ndarray, " dim"] | None
    intercept: float
    slope: float
    of_cosine: float


def likelihood_query(
    query: AttributeQuery,
    query_side: QuerySide,
    distance: Distance,
    *,
    nats: float | None = None,
    weight: Weight = counted_alike,
) -> LikelihoodQuery:
    """Read a description for a search by likelihood.

    The logits are calibrated if the model is; for ``ranked`` only the weights of the training are undone, and
    the certainty of each answer is multiplied by its weight in
    :class:`~attrieve.models.calibration.AnswerWeights`.

    Args:
        query: in the model's vocabulary.
        query_side: of the model.
        distance: any but ``paper``.
        nats: evidence of one unit of cosine distance; None for the model's.
        weight: factor of the certainty of each answer, e.g. what marks changed.

    Raises:
        ConfigurationError: for a model that recognises no attributes, nats below 0, or ``ranked`` where no
            weights of answers were learnt.
    """
    if not query_side.settings.recognises:
        raise ConfigurationError(
            "a likelihood needs attribute probabilities, and this model only embeds; search by the distance "
            "'paper'"
        )
    evidence = query_side.retrieval.embedding_nats if nats is None else nats
    if not (math.isfinite(evidence) and evidence >= 0):
        raise ConfigurationError(f"nats of the embedding are finite and at least 0, got {evidence}")
    if distance is Distance.RANKED:
        answers = _answers_of(query_side)

        def both(attributes: Sequence[int], wanted: bool) -> float:
            return answers.of(attributes, wanted) * weight(attributes, wanted)

        events, curves = events_of(query, weight=both), answers.curves
    else:
        structured = distance is not Distance.INDEPENDENT
        events = events_of(query, structured=structured, weight=weight)
        curves = curves_of(query_side)
    return LikelihoodQuery(events, EventArrays.of(events, curves), _vector(query, query_side), evidence)


def _answers_of(query_side: QuerySide) -> AnswerWeights:
    known = query_side.calibration
    if known is None or known.answers is None:
        raise ConfigurationError(
            f"distance {Distance.RANKED.value!r} needs weights of answers: `attrieve calibrate RUN --data "
            "DIR` learns them, `attrieve gallery calibrate GALLERY --run RUN` brings them there; until "
            f"then search by {Distance.GROUP.value!r}"
        )
    return known.answers


def match_query(query: AttributeQuery, query_side: QuerySide) -> MatchQuery | None:
    """Read a description for P(match), or return None for a model that is not calibrated."""
    known = query_side.calibration
    if known is None:
        return None
    categories = query_side.training_categories.cpu()
    asked = AskedMatch.of(query, categories, query_side.training_category_counts.cpu())
    correction: MatchCorrection = known.match_with_embedding or known.match
    vector = None if known.match_with_embedding is None else _vector(query, query_side)
    line = correction.line(asked.asked, asked.attributes, asked.lift)
    return MatchQuery(EventArrays.of(asked.events, known.attributes), vector, *line)


def curves_of(query_side: QuerySide) -> Calibration:
    """Return a model's calibration, or one that changes nothing."""
    known = query_side.calibration
    return Calibration.identity(len(query_side.schema)) if known is None else known.attributes


def _vector(query: AttributeQuery, query_side: QuerySide) -> Float64[ndarray, " dim"] | None:
    vector = expected_embedding(query, query_side)
    return None if vector is None else vector[0].double().numpy()
