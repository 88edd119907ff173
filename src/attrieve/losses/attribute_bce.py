"""Weighted binary cross-entropy over attributes: the recognition loss."""

from typing import Literal, get_args

import torch
from jaxtyping import Float, Int8
from torch import Tensor, nn
from torch.nn import functional

from attrieve.errors import ConfigurationError, InputError

Weighting = Literal["attribute_and_label", "attribute", "none"]
"""How an attribute's rarity enters its weight; see :class:`AttributeBinaryCrossEntropy`."""


def positive_rates(values: Int8[Tensor, "person attribute"]) -> Float[Tensor, " attribute"]:
    """Return the share of "yes" among the known values of each attribute, in [0, 1], float32.

    Args:
        values: 1 yes, 0 no, -1 unknown. Unknown values are left out of the count; an attribute
            without any known value gets 0.5, which weighs both labels alike.

    >>> positive_rates(torch.tensor([[1, 0, -1], [0, 0, -1], [-1, 1, -1]], dtype=torch.int8))
    tensor([0.5000, 0.3333, 0.5000])
    """
    known = (values >= 0).sum(dim=0)
    positive = (values == 1).sum(dim=0)
    return torch.where(
        known > 0, positive / known.clamp(min=1), torch.full_like(positive, 0.5, dtype=torch.float32)
    )


class AttributeBinaryCrossEntropy(nn.Module):
    """Binary cross-entropy per sample, summed over the known attributes.

    Formula, for sample i with logits z, probabilities p = sigmoid(z) and values y (the paper's
    Eq. 3.1, with the minus sign that is missing in print)::

        l_i = - sum_j known_ij * w_ij * ( y_ij log p_ij + (1 - y_ij) log(1 - p_ij) )

    With r_j the positive rate of attribute j in training, w_ij is

    - ``attribute_and_label``: exp(1 - r_j) if y_ij = 1, exp(r_j) if y_ij = 0 (DeepMAR; the
      strong baseline of Jia et al., "Rethinking of PAR"). The default.
    - ``attribute``: exp(1 - r_j) for both labels. The paper prints a weight that depends on the
      attribute only, without its formula; this is the DeepMAR weight of the positive label.
    - ``none``: 1.

    With smoothing s (Szegedy et al., "Rethinking the Inception architecture", CVPR 2016, for two
    labels) y_ij is replaced by (1 - s) y_ij + s / 2 in the formula, not in w_ij.

    Computed in float32 whatever the autocast state; the result is float32 (float64 for float64
    logits).

    Args:
        positive_rate: shape (attribute,), in [0, 1]; see :func:`positive_rates`.
        weighting: one of the three above.
        smoothing: s, in [0, 1); 0 trusts the labels.

    Raises:
        ConfigurationError: for an unknown weighting, a rate outside [0, 1] or a smoothing outside [0, 1).

    >>> loss = AttributeBinaryCrossEntropy(torch.tensor([0.5, 0.5]), "none")
    >>> loss(torch.zeros(1, 2), torch.tensor([[1, -1]], dtype=torch.int8))
    tensor([0.6931])
    """

    positive_rate: Tensor

    def __init__(
        self,
        positive_rate: Float[Tensor, " attribute"],
        weighting: Weighting = "attribute_and_label",
        *,
        smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        if weighting not in get_args(Weighting):
            raise ConfigurationError(f"weighting must be one of {get_args(Weighting)}, got {weighting!r}")
        if not bool(((positive_rate >= 0) & (positive_rate <= 1)).all()):
            raise ConfigurationError(
                f"positive rates must lie in [0, 1], got {positive_rate.tolist()}; see positive_rates()"
            )
        if not 0 <= smoothing < 1:
            raise ConfigurationError(f"label smoothing must lie in [0, 1), got {smoothing}")
        self.weighting = weighting
        self.smoothing = smoothing
        self.register_buffer("positive_rate", positive_rate.detach().clone())

    def forward(
        self,
        logits: Float[Tensor, "batch attribute"],
        values: Int8[Tensor, "batch attribute"],
    ) -> Float[Tensor, " batch"]:
        """Return the loss of each sample, shape (batch,); unknown values add nothing.

        Args:
            logits: one per attribute, before the sigmoid.
            values: 1 yes, 0 no, -1 unknown.

        Raises:
            InputError: if the attributes are not as many as the positive rates.
        """
        if logits.shape[1] != self.positive_rate.shape[0] or logits.shape != values.shape:
            raise InputError(
                f"expected logits and values of shape (batch, {self.positive_rate.shape[0]}), "
                f"got {tuple(logits.shape)} and {tuple(values.shape)}"
            )
        with torch.autocast(logits.device.type, enabled=False):
            exact = logits if logits.dtype == torch.float64 else logits.float()
            target = (values == 1).to(exact.dtype)
            loss = self._terms(exact, self._smoothed(target)) * self._weights(target)
            return loss.masked_fill(values < 0, 0.0).sum(dim=1)

    def _terms(
        self, logits: Float[Tensor, "batch attribute"], target: Float[Tensor, "batch attribute"]
    ) -> Float[Tensor, "batch attribute"]:
        """Return the unweighted loss of each answer; what other recognition losses replace."""
        return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")

    def _smoothed(self, target: Float[Tensor, "batch attribute"]) -> Float[Tensor, "batch attribute"]:
        if self.smoothing == 0:
            return target
        return target * (1 - self.smoothing) + self.smoothing / 2

    def _weights(self, target: Float[Tensor, "batch attribute"]) -> Float[Tensor, "batch attribute"]:
        rate = self.positive_rate.to(target.dtype)
        if self.weighting == "attribute_and_label":
            return torch.where(target > 0, (1 - rate).exp(), rate.exp())
        if self.weighting == "attribute":
            return (1 - rate).exp().expand_as(target)
        return torch.ones_like(target)
