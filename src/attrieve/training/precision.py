"""Which numbers a run computes with, where its recipe leaves that to the machine."""

from typing import Literal

import torch

Precision = Literal["float32", "bfloat16", "auto"]


def chosen_precision(precision: Precision, accelerator: str = "auto") -> Literal["float32", "bfloat16"]:
    """Return the precision of a run: what is asked for, or for ``auto`` what the machine is fast at.

    Processors without bfloat16 arithmetic emulate it, and a transformer then trains ten times slower than in
    float32.

    Args:
        precision: of the recipe.
        accelerator: as Lightning takes it; ``auto`` is an accelerator if there is one.

    >>> chosen_precision("float32"), chosen_precision("bfloat16")
    ('float32', 'bfloat16')
    """
    if precision != "auto":
        return precision
    if accelerator != "cpu" and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator != "cpu" and torch.backends.mps.is_available():
        fast = False
    else:
        fast = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return "bfloat16" if fast else "float32"
