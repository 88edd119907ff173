"""What a run computes with is the recipe's word, or what the machine is fast at."""

import json
from pathlib import Path

import pytest
import torch

from attrieve.training.precision import chosen_precision
from training.test_run import run
from training.tiny import tiny_recipe


@pytest.mark.parametrize("fast", [True, False])
def test_the_processor_decides_where_the_recipe_does_not(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated bfloat16 is never chosen, and a recipe that names a precision gets it."""
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: fast, raising=False)
    assert chosen_precision("auto", "cpu") == ("bfloat16" if fast else "float32")
    assert [chosen_precision(named, "cpu") for named in ("float32", "bfloat16")] == ["float32", "bfloat16"]


def test_a_run_writes_down_what_it_computed_with(tmp_path: Path) -> None:
    """In its provenance, since the recipe says only ``auto``."""
    run(tiny_recipe("attributes", "pooled", "training.precision=auto", "training.epochs=1"), tmp_path)
    told = json.loads((tmp_path / "provenance.json").read_text())["precision"]
    assert told == chosen_precision("auto")
