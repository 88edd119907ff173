"""Focal loss over attributes: answers that are already right count little."""

from jaxtyping import Float
from torch import Tensor

from attrieve.errors import ConfigurationError
from attrieve.losses.asymmetric import AttributeAsymmetricLoss
from attrieve.losses.attribute_bce import Weighting


class AttributeFocalLoss(AttributeAsymmetricLoss):
    """The focal loss per sample: the asymmetric loss with equal gammas and no clip.

    Formula (Lin et al., "Focal loss for dense object detection", ICCV 2017, Eq. 4), with
    p = sigmoid(z) and labels y, smoothed if asked for::

        l_i = - sum_j known_ij * w_ij * ( y_ij (1 - p_ij)^g log p_ij + (1 - y_ij) p_ij^g log(1 - p_ij) )

    The weights w_ij, unknown values and number formats are those of
    :class:`~attrieve.losses.attribute_bce.AttributeBinaryCrossEntropy`; the original's alpha is not
    used, w_ij stands in its place. Gradients also flow through the factor in front of the logarithm.

    The minimum no longer lies at the true probability: for g > 0 the outputs are drawn towards one half.
    Calibrate before reading them as probabilities.

    Args:
        positive_rate: shape (attribute,), in [0, 1].
        weighting: as in the cross-entropy.
        gamma: g, 0 or more; 0 gives the cross-entropy.
        smoothing: share of the labels' mass that is spread over both, in [0, 1).

    Raises:
        ConfigurationError: for a setting out of its range.

    >>> import torch
    >>> loss = AttributeFocalLoss(torch.tensor([0.5]), "none", gamma=2.0)
    >>> loss(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.int8))  # log 2 / 4
    tensor([0.1733])
    """

    def __init__(
        self,
        positive_rate: Float[Tensor, " attribute"],
        weighting: Weighting = "attribute_and_label",
        *,
        gamma: float = 2.0,
        smoothing: float = 0.0,
    ) -> None:
        if not gamma >= 0:
            raise ConfigurationError(f"the focal loss needs gamma of 0 or more, got {gamma}")
        super().__init__(
            positive_rate,
            weighting,
            gamma_positive=gamma,
            gamma_negative=gamma,
            clip=0.0,
            smoothing=smoothing,
        )
