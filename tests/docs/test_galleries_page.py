"""Every command that docs/galleries.md shows is run, in the order of the page."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from attrieve.cli.main import app
from attrieve.models.calibration import Calibration, MatchCorrection, ModelCalibration
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from gallery.building import settings, write_images

PAGE = Path(__file__).parents[2] / "docs" / "galleries.md"


def commands() -> list[str]:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line for language, block in blocks if not language for line in block.splitlines()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the runs, images and lists the page speaks of."""
    for seed, name in enumerate(("multi-task", "better")):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            run = Retriever(settings(), load_vocabulary("peta35"), name=name)
        run.query.calibration = ModelCalibration(
            Calibration.identity(35), MatchCorrection(), None, run.fingerprint, run.schema.fingerprint
        )
        run.save_pretrained(tmp_path / "runs" / name)
    images = write_images(tmp_path / "crops", 6)
    lines = [f"{image.path},entrance,2024-05-01T08:30:0{n},{n}" for n, image in enumerate(images[:3])]
    extra = write_images(tmp_path / "more", 2, seed=5)
    lines += [f"{image.path},entrance,2024-05-02,1" for image in extra]
    (tmp_path / "cameras.csv").write_text("\n".join(["path,camera,time,floor:int", *lines, ""]))
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(4, 8)))
    (tmp_path / "images.csv").write_text("source\n" + "".join(f"/{n}.png\n" for n in range(4)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_shown_works(place: Path) -> None:
    """Exit code 0 for each, one after the other."""
    shown = commands()
    assert len(shown) > 20
    for line in shown:
        program, *arguments = shlex.split(line)
        assert program == "attrieve", line
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"


def test_every_command_of_the_gallery_is_shown() -> None:
    """With what it does."""
    from attrieve.cli.gallery import app as gallery_app

    named = {line.split()[2] for line in commands() if line.startswith("attrieve gallery ")}
    assert named == {command.name for command in gallery_app.registered_commands}
