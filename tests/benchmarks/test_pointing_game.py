"""The benchmark of heat maps on drawn people: its code runs, and its baselines are what they claim."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from attrieve.data.synthetic import DrawnPeopleConfig
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from models.tiny import tiny_backbone, tiny_settings

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        specification = importlib.util.spec_from_file_location(
            "pointing_game", BENCHMARKS / "pointing_game.py"
        )
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


def test_its_code_runs(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both heads, few pictures: methods of the head, no map beats the truth, everything is a share."""
    with tiny_backbone():
        for head in ("transformer", "pooled"):
            retriever = Retriever(tiny_settings("attributes", head), load_vocabulary("peta35"), name=head)
            retriever.save_pretrained(tmp_path / head)
        runs = [f"--run={tmp_path / head}" for head in ("transformer", "pooled")]
        script.main([*runs, "--images", "24", "--prior-images", "24", "--size", "64", "32", "--json"])
    found = json.loads(capsys.readouterr().out)
    given = "--run DEMO/runs/transformer --run DEMO/runs/pooled --images 24 --prior-images 24 --size 64 32"
    assert found["command"] == f"python benchmarks/pointing_game.py {given}"
    assert [set(run["methods"]) & {"rollout", "activation"} for run in found["runs"]] == [
        {"rollout"},
        {"activation"},
    ]
    assert len(found["names"]) == len(found["seen"]) > 8
    for run in found["runs"]:
        best = run["true_region_at_grid"]["hit"]["mean"]
        for scores in (*run["methods"].values(), run["mean_region_at_grid"]):
            assert 0 <= scores["hit"]["mean"] <= best + 1e-9
            assert 0 <= scores["energy"]["mean"] <= 1
        assert len(run["attributes"][run["default"]]) == len(found["names"])


def test_the_mean_region_is_a_mean_over_images_where_it_is_seen(script: ModuleType) -> None:
    """Counted pixel by pixel."""
    config = DrawnPeopleConfig(images=8, height_px=64, width_px=32, images_per_person=(1, 1))
    asked = [4, 10, 31]
    pictures, regions = script.drawn(config, asked)
    assert pictures.shape == (8, 64, 32, 3)
    means = script.mean_regions(regions)
    for place in range(3):
        seen = [image for image in regions[:, place] if image.any()]
        expected = np.mean(seen, axis=0) if seen else np.zeros((64, 32))
        np.testing.assert_allclose(means[place], expected)
    centre = script.centre_prior(64, 32)
    assert centre.max() == centre[31:33, 15:17].max()
