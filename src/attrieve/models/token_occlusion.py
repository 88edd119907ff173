"""How far logits fall when one visual token is taken away."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.models.attribute_reading import read_attributes
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
    visual = retriever.visual_tokens(feature_map)
    whole = read_attributes(retriever, visual, attributes).logits
    without = [
        read_attributes(retriever, torch.cat([visual[:, :token], visual[:, token + 1 :]], dim=1), attributes)
        for token in range(visual.shape[1])
    ]
    return whole[:, :, None] - torch.stack([one.logits for one in without], dim=2)
