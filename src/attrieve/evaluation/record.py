"""Result records: what was measured, by which command, from which code, on which machine."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from attrieve import __version__
from attrieve.data.files import write_atomically


def machine_facts() -> dict[str, object]:
    """Return what matters about this machine for a number measured on it."""
    cuda = torch.cuda.is_available()
    return {
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "accelerator": torch.cuda.get_device_name(0) if cuda else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "attrieve": __version__,
    }


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def code_commit() -> str | None:
    """Return the commit of the source tree attrieve runs from, with ``+changes`` if it was edited."""
    folder = Path(__file__).resolve().parent
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", str(folder))
    return commit + ("+changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def write_record(path: Path, content: Mapping[str, Any], *, command: str) -> None:
    """Write a result record, with command, commit, machine and time beside the content.

    Raises:
        StorageError: if the disk refuses.
    """
    document = {
        "command": command,
        "commit": code_commit(),
        "machine": machine_facts(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        **content,
    }
    write_atomically(path, (json.dumps(document, indent=1) + "\n").encode())
