"""How far logits fall when one visual token is taken away."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.models.attribute_head import TokenAttributeHead
from attrieve.models.retriever import Retriever


def token_occlusion(
    retriever: Retriever,
    feature_map: Float[Tensor, "batch channel map_height map_width"],
    attributes: Sequence[int],
) -> Float[Tensor, "batch asked visual"]:
    """Return ``logit - logit without the token`` for every visual token, in evaluation mode.

    The blocks run once more for every token, the backbone does not: what a token stands for has reached
    its neighbours through the backbone's receptive field and is not taken from them.

    Args:
        retriever: with a transformer head that recognises attributes.
        feature_map: of its backbone.
        attributes: which to explain, as positions in the schema.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, on tokens
    in the place of grey squares.
    """
    assert retriever.visual_tokens is not None
    assert retriever.transformer is not None
    assert isinstance(retriever.attribute_head, TokenAttributeHead)
    visual = retriever.visual_tokens(feature_map)
    count = visual.shape[1]
    own = retriever.attribute_tokens.to(visual.dtype).expand(visual.shape[0], -1, -1)
    asked = list(attributes)

    def logits(kept: Tensor) -> Tensor:
        assert retriever.transformer is not None
        assert retriever.attribute_head is not None
        mixed, _ = retriever.transformer(torch.cat([kept, own], dim=1))
        found = retriever.attribute_head(mixed[:, kept.shape[1] :])
        if retriever.logit_norm is not None:
            found = retriever.logit_norm(found)
        chosen: Tensor = found[:, asked]
        return chosen

    whole = logits(visual)
    without = [
        logits(torch.cat([visual[:, :token], visual[:, token + 1 :]], dim=1)) for token in range(count)
    ]
    return whole[:, :, None] - torch.stack(without, dim=2)
