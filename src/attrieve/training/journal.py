"""What happened while training: a CSV file, and a progress bar for whoever watches."""

import csv
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from attrieve.data.files import write_atomically
from attrieve.training.resizing import cost_of_steps


class Journal(Callback):
    """Append one line per some steps: epoch, step, rate, images per second, every loss part.

    A run that goes on after a kill drops the lines behind its checkpoint first, so that no step stands
    twice.

    Args:
        path: the file.
        batch: images of this process per call of the network, on average.
        every: how many steps.
    """

    def __init__(self, path: Path, *, batch: float, every: int = 10) -> None:
        self.path = path
        self.batch = batch
        self.every = every
        self._since = 0.0
        self._batches = 0
        self._written = 0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Drop lines of steps that are about to be done again."""
        if trainer.is_global_zero:
            drop_lines_from(self.path, trainer.global_step)
        self._since = time.perf_counter()
        self._written = trainer.global_step

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Write a line every few steps."""
        self._batches += 1
        step = trainer.global_step
        # several batches make one step where gradients are accumulated
        if step % self.every or step == self._written or not trainer.is_global_zero:
            return
        now = time.perf_counter()
        rate = self._batches * self.batch * trainer.world_size / max(now - self._since, 1e-9)
        self._since, self._batches, self._written = now, 0, step
        parts = {name: f"{float(value):.6g}" for name, value in outputs["parts"].items()}
        append_line(
            self.path,
            {
                "epoch": str(trainer.current_epoch),
                "step": str(step),
                "rate": f"{trainer.optimizers[0].param_groups[0]['lr']:.6g}",
                "images_per_second": f"{rate:.1f}",
                "loss": f"{float(outputs['total']):.6g}",
                **parts,
            },
        )


def append_line(path: Path, line: dict[str, str]) -> None:
    """Append a line, with a heading if the file is new."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(line))
        if new:
            writer.writeheader()
        writer.writerow(line)


def drop_lines_from(path: Path, step: int) -> None:
    """Keep only the lines up to and including ``step``; cut-off last lines go too."""
    if not path.exists():
        return
    text = path.read_bytes().decode("utf-8", errors="replace")
    whole_lines = text[: text.rfind("\n") + 1]
    reader = csv.DictReader(io.StringIO(whole_lines, newline=""))
    names = reader.fieldnames
    if not names:
        path.unlink()
        return
    kept = [row for row in reader if (row.get("step") or "").isdigit() and int(row["step"]) <= step]
    rewritten = io.StringIO(newline="")
    writer = csv.DictWriter(rewritten, fieldnames=names)
    writer.writeheader()
    writer.writerows(kept)
    write_atomically(path, rewritten.getvalue().encode())


class ProgressBar(Callback):
    """One line on the error stream: epoch, steps, loss parts, images per second, time left.

    The bar fills by what steps cost, which grows with the pixels of an image.

    Args:
        batch: images of this process per step.
        console: where to draw.
        shares: pixels of an image in each epoch, over those of the model's own size; empty: all alike.
    """

    def __init__(self, *, batch: int, console: Console, shares: Sequence[float] = ()) -> None:
        self.batch = batch
        self.console = console
        self.shares = tuple(shares)
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._started = 0.0
        self._first = 0
        self._steps = 0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Open the bar."""
        if not trainer.is_global_zero:
            return
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[steps]}"),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._first, self._steps = trainer.global_step, int(trainer.estimated_stepping_batches)
        self._started = time.perf_counter()
        self._progress.start()
        self._task = self._progress.add_task(
            "training",
            total=self._cost(self._steps),
            steps=self._told(self._first),
            detail="",
        )
        self._progress.update(self._task, completed=self._cost(self._first))

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move the bar."""
        if self._progress is None:
            return
        if trainer.global_step % 5:
            return
        done = trainer.global_step - self._first
        rate = done * self.batch * trainer.world_size / max(time.perf_counter() - self._started, 1e-9)
        parts = "  ".join(f"{name} {float(value):.3f}" for name, value in outputs["parts"].items())
        self._progress.update(
            self._task,
            completed=self._cost(trainer.global_step),
            steps=self._told(trainer.global_step),
            description=f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}",
            detail=f"{parts}  {rate:.0f} images/s",
        )

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Close the bar."""
        if self._progress is not None:
            step = trainer.global_step
            self._progress.update(self._task, completed=self._cost(step), steps=self._told(step))
        self._stop()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar, leaving the terminal usable."""
        self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _cost(self, step: int) -> float:
        return cost_of_steps(step, of=self._steps, shares=self.shares)

    def _told(self, step: int) -> str:
        return f"{step}/{self._steps}"
