"""The audit of dependencies finds what it is there for, and says plainly when it could not ask."""

import importlib.metadata
import importlib.util
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    file = ROOT / ".ci" / "audit.py"
    if not file.exists():
        pytest.skip("not a checkout: .ci is not there")
    spec = importlib.util.spec_from_file_location("audit", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def installed(folder: Path, **packages: str) -> Callable[[str], importlib.metadata.Distribution]:
    """Return what finds distributions of which only the metadata is there."""

    def find(name: str) -> importlib.metadata.Distribution:
        if name not in packages:
            raise importlib.metadata.PackageNotFoundError(name)
        place = folder / f"{name}.dist-info"
        place.mkdir(exist_ok=True)
        (place / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\n{packages[name]}\n")
        return importlib.metadata.PathDistribution(place)

    return find


def problems(audit: ModuleType, tmp_path: Path, lock: dict[str, str], **packages: str) -> list[str]:
    wanted = [Requirement("a[more]>=1")]
    return list(audit.offline_problems(wanted, lock, installed(tmp_path, **packages))[1])


A = "Version: 1.0\nLicense-Expression: MIT\nRequires-Dist: b\nRequires-Dist: c; extra == 'more'"
B = "Version: 2.0+cpu\nClassifier: License :: OSI Approved :: BSD License"
C = "Version: 3.0\nLicense: Apache 2.0 License\nRequires-Dist: d; extra == 'other'"
LOCK = {"a": "1.0", "b": "2.0", "c": "3.0"}


def test_what_is_pinned_and_free_passes(audit: ModuleType, tmp_path: Path) -> None:
    """Extras that are not asked for bring nothing along; the build of a version is left open."""
    assert problems(audit, tmp_path, LOCK, a=A, b=B, c=C) == []


@pytest.mark.parametrize(
    ("lock", "changes", "told"),
    [
        ({"a": "1.0", "b": "2.0"}, {}, "c 3.0 is not pinned"),
        ({**LOCK, "b": "2.1"}, {}, "b 2.0+cpu is installed, requirements.lock pins 2.1"),
        (LOCK, {"b": "Version: 2.0\nLicense-Expression: MIT AND AGPL-3.0-only"}, "under agpl-3.0-only"),
        (LOCK, {"b": "Version: 2.0\nLicense: proprietary"}, "under proprietary"),
        (LOCK, {"b": "Version: 2.0"}, "b names no licence"),
        (LOCK, {"a": f"{A}\nRequires-Dist: e>=1"}, "e is needed and not installed"),
    ],
)
def test_each_fault_is_found(
    audit: ModuleType, tmp_path: Path, lock: dict[str, str], changes: dict[str, str], told: str
) -> None:
    """One at a time, and no other."""
    found = problems(audit, tmp_path, lock, **{"a": A, "b": B, "c": C, **changes})
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(
    "line", ["a", "a>=1.0", "a==1.*", "a @ https://example.org/a.whl", "-e .", "a==1 b==2"]
)
def test_a_line_that_pins_nothing(audit: ModuleType, line: str) -> None:
    """Anything but one name and one version."""
    pinned, found = audit.read_lock(f"# comment\nx==1.0\n{line}\n")
    assert pinned == {"x": "1.0"}
    assert len(found) == 1
    assert audit.read_lock("A.b==1\na-B==2")[1] == ["a-B is pinned twice"]


def test_vulnerabilities_and_what_could_not_be_looked_up(audit: ModuleType) -> None:
    """As pip-audit writes them."""
    flaw = {"id": "PYSEC-2026-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}
    told = [
        {"name": "a", "version": "1.0", "vulns": [flaw]},
        {"name": "b", "version": "2.0", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]
    found, skipped = audit.read_told(told)
    assert found == ["a 1.0 has the known vulnerability PYSEC-2026-1; mended in 1.1"]
    assert skipped == ["c"]


@pytest.mark.parametrize(("arguments", "code"), [([], 3), (["--offline-is-no-failure"], 0)])
@pytest.mark.parametrize("reached", ["nothing", "half"])
def test_what_cannot_be_asked_is_said(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    reached: str,
) -> None:
    """Never green in silence: the words are there with either exit code, and faults go before them."""

    def asked(*_: Any) -> tuple[list[str], list[str]]:
        if reached == "nothing":
            raise ConnectionError("no way there")
        return [], ["numpy"]

    monkeypatch.setattr(audit, "vulnerabilities", asked)
    monkeypatch.setattr(audit, "offline_problems", lambda *_: ({}, []))
    assert audit.main(arguments) == code
    assert "NOT AUDITED" in capsys.readouterr().out
    monkeypatch.setattr(audit, "offline_problems", lambda *_: ({}, ["numpy is not pinned"]))
    assert audit.main(arguments) == 1


def test_the_real_pins_and_licences(audit: ModuleType) -> None:
    """What is installed here is what the lock file says, under licences of the list."""
    lock, found = audit.read_lock((ROOT / "requirements.lock").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    versions, more = audit.offline_problems(audit.roots(project, "serve"), lock)
    assert found + more == []
    assert {"fastapi", "uvicorn", "cryptography", "torch", "starlette"} <= set(versions)


def test_a_service_that_is_not_there(audit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip-audit says then is no list of vulnerabilities."""
    done = subprocess.CompletedProcess([sys.executable], 1, "", "ERROR: could not connect\n")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(ConnectionError, match="could not connect"):
        audit.vulnerabilities(ROOT / "requirements.lock")
