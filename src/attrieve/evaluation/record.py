"""Result records: what was measured, by which command, from which code, on which machine."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrieve.data.files import write_atomically
from attrieve.provenance import code_commit, machine_facts

__all__ = ["code_commit", "machine_facts", "write_record"]


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
