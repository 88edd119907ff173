"""Two fits of probabilities to answers: a logistic curve with a prior, and a rising one."""

import numpy as np
from jaxtyping import Bool, Float, Int8
from numpy import ndarray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit

BLOCK_STRENGTH = 4.0
"""Shrinkage: answers of the logistic curve's that each block of a rising fit is given besides its own."""

_LEAST_STEP = 1e-6  # between knots, so that curves rise strictly
_LARGEST_LOG_SLOPE, _LARGEST_BIAS = 4.0, 30.0


def fit_platt(
    logit: Float[ndarray, " answer"],
    yes: Int8[ndarray, " answer"],
    weight: Float[ndarray, " answer"],
    centre: tuple[float, float],
    deviation: tuple[float, float],
) -> tuple[float, float]:
    """Return log slope and bias of the smallest penalised log loss.

    Penalty: ``((log slope - centre) / deviation)^2 / 2`` and the same for the bias; infinite deviations
    leave it out. The slope is above 0 by its logarithm, so a fit never turns an order round.

    Args:
        logit: of the model.
        yes: 1 or 0.
        weight: of each answer.
        centre: log slope and bias that are likely beforehand.
        deviation: how far the fit may stray.
    """
    middle, spread = np.array(centre), np.array(deviation)
    sign = np.where(yes == 1, -1.0, 1.0)
    bounds = [(-_LARGEST_LOG_SLOPE, _LARGEST_LOG_SLOPE), (-_LARGEST_BIAS, _LARGEST_BIAS)]
    known = (logit, sign, weight, middle, spread)
    found = minimize(_penalised_loss, middle, known, jac=True, method="L-BFGS-B", bounds=bounds)
    return float(found.x[0]), float(found.x[1])


def _penalised_loss(
    at: ndarray, logit: ndarray, sign: ndarray, weight: ndarray, middle: ndarray, spread: ndarray
) -> tuple[float, ndarray]:
    """Return the loss at a log slope and a bias, and its gradient."""
    slope = np.exp(at[0])
    margin = sign * (slope * logit + at[1])
    push = weight * sign * expit(margin)
    away = (at - middle) / spread
    total = float(weight @ np.logaddexp(0.0, margin) + 0.5 * (away**2).sum())
    return total, np.array([(push @ logit) * slope, push.sum()]) + away / spread


def fit_isotonic(
    logit: Float[ndarray, " answer"],
    yes: Int8[ndarray, " answer"],
    weight: Float[ndarray, " answer"],
    slope: float,
    bias: float,
) -> tuple[Float[ndarray, " knot"], Float[ndarray, " knot"]]:
    """Return the centres of the blocks that pool adjacent violators, and the log-odds there.

    A block of all "no" would claim certainty; it is therefore given some answers as the logistic curve has
    them. What rose before may fall a little by that, so the blocks are pooled once more.

    Args:
        logit: of the model; at least one.
        yes: 1 or 0.
        weight: of each answer, above 0.
        slope: of the logistic curve.
        bias: of the logistic curve.
    """
    order = np.argsort(logit, kind="stable")
    own = weight[order]
    starts = isotonic_regression(yes[order].astype(np.float64), weights=own).blocks[:-1]
    size = np.add.reduceat(own, starts)
    said = np.add.reduceat(own * (yes[order] == 1), starts)
    centre = np.add.reduceat(own * logit[order], starts) / size
    rate = (said + BLOCK_STRENGTH * expit(slope * centre + bias)) / (size + BLOCK_STRENGTH)
    pooled = isotonic_regression(rate, weights=size).x
    return _rising(centre, np.log(pooled) - np.log1p(-pooled))


def _rising(at: ndarray, mended: ndarray) -> tuple[ndarray, ndarray]:
    """Leave out knots that do not rise above the one before, in either coordinate."""
    keep: Bool[ndarray, " knot"] = np.ones(len(at), dtype=bool)
    last = 0
    for place in range(1, len(at)):
        keep[place] = at[place] > at[last] + _LEAST_STEP and mended[place] > mended[last] + _LEAST_STEP
        last = place if keep[place] else last
    return at[keep], mended[keep]
