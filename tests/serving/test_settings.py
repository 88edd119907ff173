"""Settings come from command line, environment and file, in this order; each is documented."""

import sys
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import ConfigurationError, UnknownNameError
from attrieve.serving.settings import LISTS, PATHS, PREFIX, ServiceSettings, read_settings

DOCS = Path(__file__).parents[2] / "docs"


def write(folder: Path, **settings: object) -> Path:
    file = folder / "service.toml"
    file.write_text(tomli_w.dumps(settings))
    return file


def test_each_source_goes_before_the_next(tmp_path: Path) -> None:
    file = write(tmp_path, gallery="people", port=1, queue=1, retry_seconds=1)
    environment = {"ATTRIEVE_PORT": "2", "ATTRIEVE_QUEUE": "2"}
    found = read_settings({"port": 3}, file=file, environment=environment)
    assert (found.port, found.queue, found.retry_seconds, found.workers) == (3, 2, 1, 1)


def test_what_the_command_line_does_not_say_is_left_to_the_others(tmp_path: Path) -> None:
    file = write(tmp_path, gallery="people", port=1)
    assert read_settings({"port": None, "gallery": None}, file=file, environment={}).port == 1


def test_paths_of_a_file_start_at_its_folder(tmp_path: Path) -> None:
    found = read_settings(file=write(tmp_path, gallery="people", state="/var/state"), environment={})
    assert found.gallery == tmp_path / "people"
    assert found.state_folder == Path("/var/state")


def test_state_lies_beside_the_gallery_unless_said_otherwise(tmp_path: Path) -> None:
    assert read_settings({"gallery": tmp_path / "people"}).state_folder == tmp_path / "people-service"


@given(st.sampled_from(sorted(ServiceSettings.model_fields)))
def test_every_setting_can_come_from_the_environment(name: str) -> None:
    default = ServiceSettings.model_fields[name].default
    said = "10.0.0.1,10.0.0.2" if name in LISTS else str(1 if default is None else default)
    text = {"gallery": "people"}
    found = read_settings(text, environment={} if name == "gallery" else {PREFIX + name.upper(): said})
    value = getattr(found, name)
    expected = {"gallery": "people"}.get(name, said)
    assert (",".join(value) if name in LISTS else str(value)) == expected


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ATTRIEVE_PROT": "1"}, "ATTRIEVE_PORT"),
        ({"ATTRIEVE_WORKER": "2"}, "ATTRIEVE_WORKERS"),
        ({"ATTRIEVE_PURPOSEREQUIRED": "yes"}, "ATTRIEVE_PURPOSE_REQUIRED"),
    ],
)
def test_misspelt_variables_are_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(UnknownNameError, match=said):
        read_settings({"gallery": "people"}, environment=environment)


def test_variables_of_others_are_left_alone() -> None:
    read_settings(
        {"gallery": "people"}, environment={"ATTRIEVE_DATA": "x", "ATTRIEVE_ZZZZ": "x", "HOME": "y"}
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prot": 1}, "did you mean 'port'"),
        ({"port": 70_000}, "setting 'port' in .* is '70000'"),
        ({"port": "http"}, "setting 'port'"),
        ({"access": "everybody"}, "'open' or 'accounts'"),
        ({"workers": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_files_say_what_and_where(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    file = write(tmp_path, gallery="people", **settings)
    with pytest.raises(ConfigurationError if "did you" not in said else UnknownNameError, match=said):
        read_settings(file=file, environment={})


def test_the_gallery_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="setting 'gallery' is missing"):
        read_settings(environment={})


@pytest.mark.parametrize("content", [b"port = ", b"\xff"])
def test_what_is_no_toml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "service.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match="is not TOML"):
        read_settings(file=tmp_path / "service.toml")
    with pytest.raises(ConfigurationError, match="cannot read the settings file"):
        read_settings(file=tmp_path / "none.toml")


def test_every_setting_is_documented() -> None:
    assert all(field.description for field in ServiceSettings.model_fields.values())
    page = (DOCS / "service-settings.md").read_text("utf-8")
    for name in ServiceSettings.model_fields:
        assert f"| `{name}` | `{PREFIX}{name.upper()}` |" in page
    sys.path.insert(0, str(DOCS))
    try:
        from service_settings import page as written
    finally:
        sys.path.remove(str(DOCS))
    assert page == written()


def test_lists_of_paths_and_lists_are_complete() -> None:
    kinds = {name: str(field.annotation) for name, field in ServiceSettings.model_fields.items()}
    assert set(PATHS) == {name for name, kind in kinds.items() if "Path" in kind}
    assert set(LISTS) == {name for name, kind in kinds.items() if "tuple" in kind}
