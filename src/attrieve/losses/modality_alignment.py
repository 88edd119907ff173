"""Modality alignment: an image's embedding beside that of its attribute category."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from attrieve.errors import InputError

_SMALLEST_SQUARED_SINE = 1e-6
"""Below this, sin is taken as constant: its slope at cos = +-1 is infinite."""


def modality_alignment(
    image_embedding: Float[Tensor, "batch dim"],
    category_embedding: Float[Tensor, "category dim"],
    category: Int64[Tensor, " batch"],
    *,
    extra_embedding: Float[Tensor, "extra dim"] | None = None,
    scale: float = 12.0,
    margin: float = 0.2,
    soft_target: Float[Tensor, "batch category"] | None = None,
    soft_share: float = 0.0,
) -> Float[Tensor, " batch"]:
    """Return the ArcFace cross-entropy of each image over all training categories, shape (batch,).

    Formula (Jeong et al., ASMR, ICCV 2021, after ArcFace), with c_ik the cosine of image i and
    category k, y_i the image's category, s the scale and m the margin::

        z_ik = s * cos(theta_ik + m)        if k = y_i and c_ik > cos(pi - m)
             = s * (c_ik - m sin(pi - m))   if k = y_i otherwise
             = s * c_ik                     if k != y_i
        l_i  = - log softmax(z_i)[y_i]

    With soft targets q (ours, see :func:`attrieve.losses.soft_targets.overlap_targets`) of share e::

        l_i  = - (1 - e) log softmax(z_i)[y_i] - e sum_k q_ik log softmax(z_i)[k]

    The margin stays on the image's own category alone. Both inputs are normalised here. Computed in
    float32 whatever the autocast state (float64 if the image embeddings are). Next to cos = +-1 the
    slope of the sine is bounded, so gradients stay finite.

    Args:
        image_embedding: of the batch, any length.
        category_embedding: of ALL training categories, recomputed every step.
        category: the row of each image's category.
        extra_embedding: further columns which are nobody's category, only negatives: the
            additional attribute combinations.
        scale: s, above 0. The default and that of the margin are the published script's.
        margin: m, in radians, in [0, pi).
        soft_target: q, rows that sum to 1 over all training categories; extra columns get nothing.
        soft_share: e, in [0, 1]; without a soft target it must be 0.

    Raises:
        InputError: for a category outside the rows, widths that differ, a scale, margin or share out
            of range, or a soft target of another shape.

    >>> people = torch.eye(2)
    >>> loss = modality_alignment(people, people, torch.tensor([0, 1]), scale=1.0, margin=0.0)
    >>> bool(torch.allclose(loss, torch.tensor(1 + math.exp(-1)).log().expand(2)))
    True
    """
    _check(image_embedding, category_embedding, category, extra_embedding, scale, margin)
    _check_soft_target(soft_target, soft_share, (len(image_embedding), len(category_embedding)))
    with torch.autocast(image_embedding.device.type, enabled=False):
        exact = torch.float64 if image_embedding.dtype == torch.float64 else torch.float32
        columns = category_embedding.to(exact)
        if extra_embedding is not None:
            columns = torch.cat([columns, extra_embedding.to(exact)])
        image_unit = functional.normalize(image_embedding.to(exact), dim=1)
        cosine = image_unit @ functional.normalize(columns, dim=1).T
        wanted = cosine.gather(1, category[:, None])
        logits = scale * cosine.scatter(1, category[:, None], _with_margin(wanted, margin))
        hard = functional.cross_entropy(logits, category, reduction="none")
        if soft_target is None or soft_share == 0:
            return hard
        log_share = logits.log_softmax(dim=1)[:, : soft_target.shape[1]]
        soft = -(soft_target.to(exact) * log_share).sum(dim=1)
        return (1 - soft_share) * hard + soft_share * soft


def _with_margin(cosine: Float[Tensor, "batch 1"], margin: float) -> Float[Tensor, "batch 1"]:
    """Return cos(theta + margin), or its linear continuation where theta + margin exceeds pi."""
    sine = (1 - cosine.square()).clamp(min=_SMALLEST_SQUARED_SINE).sqrt()
    moved = cosine * math.cos(margin) - sine * math.sin(margin)
    fallback = cosine - margin * math.sin(math.pi - margin)
    return torch.where(cosine > math.cos(math.pi - margin), moved, fallback)


def _check_soft_target(soft_target: Tensor | None, share: float, shape: tuple[int, int]) -> None:
    if not 0 <= share <= 1:
        raise InputError(f"the share of the soft target must lie in [0, 1], got {share}")
    if soft_target is None and share > 0:
        raise InputError(f"a share of {share} needs a soft target; see overlap_targets()")
    if soft_target is not None and tuple(soft_target.shape) != shape:
        raise InputError(f"expected a soft target of shape {shape}, got {tuple(soft_target.shape)}")


def _check(
    image_embedding: Tensor,
    category_embedding: Tensor,
    category: Tensor,
    extra_embedding: Tensor | None,
    scale: float,
    margin: float,
) -> None:
    if not scale > 0 or not 0 <= margin < math.pi:
        raise InputError(f"scale must be above 0 and margin in [0, pi), got {scale} and {margin}")
    width = image_embedding.shape[1]
    for name, rows in (("category", category_embedding), ("extra", extra_embedding)):
        if rows is not None and rows.shape[1] != width:
            raise InputError(f"image embeddings have {width} dimensions, {name} embeddings {rows.shape[1]}")
    count = category_embedding.shape[0]
    if category.numel() and not bool(((category >= 0) & (category < count)).all()):
        raise InputError(
            f"categories must be rows 0 to {count - 1}, got {int(category.min())} to {int(category.max())}"
        )
