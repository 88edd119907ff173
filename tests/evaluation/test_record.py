"""Result records say where their numbers come from."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

import attrieve
from attrieve.errors import StorageError
from attrieve.evaluation.record import code_commit, machine_facts, write_record


def test_a_record_holds_content_and_origin(tmp_path: Path) -> None:
    """Command, commit, machine and time beside what was measured."""
    before = datetime.now(UTC).replace(microsecond=0)
    write_record(tmp_path / "sub" / "record.json", {"metrics": {"mAP": 0.5}}, command="attrieve evaluate run")
    record = json.loads((tmp_path / "sub" / "record.json").read_text("utf-8"))
    assert record["metrics"] == {"mAP": 0.5}
    assert record["command"] == "attrieve evaluate run"
    assert record["commit"] == code_commit()
    assert record["machine"] == machine_facts()
    assert before <= datetime.fromisoformat(record["written"]) <= datetime.now(UTC)


def test_the_commit_is_that_of_the_source_tree() -> None:
    """As git itself says; edited sources are marked."""
    source = Path(attrieve.__file__).parent
    asked = subprocess.run(
        ["git", "-C", source, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        pytest.skip("attrieve does not run from a git work tree here")
    commit = code_commit()
    assert commit is not None
    assert commit.removesuffix("+changes") == asked.stdout.strip()


def test_the_machine_is_described_by_plain_values() -> None:
    """Enough to judge a timing by: processor, cores, accelerator or none, versions."""
    facts = machine_facts()
    assert {"processor", "cores", "accelerator", "python", "torch", "attrieve"} <= set(facts)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["processor"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Not lost silently after an hour of measuring."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_record(tmp_path / "file" / "record.json", {}, command="x")
