"""A demonstration remembers what it finished, and refuses to be mixed with another."""

from pathlib import Path

import pytest

from attrieve.demonstration.progress import STATE, StepLog
from attrieve.demonstration.settings import DemonstrationSettings
from attrieve.errors import ConfigurationError, StorageError

SETTINGS = DemonstrationSettings(images=60)


def test_a_finished_step_stays_finished_and_keeps_its_time(tmp_path: Path) -> None:
    with StepLog(tmp_path, SETTINGS).step("draw"):
        pass
    again = StepLog(tmp_path, SETTINGS)
    assert again.is_done("draw")
    before = again.steps["draw"].seconds
    with again.step("draw"):
        pass
    assert again.steps["draw"].seconds == before
    assert again.seconds == before


def test_a_step_that_was_stopped_is_not_finished_and_says_so(tmp_path: Path) -> None:
    log = StepLog(tmp_path, SETTINGS)
    with pytest.raises(KeyboardInterrupt), log.step("train"):
        raise KeyboardInterrupt
    again = StepLog(tmp_path, SETTINGS)
    assert not again.is_done("train")
    with again.step("train"):
        pass
    assert again.steps["train"].stopped == 1
    assert again.is_done("train")


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    StepLog(tmp_path, SETTINGS)
    with pytest.raises(ConfigurationError, match=r"images \(60 there, 80 here\)"):
        StepLog(tmp_path, DemonstrationSettings(images=80))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigurationError, match=r"thesis\.tex"):
        StepLog(tmp_path, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="not a folder"):
        StepLog(tmp_path / "file", SETTINGS)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"settings": {}}', '{"settings": {}, "steps": [{"no": 1}]}']
)
def test_a_damaged_state_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / STATE).write_text(content)
    with pytest.raises(StorageError, match="cannot be read"):
        StepLog(tmp_path, SETTINGS)
