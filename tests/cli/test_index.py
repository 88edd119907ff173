"""``attrieve index`` at the command line."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from attrieve.cli.index import index
from attrieve.gallery.store import Gallery
from gallery.building import small_retriever, write_images

app = typer.Typer()
app.command()(index)
runner = CliRunner()


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    small_retriever().save_pretrained(folder)
    return folder


def test_folders_and_files_become_rows(tmp_path: Path, run_folder: Path) -> None:
    """Several sources at once; overlapping ones count once; a second time nothing is new."""
    sources = write_images(tmp_path / "in", 3)
    arguments = [str(run_folder), str(tmp_path / "g"), str(tmp_path / "in"), str(sources[0].path)]
    result = runner.invoke(app, [*arguments, "--json", "--device", "cpu", "--batch", "2"])
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["sources"], report["added"], report["already_there"]) == (4, 3, 1)
    assert len(Gallery.open(tmp_path / "g")) == 3
    again = runner.invoke(app, arguments)
    assert again.exit_code == 0
    assert "0 added, 4 already there" in again.stdout


def test_bad_images_are_told_and_are_no_failure(tmp_path: Path, run_folder: Path) -> None:
    """The summary says where the reasons are."""
    write_images(tmp_path / "in", 2)
    (tmp_path / "in" / "bad.png").write_bytes(b"")
    result = runner.invoke(app, [str(run_folder), str(tmp_path / "g"), str(tmp_path / "in")])
    assert result.exit_code == 0
    assert "1 in quarantine" in result.stdout
    assert "quarantine.jsonl" in result.stdout


def test_failures_exit_with_1_and_wrong_usage_with_2(tmp_path: Path, run_folder: Path) -> None:
    """Messages go to stderr; stdout stays empty."""
    write_images(tmp_path / "in", 1)
    gallery, images = str(tmp_path / "g"), str(tmp_path / "in")
    no_run = runner.invoke(app, [str(tmp_path / "no-run"), gallery, images, "--json"])
    assert (no_run.exit_code, no_run.stdout) == (1, "")
    assert "no-run" in no_run.stderr
    no_images = runner.invoke(app, [str(run_folder), gallery, str(tmp_path / "nothing")])
    assert no_images.exit_code == 1
    assert not (tmp_path / "g").exists()
    for wrong in (["--batch", "0"], ["--device", "abacus"], ["--unknown"]):
        assert runner.invoke(app, [str(run_folder), gallery, images, *wrong]).exit_code == 2
    assert runner.invoke(app, [str(run_folder), gallery]).exit_code == 2
