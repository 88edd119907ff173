"""The losses once more, as loops over plain numbers; slow and close to the formulas."""

import math
from collections.abc import Sequence
from itertools import combinations

Rows = Sequence[Sequence[float]]


def attribute_bce(
    logits: Rows, values: Sequence[Sequence[int]], rates: Sequence[float], kind: str
) -> list[float]:
    """Weighted binary cross-entropy per sample; kind as in the library."""
    losses = []
    for row, truth in zip(logits, values, strict=True):
        total = 0.0
        for logit, value, rate in zip(row, truth, rates, strict=True):
            if value == -1:
                continue
            probability = 1 / (1 + math.exp(-logit))
            if kind == "none":
                weight = 1.0
            elif kind == "attribute" or value == 1:
                weight = math.exp(1 - rate)
            else:
                weight = math.exp(rate)
            total -= weight * math.log(probability if value == 1 else 1 - probability)
        losses.append(total)
    return losses


def focused_attribute_loss(
    logits: Rows,
    values: Sequence[Sequence[int]],
    rates: Sequence[float],
    kind: str,
    gammas: tuple[float, float],
    clip: float,
    smoothing: float,
) -> list[float]:
    """Asymmetric loss per sample, with gammas for yes and no; the focal loss where they are equal."""
    losses = []
    for row, truth in zip(logits, values, strict=True):
        total = 0.0
        for logit, value, rate in zip(row, truth, rates, strict=True):
            if value == -1:
                continue
            weights = {"none": (1.0, 1.0), "attribute": (math.exp(1 - rate), math.exp(1 - rate))}
            weight = weights.get(kind, (math.exp(rate), math.exp(1 - rate)))[value]
            target = value * (1 - smoothing) + smoothing / 2
            probability = 1 / (1 + math.exp(-logit))
            left = max(probability - clip, 0.0)
            total -= weight * target * (1 - probability) ** gammas[0] * math.log(probability)
            total -= weight * (1 - target) * left ** gammas[1] * math.log(1 - left)
        losses.append(total)
    return losses


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    """Scalar product over both lengths."""
    product = sum(a * b for a, b in zip(first, second, strict=True))
    return product / math.hypot(*first) / math.hypot(*second)


def modality_alignment(
    images: Rows, categories: Rows, truth: Sequence[int], s: float, m: float
) -> list[float]:
    """ArcFace with angles: the margin is added to the angle itself."""
    losses = []
    for image, wanted in zip(images, truth, strict=True):
        logits = []
        for k, category in enumerate(categories):
            c = max(-1.0, min(1.0, cosine(image, category)))
            if k == wanted and math.acos(c) + m < math.pi:
                c = math.cos(math.acos(c) + m)
            elif k == wanted:
                c -= m * math.sin(math.pi - m)
            logits.append(s * c)
        losses.append(math.log(sum(math.exp(z) for z in logits)) - logits[wanted])
    return losses


def differs(first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether two persons differ in a group; unknown differs from nothing."""
    return -1 not in (*first, *second) and tuple(first) != tuple(second)


def overlap_target(
    own: Sequence[int], categories: Sequence[Sequence[int]], temperature: float
) -> list[float]:
    """Share of each category by the number of attributes in which it is known to differ."""
    parts = []
    for category in categories:
        differing = sum(differs([a], [b]) for a, b in zip(own, category, strict=True))
        parts.append(math.exp(-differing / temperature))
    return [part / sum(parts) for part in parts]


def pair_cosines_and_targets(
    embeddings: Rows,
    values: Sequence[Sequence[int]],
    groups: Sequence[Sequence[int]],
    weights: Sequence[float],
    tau: float,
) -> tuple[list[float], list[float]]:
    """a_ij and t_ij of every pair i < j."""
    cosines, targets = [], []
    for i, j in combinations(range(len(embeddings)), 2):
        distance = sum(
            weight
            for weight, group in zip(weights, groups, strict=True)
            if differs([values[i][k] for k in group], [values[j][k] for k in group])
        )
        cosines.append(cosine(embeddings[i], embeddings[j]))
        targets.append(1 / (1 + math.exp(-(1 - distance / tau))))
    return cosines, targets


def semantic_margin(cosines: Sequence[float], targets: Sequence[float], variant: str) -> float:
    """Mean squared residual over the pairs."""
    count = len(cosines)
    mean_cosine = sum(cosines) / count
    mean_target = sum(targets) / count if variant == "centred" else 0.0
    return (
        sum((a - mean_cosine - (t - mean_target)) ** 2 for a, t in zip(cosines, targets, strict=True)) / count
    )


def feedback_weights(losses: Sequence[float], beta: float, lowest: float, highest: float) -> list[float]:
    """Clip, then divide by the mean."""
    mean = sum(losses) / len(losses)
    weights = [min(max((1 - beta) + beta * (u / mean if mean else 1.0), lowest), highest) for u in losses]
    return [w / (sum(weights) / len(weights)) for w in weights]
