"""Bootstrap intervals of many means over the same queries at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from attrieve.errors import InputError

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Resampling:
    """Fixed draws of queries with replacement, so that all comparisons are of the same draws.

    Args:
        share: how much each query counts in each draw; every row sums to 1.

    >>> draws = Resampling.of(100, seed=0)
    >>> low, high = draws.intervals(np.arange(100.0)[:, None])[0]
    >>> bool(40 < low < 49.5 < high < 59)
    True
    """

    share: Float64[ndarray, "resample query"]

    @classmethod
    def of(cls, queries: int, *, seed: int, resamples: int = 10_000) -> "Resampling":
        """Draw.

        Raises:
            InputError: for fewer than 2 queries or 1 resample.
        """
        if queries < 2 or resamples < 1:
            raise InputError(f"a bootstrap needs 2 queries and 1 resample, got {queries} and {resamples}")
        drawn = np.random.default_rng(seed).multinomial(queries, np.full(queries, 1 / queries), resamples)
        return cls(drawn / queries)

    def intervals(self, values: Float64[ndarray, "query column"]) -> Float64[ndarray, "column 2"]:
        """Return the 95 % percentile interval of the mean of each column."""
        tail = (1 - CONFIDENCE) / 2
        return np.asarray(np.quantile(self.share @ values, [tail, 1 - tail], axis=0).T)
