"""Several processes that train one model."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from attrieve.models.retriever import Retriever
from attrieve.training.run import build_retriever
from environments import environment_with_tests
from training.tiny import tiny_people, tiny_recipe

CHANGES = ("training.epochs=2", "model.backbone.frozen_stages=2")

TRAINING = """
import sys
from pathlib import Path
import torch
from attrieve.training.run import Machine, train
from models.tiny import tiny_backbone
from training.tiny import tiny_people, tiny_recipe
from training.test_processes import CHANGES
torch.set_num_threads(1)
with tiny_backbone():
    recipe = tiny_recipe("multi_task", "transformer", *CHANGES)
    train(recipe, tiny_people(), Path(sys.argv[1]), machine=Machine(accelerator="cpu", devices=2))
"""


@pytest.mark.slow
def test_two_processes_leave_frozen_stages_alone(tmp_path: Path) -> None:
    """DDP averages what learns and does not wait for what does not."""
    script = tmp_path / "two_processes.py"
    script.write_text(TRAINING)
    command = [sys.executable, str(script), str(tmp_path / "run")]
    subprocess.run(command, env=environment_with_tests(OMP_NUM_THREADS="1"), check=True, timeout=240)
    start = build_retriever(tiny_recipe("multi_task", "transformer", *CHANGES), tiny_people())
    trained = Retriever.from_pretrained(tmp_path / "run").state_dict()
    frozen = {key for key, parameter in start.named_parameters() if not parameter.requires_grad}
    learning = {key for key, parameter in start.named_parameters() if parameter.requires_grad}
    for key, parameter in start.state_dict().items():
        if key in frozen:
            assert torch.equal(trained[key], parameter), key
        elif key in learning and parameter.ndim > 1:
            assert not torch.equal(trained[key], parameter), key
