"""Means of scores with intervals over queries, and comparisons paired by query, by name of distance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import ndarray

from attrieve.evaluation.resampling import CONFIDENCE, Resampling
from attrieve.evaluation.testimony_scores import QueryValues


def table(scores: Mapping[str, QueryValues], resampling: Resampling) -> dict[str, dict[str, Any]]:
    """Return by distance mAP and mADM with their intervals, and Rank-1."""
    columns = [
        100 * values
        for found in scores.values()
        for values in (found.average_precision, found.degree_of_match)
    ]
    triples = iter(_triples(np.stack(columns, axis=1), resampling))
    return {
        name: {
            "map": next(triples),
            "madm": next(triples),
            "rank1": round(float(100 * found.first.mean()), 2),
        }
        for name, found in scores.items()
    }


def differences(
    scores: Mapping[str, QueryValues], others: Mapping[str, QueryValues], resampling: Resampling
) -> dict[str, list[float]]:
    """Return by distance the difference in mAP, paired by query, with its interval."""
    columns = [
        100 * (found.average_precision - others[name].average_precision) for name, found in scores.items()
    ]
    return dict(zip(scores, _triples(np.stack(columns, axis=1), resampling), strict=True))


def ratios(
    scores: Mapping[str, QueryValues], other: QueryValues, resampling: Resampling
) -> dict[str, list[float]]:
    """Return by distance how many times the mAP of another it reaches, with its interval."""
    below = resampling.share @ other.average_precision
    found = {}
    for name, values in scores.items():
        drawn = (resampling.share @ values.average_precision) / np.maximum(below, 1e-9)
        whole = values.average_precision.mean() / max(other.average_precision.mean(), 1e-9)
        low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        found[name] = [round(float(value), 4) for value in (whole, low, high)]
    return found


def _triples(columns: ndarray, resampling: Resampling) -> list[list[float]]:
    """Return mean, low and high of each column."""
    ends = resampling.intervals(columns)
    means = columns.mean(axis=0)
    return [
        [round(float(value), 2) for value in (mean, low, high)]
        for mean, (low, high) in zip(means, ends, strict=True)
    ]
