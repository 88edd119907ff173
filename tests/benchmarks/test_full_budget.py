"""The benchmark of full training: its arithmetic, and that its code runs."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "full_budget.py"


@pytest.fixture(scope="module")
def full_budget() -> ModuleType:
    specification = importlib.util.spec_from_file_location("full_budget", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["full_budget"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


@given(spans=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=12))
def test_idle_is_what_no_span_covers(full_budget: ModuleType, spans: list[tuple[int, int]]) -> None:
    """Counted moment by moment; no work gives no share."""
    ends = [(start, start + length) for start, length in spans]
    first, last = min(start for start, _ in ends), max(end for _, end in ends)
    idle = sum(not any(start <= moment < end for start, end in ends) for moment in range(first, last))
    assert full_budget.idle_share(ends) == pytest.approx(idle / (last - first))
    assert full_budget.idle_share([]) is None


def test_without_a_gpu_nothing_is_measured(full_budget: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and keeps no numbers of the tiny setting."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="PyTorch sees none"):
        full_budget.main([])
    with pytest.raises(SystemExit, match="leave out --write"):
        full_budget.main(["--tiny", "--write"])


def test_its_code_runs(full_budget: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A recipe of the paper, tiny, for four steps."""
    small = "model.backbone.name=resnet18"
    full_budget.main(["attributes-resnet50", "--tiny", "--json", "--set", small])
    found = json.loads(capsys.readouterr().out)["recipes"]["attributes-resnet50"]
    assert found["images_per_s"] == pytest.approx(4e3 / found["step_ms"])
    assert found["row_s"] == pytest.approx(10 * 20 * found["step_ms"] / 1e3)
    assert (found["batch"], found["epochs"], found["height_px"]) == (4, 20, 64)


@pytest.mark.gpu
def test_a_gpu_is_measured(full_budget: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Some steps of the PAR baseline: the GPU does something, and not all the time."""
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    full_budget.main(["attributes-resnet50", "--tiny", "--json"])
    found = json.loads(capsys.readouterr().out)["recipes"]["attributes-resnet50"]
    assert 0 <= found["idle_share_at_most"] < 1
    assert found["peak_memory_gib"] > 0
