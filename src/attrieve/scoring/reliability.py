"""How far stated probabilities are from what happens: expected calibration error and reliability diagrams."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from jaxtyping import Float, Int8, Int64, Integer
from torch import Tensor

from attrieve.errors import InputError

__all__ = ["BINS", "Binning", "Reliability", "calibration_errors", "reliability", "squared_errors_debiased"]

BINS = 15
"""As in Guo et al., "On Calibration of Modern Neural Networks", ICML 2017."""


class Binning(StrEnum):
    """How probabilities are sorted into bins."""

    WIDTH = "width"
    """Bins of equal width over [0, 1]."""
    MASS = "mass"
    """Bins of equally many persons; equal probabilities stay together."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram: what was said and what happened, bin by bin; bins that are empty are left out.

    Args:
        count: answers in the bin.
        stated: mean probability.
        happened: share that was yes.
    """

    count: Int64[np.ndarray, " bin"]
    stated: Float[np.ndarray, " bin"]
    happened: Float[np.ndarray, " bin"]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap, each bin by its count; 0 without any answer."""
        total = int(self.count.sum())
        return float((self.count * np.abs(self.stated - self.happened)).sum() / total) if total else 0.0


def reliability(
    probability: Float[Tensor, "..."],
    values: Int8[Tensor, "..."],
    *,
    bins: int = BINS,
    binning: Binning = Binning.WIDTH,
) -> Reliability:
    """Return the reliability diagram of probabilities, all attributes handed in taken together.

    Args:
        probability: in [0, 1], of any shape.
        values: of the same shape: 1 yes, 0 no, -1 unknown, which is left out.
        bins: how many, at least 1.
        binning: how they are cut.

    Raises:
        InputError: for another shape, no bin, or a probability outside [0, 1].

    >>> told = reliability(torch.tensor([0.2, 0.3, 0.9]), torch.tensor([0, 1, 1], dtype=torch.int8), bins=2)
    >>> told.happened.tolist(), round(told.error, 4)
    ([0.5, 1.0], 0.2)
    """
    if probability.shape != values.shape or bins < 1:
        raise InputError(
            f"reliability takes probabilities and values of one shape and at least 1 bin, got "
            f"{tuple(probability.shape)}, {tuple(values.shape)} and {bins}"
        )
    known = values.reshape(-1) >= 0
    stated = probability.reshape(-1)[known].double().numpy()
    yes = values.reshape(-1)[known].numpy() == 1
    if not ((stated >= 0) & (stated <= 1)).all():
        raise InputError("probabilities lie in [0, 1]; hand in probabilities, not logits")
    place = _by_width(stated, bins) if binning is Binning.WIDTH else _by_mass(stated, bins)
    count = np.bincount(place, minlength=bins)
    there = count > 0
    return Reliability(
        count[there].astype(np.int64),
        np.bincount(place, stated, bins)[there] / count[there],
        np.bincount(place, yes, bins)[there] / count[there],
    )


def _by_width(stated: Float[np.ndarray, " answer"], bins: int) -> Int64[np.ndarray, " answer"]:
    return np.minimum((stated * bins).astype(np.int64), bins - 1)


def _by_mass(stated: Float[np.ndarray, " answer"], bins: int) -> Int64[np.ndarray, " answer"]:
    if not len(stated):
        return np.zeros(0, dtype=np.int64)
    # the rank of the first answer of the same probability decides, so that equal ones share a bin
    first = np.searchsorted(np.sort(stated), stated, side="left")
    return (first * bins // len(stated)).astype(np.int64)


def calibration_errors(
    probability: Float[Tensor, "person attribute"],
    values: Int8[Tensor, "person attribute"],
    *,
    bins: int = BINS,
    binning: Binning = Binning.WIDTH,
) -> Float[Tensor, " attribute"]:
    """Return the expected calibration error of each attribute; their mean is what reports give.

    ``ECE = sum over bins of (count / all) * |mean probability - share of yes|`` (Naeini, Cooper and
    Hauskrecht, AAAI 2015; here on the probability of "yes", so both sides of 0.5 count). A finite sample
    makes it positive even for perfect probabilities. Arguments and errors as for :func:`reliability`.

    >>> calibration_errors(torch.tensor([[0.5], [0.5]]), torch.tensor([[1], [0]], dtype=torch.int8)).tolist()
    [0.0]
    """
    if probability.shape != values.shape:
        raise InputError(f"got probabilities {tuple(probability.shape)}, values {tuple(values.shape)}")
    return torch.tensor(
        [
            reliability(probability[:, place], values[:, place], bins=bins, binning=binning).error
            for place in range(probability.shape[1])
        ],
        dtype=torch.float64,
    )


def squared_errors_debiased(
    probability: Float[Tensor, "person attribute"],
    values: Int8[Tensor, "person attribute"],
    group: Integer[Tensor, " group_of_person"],
    *,
    bins: int = BINS,
    binning: Binning = Binning.WIDTH,
) -> Float[Tensor, " attribute"]:
    """Return the squared calibration error of each attribute, without what chance adds to it.

    ``sum over bins of (count / all) * (E^2 - sum_c e_c^2) / (n^2 - sum_c n_c^2)``, where e_c is the sum of
    probability minus value over the n_c people of group c in the bin, and E and n are sums over groups. Only
    products of two different groups remain, so that its expectation is the square of the bin's true gap as
    long as groups are independent, however alike the people of one are. True probabilities give 0 on average;
    a single number may be below 0. Where each person is a group and a bin holds one probability, this is the
    debiased estimator of Kumar, Liang and Ma, "Verified Uncertainty Calibration", NeurIPS 2019. Bins with a
    single group cannot be told from chance and are left out; NaN where no bin is left.

    Args:
        probability: in [0, 1].
        values: 1 yes, 0 no, -1 unknown, which is left out.
        group: number of each person's category or identity, at least 0.
        bins: see :func:`reliability`.
        binning: see :func:`reliability`.

    Raises:
        InputError: as :func:`reliability`, or for another number of groups.

    >>> said = torch.full((4, 1), 0.5)
    >>> seen = torch.tensor([[1], [1], [0], [0]], dtype=torch.int8)
    >>> squared_errors_debiased(said, seen, torch.tensor([0, 0, 1, 1])).tolist()
    [-0.25]
    """
    if probability.shape != values.shape or len(group) != len(values) or bins < 1:
        raise InputError(
            f"got probabilities {tuple(probability.shape)}, values {tuple(values.shape)}, groups of "
            f"{len(group)} people and {bins} bins; they must be of the same people, with at least 1 bin"
        )
    stated, true = probability.double().numpy(), values.numpy()
    if not ((stated >= 0) & (stated <= 1)).all():
        raise InputError("probabilities lie in [0, 1]; hand in probabilities, not logits")
    own = np.unique(group.numpy(), return_inverse=True)[1]
    found = [
        _squared_error(stated[known, place], true[known, place] == 1, own[known], bins, binning)
        for place, known in enumerate((true >= 0).T)
    ]
    return torch.tensor(found, dtype=torch.float64)


def _squared_error(
    stated: Float[np.ndarray, " answer"],
    yes: np.ndarray,
    group: Int64[np.ndarray, " answer"],
    bins: int,
    binning: Binning,
) -> float:
    place = _by_width(stated, bins) if binning is Binning.WIDTH else _by_mass(stated, bins)
    groups = int(group.max()) + 1 if len(group) else 1
    cell, cells = place * groups + group, bins * groups
    gap = np.bincount(cell, stated - yes, cells).reshape(bins, groups)
    count = np.bincount(cell, minlength=cells).reshape(bins, groups).astype(np.float64)
    total = count.sum(axis=1)
    pairs = total**2 - (count**2).sum(axis=1)
    told = pairs > 0
    if not told.any():
        return float("nan")
    squared = (gap.sum(axis=1)[told] ** 2 - (gap[told] ** 2).sum(axis=1)) / pairs[told]
    return float(total[told] @ squared / total[told].sum())
