"""Parameter groups, optimisers and schedules."""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from attrieve.training.config import OptimiserSettings

_ONE_CYCLE_WARM_UP = 0.3
_ONE_CYCLE_START = 1 / 25
_COSINE_WARM_UP = 0.05


def build_optimiser(
    settings: OptimiserSettings, retriever: nn.Module, objective: nn.Module
) -> torch.optim.Optimizer:
    """Return SGD or AdamW with the rates of the recipe: attribute encoder, regulariser weights, rest."""
    groups = _groups(settings, retriever, objective)
    if settings.name == "sgd":
        return torch.optim.SGD(
            groups, lr=settings.rate, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
    return torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.weight_decay)


def _groups(
    settings: OptimiserSettings, retriever: nn.Module, objective: nn.Module
) -> list[dict[str, object]]:
    encoder, decayed, spared = [], [], []
    for name, parameter in retriever.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith("query.encoder."):
            encoder.append(parameter)
        elif parameter.ndim == 1 and not settings.decay_vectors:
            spared.append(parameter)
        else:
            decayed.append(parameter)
    margin = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    groups: list[dict[str, object]] = [
        {"name": "rest", "params": decayed},
        {"name": "vectors", "params": spared, "weight_decay": 0.0},
        {"name": "attribute_encoder", "params": encoder, "lr": settings.encoder_rate},
        {
            "name": "semantic_margin",
            "params": margin,
            "lr": settings.rate * settings.margin_rate_factor,
            "weight_decay": 0.0,
        },
    ]
    return [group for group in groups if group["params"]]


def build_schedule(
    settings: OptimiserSettings, optimiser: torch.optim.Optimizer, *, steps_per_epoch: int, epochs: int
) -> LambdaLR:
    """Return a schedule stepped once per optimiser step."""
    total = max(1, steps_per_epoch * epochs)
    return LambdaLR(
        optimiser, lambda step: rate_factor(settings, step, steps_per_epoch=steps_per_epoch, total=total)
    )


def rate_factor(settings: OptimiserSettings, step: int, *, steps_per_epoch: int, total: int) -> float:
    """Return the factor on every rate at one step; a pure function, so a restart cannot drift.

    >>> settings = OptimiserSettings(schedule="step", step_epoch=2)
    >>> [rate_factor(settings, step, steps_per_epoch=10, total=40) for step in (0, 19, 20)]
    [1.0, 1.0, 0.1]
    """
    progress = min(1.0, step / total)
    if settings.schedule == "step":
        return settings.step_factor if step >= settings.step_epoch * steps_per_epoch else 1.0
    if settings.schedule == "cosine":
        return _rise_and_fall(progress, _COSINE_WARM_UP, 0.0)
    if settings.schedule == "one_cycle":
        return _rise_and_fall(progress, _ONE_CYCLE_WARM_UP, _ONE_CYCLE_START)
    return 1.0


def _rise_and_fall(progress: float, warm_up: float, start: float) -> float:
    if progress < warm_up:
        share = progress / warm_up
        return start + (1 - start) * (1 - math.cos(math.pi * share)) / 2
    share = (progress - warm_up) / (1 - warm_up)
    return (1 + math.cos(math.pi * share)) / 2
