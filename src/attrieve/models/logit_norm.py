"""Logits made comparable between attributes and between images."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attrieve.models.configuration import LogitNormKind

_EPSILON = 1e-5


class LogitNorm(nn.Module):
    """Standardise logits over the images, over the attributes of an image, or both in this order.

    After the "PARNorm" of Specker, "Balanced Pedestrian Attribute Recognition for Improved
    Attribute-based Person Retrieval" (2023), of which we know only that logits are normalised per
    attribute and per instance. The first alone is the batch normalisation behind the classifier of Jia
    et al. ("Rethinking of PAR"). What is done here, for logit z_ij of image i and attribute j::

        attribute:  z_ij <- (z_ij - m_j) / sqrt(v_j + e)    m, v over the images
        instance:   z_ij <- (z_ij - m_i) / sqrt(v_i + e)    m, v over the attributes of the image
        last:       z_ij <- gain_j z_ij + shift_j           learnt, 1 and 0 at the start; e = 1e-5

    In training m_j and v_j are those of the batch, with running estimates beside them (momentum 0.1,
    unbiased variance); in evaluation the running estimates, so that an image's logits do not depend on
    its company. They are saved with the weights. Per instance there is nothing to remember. Computed in
    float32 whatever the autocast state.

    Instance normalisation ties the attributes of an image together: raising one logit lowers the others.

    Args:
        attributes: how many.
        kind: ``attribute``, ``instance`` or ``both``.
    """

    def __init__(self, attributes: int, kind: LogitNormKind) -> None:
        super().__init__()
        self.over_images: nn.BatchNorm1d | None = None
        if kind in (LogitNormKind.ATTRIBUTE, LogitNormKind.BOTH):
            self.over_images = nn.BatchNorm1d(attributes, eps=_EPSILON, affine=False)
        self.epsilon = _EPSILON
        self.over_attributes = kind in (LogitNormKind.INSTANCE, LogitNormKind.BOTH)
        self.gain = nn.Parameter(torch.ones(attributes))
        self.shift = nn.Parameter(torch.zeros(attributes))

    def forward(self, logits: Float[Tensor, "batch attribute"]) -> Float[Tensor, "batch attribute"]:
        """Return normalised logits, float32; in training a batch needs at least two images."""
        with torch.autocast(logits.device.type, enabled=False):
            normal: Tensor = logits.float()
            if self.over_images is not None:
                normal = self.over_images(normal)
            if self.over_attributes:
                normal = functional.layer_norm(normal, normal.shape[1:], eps=_EPSILON)
            return self.gain * normal + self.shift
