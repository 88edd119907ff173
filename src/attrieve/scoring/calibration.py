"""Fitting calibration curves: per-attribute Platt scaling with shrinkage, isotonic regression, or nothing.

Which one an attribute gets is decided by cross-validated log loss. People of one category share all labels
and often are one person, so a category lies in one fold, counts for little more than one person, and is one
observation where a standard error is needed; else curves would learn the accidents of a few large ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from jaxtyping import Float, Int8, Int64, Integer
from torch import Tensor

from attrieve.errors import InputError
from attrieve.models.calibration import Calibration, Curve, ModelCalibration, logits_of
from attrieve.scoring.curves import fit_isotonic, fit_platt
from attrieve.scoring.reliability import Binning, Reliability, calibration_errors, reliability

__all__ = [
    "Binning",
    "Calibration",
    "CalibrationMethod",
    "FittedCalibration",
    "ModelCalibration",
    "Reliability",
    "calibration_errors",
    "fit_calibration",
    "fit_curves",
    "log_loss",
    "logits_of",
    "reliability",
]

DEVIATIONS = (0.1, 0.3, 1.0)
"""Shrinkage to choose among: how far (standard deviation) an attribute's log slope strays from that of all
attributes together; its bias strays twice as far."""

ALIKE = 0.5
"""How alike people of one group are: n of them count as n / (1 + ALIKE (n - 1)), at most as 2."""

_ERRORS = 2.0  # standard errors that an attribute's own method must be better by
_BOUND = 30.0  # logits are held within, as all that is stored is anyway


class CalibrationMethod(StrEnum):
    """How logits are mended, from the simplest on."""

    NONE = "none"
    """Not at all."""
    UNDO_WEIGHTS = "undo-weights"
    """The shift of the training loss's weights is taken out; nothing is fitted."""
    SHARED_PLATT = "shared-platt"
    """The same, and one temperature and bias for all attributes."""
    PLATT = "platt"
    """A temperature and a bias for each attribute (Platt 1999), shrunk towards those of all together."""
    ISOTONIC = "isotonic"
    """A rising step curve (Zadrozny and Elkan 2002), its steps shrunk towards Platt's and joined by lines."""


@dataclass(frozen=True, eq=False)
class FittedCalibration:
    """A calibration and how it was chosen.

    Args:
        calibration: fitted on everything.
        losses: cross-validated log loss of each method, in nats, for each attribute; NaN where an attribute
            has no known value.
        deviation: the shrinkage that was chosen, of :data:`DEVIATIONS`.
        held_out: calibrated logits of the persons it was fitted on, each by curves that were fitted without
            its fold: what a fit on top of it, or an honest error, starts from.
    """

    calibration: Calibration
    losses: dict[CalibrationMethod, Float[np.ndarray, " attribute"]]
    deviation: float
    held_out: Float[Tensor, "person attribute"]


@dataclass(frozen=True, eq=False)
class _People:
    """Logits, values, weights and groups of persons, as arrays."""

    logit: Float[np.ndarray, "person attribute"]
    values: Int8[np.ndarray, "person attribute"]
    weight: Float[np.ndarray, " person"]
    group: Int64[np.ndarray, " person"]

    def some(self, chosen: np.ndarray) -> "_People":
        return _People(self.logit[chosen], self.values[chosen], self.weight[chosen], self.group[chosen])


def fit_calibration(
    logit: Float[Tensor, "person attribute"],
    values: Int8[Tensor, "person attribute"],
    *,
    group: Integer[Tensor, " person"] | None = None,
    shift: Float[Tensor, " attribute"] | None = None,
    methods: tuple[CalibrationMethod, ...] = tuple(CalibrationMethod),
    folds: int = 5,
    seed: int = 0,
) -> FittedCalibration:
    """Fit a curve per attribute on persons the model did not learn from.

    The method of least cross-validated loss over all attributes is everybody's, unless another one is better
    for an attribute by more than two standard errors over groups.

    Args:
        logit: of the model.
        values: 1 yes, 0 no, -1 unknown, which is left out.
        group: number of each person's category or identity; None for each person alone.
        shift: what undoes the weights of the training loss
            (:func:`~attrieve.scoring.likelihood.training_weight_shift`); the other methods start from it.
        methods: to choose among; a single one is taken as it is.
        folds: of the cross-validation, at least 2.
        seed: of the folds.

    Raises:
        InputError: for shapes that do not fit, logits that are not finite, or fewer groups than folds.
    """
    people, moved = _read(logit, values, group, shift)
    if not methods:
        raise InputError("name at least one method of calibration")
    fold = _folds(people.group, folds, seed)
    trials = _held_out(people, fold, moved, methods)
    shrunk = CalibrationMethod.PLATT if CalibrationMethod.PLATT in methods else methods[-1]
    deviation = min(DEVIATIONS, key=lambda each: _total(trials[shrunk, each], people))
    out = {method: trials[method, deviation] for method in methods}
    chosen = _choose(out, people)
    whole = _curves(people, moved, methods, (deviation,))
    curves = tuple(whole[method, deviation][place] for place, method in enumerate(chosen))
    held_out = np.stack([out[method][:, place] for place, method in enumerate(chosen)], axis=1)
    losses = {method: log_loss(found, people.values, people.weight) for method, found in out.items()}
    return FittedCalibration(Calibration(curves), losses, deviation, torch.from_numpy(held_out))


def _read(
    logit: Tensor, values: Tensor, group: Tensor | None, shift: Tensor | None
) -> tuple[_People, Float[np.ndarray, " attribute"]]:
    if logit.shape != values.shape or not logit.shape[1] or not len(logit):
        raise InputError(
            f"calibration takes logits and values of one shape, with at least one person and attribute; got "
            f"{tuple(logit.shape)} and {tuple(values.shape)}"
        )
    if not bool(logit.isfinite().all()):
        raise InputError("logits must be finite; calibrate a model whose training did not diverge")
    if shift is not None and len(shift) != logit.shape[1]:
        raise InputError(f"the shift is for {len(shift)} attributes, the logits have {logit.shape[1]}")
    if group is not None and len(group) != len(logit):
        raise InputError(f"each of {len(logit)} persons needs a group, got {len(group)}")
    names = np.arange(len(logit)) if group is None else np.unique(group.numpy(), return_inverse=True)[1]
    size = np.bincount(names)[names]
    bounded = np.asarray(logit.double().clamp(-_BOUND, _BOUND).numpy())
    people = _People(bounded, values.numpy(), 1 / (1 + ALIKE * (size - 1)), names.astype(np.int64))
    return people, np.zeros(logit.shape[1]) if shift is None else shift.double().numpy()


def _folds(group: Int64[np.ndarray, " person"], folds: int, seed: int) -> Int64[np.ndarray, " person"]:
    groups = int(group.max()) + 1
    if not 2 <= folds <= groups:
        raise InputError(
            f"{folds} folds need at least as many groups of persons, got {groups}; hand in more persons or "
            "fewer folds (at least 2)"
        )
    return np.asarray((np.random.default_rng(seed).permutation(groups) % folds)[group], dtype=np.int64)


def _held_out(
    people: _People, fold: np.ndarray, shift: np.ndarray, methods: tuple[CalibrationMethod, ...]
) -> dict[tuple[CalibrationMethod, float], np.ndarray]:
    """Return calibrated logits by method and shrinkage, each person's by curves that did not see the fold."""
    found = {(method, each): np.empty_like(people.logit) for method in methods for each in DEVIATIONS}
    for number in np.unique(fold).tolist():
        outside = torch.from_numpy(people.logit[fold == number])
        for key, curves in _curves(people.some(fold != number), shift, methods, DEVIATIONS).items():
            found[key][fold == number] = Calibration(tuple(curves)).logits(outside).numpy()
    return found


def _total(found: np.ndarray, people: _People) -> float:
    return float(np.nan_to_num(log_loss(found, people.values, people.weight)).mean())


def _choose(out: dict[CalibrationMethod, np.ndarray], people: _People) -> list[CalibrationMethod]:
    """Return each attribute's method; the simplest where several are as good."""
    simplest_first = sorted(out, key=list(CalibrationMethod).index)
    common = min(simplest_first, key=lambda method: _total(out[method], people))
    chosen = [common] * people.logit.shape[1]
    for place in range(people.logit.shape[1]):
        known = people.values[:, place] >= 0
        weight, group = people.weight[known], people.group[known]
        if not known.any():
            continue
        most = 0.0
        for method in simplest_first:
            pair = (_losses(out[one][known, place], people.values[known, place]) for one in (common, method))
            gain, error = _gain(next(pair) - next(pair), weight, group)
            if gain > max(most, _ERRORS * error):
                most, chosen[place] = gain, method
    return chosen


def _gain(
    better: Float[np.ndarray, " person"], weight: Float[np.ndarray, " person"], group: np.ndarray
) -> tuple[float, float]:
    """Return the weighted mean, and its standard error over groups."""
    mean = float(weight @ better / weight.sum())
    by_group = np.bincount(group, weight * (better - mean))
    return mean, float(np.sqrt((by_group**2).sum()) / weight.sum())


def _losses(logit: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.asarray(np.logaddexp(0.0, np.where(values == 1, -logit, logit)))


def log_loss(
    logit: Float[np.ndarray, "person attribute"],
    values: Int8[np.ndarray, "person attribute"],
    weight: Float[np.ndarray, " person"] | None = None,
) -> Float[np.ndarray, " attribute"]:
    """Return the mean negative log-likelihood of each attribute's known values, in nats; NaN without any.

    >>> log_loss(np.zeros((2, 1)), np.array([[1], [0]], dtype=np.int8)).round(4).tolist()
    [0.6931]
    """
    own = np.ones(len(values)) if weight is None else weight
    count = np.where(values >= 0, own[:, None], 0.0).sum(axis=0)
    total = np.where(values >= 0, _losses(logit, values) * own[:, None], 0.0).sum(axis=0)
    mean: Float[np.ndarray, " attribute"] = np.full(len(count), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def fit_curves(
    logit: Float[Tensor, "person attribute"],
    values: Int8[Tensor, "person attribute"],
    method: CalibrationMethod,
    *,
    group: Integer[Tensor, " person"] | None = None,
    shift: Float[Tensor, " attribute"] | None = None,
    deviation: float = DEVIATIONS[-1],
) -> Calibration:
    """Fit all attributes by one method, nothing held out; arguments as for :func:`fit_calibration`."""
    people, moved = _read(logit, values, group, shift)
    return Calibration(tuple(_curves(people, moved, (method,), (deviation,))[method, deviation]))


def _curves(
    people: _People,
    shift: np.ndarray,
    methods: tuple[CalibrationMethod, ...],
    deviations: tuple[float, ...],
) -> dict[tuple[CalibrationMethod, float], list[Curve]]:
    """Fit each attribute by every method and shrinkage; what several need is fitted once."""
    moved, known = people.logit + shift, people.values >= 0
    found: dict[tuple[CalibrationMethod, float], list[Curve]] = {}
    shared = (0.0, 0.0)
    if not set(methods) <= {CalibrationMethod.NONE, CalibrationMethod.UNDO_WEIGHTS}:
        each = np.broadcast_to(people.weight[:, None], known.shape)
        shared = fit_platt(moved[known], people.values[known], each[known], shared, (np.inf, np.inf))
    for deviation in deviations:
        for method in methods:
            found[method, deviation] = []
        for place, own in enumerate(shift.tolist()):
            there = known[:, place]
            answers = (moved[there, place], people.values[there, place], people.weight[there])
            for method, curve in _attribute_curves(answers, own, shared, methods, deviation):
                found[method, deviation].append(curve)
    return found


def _attribute_curves(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray],
    shift: float,
    shared: tuple[float, float],
    methods: tuple[CalibrationMethod, ...],
    deviation: float,
) -> Iterator[tuple[CalibrationMethod, Curve]]:
    own = shared
    if CalibrationMethod.PLATT in methods or CalibrationMethod.ISOTONIC in methods:
        own = fit_platt(*answers, shared, (deviation, 2 * deviation))
    for method in methods:
        log_slope, bias = {
            CalibrationMethod.NONE: (0.0, -shift),
            CalibrationMethod.UNDO_WEIGHTS: (0.0, 0.0),
            CalibrationMethod.SHARED_PLATT: shared,
        }.get(method, own)
        slope = float(np.exp(log_slope))
        if method is CalibrationMethod.ISOTONIC and len(answers[0]) > 1:
            at, mended = fit_isotonic(*answers, slope, bias)
            yield method, Curve(method.value, tuple((at - shift).tolist()), tuple(mended.tolist()), slope)
        else:
            yield method, Curve(method.value, (0.0,), (slope * shift + bias,), slope)
