"""``--ray`` of ``attrieve index`` and ``attrieve search``."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from attrieve.cli.index import index
from attrieve.cli.search import search
from attrieve.gallery.feedback import Marks
from attrieve.gallery.feedback.marks_file import write_marks
from gallery.building import small_retriever, small_schema, write_images
from gallery.distributed.in_process import InProcessRay

LIBRARY = "attrieve.gallery.distributed.cluster.ray_library"
app = typer.Typer()
app.command()(index)
app.command()(search)
runner = CliRunner()


def test_both_commands_say_on_a_cluster_what_they_say_on_one_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Indexing counts the same, the ranking is the same document but for nothing."""
    monkeypatch.setattr(LIBRARY, InProcessRay)
    small_retriever().save_pretrained(tmp_path / "run")
    write_images(tmp_path / "in", 9)
    gallery = str(tmp_path / "g")
    indexed = runner.invoke(
        app, ["index", str(tmp_path / "run"), gallery, str(tmp_path / "in"), "--ray", "auto", "--json"]
    )
    assert indexed.exit_code == 0, indexed.stderr
    assert json.loads(indexed.stdout)["added"] == 9
    asked = ["search", gallery, "hat, !bag", "--top", "5", "--json"]
    for distance in ("paper", "group"):
        alone, sharded = (
            runner.invoke(app, [*asked, "--distance", distance, *more]) for more in ([], ["--ray", "auto"])
        )
        assert (alone.exit_code, sharded.exit_code) == (0, 0), sharded.stderr
        assert json.loads(sharded.stdout) == json.loads(alone.stdout)
    first, _, _, fourth, _ = json.loads(runner.invoke(app, asked).stdout)["hits"]
    key, other = fourth["key"], first["key"]
    left_out, like = ["--where", f"source!={first['source']}", "--distance", "group"], [key]
    marks = tmp_path / "marks.json"
    for more in (
        ["hat, !bag", "--what-if", "--ask"],
        ["hat, !bag", "--right", key],
        ["hat, !bag", "--marks", str(marks), "--wrong", key],
        ["hat, !bag", *left_out],
        ["--like", *like],
        ["--witness", "A: hat, !bag", "--witness", "B: young, no hat", "--ask"],
    ):
        again = ["search", gallery, *more, "--top", "5", "--json"]
        results = []
        for place in ([], ["--ray", "auto"]):
            write_marks(marks, Marks.of([other], []), small_schema())
            told = runner.invoke(app, [*again, *place])
            assert told.exit_code == ("--like" in more)  # it recognises nothing for sure
            kept = re.sub('"time": "[^"]+"', "", marks.read_text(encoding="utf-8"))
            results.append((told.stdout, told.stderr, kept))
        assert results[0] == results[1]
        found = json.loads(results[0][0])["hits"] if results[0][0] else []
        assert (other in [hit["key"] for hit in found]) == (more[1:] not in (left_out, like))
        assert (key in results[0][2]) == ("--marks" in more)
    table = runner.invoke(app, ["search", gallery, "hat", "--ray", "auto"])
    assert "crop-00" in table.stdout


def test_an_index_is_not_searched_on_a_cluster(tmp_path: Path) -> None:
    """As wrong usage, before anything is opened."""
    result = runner.invoke(app, ["search", str(tmp_path), "hat", "--ray", "auto", "--approximate"])
    assert result.exit_code == 2
    assert "--ray" in result.stderr


def test_a_device_of_one_machine_is_refused(tmp_path: Path) -> None:
    """Ray chooses which accelerator of a machine a worker gets."""
    small_retriever().save_pretrained(tmp_path / "run")
    write_images(tmp_path / "in", 1)
    arguments = ["index", str(tmp_path / "run"), str(tmp_path / "g"), str(tmp_path / "in")]
    assert runner.invoke(app, [*arguments, "--ray", "auto", "--device", "cuda:1"]).exit_code == 2


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, the address and what to do on stderr, no gallery left behind."""

    def nobody(**_: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance.\nMore follows.")

    library = SimpleNamespace(is_initialized=lambda: False, init=nobody)
    monkeypatch.setattr(LIBRARY, lambda: library)
    small_retriever().save_pretrained(tmp_path / "run")
    write_images(tmp_path / "in", 1)
    result = runner.invoke(
        app, ["index", str(tmp_path / "run"), str(tmp_path / "g"), str(tmp_path / "in"), "--ray", "host:6379"]
    )
    assert (result.exit_code, result.stdout) == (1, "")
    assert "cannot reach a Ray cluster at 'host:6379'" in " ".join(result.stderr.split())
    assert not (tmp_path / "g").exists()
