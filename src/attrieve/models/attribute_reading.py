"""Logits of the attributes asked, by a transformer head that computes no more than they need."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attrieve.models.attribute_head import TokenAttributeHead
from attrieve.models.retriever import Retriever


@dataclass(frozen=True)
class AttributeReading:
    """What a transformer head says of some attributes.

    Args:
        logits: of the attributes asked, in their order.
        attention: one (batch, head, token, token) per block but the last, whose rows are those of ``rows``;
            visual tokens stand first. Empty unless asked for.
        rows: where the tokens of the attributes asked stand among the rows of the last attention.
        visual: how many tokens are visual.
    """

    logits: Float[Tensor, "batch asked"]
    attention: tuple[Tensor, ...]
    rows: tuple[int, ...]
    visual: int


def read_attributes(
    retriever: Retriever,
    visual: Float[Tensor, "batch visual dim"],
    attributes: Sequence[int],
    *,
    with_attention: bool = False,
) -> AttributeReading:
    """Read some attributes off visual tokens, in evaluation mode.

    The logits are those of :meth:`~attrieve.models.retriever.Retriever.describe_map`. The last block makes
    the tokens of the attributes asked alone; those of all attributes where logits are normalised over the
    attributes of an image, since then each logit hangs on all.

    Args:
        retriever: with a transformer head that recognises attributes.
        visual: tokens of its ``visual_tokens``, or some of them.
        attributes: which to read, as positions in the schema.
        with_attention: also return attention.
    """
    assert retriever.transformer is not None
    assert isinstance(retriever.attribute_head, TokenAttributeHead)
    norm = retriever.logit_norm
    together = norm is not None  # its statistics are those of all attributes
    read = tuple(range(len(retriever.schema))) if together else tuple(attributes)
    own = retriever.attribute_tokens.to(visual.dtype).expand(visual.shape[0], -1, -1)
    count = visual.shape[1]
    mixed, attention = retriever.transformer(
        torch.cat([visual, own], dim=1),
        with_weights=with_attention,
        wanted=[count + attribute for attribute in read],
    )
    logits = retriever.attribute_head(mixed, read)
    rows = tuple(range(len(read)))
    if norm is not None:
        rows = tuple(attributes)
        logits = norm(logits)[:, list(attributes)]
    return AttributeReading(logits, tuple(attention), rows, count)
