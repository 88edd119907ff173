"""Targets for modality alignment that give categories alike in attributes a share."""

import torch
from jaxtyping import Float, Int8
from torch import Tensor

from attrieve.errors import ConfigurationError, InputError


def overlap_targets(
    wanted: Int8[Tensor, "batch attribute"],
    categories: Int8[Tensor, "category attribute"],
    *,
    temperature: float = 1.0,
) -> Float[Tensor, "batch category"]:
    """Return a distribution over categories for each sample, by how many attributes differ.

    Formula (ours; soft targets as in Hinton et al., "Distilling the knowledge in a neural network", 2015,
    with attribute overlap in the place of a teacher)::

        d_ik = number of attributes in which i and k differ, an unknown value differing from nothing
        q_ik = exp(-d_ik / T) / sum_l exp(-d_il / T)

    Near T = 0 everything lies on the categories equal to the sample's own; a large T gives all the same.
    d is two matrix products of the batch's rows with all categories: nothing of size category x
    category is held.

    Args:
        wanted: values of each sample's own category: 1 yes, 0 no, -1 unknown.
        categories: values of all training categories.
        temperature: T, above 0, in attributes.

    Raises:
        ConfigurationError: for a temperature that is not above 0.
        InputError: if samples and categories have other numbers of attributes.

    >>> categories = torch.tensor([[1, 0], [1, 1]], dtype=torch.int8)
    >>> overlap_targets(categories[:1], categories)  # 1 : 1 / e
    tensor([[0.7311, 0.2689]])
    """
    if not temperature > 0:
        raise ConfigurationError(f"the temperature of soft targets must be above 0, got {temperature}")
    if wanted.shape[1] != categories.shape[1]:
        raise InputError(
            f"expected samples of {categories.shape[1]} attributes as the categories have, "
            f"got {wanted.shape[1]}"
        )
    with torch.autocast(wanted.device.type, enabled=False):
        row_sign, row_known = _signs(wanted)
        sign, known = _signs(categories)
        differing = (row_known @ known.T - row_sign @ sign.T) / 2
        return (-differing / temperature).softmax(dim=1)


def _signs(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return +1 yes, -1 no, 0 unknown; and 1 where known."""
    known = (values >= 0).float()
    return (2 * values.float() - 1) * known, known
