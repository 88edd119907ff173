"""Rollout with every token through every block and one backward pass per attribute: nothing left out."""

import torch

from attrieve.models.retriever import Retriever


def whole_rollout(retriever: Retriever, images: torch.Tensor, *, with_slopes: bool) -> torch.Tensor:
    """Maps (image, attribute, visual token) of all attributes, not scaled."""
    with torch.no_grad():
        feature_map = retriever.backbone(retriever.prepare(images))
    feature_map.requires_grad_()
    output = retriever.describe_map(feature_map, with_attention=True)
    assert output.grid is not None
    assert output.logits is not None
    visual = output.grid[0] * output.grid[1]
    found = []
    for attribute in range(output.logits.shape[1]):
        rolled = torch.eye(output.attention[0].shape[-1])
        slopes = torch.autograd.grad(
            output.logits[:, attribute].sum(), list(output.attention), retain_graph=True
        )
        for block, slope in zip(output.attention, slopes, strict=True):
            if with_slopes:
                rolled = rolled + (slope * block).clamp_min(0).mean(dim=1) @ rolled
            else:
                rolled = (block.mean(dim=1) + torch.eye(block.shape[-1])) / 2 @ rolled
        found.append(rolled[:, visual + attribute, :visual])
    return torch.stack(found, dim=1).detach()
