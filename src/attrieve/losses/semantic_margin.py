"""The semantic margin: category embeddings lie apart as their attributes differ."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attrieve.errors import ConfigurationError, InputError
from attrieve.losses.group_codes import GroupCodes, Grouping, encode_groups
from attrieve.losses.pair_moments import PairMoments, pair_moments

__all__ = ["GroupCodes", "Grouping", "SemanticMarginRegulariser", "encode_groups"]

GroupWeighting = Literal["free", "one_plus", "simplex"]
"""How the learned numbers u become group weights w: u, 1 + u, or K softmax(u)."""

Variant = Literal["published", "centred"]
"""Whether the target is taken as it is, or less its mean over all pairs."""


class SemanticMarginRegulariser(nn.Module):
    """The adaptive semantic margin regulariser (ASMR) over all pairs of training categories.

    Formula (Jeong, Park, Kwak, ICCV 2021), over the pairs i < j of C categories with embeddings p::

        a_ij = cos(p_i, p_j)                 mu = mean of a over the pairs, not detached
        d_ij = sum_g w_g [i and j differ in group g]
        t_ij = sigmoid(1 - d_ij / tau)
        published:  L = mean (a_ij - mu - t_ij)^2
        centred:    L = mean (a_ij - mu - (t_ij - mean t))^2

    The published form equals the centred one plus (mean t)^2, so that heavier weights lower it
    without arranging anything. ``centred`` takes that term away, ``simplex`` keeps sum(w) = K.

    The published code stores one boolean per pair and group. Here d is a matrix product of group
    codes, the moments of a follow from E^T E, and t is made and spent block by block: memory is
    O(block_rows x C), forward and backward. Gradients flow to the embeddings and the weights, once
    (no second derivatives). Computed in float32 whatever the autocast state (float64 if the
    embeddings are).

    Args:
        group_count: K, as in the codes.
        tau: above 0; the authors' values read as K (Market) and K / 2 (PETA).
        weighting: ``free`` (published for Market), ``one_plus`` (published for PETA) or ``simplex``.
            The learned numbers start uniform in (-0.25, 0.25).
        variant: ``published`` or ``centred``.
        block_rows: rows of the pair matrix held at a time; changes no result beyond rounding.
        sampled_rows: take only the pairs of so many random rows, drawn at each call; unbiased in
            value and gradient. None, or as many as there are categories, takes all pairs.

    Raises:
        ConfigurationError: for a setting out of its range.

    >>> from attrieve.schema.attributes import load_vocabulary
    >>> values = torch.zeros(2, 35, dtype=torch.int8)
    >>> values[0] = 1  # differs from the other in all 35 bits
    >>> codes = encode_groups(values, load_vocabulary("peta35"), grouping="attribute")
    >>> regulariser = SemanticMarginRegulariser(35, tau=35.0, weighting="simplex")
    >>> loss = regulariser(torch.eye(2), codes)  # a - mu = 0 and t = sigmoid(0) for the only pair
    >>> round(loss.item(), 4)
    0.25
    """

    def __init__(
        self,
        group_count: int,
        tau: float,
        weighting: GroupWeighting = "one_plus",
        variant: Variant = "published",
        *,
        block_rows: int = 256,
        sampled_rows: int | None = None,
    ) -> None:
        super().__init__()
        _check_settings(group_count, tau, weighting, variant, block_rows, sampled_rows)
        self.tau, self.weighting, self.variant = tau, weighting, variant
        self.block_rows, self.sampled_rows = block_rows, sampled_rows
        self.raw_weight = nn.Parameter(torch.empty(group_count).uniform_(-0.25, 0.25))

    def group_weights(self) -> Float[Tensor, " group"]:
        """Return w, the weight of each group in the distance, with its graph."""
        if self.weighting == "one_plus":
            return 1 + self.raw_weight
        if self.weighting == "simplex":
            return len(self.raw_weight) * self.raw_weight.softmax(dim=0)
        return self.raw_weight

    def forward(
        self,
        category_embedding: Float[Tensor, "category dim"],
        codes: GroupCodes,
        *,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, ""]:
        """Return L, a scalar.

        Args:
            category_embedding: of any length; normalised here.
            codes: of the same categories, on the same device.
            generator: draws the sampled rows; on the CPU. None takes PyTorch's own.

        Raises:
            InputError: for fewer than two categories, or codes of other categories or groups.
        """
        self._check_input(category_embedding, codes)
        with torch.autocast(category_embedding.device.type, enabled=False):
            exact = torch.float64 if category_embedding.dtype == torch.float64 else torch.float32
            unit = functional.normalize(category_embedding.to(exact), dim=1)
            mean, mean_square = _cosine_moments(unit)
            rows = self._draw_rows(len(unit), generator)
            moments = self._target_moments(unit, codes, None if rows is None else rows.to(unit.device))
            target = moments.row_target.mean()
            loss = mean_square - mean.square() + 2 * mean * target + moments.cross
            if self.variant == "centred":
                loss = loss - _squared_mean(moments.row_target, len(unit))
            return loss

    def _target_moments(self, unit: Tensor, codes: GroupCodes, rows: Tensor | None) -> PairMoments:
        """Write 1 - d / tau as a weighted scalar product of codes, its constant as one more column."""
        weight = self.group_weights().to(unit.dtype) / self.tau
        columns = functional.pad(codes.columns.to(unit.dtype), (0, 1), value=1.0)
        constant = 1 - weight @ codes.constant.to(unit.dtype)
        column_weight = torch.cat([weight[codes.group] * codes.factor.to(unit.dtype), constant[None]])
        return pair_moments(unit, columns, column_weight, rows, self.block_rows)

    def _draw_rows(self, count: int, generator: torch.Generator | None) -> Tensor | None:
        if self.sampled_rows is None or self.sampled_rows >= count:
            return None
        return torch.randperm(count, generator=generator)[: self.sampled_rows]

    def _check_input(self, category_embedding: Tensor, codes: GroupCodes) -> None:
        count = len(category_embedding)
        if count < 2:
            raise InputError(f"pairs need at least two categories, got {count}")
        if len(codes) != count:
            raise InputError(f"expected codes of {count} categories, got codes of {len(codes)}")
        if codes.group_count != len(self.raw_weight):
            raise InputError(
                f"this regulariser has weights for {len(self.raw_weight)} groups, the codes have "
                f"{codes.group_count}; build it with group_count=codes.group_count"
            )


def _cosine_moments(unit: Float[Tensor, "category dim"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the mean of a and of a^2 over the pairs, from the sum of embeddings and E^T E alone."""
    count = len(unit)
    pairs = count * (count - 1)
    own = unit.square().sum(dim=1)
    mean = (unit.sum(dim=0).square().sum() - own.sum()) / pairs
    mean_square = ((unit.T @ unit).square().sum() - own.square().sum()) / pairs
    return mean, mean_square


def _squared_mean(row_target: Float[Tensor, " row"], count: int) -> Float[Tensor, ""]:
    """Return (mean t)^2; from sampled rows, less the variance of that mean, so that it is unbiased."""
    squared = row_target.mean().square()
    drawn = len(row_target)
    if drawn == 1:
        return squared
    return squared - row_target.var() * (1 / drawn - 1 / count)


def _check_settings(
    group_count: int, tau: float, weighting: str, variant: str, block_rows: int, sampled_rows: int | None
) -> None:
    if group_count < 1 or not tau > 0 or block_rows < 1:
        raise ConfigurationError(
            "the semantic margin needs at least one group, tau above 0 and at least one row per block, "
            f"got {group_count}, {tau} and {block_rows}"
        )
    for name, value, known in (
        ("weighting", weighting, get_args(GroupWeighting)),
        ("variant", variant, get_args(Variant)),
    ):
        if value not in known:
            raise ConfigurationError(f"{name} must be one of {known}, got {value!r}")
    if sampled_rows is not None and sampled_rows < 2:
        raise ConfigurationError(f"sampled_rows must be at least 2, or None for all, got {sampled_rows}")
