"""Asymmetric loss over attributes: easy "no" answers, of which there are most, count least."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from attrieve.errors import ConfigurationError
from attrieve.losses.attribute_bce import AttributeBinaryCrossEntropy, Weighting

_SMALLEST = 1e-8
"""Below this a shifted probability counts as this much: its power has no slope at 0."""


class AttributeAsymmetricLoss(AttributeBinaryCrossEntropy):
    """The asymmetric loss per sample, summed over the known attributes.

    Formula (Ben-Baruch et al., "Asymmetric loss for multi-label classification", ICCV 2021, Eqs. 4-6),
    with p = sigmoid(z), labels y, smoothed if asked for, and m the clip::

        q_ij = max(p_ij - m, 0)
        l_i  = - sum_j known_ij * w_ij * ( y_ij (1 - p_ij)^g+ log p_ij + (1 - y_ij) q_ij^g- log(1 - q_ij) )

    A "no" whose probability is below m is taken as settled: no loss, no gradient. Weights w_ij, unknown
    values and number formats are those of
    :class:`~attrieve.losses.attribute_bce.AttributeBinaryCrossEntropy`; the original has no weights
    (``none``). Gradients also flow through the factors in front of the logarithms, as in the original's
    formula (its code can switch that off).

    The minimum lies far above the true probability. Calibrate before reading outputs as probabilities.

    Args:
        positive_rate: shape (attribute,), in [0, 1].
        weighting: as in the cross-entropy.
        gamma_positive: g+, 0 or more.
        gamma_negative: g-, 0 or more.
        clip: m, in [0, 1).
        smoothing: share of the labels' mass that is spread over both, in [0, 1).

    Raises:
        ConfigurationError: for a setting out of its range.

    >>> loss = AttributeAsymmetricLoss(torch.tensor([0.5]), "none", gamma_negative=1.0, clip=0.25)
    >>> loss(torch.zeros(1, 1), torch.zeros(1, 1, dtype=torch.int8))  # 0.25 * log(4 / 3)
    tensor([0.0719])
    """

    def __init__(
        self,
        positive_rate: Float[Tensor, " attribute"],
        weighting: Weighting = "attribute_and_label",
        *,
        gamma_positive: float = 0.0,
        gamma_negative: float = 4.0,
        clip: float = 0.05,
        smoothing: float = 0.0,
    ) -> None:
        super().__init__(positive_rate, weighting, smoothing=smoothing)
        if not (gamma_positive >= 0 and gamma_negative >= 0 and 0 <= clip < 1):
            raise ConfigurationError(
                "the asymmetric loss needs both gammas of 0 or more and a clip in [0, 1), "
                f"got {gamma_positive}, {gamma_negative} and {clip}"
            )
        self.gamma_positive, self.gamma_negative, self.clip = gamma_positive, gamma_negative, clip

    def _terms(
        self, logits: Float[Tensor, "batch attribute"], target: Float[Tensor, "batch attribute"]
    ) -> Float[Tensor, "batch attribute"]:
        # logarithms first: no power of a number that has been rounded to 0
        log_yes, log_no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        yes = (self.gamma_positive * log_no).exp() * log_yes
        if self.clip:
            shifted = (logits.sigmoid() - self.clip).clamp(min=_SMALLEST)
            no = shifted.pow(self.gamma_negative) * torch.log1p(-shifted)
        else:
            no = (self.gamma_negative * log_yes).exp() * log_no
        return -(target * yes + (1 - target) * no)
