"""What marks say of the things asked: which of them tell the right rows from the wrong ones."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize

SLOPE = 4.0
"""Log-odds that one whole unit of squared distance is worth."""

PULL = 1.0
"""How strongly a factor is drawn to 1, its prior: a handful of marks moves it, one alone hardly."""


def weight_factors(
    cost: Float[np.ndarray, "mark term"],
    certainty: Float[np.ndarray, " term"],
    right: Bool[np.ndarray, " mark"],
    *,
    ratio: float,
) -> Float[np.ndarray, " term"]:
    """Return what the weight of each thing asked is multiplied by, within [1 / ratio, ratio].

    Logistic regression of the marks on what each thing asked costs, drawn to the weights as they are::

        min over f in [1/ratio, ratio], b  of
            sum_i log(1 + exp(-y_i (b - SLOPE * sum_t c_t f_t cost_it))) + PULL / 2 * sum_t (f_t - 1)^2

    with y = 1 for right rows and -1 for wrong ones. It is convex and has one solution. Where all marks are
    of one kind, b alone explains them and nothing is learnt of the weights: all factors are 1.

    Args:
        cost: ``(wanted - p)^2`` of every marked row, in [0, 1].
        certainty: of each thing asked, above 0.
        right: whether the row is marked right.
        ratio: at least 1.
    """
    terms = cost.shape[1]
    if not terms or right.all() or not right.any():
        return np.ones(terms)
    weighted = SLOPE * certainty * cost.astype(np.float64)
    sign = np.where(right, 1.0, -1.0)

    def loss(values: Float[np.ndarray, " free"]) -> tuple[float, Float[np.ndarray, " free"]]:
        factor = values[1:]
        margin = sign * (values[0] - weighted @ factor)
        slope = -sign * np.exp(-np.logaddexp(0.0, margin))  # of log(1 + exp(-margin)), without overflow
        gradient = np.concatenate([[slope.sum()], PULL * (factor - 1.0) - slope @ weighted])
        return float(np.logaddexp(0.0, -margin).sum() + PULL / 2 * ((factor - 1.0) ** 2).sum()), gradient

    start = np.ones(terms + 1)
    start[0] = weighted.sum(axis=1).mean()
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None), *[(1.0 / ratio, ratio)] * terms],
        options={"ftol": 1e-14, "gtol": 1e-10, "maxiter": 500},
    )
    return np.clip(np.asarray(found.x[1:], dtype=np.float64), 1.0 / ratio, ratio)
