"""The loss of a step as a weighted sum whose parts keep their names."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from attrieve.errors import ConfigurationError, NonFiniteLossError


@dataclass(frozen=True)
class LossSum:
    """A total to differentiate, and its parts to write down.

    Args:
        total: scalar, with its graph.
        parts: the unweighted parts by name, scalars, detached.
    """

    total: Tensor
    parts: dict[str, Tensor]


def weighted_sum(parts: Mapping[str, Tensor], weights: Mapping[str, float]) -> LossSum:
    """Return sum_k weights[k] * parts[k] with the parts by name.

    A part of weight 0 is written down but takes no part in the total, not even if it is not finite.

    Args:
        parts: scalars by name; at least one.
        weights: one finite number per part, under the same names.

    Raises:
        ConfigurationError: for no parts, other names in the weights than in the parts, a weight that
            is not finite, or a part that is not a scalar.

    >>> loss = weighted_sum({"par": torch.tensor(2.0), "ma": torch.tensor(3.0)}, {"par": 1.0, "ma": 0.5})
    >>> loss.total, sorted(loss.parts)
    (tensor(3.5000), ['ma', 'par'])
    """
    if not parts or set(parts) != set(weights):
        raise ConfigurationError(
            "every loss part needs one weight and every weight a part; "
            f"got parts {sorted(parts)} and weights {sorted(weights)}"
        )
    for name, part in parts.items():
        if part.ndim != 0:
            raise ConfigurationError(f"loss part {name!r} must be a scalar, got shape {tuple(part.shape)}")
        if not math.isfinite(weights[name]):
            raise ConfigurationError(f"the weight of loss part {name!r} must be finite, got {weights[name]}")
    first = next(iter(parts.values()))
    total = torch.zeros((), dtype=first.dtype, device=first.device)
    for name, part in parts.items():
        if weights[name] != 0:
            total = total + weights[name] * part
    return LossSum(total, {name: part.detach() for name, part in parts.items()})


def require_finite(loss: LossSum) -> None:
    """Refuse a loss that can no longer be trained on.

    Raises:
        NonFiniteLossError: naming each part that is NaN or infinite, or the total if only it is.

    >>> require_finite(weighted_sum({"par": torch.tensor(1.0)}, {"par": 1.0}))
    """
    numbers = {**loss.parts, "total": loss.total.detach()}
    # asked all at once: each question makes a GPU finish its work first
    finite = torch.stack([number.isfinite() for number in numbers.values()]).tolist()
    wrong = {
        name: float(number) for (name, number), fine in zip(numbers.items(), finite, strict=True) if not fine
    }
    if len(wrong) > 1:
        wrong.pop("total", None)
    if wrong:
        named = ", ".join(f"{name} = {value}" for name, value in wrong.items())
        raise NonFiniteLossError(
            f"expected finite losses, got {named}; lower the learning rate, clip gradients, "
            "or look at the batch before this step"
        )
