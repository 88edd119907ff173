"""How well attributes are recognised: per attribute, per image, and in the mean."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int8
from numpy import ndarray
from torch import Tensor

from attrieve.errors import InputError


@dataclass(frozen=True)
class AttributeRow:
    """One attribute's recognition, in percent 0..100; None where the data cannot tell.

    Args:
        known: persons whose value is known.
        positives: of these, how many have it.
        mean_accuracy: (TPR + TNR) / 2, or the defined one of the two.
        true_positive_rate: of those that have it, the share found; None without positives.
        true_negative_rate: of those that lack it, the share left alone; None without negatives.
        precision: of those predicted, the share that have it; None if none is predicted.
        average_precision: area under precision over recall; None without positives.
    """

    known: int
    positives: int
    mean_accuracy: float | None
    true_positive_rate: float | None
    true_negative_rate: float | None
    precision: float | None
    average_precision: float | None

    @property
    def recall(self) -> float | None:
        """Another name of the true positive rate."""
        return self.true_positive_rate


@dataclass(frozen=True)
class AttributeAccuracy:
    """Recognition over all attributes and images, in percent 0..100.

    Args:
        mean_accuracy: mA, mean over attributes of (TPR + TNR) / 2; an attribute without positives or
            without negatives counts with the rate it has.
        mean_accuracy_complete: mA over attributes that have both; None if none has.
        accuracy: mean over images of |predicted and true| / |predicted or true|.
        precision: mean over images of the share of predicted attributes that hold.
        recall: mean over images of the share of holding attributes that are predicted.
        f1: harmonic mean of ``precision`` and ``recall`` (not the mean of the images' F1).
        without_positives: how many attributes nobody is known to have.
        without_negatives: how many attributes nobody is known to lack.
        attributes: one row per attribute, in order.
    """

    mean_accuracy: float
    mean_accuracy_complete: float | None
    accuracy: float
    precision: float
    recall: float
    f1: float
    without_positives: int
    without_negatives: int
    attributes: tuple[AttributeRow, ...]


def attribute_accuracy(
    probability: Float[Tensor, "person attribute"],
    values: Int8[ndarray, "person attribute"],
    threshold: float = 0.5,
) -> AttributeAccuracy:
    """Compare predicted attributes (probability above ``threshold``) with known values.

    Unknown values (-1) take no part, on either side. An image ratio without a denominator is 0, as in
    the published code; an image with no known value is left out.

    Args:
        probability: in [0, 1].
        values: 1 yes, 0 no, -1 unknown.
        threshold: above it an attribute is predicted.

    Raises:
        InputError: for no images, no known value, or a NaN.

    Source: mA and the four instance measures as in the strong baseline (Jia et al., 2107.03576).

    >>> import torch
    >>> values = np.array([[1, 0], [0, 1]], dtype=np.int8)
    >>> result = attribute_accuracy(torch.tensor([[0.9, 0.1], [0.2, 0.4]]), values)
    >>> result.mean_accuracy, result.accuracy, result.f1
    (75.0, 50.0, 50.0)
    """
    score = probability.detach().cpu().double().numpy()
    known = np.asarray(values >= 0)
    if not known.any():
        raise InputError(
            f"recognition needs at least one known value, got {values.shape[0]} images without any"
        )
    if np.isnan(score).any():
        raise InputError("probabilities must not be NaN; check the model that made them")
    rows = tuple(
        _attribute_row(score[known[:, column], column], values[known[:, column], column] == 1, threshold)
        for column in range(values.shape[1])
    )
    images = np.asarray(known.any(axis=1))
    accuracy, precision, recall = _instance_means(
        (score > threshold) & known, np.asarray(values == 1), images
    )
    complete = [row for row in rows if None not in (row.true_positive_rate, row.true_negative_rate)]
    return AttributeAccuracy(
        mean_accuracy=_mean_accuracy(rows) or 0.0,
        mean_accuracy_complete=_mean_accuracy(complete),
        accuracy=accuracy,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        without_positives=sum(row.true_positive_rate is None for row in rows),
        without_negatives=sum(row.true_negative_rate is None for row in rows),
        attributes=rows,
    )


def _attribute_row(
    score: Float64[ndarray, " known"], holds: Bool[ndarray, " known"], threshold: float
) -> AttributeRow:
    predicted = score > threshold
    found = _percent(predicted[holds])
    spared = _percent(~predicted[~holds])
    rates = [rate for rate in (found, spared) if rate is not None]
    return AttributeRow(
        known=len(holds),
        positives=int(holds.sum()),
        mean_accuracy=sum(rates) / len(rates) if rates else None,
        true_positive_rate=found,
        true_negative_rate=spared,
        precision=_percent(holds[predicted]),
        average_precision=_score_average_precision(score, holds),
    )


def _percent(flags: Bool[ndarray, " case"]) -> float | None:
    return float(100 * flags.mean()) if len(flags) else None


def _score_average_precision(
    score: Float64[ndarray, " known"], holds: Bool[ndarray, " known"]
) -> float | None:
    """Return ``sum_n (R_n - R_n-1) P_n`` over distinct scores, so that ties have no order."""
    if not holds.any():
        return None
    order = np.argsort(-score, kind="stable")
    found = np.cumsum(holds[order])
    last_of_tie = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    precision = found[last_of_tie] / (last_of_tie + 1)
    gained = np.diff(found[last_of_tie], prepend=0)
    return float(100 * (precision * gained).sum() / found[-1])


def _instance_means(
    predicted: Bool[ndarray, "person attribute"],
    holds: Bool[ndarray, "person attribute"],
    images: Bool[ndarray, " person"],
) -> tuple[float, float, float]:
    both = (predicted & holds).sum(axis=1)

    def mean_share(whole: ndarray) -> float:
        return float(100 * (both / np.maximum(whole, 1))[images].mean())

    return (
        mean_share((predicted | holds).sum(axis=1)),
        mean_share(predicted.sum(axis=1)),
        mean_share(holds.sum(axis=1)),
    )


def _mean_accuracy(rows: "tuple[AttributeRow, ...] | list[AttributeRow]") -> float | None:
    values = [row.mean_accuracy for row in rows if row.mean_accuracy is not None]
    return sum(values) / len(values) if values else None
