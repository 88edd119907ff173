"""The examples for long running: what they name is there, and what starts them knows every word."""

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from attrieve.cli.main import load_command
from attrieve.serving.access.binding import check_binding
from attrieve.serving.settings import PREFIX, ServiceSettings, read_settings

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
UNIT = EXAMPLES / "attrieve.service"


def words(name: str) -> list[list[str]]:
    """Return the instructions of the container file, each split into its words."""
    text = (EXAMPLES / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [shlex.split(line)[1:] for line in lines if line.split()[0] == name]


def parsed(arguments: list[str]) -> dict[str, object]:
    """Return what ``attrieve serve`` understands of its arguments."""
    assert arguments[0] == "serve"
    return dict(load_command("serve").make_context("serve", arguments[1:]).params)


def test_systemd_knows_every_directive(tmp_path: Path) -> None:
    """As it checks a unit itself; what it does not know it would leave out, so that nothing protects."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / UNIT.name
    text, count = re.subn(
        r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text("utf-8"), flags=re.MULTILINE
    )
    assert count == 1
    copy.write_text(text)
    done = subprocess.run(
        [tool, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    told = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line]
    assert (done.returncode, told) == (0, [])


def test_the_units_command_and_settings_are_known() -> None:
    """Options, variables and the settings file; and nothing keeps it from listening."""
    text = UNIT.read_text("utf-8")
    (command,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    given = parsed(shlex.split(command)[1:])
    assert str(given["gallery"]) == "/srv/attrieve/gallery"
    assert str(given["settings"]) == "/etc/attrieve/service.toml"
    variables = dict(
        pair.split("=", 1)
        for line in re.findall(r"^Environment=(.+)$", text, re.MULTILINE)
        for pair in shlex.split(line)
    )
    settings = read_settings(file=EXAMPLES / "service.toml", environment=variables)
    assert settings.gallery == Path(str(given["gallery"]))
    assert settings.state_folder == Path("/var/lib/attrieve")
    check_binding(settings, somebody_may_enter=True)
    stop_s = int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0])
    assert stop_s > settings.shutdown_seconds
    # an account without a home: numba does not start where it can keep nothing
    assert variables["NUMBA_CACHE_DIR"].startswith("/var/cache/attrieve/")


def test_what_the_image_copies_is_there_and_is_all_that_the_build_needs() -> None:
    """The wheel is made in the image, of copied files alone."""
    copied = [source for *sources, _ in words("COPY") for source in sources]
    for source in copied:
        assert (ROOT / source).exists(), source
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*wheel["packages"], *wheel["force-include"], project["project"]["readme"], "requirements.lock"]
    needed += [*project["project"]["license-files"], project["tool"]["hatch"]["version"]["path"]]
    for path in needed:
        assert any(Path(path).is_relative_to(source) for source in copied), path


def test_the_images_settings_are_known() -> None:
    """Every variable, and together they may listen for others."""
    variables = dict(pair.split("=", 1) for pairs in words("ENV") for pair in pairs)
    for name in variables:
        assert name.removeprefix(PREFIX).lower() in ServiceSettings.model_fields, name
    (arguments,) = words("CMD")
    command = [word.strip("[],") for word in arguments]
    settings = read_settings({"gallery": parsed(command)["gallery"]}, environment=variables)
    check_binding(settings, somebody_may_enter=True)
    assert settings.host == "0.0.0.0"
    (exposed,) = words("EXPOSE")
    assert exposed == [str(settings.port)]
