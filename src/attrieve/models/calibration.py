"""What turns a model's logits into probabilities that mean what they say: kept with the model.

Fitted by :mod:`attrieve.scoring.calibration` and :mod:`attrieve.scoring.match`; here is only what is stored
and how it is applied. A model without it is not calibrated, and says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.errors import CheckpointError, InputError

SMALLEST_STEP = 2.0**-24
"""Half of float32's step at 1: stored probabilities of exactly 0 and 1 become logits of +-16.6."""


@dataclass(frozen=True)
class Curve:
    """How one attribute's logits are mended: straight lines between knots, and a slope beyond the ends.

    It rises strictly, so that the order of persons by this attribute stays what it was.

    Args:
        method: how it was fitted, e.g. ``platt``.
        logit: of each knot, rising.
        mended: the calibrated logit there, rising; one knot is a straight line.
        slope: above 0, before the first and behind the last knot.

    Raises:
        InputError: for a curve that does not rise, or is not finite.

    >>> Curve("platt", (0.0,), (-1.0,), 0.5).inverse().mended
    (0.0,)
    """

    method: str
    logit: tuple[float, ...]
    mended: tuple[float, ...]
    slope: float

    def __post_init__(self) -> None:
        numbers = (*self.logit, *self.mended, self.slope)
        if not self.logit or len(self.logit) != len(self.mended) or not all(map(math.isfinite, numbers)):
            raise InputError("a calibration curve has at least one knot, and finite numbers")
        rises = all(a < b for row in (self.logit, self.mended) for a, b in pairwise(row))
        if not rises or self.slope <= 0:
            raise InputError(f"a calibration curve must rise; got knots {self.logit} to {self.mended}")

    def inverse(self) -> "Curve":
        """Return the curve that leads back."""
        return Curve(self.method, self.mended, self.logit, 1 / self.slope)


@dataclass(frozen=True)
class Calibration:
    """One curve per attribute, in the order of the vocabulary."""

    curves: tuple[Curve, ...]

    @classmethod
    def identity(cls, attributes: int) -> "Calibration":
        """Return a calibration that changes nothing."""
        return cls((Curve("none", (0.0,), (0.0,), 1.0),) * attributes)

    def __len__(self) -> int:
        return len(self.curves)

    @property
    def methods(self) -> tuple[str, ...]:
        """How each attribute was fitted."""
        return tuple(curve.method for curve in self.curves)

    def logits(self, logit: Float[Tensor, "person attribute"]) -> Float[Tensor, "person attribute"]:
        """Return calibrated logits, in the precision handed in.

        Raises:
            InputError: for another number of attributes.

        >>> mend = Calibration((Curve("platt", (0.0,), (1.0,), 2.0),))
        >>> mend.logits(torch.tensor([[0.0], [3.0]])).tolist()
        [[1.0], [7.0]]
        """
        if logit.shape[1] != len(self):
            raise InputError(f"the calibration is for {len(self)} attributes, got logits of {logit.shape[1]}")
        if not len(self):
            return logit
        given = logit.double()
        columns = [_bend(given[:, place], curve) for place, curve in enumerate(self.curves)]
        return torch.stack(columns, dim=1).to(logit.dtype)

    def probabilities(
        self, probability: Float[Tensor, "person attribute"]
    ) -> Float[Tensor, "person attribute"]:
        """Return calibrated probabilities from those of the model."""
        return torch.sigmoid(self.logits(logits_of(probability))).to(probability.dtype)

    def thresholds(self, *, miss: float, false_alarm: float) -> Float[Tensor, " attribute"]:
        """Return the model's own probability from which on "yes" costs less than "no".

        A calibrated probability p says yes where ``p * miss >= (1 - p) * false_alarm``, so from
        ``false_alarm / (miss + false_alarm)`` on; the curves lead that back to what the model gives.

        Args:
            miss: cost of a "no" where the attribute holds, above 0.
            false_alarm: cost of a "yes" where it does not, above 0.

        Raises:
            InputError: for a cost that is not above 0 and finite.
        """
        if not all(math.isfinite(cost) and cost > 0 for cost in (miss, false_alarm)):
            raise InputError(f"costs are finite and above 0, got miss {miss}, false alarm {false_alarm}")
        wanted = torch.full((1, len(self)), math.log(false_alarm / miss), dtype=torch.float64)
        back = Calibration(tuple(curve.inverse() for curve in self.curves))
        return torch.sigmoid(back.logits(wanted))[0]


def _bend(logit: Float[Tensor, " person"], curve: Curve) -> Float[Tensor, " person"]:
    x = torch.tensor(curve.logit, dtype=torch.float64)
    y = torch.tensor(curve.mended, dtype=torch.float64)
    outside = (logit - x[0]).clamp_max(0) + (logit - x[-1]).clamp_min(0)
    inside = logit.clamp(x[0], x[-1])
    if len(x) == 1:
        return y[0] + curve.slope * outside
    place = torch.searchsorted(x, inside.contiguous(), right=True).clamp(1, len(x) - 1)
    share = (inside - x[place - 1]) / (x[place] - x[place - 1])
    return y[place - 1] + share * (y[place] - y[place - 1]) + curve.slope * outside


def logits_of(probability: Float[Tensor, "person attribute"]) -> Float[Tensor, "person attribute"]:
    """Return the logits of stored probabilities in float64, within +-16.6.

    >>> logits_of(torch.tensor([[0.5, 1.0]])).round(decimals=1).tolist()
    [[0.0, 16.6]]
    """
    return torch.logit(probability.double(), eps=SMALLEST_STEP)


@dataclass(frozen=True)
class MatchCorrection:
    """How the probability that several things hold together follows from that of each.

    With x the log-odds of the product of single probabilities, n the number of things asked,
    t = log n / log N for the N of the vocabulary, lift how much more often people have all of it than if
    attributes were independent (log), and cos the cosine to the expected embedding::

        logit P(match) = bias + (slope_few (1 - t) + slope_many t) x + count t + lift_weight lift
                         + (cosine_few (1 - t) + cosine_many t) cos

    Args:
        bias: see above.
        slope_few: at least 0.
        slope_many: at least 0.
        count: see above.
        lift_weight: see above.
        cosine_few: at least 0; 0 where no embedding takes part.
        cosine_many: the same.
    """

    bias: float = 0.0
    slope_few: float = 1.0
    slope_many: float = 1.0
    count: float = 0.0
    lift_weight: float = 0.0
    cosine_few: float = 0.0
    cosine_many: float = 0.0

    def line(self, asked: int, attributes: int, lift: float) -> tuple[float, float, float]:
        """Return intercept, slope for x and slope for the cosine, of one description.

        Args:
            asked: how many things are asked, at least 1.
            attributes: of the vocabulary.
            lift: of the description.
        """
        t = min(1.0, math.log(asked) / math.log(attributes)) if attributes > 1 else 0.0
        return (
            self.bias + self.count * t + self.lift_weight * lift,
            self.slope_few * (1 - t) + self.slope_many * t,
            self.cosine_few * (1 - t) + self.cosine_many * t,
        )


@dataclass(frozen=True)
class AnswerWeights:
    """How much each answer of a description counts where rows are to be ranked, and by which logits.

    Args:
        shift: added to the model's logit of each attribute; undoes the weights of its training.
        wanted: factor of the certainty of "yes", for each attribute.
        unwanted: the same of "no".

    Raises:
        InputError: for factors that are not above 0, numbers that are not finite, or lists of other lengths.
    """

    shift: tuple[float, ...]
    wanted: tuple[float, ...]
    unwanted: tuple[float, ...]

    def __post_init__(self) -> None:
        numbers = (*self.shift, *self.wanted, *self.unwanted)
        if not all(map(math.isfinite, numbers)) or min((*self.wanted, *self.unwanted), default=1.0) <= 0:
            raise InputError("weights of answers are finite and above 0")
        if len({len(self.shift), len(self.wanted), len(self.unwanted)}) > 1:
            raise InputError(
                f"weights of answers have one shift and two factors per attribute, got {len(self.shift)}, "
                f"{len(self.wanted)} and {len(self.unwanted)}"
            )

    @property
    def curves(self) -> Calibration:
        """The shifts as straight lines."""
        return Calibration(tuple(Curve("undo-weights", (0.0,), (shift,), 1.0) for shift in self.shift))

    def of(self, attributes: Sequence[int], wanted: bool) -> float:
        """Return the factor of one answer: of "one of these" the mean over its attributes.

        Callers ask for each refused attribute by itself.
        """
        factors = self.wanted if wanted else self.unwanted
        return math.fsum(factors[index] for index in attributes) / len(attributes)


@dataclass(frozen=True)
class ModelCalibration:
    """All that is kept with a model so that its scores mean something.

    Args:
        attributes: one curve per attribute.
        match: for P(match) from attributes alone.
        match_with_embedding: the same where the embedding takes part, or None if it does not help.
        model: fingerprint of the model it was fitted for.
        vocabulary: fingerprint of its vocabulary.
        facts: what it was fitted on and what it reached, for people; see ``docs/methods/calibration.md``.
        answers: how much each answer counts where rows are to be ranked, or None if that was not learnt.
    """

    attributes: Calibration
    match: MatchCorrection
    match_with_embedding: MatchCorrection | None
    model: str
    vocabulary: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    answers: AnswerWeights | None = None

    def to_json(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return plain JSON values; :meth:`from_json` reads them back.

        Args:
            names: of the attributes, for people who read it.
        """
        both = self.match_with_embedding
        return {
            "format": 1,
            "model": self.model,
            "vocabulary": self.vocabulary,
            "attributes": [
                {
                    "attribute": name,
                    "method": curve.method,
                    "slope": curve.slope,
                    "knots": [list(knot) for knot in zip(curve.logit, curve.mended, strict=True)],
                }
                for name, curve in zip(names, self.attributes.curves, strict=True)
            ],
            "match": vars(self.match),
            "match_with_embedding": None if both is None else vars(both),
            "answers": None if self.answers is None else {k: list(v) for k, v in vars(self.answers).items()},
            "facts": dict(self.facts),
        }

    @classmethod
    def from_json(cls, document: object) -> "ModelCalibration":
        """Read what :meth:`to_json` wrote.

        Raises:
            CheckpointError: if it is no calibration, or one of another format.
        """
        try:
            if not isinstance(document, dict) or document["format"] != 1:
                raise ValueError("this attrieve reads format 1")
            curves = tuple(
                Curve(
                    str(one["method"]),
                    tuple(float(knot[0]) for knot in one["knots"]),
                    tuple(float(knot[1]) for knot in one["knots"]),
                    float(one["slope"]),
                )
                for one in document["attributes"]
            )
            both, answers = document["match_with_embedding"], document.get("answers")
            return cls(
                Calibration(curves),
                _correction(document["match"]),
                None if both is None else _correction(both),
                str(document["model"]),
                str(document["vocabulary"]),
                dict(document["facts"]),
                None if answers is None else _answers(answers, len(curves)),
            )
        except (AttributeError, KeyError, TypeError, ValueError, IndexError, InputError) as error:
            raise CheckpointError(
                f"not a calibration: missing or wrong field {error}; run `attrieve calibrate` again"
            ) from error


def _answers(document: Mapping[str, Sequence[float]], attributes: int) -> AnswerWeights:
    weights = AnswerWeights(**{name: tuple(map(float, values)) for name, values in document.items()})
    if len(weights.shift) != attributes:
        raise ValueError(f"weights of {len(weights.shift)} answers for {attributes} attributes")
    return weights


def _correction(document: Mapping[str, float]) -> MatchCorrection:
    numbers = {name: float(value) for name, value in document.items()}
    if not all(np.isfinite(list(numbers.values()))):
        raise ValueError("a correction of numbers that are not finite")
    return MatchCorrection(**numbers)
