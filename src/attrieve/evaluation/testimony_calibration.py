"""How well probabilities are calibrated on test people, with and without what chance adds to the error."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.evaluation.testimony_distances import FittedScores, SeenPeople
from attrieve.scoring.reliability import Binning, calibration_errors, reliability, squared_errors_debiased

CHANCE_DRAWS = 20
"""Of values by probabilities, to see what error chance makes."""

PARTS = 20
"""Of the categories, each left out in turn to see how far a share may be off."""

_DEVIATIONS = 1.96  # of a normal distribution on either side of 95 %


def calibration_facts(test: SeenPeople, fitted: FittedScores) -> dict[str, Any]:
    """Return calibration errors on the test people, in percent points, and reliability diagrams.

    ``mean_error_if_true`` is what these people would show by chance if the probabilities were true: people of
    one category are alike, so they share their luck. ``debiased`` is the root of the mean over attributes of
    :func:`~attrieve.scoring.reliability.squared_errors_debiased`, which true probabilities leave at 0 on
    average, and ``debiased_share`` what it is of that of the model as it is, with a 95 % interval; None where
    the model as it is, or with some of the categories left out, shows no error at all.
    """
    logits = {
        "none": test.logit,
        "undo-weights": test.logit + fitted.shift.to(test.logit),
        "tempered": fitted.temperature * (test.logit + fitted.shift.to(test.logit)),
        "curves": fitted.curves.logits(test.logit),
        "joint": fitted.joint.logits(test.logit),
    }
    before = torch.sigmoid(test.logit)
    facts = {}
    for name, logit in logits.items():
        probability = torch.sigmoid(logit)
        diagram = reliability(probability, test.values)
        chance = np.mean([_error_if_true(probability, test, draw) for draw in range(CHANCE_DRAWS)])
        facts[name] = {
            "mean_error": round(100 * float(calibration_errors(probability, test.values).mean()), 3),
            "mean_error_equal_mass": round(
                100 * float(calibration_errors(probability, test.values, binning=Binning.MASS).mean()), 3
            ),
            "mean_error_if_true": round(100 * float(chance), 3),
            "error_of_all_answers": round(100 * diagram.error, 3),
            "debiased": _rounded(100 * debiased_error(probability, test, Binning.WIDTH), 3),
            "debiased_equal_mass": _rounded(100 * debiased_error(probability, test, Binning.MASS), 3),
            "debiased_share": _each_rounded(debiased_share(probability, before, test, Binning.WIDTH)),
            "debiased_share_equal_mass": _each_rounded(
                debiased_share(probability, before, test, Binning.MASS)
            ),
            "diagram": {key: [round(float(v), 4) for v in values] for key, values in asdict(diagram).items()},
        }
    return facts


def debiased_error(
    probability: Float[Tensor, "person attribute"], people: SeenPeople, binning: Binning
) -> float:
    """Return the root of the mean squared calibration error over attributes; 0 where it is below 0."""
    squared = squared_errors_debiased(probability, people.values, people.category, binning=binning)
    return float(squared.nanmean().clamp_min(0).sqrt())


def debiased_share(
    after: Float[Tensor, "person attribute"],
    before: Float[Tensor, "person attribute"],
    people: SeenPeople,
    binning: Binning,
) -> tuple[float, float, float]:
    """Return how much of the error before is left after, and a 95 % interval, not below 0.

    The interval is that of a jackknife: :data:`PARTS` parts of the categories are left out in turn (Efron and
    Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 11). A bootstrap would take categories
    twice, and what is the same cannot be told from what goes together.
    """

    def share(kept: Tensor) -> float:
        some = people.of(kept)
        was = debiased_error(before[kept], some, binning)
        return debiased_error(after[kept], some, binning) / was if was else float("nan")

    everybody = torch.ones(len(people.values), dtype=torch.bool)
    whole = share(everybody)
    place = torch.unique(people.category, return_inverse=True)[1]
    part = torch.from_numpy(np.random.default_rng(0).permutation(int(place.max()) + 1) % PARTS)[place]
    parts = range(int(part.max()) + 1)
    left = np.array([share(part != number) for number in parts])
    deviation = np.sqrt((len(parts) - 1) / len(parts) * ((left - left.mean()) ** 2).sum())
    return whole, max(0.0, whole - _DEVIATIONS * deviation), whole + _DEVIATIONS * deviation


def _rounded(number: float, digits: int) -> float | None:
    # a share of nothing is no number, and a JSON document could not hold it
    return round(float(number), digits) if np.isfinite(number) else None


def _each_rounded(triple: tuple[float, float, float]) -> list[float | None]:
    return [_rounded(number, 4) for number in triple]


def _error_if_true(probability: Float[Tensor, "person attribute"], test: SeenPeople, draw: int) -> float:
    """Return the mean calibration error to values drawn by the probabilities, one luck per category."""
    generator = torch.Generator().manual_seed(draw)
    categories = int(test.category.max()) + 1
    luck = torch.rand(categories, probability.shape[1], generator=generator)[test.category]
    return float(calibration_errors(probability, (luck < probability).to(torch.int8)).mean())
