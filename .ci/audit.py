"""Audit of what the service is made of: ``make audit``; ``make lint`` runs it too.

Two parts. The first needs no network and always runs: every distribution that the service (the extra
``serve``) brings along is installed, in the version ``requirements.lock`` pins, under a licence of the list
below. The second asks about known vulnerabilities (pip-audit); where it cannot ask it says NOT AUDITED, and
the exit code is 3 unless ``--offline-is-no-failure`` is given.
"""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
NOT_AUDITED = 3
ALLOWED = frozenset(
    {
        "0bsd", "apache-2.0", "apache license version 2.0", "apache license, version 2.0",
        "apache 2.0 license", "apache license 2.0", "apache software license", "bsd", "bsd license",
        "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc0-1.0", "cnri-python", "isc", "isc license (iscl)",
        "llvm-exception", "mit", "mit license", "mit-0", "mit-cmu", "mpl-2.0",
        "mozilla public license 2.0 (mpl 2.0)", "psf-2.0", "public-domain",
        "python software foundation license", "unlicense", "zlib",
    }
)  # fmt: skip
"""Names of licences, in small letters, that ask for notices alone, or for the source of their own files."""
BY_NAME = {"fpdf2": "lgpl-3.0-only"}
"""Packages under another licence that were looked at: fpdf2 is used as it is, and can be replaced by whoever
installs the service."""


def canonical(name: str) -> str:
    """Return a distribution's name in its one spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the pinned versions, and what is wrong with the file."""
    pinned: dict[str, str] = {}
    problems = []
    for line in text.splitlines():
        if not (line := line.partition("#")[0].strip()):
            continue
        found = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)", line)
        if found is None:
            problems.append(f"{line!r} pins no version: NAME==VERSION is needed")
        elif canonical(found[1]) in pinned:
            problems.append(f"{found[1]} is pinned twice")
        else:
            pinned[canonical(found[1])] = found[2]
    return pinned, problems


def roots(project: Mapping[str, object], extra: str) -> list[Requirement]:
    """Return what a pyproject.toml asks for, with one extra."""
    table: Mapping[str, object] = project["project"]  # type: ignore[assignment]
    extras: Mapping[str, list[str]] = table["optional-dependencies"]  # type: ignore[assignment]
    wanted: list[str] = [*table["dependencies"], *extras[extra]]  # type: ignore[misc]
    return [Requirement(text) for text in wanted]


def brought_along(
    wanted: Iterable[Requirement], find: Callable[[str], importlib.metadata.Distribution]
) -> tuple[dict[str, importlib.metadata.Distribution], list[str]]:
    """Return all distributions that requirements bring along, and the names of those not installed."""
    found: dict[str, importlib.metadata.Distribution] = {}
    extras: dict[str, set[str]] = {}
    missing = set()
    todo = list(wanted)
    while todo:
        requirement = todo.pop()
        name = canonical(requirement.name)
        if name in extras and requirement.extras <= extras[name]:
            continue
        extras.setdefault(name, set()).update(requirement.extras)
        try:
            found[name] = find(name)
        except importlib.metadata.PackageNotFoundError:
            missing.add(name)
            continue
        for text in found[name].requires or ():
            inner = Requirement(text)
            if inner.marker is None or any(
                inner.marker.evaluate({"extra": extra}) for extra in {"", *extras[name]}
            ):
                todo.append(inner)
    return found, sorted(missing)


def licences(distribution: importlib.metadata.Distribution) -> list[str]:
    """Return the names of the licences of a distribution, in small letters, or nothing if it names none."""
    said = distribution.metadata
    if expression := said.get("License-Expression"):
        return [part for part in re.split(r"\s+(?:and|or|with)\s+|[()]", expression.lower()) if part.strip()]
    classified = [
        one.rpartition("::")[2].strip().lower()
        for one in said.get_all("Classifier") or ()
        if one.startswith("License ::")
    ]
    if named := [one for one in classified if one != "osi approved"]:
        return named
    text = (said.get("License") or "").strip().lower()
    return re.split(r"\s+(?:and|or|with)\s+", text) if text and "\n" not in text else []


def offline_problems(
    wanted: Iterable[Requirement],
    lock: Mapping[str, str],
    find: Callable[[str], importlib.metadata.Distribution] = importlib.metadata.distribution,
) -> tuple[dict[str, str], list[str]]:
    """Return the versions of what the service brings along, and what is wrong with them."""
    found, missing = brought_along(wanted, find)
    problems = [f"{name} is needed and not installed" for name in missing]
    for name, distribution in sorted(found.items()):
        pinned = lock.get(name)
        public = distribution.version.partition("+")[0]  # builds of one version differ behind the plus
        if pinned is None:
            problems.append(f"{name} {distribution.version} is not pinned in {LOCK.name}")
        elif pinned not in (distribution.version, public):
            problems.append(f"{name} {distribution.version} is installed, {LOCK.name} pins {pinned}")
        named = licences(distribution)
        strange = [one for one in named if one not in ALLOWED and BY_NAME.get(name) != one]
        if not named:
            problems.append(f"{name} names no licence")
        elif strange:
            problems.append(f"{name} is under {', '.join(strange)}, which is not on the list in {__file__}")
    return {name: one.version.partition("+")[0] for name, one in found.items()}, problems


def vulnerabilities(lock: Path) -> tuple[list[str], list[str]]:
    """Return what pip-audit says of the pinned versions, and which it could not look up.

    Raises:
        ConnectionError: if it could not ask.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired as error:
        raise ConnectionError("pip-audit did not end within ten minutes") from error
    try:
        return read_told(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ConnectionError(f"pip-audit: {lines[-1][:300]}") from None


def read_told(told: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return the vulnerabilities in pip-audit's answer, and the names it could not look up."""
    skipped = [one["name"] for one in told if "skip_reason" in one]
    return [
        f"{one['name']} {one['version']} has the known vulnerability {flaw['id']}; mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in told
        for flaw in one.get("vulns", ())
    ], skipped


def main(arguments: list[str]) -> int:
    """Audit, and say what was found; return the exit code."""
    lock, problems = read_lock(LOCK.read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    versions, more = offline_problems(roots(project, "serve"), lock)
    problems += more
    print(f"audit: {len(versions)} distributions of the service: pins and licences", *problems, sep="\n  ")
    not_audited = None
    try:
        known, skipped = vulnerabilities(LOCK)
        problems += known
        if known or not skipped:
            print("audit: known vulnerabilities", *known, sep="\n  ")
        if skipped:
            raise ConnectionError(f"{len(skipped)} of {len(lock)} could not be looked up: {skipped[0]} first")
    except OSError as error:
        not_audited = str(error) or type(error).__name__
        print(f"audit: NOT AUDITED for known vulnerabilities: {not_audited}")
    if problems:
        print(f"audit: {len(problems)} problems")
        return 1
    if not_audited is None:
        print("audit: nothing found")
        return 0
    return 0 if "--offline-is-no-failure" in arguments else NOT_AUDITED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
