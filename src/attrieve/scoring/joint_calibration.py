"""Each attribute's log-odds read from the logits of all attributes, learnt from people with known values.

A network's answers hang together: what it takes for formal trousers tells of leather shoes, and its mistakes
in one attribute show in others. A curve per attribute (:mod:`attrieve.scoring.calibration`) leaves that
unused. Here each attribute gets a logistic regression on all logits ("stacked generalization", Wolpert,
1992)::

    mended = weight^T logit + bias

It is one small matrix, applied to a gallery once; searching costs the same as before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int8, Integer
from numpy import ndarray
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor

from attrieve.errors import InputError

RIDGES = (100.0, 300.0, 1000.0, 3000.0, 10_000.0, 100_000.0)
"""Strengths of shrinkage that are tried, in units of one over the variance of a weight."""

SLOPE_DEVIATION = 0.5
"""How far the slope of an attribute's own logit strays from 1."""

_BOUND = 30.0
_LEAST_SPREAD = 1e-3
_ITERATIONS = 60


@dataclass(frozen=True, eq=False)
class JointCalibration:
    """A linear map of logits.

    Args:
        weight: from the logit of the first axis to the log-odds of the second.
        bias: added to the log-odds.
        ridge: the shrinkage it was fitted with.
        losses: cross-validated log loss of each shrinkage tried, in nats per answer.

    >>> mend = JointCalibration(torch.eye(2), torch.tensor([1.0, 0.0]), 100.0, {})
    >>> mend.logits(torch.tensor([[0.5, 2.0]])).tolist()
    [[1.5, 2.0]]
    """

    weight: Float[Tensor, "attribute attribute"]
    bias: Float[Tensor, " attribute"]
    ridge: float
    losses: dict[float, float]

    def logits(self, logit: Float[Tensor, "person attribute"]) -> Float[Tensor, "person attribute"]:
        """Return the mended log-odds of each person, in the precision handed in.

        Raises:
            InputError: for another number of attributes.
        """
        if logit.shape[1] != len(self.bias):
            raise InputError(f"fitted for {len(self.bias)} attributes, got logits of {logit.shape[1]}")
        held = logit.clamp(-_BOUND, _BOUND)
        return held @ self.weight.to(logit) + self.bias.to(logit)


def fit_joint_calibration(
    logit: Float[Tensor, "person attribute"],
    values: Int8[Tensor, "person attribute"],
    *,
    group: Integer[Tensor, " person"] | None = None,
    shift: Float[Tensor, " attribute"] | None = None,
    ridges: Sequence[float] = RIDGES,
    folds: int = 4,
    seed: int = 0,
) -> JointCalibration:
    """Fit on people the model did not learn from; the shrinkage is chosen by cross-validated log loss.

    Of each attribute a the penalised log loss is the smallest over slope s_a, weights W and bias b_a of
    ``s_a (z_a + shift_a) + sum_k W_ka (z_k - mean_k) / spread_k + b_a``, the penalty being
    ``ridge/2 sum_k W_ka^2 + ((s_a - 1) / SLOPE_DEVIATION)^2 / 2``: without evidence logits stay as they are.

    Args:
        logit: of the model; held within +-30.
        values: 1 yes, 0 no, -1 unknown, which is left out.
        group: persons of equal number stay in one fold; None for each alone.
        shift: what undoes the weights of the training loss
            (:func:`~attrieve.scoring.likelihood.training_weight_shift`).
        ridges: strengths of shrinkage to choose among, above 0; a single one is taken as it is.
        folds: of the cross-validation.
        seed: of the folds.

    Raises:
        InputError: for shapes that differ, logits that are not finite, no ridge or one not above 0, or fewer
            groups than folds.
    """
    if logit.shape != values.shape or not logit.numel() or not bool(logit.isfinite().all()):
        raise InputError(
            f"finite logits and values of one shape expected, with a person and an attribute at least; got "
            f"{tuple(logit.shape)} and {tuple(values.shape)}"
        )
    if not ridges or min(ridges) <= 0:
        raise InputError(f"shrinkage is above 0, and there is some to choose from; got {list(ridges)}")
    z = logit.double().clamp(-_BOUND, _BOUND).numpy()
    y = values.numpy()
    moved = np.zeros(z.shape[1]) if shift is None else shift.double().numpy()
    losses: dict[float, float] = {}
    if len(ridges) > 1:
        fold = _folds(len(z), group, folds, seed)
        losses = {ridge: _held_out_loss(z, y, moved, fold, ridge) for ridge in ridges}
    ridge = min(losses, key=lambda one: losses[one]) if losses else ridges[0]
    weight, bias = _fit(z, y, moved, ridge)
    return JointCalibration(torch.from_numpy(weight), torch.from_numpy(bias), float(ridge), losses)


def _folds(persons: int, group: Tensor | None, folds: int, seed: int) -> ndarray:
    names = np.arange(persons) if group is None else np.unique(group.numpy(), return_inverse=True)[1]
    groups = int(names.max()) + 1
    if not 2 <= folds <= groups:
        raise InputError(f"{folds} folds need at least as many groups of persons, got {groups}")
    return np.asarray((np.random.default_rng(seed).permutation(groups) % folds)[names])


def _held_out_loss(z: ndarray, y: ndarray, shift: ndarray, fold: ndarray, ridge: float) -> float:
    total, answers = 0.0, 0
    for number in np.unique(fold):
        weight, bias = _fit(z[fold != number], y[fold != number], shift, ridge)
        out, truth = z[fold == number] @ weight + bias, y[fold == number]
        known = truth >= 0
        total += float(np.logaddexp(0.0, np.where(truth == 1, -out, out))[known].sum())
        answers += int(known.sum())
    return total / max(answers, 1)


def _fit(
    z: Float[ndarray, "person attribute"],
    y: Int8[ndarray, "person attribute"],
    shift: Float[ndarray, " attribute"],
    ridge: float,
) -> tuple[Float[ndarray, "attribute attribute"], Float[ndarray, " attribute"]]:
    """Return weight and bias in terms of the logits as they are; all attributes in one minimisation."""
    attributes = z.shape[1]
    mean, spread = z.mean(axis=0), np.maximum(z.std(axis=0), _LEAST_SPREAD)
    seen, own = (z - mean) / spread, z + shift
    known = (y >= 0).astype(np.float64)
    sign = np.where(y == 1, -1.0, 1.0)
    cut = attributes * attributes
    firm = 1 / SLOPE_DEVIATION**2

    def loss(at: ndarray) -> tuple[float, ndarray]:
        weight, bias, slope = at[:cut].reshape(attributes, -1), at[cut:-attributes], at[-attributes:]
        margin = sign * (seen @ weight + bias + slope * own)
        push = known * sign * expit(margin)
        penalty = 0.5 * ridge * (weight**2).sum() + 0.5 * firm * ((slope - 1) ** 2).sum()
        total = float((known * np.logaddexp(0.0, margin)).sum() + penalty)
        gradient = (
            (seen.T @ push + ridge * weight).ravel(),
            push.sum(axis=0),
            (push * own).sum(axis=0) + firm * (slope - 1),
        )
        return total, np.concatenate(gradient)

    start = np.concatenate([np.zeros(cut + attributes), np.ones(attributes)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}).x
    weight, bias, slope = found[:cut].reshape(attributes, -1), found[cut:-attributes], found[-attributes:]
    joint = weight / spread[:, None]
    return joint + np.diag(slope), bias + slope * shift - mean @ joint
