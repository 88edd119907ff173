"""``attrieve demo``: what it asks of the demonstration, and what it prints."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import attrieve.demonstration
from attrieve.cli.main import app
from attrieve.demonstration import DemonstrationSettings

DOCUMENT = {"note": "drawn", "verdict": {"sentence": "it is [so]"}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asks for, in place of doing it."""
    calls: list[dict[str, Any]] = []

    def stand_in(settings: DemonstrationSettings, out: Path, **others: Any) -> dict[str, Any]:
        calls.append({"settings": settings, "out": out, **others})
        return DOCUMENT

    monkeypatch.setattr(attrieve.demonstration, "run_demonstration", stand_in)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: calls.append({"set": count}))
    return calls


def test_options_reach_the_demonstration(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path / "d"), "--seed", "3", "--images", "60", "--epochs", "2"]
    result = CliRunner().invoke(app, ["demo", *arguments, "--threads", "1"])
    assert result.exit_code == 0, result.output
    assert asked[0] == {"set": 1}
    assert asked[1]["settings"] == DemonstrationSettings(seed=3, images=60, epochs=2)
    assert asked[1]["out"] == tmp_path / "d"
    assert asked[1]["threads"] == 1


def test_left_alone_it_does_the_full_demonstration(asked: list[dict[str, Any]]) -> None:
    assert CliRunner().invoke(app, ["demo"]).exit_code == 0
    assert asked[1]["settings"] == DemonstrationSettings()
    assert asked[1]["out"] == Path("demo-output")


def test_json_is_one_document_and_nothing_else(asked: list[dict[str, Any]]) -> None:
    result = CliRunner().invoke(app, ["demo", "--json"])
    assert json.loads(result.stdout) == DOCUMENT


def test_people_are_told_the_finding_and_the_report_on_the_error_stream(
    asked: list[dict[str, Any]], tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.stdout == ""
    assert "it is [so]" in result.stderr
    assert "report.html" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["--epochs", "0"], ["--images", "3"], ["--seed", "-1"], ["--threads", "0"]]
)
def test_numbers_out_of_range_are_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["demo", *arguments]).exit_code == 2


def test_a_folder_of_something_else_fails_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    result = CliRunner().invoke(
        app, ["demo", "--out", str(tmp_path), "--threads", str(torch.get_num_threads())]
    )
    assert result.exit_code == 1
    assert "choose another --out" in " ".join(result.stderr.split())


@pytest.mark.slow
def test_the_installed_command_prints_json_alone(tmp_path: Path) -> None:
    """In a process of its own, so that nothing a library prints is missed."""
    command = [sys.executable, "-m", "attrieve.cli", "demo", "--out", str(tmp_path / "d")]
    command += ["--images", "80", "--epochs", "1", "--threads", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "d" / "demo.json").read_bytes())
    assert document["machine"]["threads"] == 1
