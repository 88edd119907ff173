"""How far a demonstration has come: what it was started with, and how long each step took."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from attrieve.data.files import write_atomically
from attrieve.demonstration.settings import DemonstrationSettings
from attrieve.errors import ConfigurationError, StorageError

STATE = "state.json"


@dataclass
class Step:
    """One step of a demonstration.

    Args:
        name: what is done.
        seconds: wall-clock time, of its last part if it was stopped in between.
        stopped: how often the step was begun and not finished; the time of such parts is not known.
        done: whether it was finished.
    """

    name: str
    seconds: float = 0.0
    stopped: int = 0
    done: bool = False


class StepLog:
    """Steps of a demonstration in its folder, kept on disk after every change.

    Args:
        folder: of the demonstration; made if missing.
        settings: those of this call.
        console: where each step is announced, or None.

    Raises:
        ConfigurationError: if the folder holds a demonstration of other settings, or something else.
        StorageError: if the folder cannot be read or written.
    """

    def __init__(
        self, folder: Path, settings: DemonstrationSettings, *, console: Console | None = None
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.console = console
        self.steps: dict[str, Step] = {}
        path = folder / STATE
        if path.exists():
            self._read(path)
        else:
            _require_free(folder)
            self._write()

    @property
    def seconds(self) -> float:
        """Of all finished steps."""
        return sum(step.seconds for step in self.steps.values())

    def is_done(self, name: str) -> bool:
        """Whether a step was finished, now or by an earlier call."""
        return name in self.steps and self.steps[name].done

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what happens inside; a step that was finished before keeps the time it took then."""
        there = self.steps.get(name)
        if there is not None and there.done:
            yield
            return
        step = there or Step(name)
        if there is not None:
            step.stopped += 1
        self.steps[name] = step
        self._write()
        if self.console is not None:
            self.console.print(name, style="bold", highlight=False)
        started = time.monotonic()
        yield
        step.seconds = time.monotonic() - started
        step.done = True
        self._write()

    def _read(self, path: Path) -> None:
        try:
            document: dict[str, Any] = json.loads(path.read_bytes())
            there = dict(document["settings"])
            steps = [Step(**entry) for entry in document["steps"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{path} cannot be read ({type(error).__name__}: {error}); remove {self.folder}"
            ) from error
        here = self.settings.model_dump(mode="json")
        changed = [key for key in sorted({*here, *there}) if here.get(key) != there.get(key)]
        if changed:
            told = ", ".join(f"{key} ({there.get(key)!r} there, {here.get(key)!r} here)" for key in changed)
            raise ConfigurationError(
                f"{self.folder} holds a demonstration of other settings: {told}. "
                "Choose another --out, or remove that folder"
            )
        self.steps = {step.name: step for step in steps}

    def _write(self) -> None:
        document = {
            "settings": self.settings.model_dump(mode="json"),
            "steps": [asdict(step) for step in self.steps.values()],
        }
        write_atomically(self.folder / STATE, (json.dumps(document, indent=1) + "\n").encode())


def _require_free(folder: Path) -> None:
    """Refuse a folder of something else; hidden leftovers of a stopped write are fine."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is not a folder; choose another --out")
    others = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    if others:
        raise ConfigurationError(
            f"{folder} is not empty and holds no demonstration (it holds {others[0]!r}); choose another --out"
        )
